package key

import (
	"context"
	"errors"
	"fmt"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Recipients finds the keys that one encrypts to. It must be safe for
// concurrent use. *ClientKeys is one.
type Recipients interface {
	// EncryptionKey returns the key of the client for a JWE alg, with an RSA
	// modulus of at least minRSABits. The error is ErrNoRecipient if it has
	// none, together with ErrExpired where it had one; any other means that the keys cannot be had now or that the client's metadata
	// are unusable.
	EncryptionKey(ctx context.Context, clientID string, m *storage.ClientMetadata, alg profile.KeyEncAlg, minRSABits int) (*Public, error)
}

// ErrNoRecipient means that the keys are known and none of them fits the
// encryption.
var ErrNoRecipient = errors.New("key: the client has no key for this encryption")

var _ Recipients = (*ClientKeys)(nil)

// EncryptionKey implements Recipients. Of several keys that fit, one that says
// it is for encryption comes first, then one that names the alg, then the first
// in the set (OpenID Connect Core §10.2).
func (c *ClientKeys) EncryptionKey(ctx context.Context, clientID string, m *storage.ClientMetadata, alg profile.KeyEncAlg, minRSABits int) (*Public, error) {
	keys, err := c.fitting(ctx, clientID, m, func(k Public) bool { return k.FitsEncryption(string(alg), minRSABits) })
	switch {
	case errors.Is(err, ErrExpired):
		return nil, fmt.Errorf("%w: %w", ErrNoRecipient, ErrExpired)
	case errors.Is(err, ErrNoKey):
		return nil, ErrNoRecipient
	}
	if err != nil {
		return nil, err
	}
	best := &keys[0]
	for i := range keys {
		if said(&keys[i]) > said(best) {
			best = &keys[i]
		}
	}
	return best, nil
}

// said tells how much a key that fits says of itself.
func said(k *Public) (n int) {
	if k.Use != "" {
		n += 2
	}
	if k.Alg != "" {
		n++
	}
	return n
}

// Response is a kind of answer that a client may want encrypted.
type Response string

// The answers, by the prefix of their metadata.
const (
	IDToken       Response = "id_token"
	Authorization Response = "authorization" // JARM
	UserInfo      Response = "userinfo"
)

func (r Response) registered(m *storage.ClientMetadata) (alg, enc string) {
	switch r {
	case IDToken:
		return m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc
	case Authorization:
		return m.AuthorizationEncryptedResponseAlg, m.AuthorizationEncryptedResponseEnc
	case UserInfo:
		return m.UserInfoEncryptedResponseAlg, m.UserInfoEncryptedResponseEnc
	}
	return "unknown", ""
}

// Encrypter encrypts signed answers for clients that registered for it. It is
// safe for concurrent use; nil is one that can encrypt nothing.
type Encrypter struct {
	Profile *profile.Profile
	Keys    Recipients
}

// Encrypt returns the signed JWT in a JWE with cty JWT (RFC 7519 §5.2), to the
// key and with the alg and enc that the client registered for this answer; or
// as it is, if the client registered none. An error means that nothing may be
// sent: what was to be encrypted never goes out in the clear.
func (e *Encrypter) Encrypt(ctx context.Context, r Response, clientID string, m *storage.ClientMetadata, signed string) (string, error) {
	alg, enc, err := e.wanted(r, m)
	if err != nil {
		return "", err
	}
	if alg == "" {
		return signed, nil
	}
	to, ready := ctx.Value(readyKey{clientID, r}).(*Public)
	if !ready {
		if to, err = e.find(ctx, r, clientID, m, alg); err != nil {
			return "", err
		}
	}
	return jose.Encrypt(to, alg, enc, signed, e.Profile.MinRSABits)
}

func (e *Encrypter) find(ctx context.Context, r Response, clientID string, m *storage.ClientMetadata, alg string) (*Public, error) {
	to, err := e.Keys.EncryptionKey(ctx, clientID, m, profile.KeyEncAlg(alg), e.Profile.MinRSABits)
	if err != nil {
		return nil, fmt.Errorf("key: the %s cannot be encrypted with %s: %w", r, alg, err)
	}
	return to, nil
}

type readyKey struct {
	clientID string
	response Response
}

// Ready finds the keys for these answers and returns a context in which Encrypt
// has them: a key may have to be fetched from the client, and no transaction
// of a storage should wait for that. The error is Encrypt's.
func (e *Encrypter) Ready(ctx context.Context, clientID string, m *storage.ClientMetadata, answers ...Response) (context.Context, error) {
	for _, r := range answers {
		alg, _, err := e.wanted(r, m)
		if err != nil {
			return ctx, err
		}
		if alg == "" {
			continue
		}
		to, err := e.find(ctx, r, clientID, m, alg)
		if err != nil {
			return ctx, err
		}
		ctx = context.WithValue(ctx, readyKey{clientID, r}, to)
	}
	return ctx, nil
}

// Check returns an error for each answer whose registered encryption the
// profile does not have. A registration asks it; Encrypt refuses the same.
func (e *Encrypter) Check(m *storage.ClientMetadata) error {
	var errs []error
	for _, r := range []Response{IDToken, Authorization, UserInfo} {
		_, _, err := e.wanted(r, m)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// defaultEnc is what a client means that registers an alg alone (OpenID
// Connect Registration §2, JARM §3).
const defaultEnc = string(profile.A128CBCHS256)

// wanted returns an empty alg where nothing is to be encrypted.
func (e *Encrypter) wanted(r Response, m *storage.ClientMetadata) (alg, enc string, err error) {
	alg, enc = r.registered(m)
	switch {
	case alg == "" && enc == "":
		return "", "", nil
	case alg == "":
		return "", "", fmt.Errorf("key: %s_encrypted_response_enc is registered without alg", r)
	case enc == "":
		enc = defaultEnc
	}
	if e == nil || !e.Profile.AcceptsKeyEnc(alg) || !e.Profile.AcceptsContentEnc(enc) {
		return "", "", fmt.Errorf("key: the profile does not encrypt the %s with alg %q and enc %q", r, alg, enc)
	}
	return alg, enc, nil
}
