package registration

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"time"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// challengeLife is how long a challenge may be answered.
const challengeLife = 5 * time.Minute

// Challenges gives out nonces for entity presentations, so that nobody can show
// one that was made before. A nonce is stored only once it is answered: who asks
// for many costs the server nothing. All fields are required. It is safe for
// concurrent use.
type Challenges struct {
	// Secret makes the nonces, 32 bytes; servers of one issuer share it.
	Secret []byte
	Once   storage.Once
	Clock  func() time.Time
	Rand   io.Reader
}

// A nonce is the time until which it may be answered, in Unix seconds and 8
// bytes, 16 random bytes, and the HMAC-SHA-256 of both.
const (
	nonceTime = 8
	nonceText = nonceTime + 16
	nonceSize = nonceText + sha256.Size
)

// New returns a nonce, which can be taken once within five minutes.
func (c *Challenges) New() (string, error) {
	text := make([]byte, nonceText, nonceSize)
	if _, err := io.ReadFull(c.Rand, text[nonceTime:]); err != nil {
		return "", err
	}
	binary.BigEndian.PutUint64(text, uint64(c.Clock().Add(challengeLife).Unix())) // #nosec G115 -- not before 1970
	return base64.RawURLEncoding.EncodeToString(append(text, c.seal(text)...)), nil
}

func (c *Challenges) seal(text []byte) []byte {
	mac := hmac.New(sha256.New, c.Secret)
	mac.Write(text)
	return mac.Sum(nil)
}

// Take takes a nonce back and reports whether it was an open one. It is the
// TakeNonce of a credential.Verifier.
func (c *Challenges) Take(ctx context.Context, nonce string) (open bool, err error) {
	until := c.opened(nonce)
	if !c.Clock().Before(until) {
		return false, nil
	}
	return atomic.UseOnce(ctx, c.Once, "challenge:"+audit.Hash(nonce), until)
}

// opened returns until when the nonce may be answered; the zero time if it is
// not one of ours.
func (c *Challenges) opened(nonce string) time.Time {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	// The decoder passes over line breaks: there is one spelling of a nonce.
	if err != nil || len(raw) != nonceSize || len(nonce) != base64.RawURLEncoding.EncodedLen(nonceSize) || !hmac.Equal(raw[nonceText:], c.seal(raw[:nonceText])) {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(raw)), 0) // #nosec G115 -- sealed by New
}

// ServeHTTP answers GET with a new challenge.
func (c *Challenges) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !allowed(rw, r, http.MethodGet) {
		return
	}
	nonce, err := c.New()
	if err != nil {
		writeError(rw, profile.ServerError("The server has no randomness.", err))
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
