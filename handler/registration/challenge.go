package registration

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// challengeLife is how long a challenge may be answered.
const challengeLife = 5 * time.Minute

// Challenges gives out nonces for entity presentations, so that nobody can show
// one that was made before. All fields are required. It is safe for concurrent
// use.
type Challenges struct {
	Once  storage.Once
	Clock func() time.Time
	Rand  io.Reader
}

// New returns a nonce of 256 bits, which can be taken once within five minutes.
// The store has its hash alone.
func (c *Challenges) New(ctx context.Context) (string, error) {
	nonce, err := random(c.Rand, 32)
	if err != nil {
		return "", err
	}
	return nonce, c.Once.PutOnce(ctx, challengeKey(nonce), []byte{1}, c.Clock().Add(challengeLife))
}

func challengeKey(nonce string) string { return "challenge:" + audit.Hash(nonce) }

// Take takes a nonce back and reports whether it was an open one. It is the
// TakeNonce of a credential.Verifier.
func (c *Challenges) Take(ctx context.Context, nonce string) (open bool, err error) {
	_, err = c.Once.TakeOnce(ctx, challengeKey(nonce))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ServeHTTP answers GET with a new challenge.
func (c *Challenges) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !allowed(rw, r, http.MethodGet) {
		return
	}
	nonce, err := c.New(r.Context())
	if err != nil {
		writeError(rw, profile.Unavailable(err))
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{"nonce": nonce, "expires_in": int(challengeLife.Seconds())})
}

// random returns that many random bytes, base64url.
func random(source io.Reader, bytes int) (string, error) {
	raw := make([]byte, bytes)
	if _, err := io.ReadFull(source, raw); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
