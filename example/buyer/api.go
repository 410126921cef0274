package buyer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// API is a client of the quote API. It is safe for concurrent use.
type API struct {
	// Base is the API's URL without trailing slash.
	Base string
	// HTTP carries the requests; nil means http.DefaultClient. It presents the
	// Buyer's certificate where the Seller binds tokens to one.
	HTTP *http.Client
}

// Quote is a quote of the Seller's; its id is the intent.
type Quote struct {
	ID     string `json:"QuoteId"`
	Status string `json:"Status"`
	// Data is all that the Seller said of it.
	Data json.RawMessage `json:"-"`
}

// Submission is a quote that was submitted.
type Submission struct {
	ID      string          `json:"QuoteSubmissionId"`
	QuoteID string          `json:"QuoteId"`
	Status  string          `json:"Status"`
	Data    json.RawMessage `json:"-"`
}

// Error is a refusal of the API's.
type Error struct {
	Status       int    `json:"-"`
	Code, Reason string // as the Seller wrote them; empty if it did not
}

func (e *Error) Error() string {
	return fmt.Sprintf("quote API: status %d %s: %s", e.Status, e.Code, e.Reason)
}

// ErrAnswer is an answer that is not one to our request. What became of the
// request is unknown: read the resource before you try again.
var ErrAnswer = errors.New("quote API: the answer does not belong to the request")

// CreateQuote asks for a quote: POST /quote.
func (a *API) CreateQuote(ctx context.Context, token string, data map[string]any) (*Quote, error) {
	return a.quote(ctx, http.MethodPost, "/quote", token, data, "")
}

// Quote reads a quote: GET /quote/{id}.
func (a *API) Quote(ctx context.Context, token, id string) (*Quote, error) {
	return a.quote(ctx, http.MethodGet, "/quote/"+url.PathEscape(id), token, nil, id)
}

// Submit submits a quote: POST /quote-submissions.
func (a *API) Submit(ctx context.Context, token, quoteID string, data map[string]any) (*Submission, error) {
	body := maps.Clone(data)
	if body == nil {
		body = map[string]any{}
	}
	body["QuoteId"] = quoteID
	s, err := a.submission(ctx, http.MethodPost, "/quote-submissions", token, body)
	if err == nil && s.QuoteID != quoteID {
		return nil, ErrAnswer
	}
	return s, err
}

// Submission reads a submission: GET /quote-submissions/{id}.
func (a *API) Submission(ctx context.Context, token, id string) (*Submission, error) {
	s, err := a.submission(ctx, http.MethodGet, "/quote-submissions/"+url.PathEscape(id), token, nil)
	if err == nil && s.ID != id {
		return nil, ErrAnswer
	}
	return s, err
}

func (a *API) quote(ctx context.Context, method, path, token string, data map[string]any, want string) (*Quote, error) {
	raw, err := a.call(ctx, method, path, token, data)
	if err != nil {
		return nil, err
	}
	q := &Quote{Data: raw}
	if json.Unmarshal(raw, q) != nil || q.ID == "" || want != "" && q.ID != want {
		return nil, ErrAnswer
	}
	return q, nil
}

func (a *API) submission(ctx context.Context, method, path, token string, data map[string]any) (*Submission, error) {
	raw, err := a.call(ctx, method, path, token, data)
	if err != nil {
		return nil, err
	}
	s := &Submission{Data: raw}
	if json.Unmarshal(raw, s) != nil || s.ID == "" || s.QuoteID == "" {
		return nil, ErrAnswer
	}
	return s, nil
}

const interactionID = "x-fapi-interaction-id"

// call sends Data and returns the Data of a 200 or 201.
func (a *API) call(ctx context.Context, method, path, token string, data map[string]any) (json.RawMessage, error) {
	req, err := a.request(ctx, method, path, token, data)
	if err != nil {
		return nil, err
	}
	got, err := send(a.HTTP, req)
	if err != nil {
		return nil, err
	}
	// FAPI 1.0 Baseline §6.2.1-11: the Seller repeats the id.
	if !strings.EqualFold(got.header.Get(interactionID), req.Header.Get(interactionID)) {
		return nil, ErrAnswer
	}
	return got.data()
}

// answer is what a Seller answered, as far as a Buyer reads it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func send(client *http.Client, req *http.Request) (*answer, error) {
	res, err := followNone(client).Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 256<<10))
	return &answer{res.StatusCode, res.Header, body}, err
}

func (a *answer) isJSON() bool {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media == "application/json"
}

func (a *API) request(ctx context.Context, method, path, token string, data map[string]any) (*http.Request, error) {
	var body io.Reader
	if data != nil {
		text, err := json.Marshal(map[string]any{"Data": data})
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set(interactionID, uuid.NewString())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// followNone is the client, nil for the usual one, without redirects: tokens
// are for this Seller alone.
func followNone(of *http.Client) *http.Client {
	client := http.Client{}
	if of != nil {
		client = *of
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// data is the Data of a good answer.
func (a *answer) data() (json.RawMessage, error) {
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		refusal := &Error{Status: a.status}
		_ = json.Unmarshal(a.body, refusal) // status 422 has a list, other servers have pages
		return nil, refusal
	}
	var content struct{ Data json.RawMessage }
	if !a.isJSON() || json.Unmarshal(a.body, &content) != nil || content.Data == nil {
		return nil, ErrAnswer
	}
	return content.Data, nil
}
