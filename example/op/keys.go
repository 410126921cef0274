package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// loadKeys returns the signing keys that the profile has a use for.
func loadKeys(o *options, log *slog.Logger) (key.Source, error) {
	data, path, err := readKeys(o)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("%s is no JWK Set: %w", path, err)
	}
	var keys []any
	for i := range set.Keys {
		k := &set.Keys[i]
		if k.Use == "enc" || (k.Algorithm != "" && !o.profile.AcceptsAlg(k.Algorithm, "")) {
			log.Info("signing key is not used with this profile", "kid", k.KeyID, "alg", k.Algorithm, "use", k.Use)
			continue
		}
		keys = append(keys, k)
	}
	return key.Signing(keys...), nil
}

func readKeys(o *options) (data []byte, path string, err error) {
	if o.keys != "" {
		data, err = os.ReadFile(o.keys)
		return data, o.keys, err
	}
	path = o.store.beside("keys.json")
	data, err = keep(path, 0o600, makeKeys)
	return data, path, err
}

// makeKeys makes a key for each algorithm that some profile signs with.
func makeKeys() ([]byte, error) {
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return json.MarshalIndent(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		signing(ec, profile.ES256), signing(rs, profile.PS256), signing(ed, profile.EdDSA),
	}}, "", "  ")
}

func signing(private any, alg profile.Alg) jose.JSONWebKey {
	return jose.JSONWebKey{Key: private, KeyID: string(alg) + "-" + rand.Text()[:8], Algorithm: string(alg), Use: "sig"}
}

const secretBytes = 32

// loadSecret returns the secret behind codes and tokens. It stays out of the
// database: who reads that cannot make a token.
func loadSecret(o *options) ([]byte, error) {
	path := o.store.beside("secret")
	data, err := keep(path, 0o600, func() ([]byte, error) {
		secret := make([]byte, secretBytes)
		_, err := rand.Read(secret)
		return []byte(hex.EncodeToString(secret)), err
	})
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(string(data))
	if err != nil || len(secret) != secretBytes {
		return nil, fmt.Errorf("%s does not hold %d bytes in hexadecimal", path, secretBytes)
	}
	return secret, nil
}
