package host

import (
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
)

// User is an account, and the login by which it is here now.
type User struct {
	// ID is the user's name at the login page and the sub of the tokens.
	ID string
	// Tenant is the organisation that the user works for.
	Tenant string
	// ACR is the authentication context class that a login of this user meets.
	ACR string

	// AuthTime is when the user logged in, AMR how.
	AuthTime time.Time
	AMR      []string
	// CSRF is in every form that this login may send.
	CSRF string
}

// Session is stored with every code and token.
type Session struct {
	*openid.DefaultSession

	Tenant string `json:"tenant"`
}

// Clone implements fosite.Session; that of DefaultSession would lose Tenant.
func (s *Session) Clone() fosite.Session {
	clone := *s
	clone.DefaultSession = s.DefaultSession.Clone().(*openid.DefaultSession)
	return &clone
}

// blank returns a session to read a stored one into.
func blank() *Session {
	return &Session{DefaultSession: openid.NewDefaultSession()}
}

func sessionFor(u *User) *Session {
	s := blank()
	s.Tenant = u.Tenant
	s.Username = u.ID
	s.Subject = u.ID
	s.Claims.Subject = u.ID
	s.Claims.AuthTime = u.AuthTime
	s.Claims.AuthenticationMethodsReferences = u.AMR
	return s
}
