package idtoken

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha3"
	_ "crypto/sha512" // the digests behind crypto.Hash
	"encoding/base64"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// LeftHalf returns the left half of the digest of value, base64url: c_hash,
// s_hash and at_hash of an ID Token signed with alg (OpenID Connect Core
// §3.3.2.11). The digest is the one in the algorithm's name; for EdDSA, which
// has none there, it is the given one.
func LeftHalf(alg, value string, eddsa profile.Hash) string {
	digest := digestOf(alg, []byte(value), eddsa)
	return base64.RawURLEncoding.EncodeToString(digest[:len(digest)/2])
}

func digestOf(alg string, value []byte, eddsa profile.Hash) []byte {
	hash := crypto.SHA512
	switch {
	case strings.HasSuffix(alg, "384"):
		hash = crypto.SHA384
	case strings.HasSuffix(alg, "256"):
		sum := sha256.Sum256(value)
		return sum[:]
	case !strings.HasSuffix(alg, "512") && eddsa == profile.SHA3256:
		sum := sha3.Sum256(value)
		return sum[:]
	}
	h := hash.New()
	h.Write(value)
	return h.Sum(nil)
}
