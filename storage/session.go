package storage

import (
	"slices"

	"github.com/mohae/deepcopy"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
)

// DefaultSession is the ready-made Session for servers that have none of
// their own. It is not safe for concurrent use, as no Fosite session is.
type DefaultSession struct {
	*openid.DefaultSession
	Binding `json:"lso"`
}

var _ Session = (*DefaultSession)(nil)

// NewSession returns an empty DefaultSession.
func NewSession() *DefaultSession {
	return &DefaultSession{DefaultSession: openid.NewDefaultSession()}
}

// Clone returns a deep copy, as Fosite asks of every session. Without it the
// Clone of the embedded type would be promoted and drop the Binding.
func (s *DefaultSession) Clone() fosite.Session {
	if s == nil {
		return nil
	}
	binding := s.Binding
	binding.RequestedClaims = slices.Clone(binding.RequestedClaims)
	var inner *openid.DefaultSession
	if s.DefaultSession != nil {
		inner = deepcopy.Copy(s.DefaultSession).(*openid.DefaultSession)
	}
	return &DefaultSession{DefaultSession: inner, Binding: binding}
}
