package idtoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// MinSaltBytes is the least length of the salt of Pairwise.
const MinSaltBytes = 32

// Pairwise returns the pseudonym of the user towards one sector, so that two
// sectors cannot compare their users (OpenID Connect Core §8.1). The same user,
// sector and salt give the same pseudonym for ever; the salt is secret and is
// never rotated.
func Pairwise(salt []byte, sector, user string) string {
	mac := hmac.New(sha256.New, salt)
	// A length keeps (ab, c) apart from (a, bc).
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(sector))))
	mac.Write([]byte(sector))
	mac.Write([]byte(user))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
