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

	"github.com/meflso/fosite-meflso/example/internal/files"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// loadKeys returns the keys that the profile has a use for.
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
		if !useful(k, &o.profile) {
			log.Info("key is not used with this profile", "kid", k.KeyID, "alg", k.Algorithm, "use", k.Use)
			continue
		}
		keys = append(keys, k)
	}
	return key.Signing(keys...), nil
}

// useful: one file serves all profiles. A key without alg is left for the
// library to judge.
func useful(k *jose.JSONWebKey, p *profile.Profile) bool {
	if k.Use == "enc" {
		return p.AcceptJWE && (k.Algorithm == "" || p.AcceptsKeyEnc(k.Algorithm))
	}
	return k.Algorithm == "" || p.AcceptsAlg(k.Algorithm, "")
}

func readKeys(o *options) (data []byte, path string, err error) {
	if o.keys != "" {
		data, err = os.ReadFile(o.keys)
		return data, o.keys, err
	}
	path = o.store.beside("keys.json")
	data, err = files.Keep(path, 0o600, makeKeys)
	return data, path, err
}

// makeKeys makes a key for each algorithm that some profile signs with, and of
// each type that clients encrypt to.
func makeKeys() ([]byte, error) {
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, err3 := ed25519.GenerateKey(rand.Reader)
	rsEnc, err4 := rsa.GenerateKey(rand.Reader, 2048)
	ecEnc, err5 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	return json.MarshalIndent(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		private(ec, profile.ES256, "sig"), private(rs, profile.PS256, "sig"), private(ed, profile.EdDSA, "sig"),
		private(rsEnc, profile.RSAOAEP256, "enc"), private(ecEnc, profile.ECDHES, "enc"),
	}}, "", "  ")
}

func private[Alg ~string](key any, alg Alg, use string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: string(alg) + "-" + rand.Text()[:8], Algorithm: string(alg), Use: use}
}

const secretBytes = 32

// loadSecret returns the secret behind codes and tokens. It stays out of the
// database: who reads that cannot make a token.
func loadSecret(o *options) ([]byte, error) { return keepSecret(o.store.beside("secret")) }

// loadSalt returns the secret behind the names that users have at each client;
// with another one everybody would be somebody else.
func loadSalt(o *options) ([]byte, error) {
	if o.profile.SubjectMode != profile.SubjectUser {
		return nil, nil
	}
	return keepSecret(o.store.beside("pairwise-salt"))
}

func keepSecret(path string) ([]byte, error) {
	data, err := files.Keep(path, 0o600, func() ([]byte, error) {
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
