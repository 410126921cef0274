package jose

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// The ways in which a token can be refused. Callers map them to their rules.
var (
	ErrTooLarge  = errors.New("jose: the token is too large")
	ErrForm      = errors.New("jose: not a JWS in compact serialization")
	ErrHeader    = errors.New("jose: the protected header is malformed or has a member that is not accepted")
	ErrAlg       = errors.New("jose: the algorithm is not accepted")
	ErrKid       = errors.New("jose: the kid header is missing or not a string")
	ErrTyp       = errors.New("jose: the typ header is not one for this use")
	ErrSignature = errors.New("jose: no key verifies the signature")
	ErrPayload   = errors.New("jose: the payload is not one JSON object without duplicate members")
)

// maxKid bounds a key identifier, in bytes; the longest in use is the DID URL
// of an RSA key that is its own name.
const maxKid = 2 << 10

// Signed is a JWS that passed the gate's look at its form and header. Nothing
// of its payload is to be believed before Verify.
type Signed struct {
	Alg, Kid  string
	typ       string
	input     string // header.payload, as it was signed
	payload   string
	signature []byte
	object    Object // the payload, once somebody looked at it
}

// ParseSigned reads a compact JWS of at most limit bytes.
func ParseSigned(token string, limit int) (*Signed, error) {
	if len(token) > limit {
		return nil, ErrTooLarge
	}
	// Count first, so that a token of dots costs nothing.
	if strings.Count(token, ".") != 2 {
		return nil, ErrForm
	}
	last := strings.LastIndexByte(token, '.')
	header, payload, _ := strings.Cut(token[:last], ".")
	signature, err := decode(token[last+1:])
	if err != nil || header == "" || payload == "" {
		return nil, ErrForm
	}
	s := &Signed{input: token[:last], payload: payload, signature: signature}
	return s, s.readHeader(header)
}

// decode is strict base64url: no padding, no line breaks, no stray bits.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrForm // encoding/base64 skips them
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// refusedHeaders would make the gate fetch a key, believe a key, change how
// the payload is read or change what is signed (FAPI 1.0 Advanced §8.9, MEF
// W128 D9, RFC 7515 §4.1.11, RFC 7797).
var refusedHeaders = []string{"jwk", "jku", "x5u", "crit", "b64", "zip", "enc", "epk", "p2s", "p2c"}

func (s *Signed) readHeader(encoded string) error {
	raw, err := decode(encoded)
	if err != nil {
		return ErrForm
	}
	header, err := ParseObject(raw)
	if err != nil || header.hasAny(refusedHeaders) {
		return ErrHeader
	}
	if s.Alg, err = header.String("alg"); err != nil || s.Alg == "" {
		return ErrAlg
	}
	if s.Kid, err = header.String("kid"); err != nil || s.Kid == "" || len(s.Kid) > maxKid {
		return ErrKid
	}
	if s.typ, err = header.String("typ"); err != nil {
		return ErrTyp
	}
	return nil
}

// CheckTyp wants the typ header to be absent, JWT, or one of types; media
// types compare without case and without "application/" (RFC 7515 §4.1.9).
func (s *Signed) CheckTyp(types ...string) error {
	if s.typ == "" {
		return nil
	}
	for _, t := range append([]string{"JWT"}, types...) {
		if isMediaType(s.typ, t) {
			return nil
		}
	}
	return ErrTyp
}

// isMediaType compares without case and without "application/".
func isMediaType(got, want string) bool {
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(got), "application/"), want)
}

// maxTries bounds how many keys of one kid are tried.
const maxTries = 4

// Verify returns the payload if one of the keys fits alg, kid, use and size
// and verifies the signature (FAPI 1.0 Advanced §8.11). The caller has checked
// Alg against its own list before.
func (s *Signed) Verify(keys []Key, minRSABits int) (Object, error) {
	a, ok := algorithms[s.Alg]
	if !ok {
		return nil, ErrAlg
	}
	tries := 0
	for i := range keys {
		if !keys[i].fits(s.Alg, s.Kid, minRSABits) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}
		if a.verify(keys[i].Public, []byte(s.input), s.signature) {
			return s.open()
		}
	}
	return nil, ErrSignature
}

// open reads the payload, once.
func (s *Signed) open() (Object, error) {
	if s.object != nil {
		return s.object, nil
	}
	raw, err := decode(s.payload)
	if err != nil {
		return nil, ErrPayload
	}
	s.object, err = ParseObject(raw)
	return s.object, err
}

// Sign makes a compact JWS over the payload with the key, its kid, and the
// typ header, which may be empty.
func Sign(key *Signer, typ string, payload []byte) (string, error) {
	header, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ,omitempty"`
	}{key.Alg, key.ID, typ})
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	token := make([]byte, 0, b64.EncodedLen(len(header))+b64.EncodedLen(len(payload))+2+b64.EncodedLen(key.signatureBytes()))
	token = b64.AppendEncode(token, header)
	token = b64.AppendEncode(append(token, '.'), payload)
	signature, err := key.sign(token)
	if err != nil {
		return "", err
	}
	return string(b64.AppendEncode(append(token, '.'), signature)), nil
}

// Unverified returns the payload before anybody verified it. It serves to
// learn whose key to look for, and for nothing else.
func (s *Signed) Unverified() (Object, error) { return s.open() }
