package record

import (
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// session is the JSON form of a storage.DefaultSession, which is written three
// times in each authorization, without a map and without most of what is empty.
// It is read into a session of any type as the plain form would be.
type session struct {
	Claims    *claims          `json:"id_token_claims"`
	Headers   *headers         `json:"headers"`
	ExpiresAt expiries         `json:"expires_at,omitzero"`
	Username  string           `json:"username,omitempty"`
	Subject   string           `json:"subject,omitempty"`
	Binding   *storage.Binding `json:"lso"`
}

// claims are jwt.IDTokenClaims. The rat is always there, since a fresh session
// has one of its own.
type claims struct {
	JTI                                 string         `json:"jti,omitempty"`
	Issuer                              string         `json:"iss,omitempty"`
	Subject                             string         `json:"sub,omitempty"`
	Audience                            []string       `json:"aud,omitempty"`
	Nonce                               string         `json:"nonce,omitempty"`
	ExpiresAt                           time.Time      `json:"exp,omitzero"`
	IssuedAt                            time.Time      `json:"iat,omitzero"`
	RequestedAt                         time.Time      `json:"rat"`
	AuthTime                            time.Time      `json:"auth_time,omitzero"`
	AccessTokenHash                     string         `json:"at_hash,omitempty"`
	AuthenticationContextClassReference string         `json:"acr,omitempty"`
	AuthenticationMethodsReferences     []string       `json:"amr,omitempty"`
	CodeHash                            string         `json:"c_hash,omitempty"`
	Extra                               map[string]any `json:"ext,omitempty"`
}

// headers are jwt.Headers.
type headers struct {
	Extra map[string]any `json:"extra,omitempty"`
}

// expiries are those of the kinds of token that a session of ours has.
type expiries struct {
	AccessToken   time.Time `json:"access_token,omitzero"`
	RefreshToken  time.Time `json:"refresh_token,omitzero"`
	AuthorizeCode time.Time `json:"authorize_code,omitzero"`
	IDToken       time.Time `json:"id_token,omitzero"`
}

// formOf returns what is marshaled for the session: a host's own type as it
// is, and one with a kind of token that is not known here.
func formOf(s fosite.Session) any {
	own, ok := s.(*storage.DefaultSession)
	if !ok || own == nil || own.DefaultSession == nil {
		return s
	}
	form := &session{
		Claims: (*claims)(own.Claims), Headers: (*headers)(own.Headers),
		Username: own.Username, Subject: own.Subject, Binding: &own.Binding,
	}
	for kind, at := range own.ExpiresAt {
		switch kind {
		case fosite.AccessToken:
			form.ExpiresAt.AccessToken = at
		case fosite.RefreshToken:
			form.ExpiresAt.RefreshToken = at
		case fosite.AuthorizeCode:
			form.ExpiresAt.AuthorizeCode = at
		case fosite.IDToken:
			form.ExpiresAt.IDToken = at
		default:
			return s
		}
	}
	return form
}
