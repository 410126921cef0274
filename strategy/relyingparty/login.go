package relyingparty

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Login is what must be remembered from Begin to Finish. Keep it, as JSON, in
// the session of the browser that is sent away, and take it out before Finish:
// it serves one answer, whatever becomes of it. Nobody else may see or change
// it.
type Login struct {
	Issuer      string   `json:"issuer"`
	ClientID    string   `json:"client_id"`
	State       string   `json:"state"`
	Nonce       string   `json:"nonce"`
	RedirectURI string   `json:"redirect_uri"`
	IntentID    string   `json:"intent_id,omitempty"`
	Scopes      []string `json:"scopes"`
	ACR         []string `json:"acr,omitempty"`
	// EssentialACR tells that no other class than ACR is good enough.
	EssentialACR bool `json:"essential_acr,omitempty"`
	// MaxAge is in seconds; 0 means that none was asked for.
	MaxAge int64 `json:"max_age,omitempty"`
	// JARM tells that the answer is a signed response.
	JARM bool `json:"jarm,omitempty"`
	// CodeVerifier is what the token endpoint gets to see; empty without PKCE.
	CodeVerifier string    `json:"code_verifier,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
}

// maxLogin is how long an answer may take.
const maxLogin = time.Hour

var errOldLogin = errors.New("the login was begun too long ago")

// spend uses the login up, before anything is known of the answer.
func (c *Client) spend(ctx context.Context, login *Login) error {
	end := login.CreatedAt.Add(maxLogin)
	if !c.config.Clock().Before(end) {
		return errOldLogin
	}
	return c.config.Spent.UseOnce(ctx, "login:"+login.State, end)
}

// memory is a Once in this process.
type memory struct {
	clock func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
	swept time.Time
}

var errSpent = errors.New("the login was finished before")

// UseOnce forgets what has expired once a minute.
func (m *memory) UseOnce(_ context.Context, key string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until == nil {
		m.until = map[string]time.Time{}
	}
	if now := m.clock(); now.Sub(m.swept) > time.Minute {
		m.sweep(now)
	}
	if _, there := m.until[key]; there {
		return errSpent
	}
	m.until[key] = until
	return nil
}

func (m *memory) sweep(now time.Time) {
	for key, until := range m.until {
		if !until.After(now) {
			delete(m.until, key)
		}
	}
	m.swept = now
}
