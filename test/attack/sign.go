package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v3"
)

var b64 = base64.RawURLEncoding

// signer signs with the key as the algorithm wants it; the header may say
// another one.
type signer struct {
	key  any
	alg  string
	hmac []byte // instead of key
	der  bool   // ECDSA in ASN.1, not in JOSE's form
}

func (s signer) sign(input []byte) ([]byte, error) {
	if s.hmac != nil {
		mac := hmac.New(sha256.New, s.hmac)
		mac.Write(input)
		return mac.Sum(nil), nil
	}
	digest := sha256.Sum256(input)
	switch key := s.key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	case *rsa.PrivateKey:
		if s.alg == "RS256" {
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		}
		return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case *ecdsa.PrivateKey:
		return s.ecdsa(key, digest[:])
	}
	return nil, fmt.Errorf("no key for %s", s.alg)
}

func (s signer) ecdsa(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	if s.der {
		return ecdsa.SignASN1(rand.Reader, key, digest)
	}
	r, t, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, err
	}
	return joined(r, t), nil
}

func joined(r, s *big.Int) []byte {
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return raw
}

// stranger is a key that nobody registered, the same in a whole run, with a
// certificate of its own.
type stranger struct {
	key  *ecdsa.PrivateKey
	cert []byte
}

func newStranger() (*stranger, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := selfMade(key, key, template("stranger"), nil)
	return &stranger{key, cert}, err
}

func (s *stranger) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: "stranger", Use: "sig", Algorithm: "ES256"}
}

// secretOf is the public half of the key as text: what a verifier would take
// for an HMAC secret if it let the header choose the algorithm.
func secretOf(key *jose.JSONWebKey, form string) ([]byte, error) {
	public := key.Public()
	switch form {
	case "jwk":
		return json.Marshal(public)
	case "der", "pem":
		der, err := x509.MarshalPKIXPublicKey(public.Key)
		if err != nil || form == "der" {
			return der, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
	}
	return []byte(form), nil
}
