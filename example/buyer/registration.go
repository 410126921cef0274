package buyer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// Registrar registers clients at one Seller (RFC 7591, MEF W128 R1–R10), and
// reads and removes their registrations (RFC 7592). It is safe for concurrent
// use.
type Registrar struct {
	// Endpoint is the Seller's registration_endpoint, an https URL.
	Endpoint string
	// Alias is where the same endpoint asks for a client certificate (RFC 8705
	// §5), or empty. Registrations may be managed there too.
	Alias string
	// Issuer is the Seller's issuer identifier, for whom presentations are made.
	Issuer string
	// HTTP carries the requests; nil means http.DefaultClient. It presents the
	// Buyer's certificate where the Seller asks for one.
	HTTP *http.Client
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

// Application is what a client registers with.
type Application struct {
	// Metadata are what the client says of itself, such as redirect_uris. A
	// client_id that is a DID is asked for; any other is the Seller's choice.
	Metadata map[string]any
	// Statement is the software statement of a directory, or empty.
	Statement string
	// Holder shows the Credentials of the Buyer's legal entity, compact JWS of
	// VCDM 2.0. Its Kid is an authentication key of its DID; nil shows nothing.
	Holder      *credential.Issuer
	Credentials []string
}

// Registration is what to keep of a client. The Token is a secret: who has it
// can change or remove the client.
type Registration struct {
	ClientID string `json:"client_id"`
	URI      string `json:"registration_client_uri"`
	Token    string `json:"registration_access_token"`
	// Metadata is all that the Seller registered, which is its choice.
	Metadata map[string]json.RawMessage `json:"-"`
}

// RegistrationError is a refusal (RFC 7591 §3.2.2, RFC 7592 §2).
type RegistrationError struct {
	Status      int    `json:"-"`
	Code        string `json:"error"` // empty if the Seller said none
	Description string `json:"error_description"`
}

func (e *RegistrationError) Error() string {
	return fmt.Sprintf("registration: status %d %s: %s", e.Status, e.Code, e.Description)
}

// ErrRegistration is an answer that is not one to our request.
var ErrRegistration = errors.New("registration: the answer does not belong to the request")

// Register registers a client. The error is a *RegistrationError or
// ErrRegistration if the Seller answered.
func (r *Registrar) Register(ctx context.Context, a Application) (*Registration, error) {
	body := maps.Clone(a.Metadata)
	if body == nil {
		body = map[string]any{}
	}
	if a.Statement != "" {
		body["software_statement"] = a.Statement
	}
	if a.Holder != nil {
		vp, err := r.present(ctx, a)
		if err != nil {
			return nil, err
		}
		body["lso_entity_presentation"] = vp
	}
	data, err := r.call(ctx, http.MethodPost, r.Endpoint, "", body, http.StatusCreated)
	if err != nil {
		return nil, err
	}
	registered, err := r.read(data)
	if wanted, _ := body["client_id"].(string); err == nil && strings.HasPrefix(wanted, "did:") && registered.ClientID != wanted {
		return nil, ErrRegistration
	}
	return registered, err
}

// presentationLife is short: a presentation is used at once.
const presentationLife = time.Minute

// present signs a presentation for this Seller, in answer to its challenge if
// it has any.
func (r *Registrar) present(ctx context.Context, a Application) (string, error) {
	nonce, err := r.challenge(ctx)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if r.Clock != nil {
		now = r.Clock()
	}
	return a.Holder.Present(credential.Presentation{
		Audience: r.Issuer, Nonce: nonce, ID: uuid.New().URN(),
		Issued: now, Expires: now.Add(presentationLife), Credentials: a.Credentials,
	})
}

// challenge returns "" if the Seller gives out none.
func (r *Registrar) challenge(ctx context.Context) (string, error) {
	data, err := r.call(ctx, http.MethodGet, r.Endpoint+"/challenge", "", nil, http.StatusOK)
	var refusal *RegistrationError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var answer struct{ Nonce string }
	if json.Unmarshal(data, &answer) != nil || answer.Nonce == "" {
		return "", ErrRegistration
	}
	return answer.Nonce, nil
}

// Read returns what the Seller has of the client now; the token may be a new
// one, which replaces the other. The errors are those of Register.
func (r *Registrar) Read(ctx context.Context, of *Registration) (*Registration, error) {
	data, err := r.call(ctx, http.MethodGet, of.URI, of.Token, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	now, err := r.read(data)
	if err == nil && now.ClientID != of.ClientID {
		return nil, ErrRegistration
	}
	return now, err
}

// Remove ends the client. The errors are those of Register.
func (r *Registrar) Remove(ctx context.Context, of *Registration) error {
	_, err := r.call(ctx, http.MethodDelete, of.URI, of.Token, nil, http.StatusNoContent)
	return err
}

// read reads what the Seller registered.
func (r *Registrar) read(data []byte) (*Registration, error) {
	registered := &Registration{}
	if json.Unmarshal(data, registered) != nil || json.Unmarshal(data, &registered.Metadata) != nil {
		return nil, ErrRegistration
	}
	if registered.ClientID == "" || registered.Token == "" || !r.isOurs(registered.URI) {
		return nil, ErrRegistration
	}
	return registered, nil
}

// isOurs: the token goes to a host of the Seller's own alone.
func (r *Registrar) isOurs(uri string) bool {
	at, err := url.Parse(uri)
	return err == nil && slices.ContainsFunc([]string{r.Endpoint, r.Alias}, func(endpoint string) bool {
		own, err := url.Parse(endpoint)
		return err == nil && own.Host != "" && at.Scheme == own.Scheme && at.Host == own.Host
	})
}

var errPlain = errors.New("registration: the URL is no https URL")

// call returns the body of an answer with that status.
func (r *Registrar) call(ctx context.Context, method, to, token string, body map[string]any, want int) ([]byte, error) {
	req, err := registrationRequest(ctx, method, to, token, body)
	if err != nil {
		return nil, err
	}
	got, err := send(r.HTTP, req)
	switch {
	case err != nil:
		return nil, err
	case got.status >= 300:
		refusal := &RegistrationError{Status: got.status}
		_ = json.Unmarshal(got.body, refusal) // other servers have pages
		return nil, refusal
	case got.status != want || want != http.StatusNoContent && !got.isJSON():
		return nil, ErrRegistration
	}
	return got.body, nil
}

func registrationRequest(ctx context.Context, method, to, token string, body map[string]any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, to, content)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != "https" {
		return nil, errPlain
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// FindRegistrar reads the Seller's discovery document for where clients
// register. The error is ErrRegistration if they do not, or if the document is
// another's; or a *RegistrationError.
func FindRegistrar(ctx context.Context, client *http.Client, issuer string) (*Registrar, error) {
	r := &Registrar{Issuer: issuer, HTTP: client}
	at := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	data, err := r.call(ctx, http.MethodGet, at, "", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"registration_endpoint"`
		Aliases  struct {
			Endpoint string `json:"registration_endpoint"`
		} `json:"mtls_endpoint_aliases"`
	}
	if json.Unmarshal(data, &metadata) != nil || metadata.Issuer != issuer || !strings.HasPrefix(metadata.Endpoint, "https://") {
		return nil, ErrRegistration
	}
	r.Endpoint, r.Alias = metadata.Endpoint, metadata.Aliases.Endpoint
	return r, nil
}
