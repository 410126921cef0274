package key

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// Holder tells whether a public key is one of a client's, for clients that
// registered self_signed_tls_client_auth (RFC 8705 §2.2), and no others. It must be safe
// for concurrent use.
type Holder interface {
	// Holds reports whether the client's JWK Set has this key, whatever its
	// kid, in a JWK that is not for another use. An error means that the keys
	// cannot be had now or that the client's metadata are unusable.
	Holds(ctx context.Context, clientID string, m *storage.ClientMetadata, public crypto.PublicKey) (bool, error)
}

var _ Holder = (*ClientKeys)(nil)

// Holds implements Holder, within the limits of Keys: a set by URL is fetched
// early for a key that is not in it, at most once per 30 s. A JWK whose x5c
// names another key than its own members is none, nor is one whose certificates
// are not valid now.
func (c *ClientKeys) Holds(ctx context.Context, clientID string, m *storage.ClientMetadata, public crypto.PublicKey) (bool, error) {
	if m == nil {
		return false, nil
	}
	keys, err := c.fitting(ctx, clientID, m, func(k Public) bool { return isKey(k, public) })
	if errors.Is(err, ErrNoKey) {
		return false, nil
	}
	return len(keys) > 0, err
}

// isKey looks at the key itself, and at what its JWK says that it is for.
func isKey(k Public, public crypto.PublicKey) bool {
	own, ok := k.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && (k.Use == "" || k.Use == "sig") && (len(k.Ops) == 0 || slices.Contains(k.Ops, "verify")) && own.Equal(public)
}

// NamesCertificate reports whether a JWK Set by value has a key with an x5c:
// a client that registered its certificate so.
func NamesCertificate(set json.RawMessage) bool { return len(certified(set)) > 0 }

// HasCertificate reports whether the certificate, in DER, is the one of a key
// in a JWK Set by value: the first in the x5c of a JWK that is not for
// encryption (RFC 7517 §4.7).
func HasCertificate(set json.RawMessage, der []byte) bool {
	encoded := base64.StdEncoding.EncodeToString(der)
	return slices.ContainsFunc(certified(set), func(k certifiedKey) bool {
		return (k.Use == "" || k.Use == "sig") && k.Chain[0] == encoded
	})
}

// certifiedKey is what a JWK says of its certificate.
type certifiedKey struct {
	Use   string
	Chain []string
}

// certified returns the keys of a JWK Set that have a certificate. It reads as
// the keys are read that verify: by exact names, and nothing of a set that has
// two members of one name anywhere.
func certified(set json.RawMessage) []certifiedKey {
	object, err := jose.ParseObject(set)
	if err != nil {
		return nil
	}
	var jwks []json.RawMessage
	if json.Unmarshal(object["keys"], &jwks) != nil {
		return nil
	}
	var keys []certifiedKey
	for _, raw := range jwks {
		if k, ok := parseCertified(raw); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

func parseCertified(raw json.RawMessage) (certifiedKey, bool) {
	jwk, err1 := jose.ParseObject(raw)
	use, err2 := jwk.String("use")
	chain, err3 := jwk.Strings("x5c")
	if errors.Join(err1, err2, err3) != nil || len(chain) == 0 || jwk["x5c"][0] != '[' {
		return certifiedKey{}, false
	}
	return certifiedKey{use, chain}, true
}
