package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

const (
	maxBody        = 256 << 10
	defaultTimeout = 10 * time.Second
)

// transport is the caller's HTTP client with redirects off and bodies bounded.
type transport struct{ client http.Client }

func newTransport(client *http.Client) *transport {
	t := &transport{}
	if client != nil {
		t.client = *client
	}
	if t.client.Timeout == 0 {
		t.client.Timeout = defaultTimeout
	}
	t.client.Jar = nil // nothing here has a session
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

// Get fetches a document that must come with status 200 and an accepted type.
func (t *transport) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", strings.Join(accept, ", "))
	status, media, body, err := t.do(req)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fmt.Errorf("status %d, want 200", status)
	case !slices.Contains(accept, media):
		return nil, fmt.Errorf("the content type is not one of %q", accept)
	}
	return &outbound.Document{Body: body}, nil
}

// post sends a form and returns the status and a JSON body.
func (t *transport) post(ctx context.Context, url string, form url.Values) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	status, media, body, err := t.do(req)
	if err == nil && media != "application/json" {
		err = fmt.Errorf("status %d, and the content type is not application/json", status)
	}
	return status, body, err
}

func (t *transport) do(req *http.Request) (status int, media string, body []byte, err error) {
	res, err := t.client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("the answer is larger than 256 KiB")
	}
	media, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	return res.StatusCode, media, body, err
}
