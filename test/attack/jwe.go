package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v3"
)

// encryption is the value of the change "encrypt".
type encryption struct {
	Alg string `json:"alg"`
	Enc string `json:"enc"`
	// Cty is written as it is; "" leaves it out.
	Cty string `json:"cty"`
	Zip bool   `json:"zip"`
	// To is "server" (the default), "stranger" (a key that the server does not
	// have, under a kid that it has), or "password".
	To string `json:"to"`
	// Kid replaces that of the key; "-" leaves it out.
	Kid string `json:"kid"`
	// Plain is encrypted instead of the token; Spaces that many spaces.
	Plain  string `json:"plain"`
	Spaces int    `json:"spaces"`
	// Header are further members.
	Header map[string]any `json:"header"`
}

// encrypt puts the token into a JWE, as well or as badly as the row says.
func (p *play) encrypt(token string, c Change) (string, error) {
	if c.Do != "encrypt" {
		return "", fmt.Errorf("%s: %q is unknown", c.On, c.Do)
	}
	value, err := p.value(c.Value)
	if err != nil {
		return "", err
	}
	e := encryption{To: "server"}
	if err := json.Unmarshal([]byte(encode(value)), &e); err != nil {
		return "", err
	}
	recipient, err := p.recipient(&e)
	if err != nil {
		return "", err
	}
	switch {
	case e.Plain != "":
		token = e.Plain
	case e.Spaces > 0:
		token = strings.Repeat(" ", e.Spaces)
	}
	return e.seal(recipient, token)
}

func (e *encryption) seal(to jose.Recipient, text string) (string, error) {
	options := &jose.EncrypterOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	if e.Cty != "" {
		options.ExtraHeaders["cty"] = e.Cty
	}
	if e.Zip {
		options.Compression = jose.DEFLATE
	}
	for name, value := range e.Header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(e.Enc), to, options)
	if err != nil {
		return "", fmt.Errorf("encrypting with %s and %s: %w", e.Alg, e.Enc, err)
	}
	sealed, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		return "", err
	}
	return sealed.CompactSerialize()
}

// recipient finds the key to encrypt to: of a kind that the algorithm needs,
// the server's where it has one. Symmetric ones are what an attacker knows.
func (p *play) recipient(e *encryption) (jose.Recipient, error) {
	r := jose.Recipient{Algorithm: jose.KeyAlgorithm(e.Alg), PBES2Count: 1000}
	own := p.target.encryptionKey(e.Alg)
	switch {
	case strings.HasPrefix(e.Alg, "PBES2"):
		r.Key = []byte("password")
	case e.Alg == "dir":
		r.Key = make([]byte, 32)
	case strings.HasPrefix(e.Alg, "A128"):
		r.Key = make([]byte, 16)
	case e.To == "stranger" || own == nil:
		key, err := p.target.foreignKey(e.Alg)
		if err != nil {
			return r, err
		}
		r.Key = key
	default:
		r.Key = own.Key
	}
	if own == nil { // so that the algorithm is what is wrong
		own = p.target.encryptionKey("RSA-OAEP-256")
	}
	if own != nil {
		r.KeyID = own.KeyID
	}
	switch e.Kid {
	case "":
	case "-":
		r.KeyID = ""
	default:
		r.KeyID = e.Kid
	}
	return r, nil
}

// foreignKey is a public key that the server does not have.
func (t *Target) foreignKey(alg string) (any, error) {
	if strings.HasPrefix(alg, "ECDH") {
		return t.stranger.key.Public(), nil
	}
	rsa, err := t.foreignRSA()
	if err != nil {
		return nil, err
	}
	return rsa.Public(), nil
}

// encryptionKey is the server's published key for the algorithm, else one of
// the kind that it needs.
func (t *Target) encryptionKey(alg string) (found *jose.JSONWebKey) {
	for i := range t.jwks.Keys {
		key := &t.jwks.Keys[i]
		if key.Use != "enc" {
			continue
		}
		_, ec := key.Key.(*ecdsa.PublicKey)
		if key.Algorithm == alg {
			return key
		}
		if ec == strings.HasPrefix(alg, "ECDH") {
			found = key
		}
	}
	return found
}
