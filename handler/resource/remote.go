package resource

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Remote introspects over the network (RFC 7662), for an API that does not run
// in the provider's process. It asks for every request: an answer that was kept
// would outlive a revocation. It is safe for concurrent use if Authenticate is.
//
//	guard := &resource.Guard{
//		Tokens: &resource.Remote{Endpoint: discovered, Issuer: issuer, Profile: &p, HTTP: client, Authenticate: assertion},
//		Holder: &token.Holder{Profile: &p, Certificates: mtls.FromTLS},
//		...
//	}
//
// The holder knows no registrations there: with SenderConstraint mtls-client,
// the certificate in the token is the only one that it takes.
type Remote struct {
	// Endpoint is the introspection endpoint, an https URL.
	Endpoint string
	// Issuer must be the iss of every answer.
	Issuer string
	// Profile is the provider's own: a token's intent is found by its claim.
	Profile *profile.Profile
	// HTTP sends the requests, with a client certificate for the
	// authentication methods that have one. Redirects are not followed. nil
	// means a client without certificate.
	HTTP *http.Client
	// Authenticate adds to the form what authenticates this client: client_id,
	// or a fresh client assertion.
	Authenticate func(ctx context.Context, form url.Values) error
	// Timeout bounds one call; 0 means 5 s.
	Timeout time.Duration
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

var _ Introspector = (*Remote)(nil)

const (
	maxBearer         = 8 << 10
	maxAnswer         = 64 << 10
	defaultAsk        = 5 * time.Second
	ruleIntrospection = profile.Rule("RFC7662-2.2")
)

var (
	errStatus  = errors.New("resource: the introspection endpoint did not answer 200 with JSON")
	errLarge   = errors.New("resource: the introspection answer is too large")
	errAnswer  = errors.New("resource: the introspection answer is malformed, or of another issuer")
	errUnknown = errors.New("resource: the token is bound in a way that is not known here")
)

// Introspect implements Introspector. Whatever goes wrong on the way is
// temporarily_unavailable with status 503: the token may be good, and nobody
// gets through.
func (e *Remote) Introspect(ctx context.Context, bearer string) (*token.Active, error) {
	if len(bearer) > maxBearer {
		return nil, inactive(nil)
	}
	body, err := e.ask(ctx, bearer)
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	return e.read(body)
}

func inactive(cause error) error {
	v := ruleIntrospection.Refuse("invalid_token", "The token is not active.")
	v.OAuth.CodeField = http.StatusUnauthorized
	return v.Because(cause)
}

func (e *Remote) ask(ctx context.Context, bearer string) ([]byte, error) {
	timeout := e.Timeout
	if timeout <= 0 {
		timeout = defaultAsk
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	form := url.Values{"token": {bearer}, "token_type_hint": {"access_token"}}
	if err := e.Authenticate(ctx, form); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Endpoint, strings.NewReader(form.Encode())) // #nosec G704 -- the operator's own endpoint
	if err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" {
		return nil, errors.New("resource: Endpoint is no https URL")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	response, err := e.client().Do(r) // #nosec G704 -- as above
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return readAnswer(response)
}

// client is a copy that stays where it was sent: a redirect would carry the
// token to somewhere else.
func (e *Remote) client() *http.Client {
	c := http.Client{}
	if e.HTTP != nil {
		c = *e.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

func readAnswer(response *http.Response) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" || response.StatusCode != http.StatusOK {
		return nil, errStatus
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errLarge
	}
	return body, err
}

// answer is the members that count. A pointer tells what is not there.
type answer struct {
	Active    *bool           `json:"active"`
	Issuer    string          `json:"iss"`
	ClientID  string          `json:"client_id"`
	Subject   string          `json:"sub"`
	Scope     string          `json:"scope"`
	TokenType string          `json:"token_type"`
	Expires   *float64        `json:"exp"`
	NotBefore float64         `json:"nbf"`
	CNF       json.RawMessage `json:"cnf"`
}

func (e *Remote) read(body []byte) (*token.Active, error) {
	var a answer
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &a) != nil || json.Unmarshal(body, &members) != nil || a.Active == nil {
		return nil, profile.Unavailable(errAnswer)
	}
	if !*a.Active {
		return nil, inactive(nil)
	}
	if a.Issuer != e.Issuer || a.ClientID == "" || a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer") {
		return nil, profile.Unavailable(errAnswer)
	}
	now := float64(e.now().Unix())
	if a.Expires != nil && *a.Expires <= now || a.NotBefore > now+e.Profile.RequestObject.Skew.Seconds() {
		return nil, inactive(nil)
	}
	confirmation, err := readConfirmation(a.CNF)
	if err != nil {
		return nil, inactive(err)
	}
	active := &token.Active{ClientID: a.ClientID, Subject: a.Subject, Scopes: strings.Fields(a.Scope), Confirmation: confirmation}
	if raw, ok := members[e.Profile.IntentClaim]; ok && e.Profile.IntentClaim != "" {
		if json.Unmarshal(raw, &active.IntentID) != nil || active.IntentID == "" {
			return nil, profile.Unavailable(errAnswer)
		}
	}
	if e.Profile.RequireIntent && active.IntentID == "" && !active.OwnBehalf() {
		return nil, profile.Unavailable(errAnswer) // a user's token always names its intent
	}
	return active, nil
}

func (e *Remote) now() time.Time {
	if e.Clock != nil {
		return e.Clock()
	}
	return time.Now()
}

// readConfirmation refuses a token that is bound by anything but a
// certificate: it would pass for one that is not bound.
func readConfirmation(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var cnf map[string]json.RawMessage
	thumbprint := ""
	if json.Unmarshal(raw, &cnf) != nil || len(cnf) != 1 || json.Unmarshal(cnf["x5t#S256"], &thumbprint) != nil || thumbprint == "" {
		return "", errUnknown
	}
	return thumbprint, nil
}
