// Package record is the stored form of Fosite's requests and of the intents,
// one for all adapters, so that they behave alike.
package record

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// Kind tells what a stored request is the session of.
type Kind string

// The kinds of stored request.
const (
	Code    Kind = "code"
	OpenID  Kind = "openid"
	Access  Kind = "access"
	Refresh Kind = "refresh"
)

// OpenIDGrace is how long an OpenID Connect session outlives its code. It is
// read just after the code was redeemed, and must then be there still; it is
// no credential itself.
const OpenIDGrace = time.Minute

// Expiry returns when the request of this kind expires: the time that its
// session tells, or the zero time if it never does.
func (k Kind) Expiry(r fosite.Requester) time.Time {
	session := r.GetSession()
	if session == nil {
		return time.Time{}
	}
	switch k {
	case Access:
		return session.GetExpiresAt(fosite.AccessToken)
	case Refresh:
		return session.GetExpiresAt(fosite.RefreshToken)
	case OpenID:
		return grace(session.GetExpiresAt(fosite.AuthorizeCode))
	default:
		return session.GetExpiresAt(fosite.AuthorizeCode)
	}
}

func grace(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(OpenIDGrace)
}

// Spent is the error that accompanies the session of a used code and of a
// rotated refresh token; all other kinds are as good as gone.
func (k Kind) Spent() error {
	switch k {
	case Code:
		return fosite.ErrInvalidatedAuthorizeCode
	case Refresh:
		return fosite.ErrInactiveToken
	default:
		return fosite.ErrNotFound
	}
}

// Hash returns the base64url SHA-256 hash under which an adapter keeps what
// belongs to key, so that a look into the store gives nobody a credential.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	var text [43]byte // on the stack, unlike EncodeToString's
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// request is the JSON form of a fosite.Requester.
type request struct {
	ID                string           `json:"id"`
	RequestedAt       time.Time        `json:"requested_at"`
	ClientID          string           `json:"client_id"`
	RequestedScope    fosite.Arguments `json:"requested_scope,omitempty"`
	GrantedScope      fosite.Arguments `json:"granted_scope,omitempty"`
	RequestedAudience fosite.Arguments `json:"requested_audience,omitempty"`
	GrantedAudience   fosite.Arguments `json:"granted_audience,omitempty"`
	Form              []string         `json:"form,omitempty"`
	Session           any              `json:"session"` // read into what is there
}

// Encode returns the JSON form of r. The client is kept by its identifier
// alone, the language not at all.
func Encode(r fosite.Requester) ([]byte, error) {
	return json.Marshal(&request{
		ID:                r.GetID(),
		RequestedAt:       r.GetRequestedAt().UTC(),
		ClientID:          r.GetClient().GetID(),
		RequestedScope:    r.GetRequestedScopes(),
		GrantedScope:      r.GetGrantedScopes(),
		RequestedAudience: r.GetRequestedAudience(),
		GrantedAudience:   r.GetGrantedAudience(),
		Form:              pairs(r.GetRequestForm()),
		Session:           formOf(r.GetSession()),
	})
}

// Decode returns the request that Encode wrote, with the given client and with
// the stored session read into fresh, which nobody else may hold.
func Decode(data []byte, client fosite.Client, fresh storage.Session) (fosite.Requester, error) {
	stored := request{Session: fresh}
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, err
	}
	return &fosite.Request{
		ID: stored.ID, RequestedAt: stored.RequestedAt, Client: client, Session: fresh, Form: values(stored.Form),
		RequestedScope: stored.RequestedScope, GrantedScope: stored.GrantedScope,
		RequestedAudience: stored.RequestedAudience, GrantedAudience: stored.GrantedAudience,
	}, nil
}

// pairs lists names and values by turns, which is quicker to write and read
// than a map of lists.
func pairs(form url.Values) []string {
	list := make([]string, 0, 2*len(form))
	for name, values := range form {
		for _, value := range values {
			list = append(list, name, value)
		}
	}
	return list
}

func values(pairs []string) url.Values {
	form := make(url.Values, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}
