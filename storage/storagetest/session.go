package storagetest

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
)

// Session is the session of a host: the parts that the library needs, and
// nested fields of the host's own.
type Session struct {
	*openid.DefaultSession
	storage.Binding `json:"lso"`
	Host            HostFields `json:"host"`
}

// HostFields are what only the host knows of.
type HostFields struct {
	Tenant string            `json:"tenant"`
	Roles  map[string]string `json:"roles"`
}

// NewSession returns an empty Session, the one that a store under test must
// read stored sessions into.
func NewSession() storage.Session {
	return &Session{DefaultSession: openid.NewDefaultSession()}
}

// Clone implements fosite.Session.
func (s *Session) Clone() fosite.Session {
	c := *s
	c.DefaultSession = s.DefaultSession.Clone().(*openid.DefaultSession)
	c.Host.Roles = maps.Clone(s.Host.Roles)
	return &c
}

// fullSession returns a session with every field set, whose code and tokens
// expire at the given time.
func fullSession(expires time.Time) *Session {
	s := NewSession().(*Session)
	s.Subject, s.Username = "user-1", "Alice"
	s.Claims.Subject, s.Claims.AuthenticationContextClassReference = "user-1", "urn:example:acr:2"
	s.Claims.AuthTime = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	s.Claims.Extra = map[string]any{"nested": map[string]any{"deep": "value"}}
	s.Headers.Extra = map[string]any{"kid": "key-1"}
	s.Binding = storage.Binding{
		Issuer:          "https://op.example",
		IntentClaim:     "intent_id",
		IntentID:        "intent-1",
		Confirmation:    "thumbprint",
		SHash:           "s-hash",
		CodeChallenge:   "challenge",
		RequestedClaims: json.RawMessage(`{"id_token":{"acr":{"essential":true}}}`),
	}
	s.Host = HostFields{Tenant: "north", Roles: map[string]string{"quote": "write"}}
	for _, kind := range []fosite.TokenType{fosite.AuthorizeCode, fosite.AccessToken, fosite.RefreshToken} {
		s.SetExpiresAt(kind, expires)
	}
	return s
}
