package relyingparty

import (
	"context"
	"errors"
	"fmt"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Encryption is a registered encryption; the zero value is none.
type Encryption struct {
	Alg profile.KeyEncAlg
	// Enc may be empty where Alg is not: it then is A128CBC-HS256 (OpenID
	// Connect Registration §2, JARM §3).
	Enc profile.ContentEncAlg
}

func (e Encryption) enc() string {
	if e.Enc == "" {
		return string(profile.A128CBCHS256)
	}
	return string(e.Enc)
}

func (e Encryption) isOf(p *profile.Profile) bool {
	return p.AcceptsKeyEnc(string(e.Alg)) && p.AcceptsContentEnc(e.enc())
}

// checkEncryption: New refuses what no answer could ever pass.
func (c *Config) checkEncryption(wrong *complaints) {
	for name, e := range map[string]Encryption{
		"RequestEncryption": c.RequestEncryption, "IDTokenEncryption": c.IDTokenEncryption, "ResponseEncryption": c.ResponseEncryption,
	} {
		wrong.when(e.Alg == "" && e.Enc != "", "%s has an Enc without Alg", name)
		wrong.when(e.Alg != "" && !e.isOf(c.Profile), "%s is not one of %s", name, c.Profile.Name)
	}
}

// newDecrypters checks the client's own keys: each kid is there once, no key
// signs too, and there is one for each encryption that is registered.
func newDecrypters(c *Config) ([]*jose.Decrypter, error) {
	var all []*jose.Decrypter
	var wrong complaints
	algs := map[string]bool{}
	for i, k := range c.Decryption {
		d, err := jose.NewDecrypter(k.ID, string(k.Alg), k.Key, minRSABits)
		if err != nil {
			wrong.when(true, "Decryption[%d]: %w", i, err)
			continue
		}
		wrong.when(d.ID == c.KeyID || find(all, d.ID) != nil, "Decryption[%d]: its kid is there twice (FAPI-8.9-3)", i)
		wrong.when(c.Signer != nil && d.Is(c.Signer.Public()), "Decryption[%d]: the key signs too", i)
		all, algs[d.Alg] = append(all, d), true
	}
	for _, e := range []Encryption{c.IDTokenEncryption, c.ResponseEncryption} {
		wrong.when(e.Alg != "" && !algs[string(e.Alg)], "Decryption has no key for %s", e.Alg)
	}
	return all, errors.Join(wrong...)
}

func find(all []*jose.Decrypter, kid string) *jose.Decrypter {
	for _, d := range all {
		if d.ID == kid {
			return d
		}
	}
	return nil
}

// encrypt puts a request object into a JWE for the Seller (RFC 9101 §6.1).
func (c *Client) encrypt(ctx context.Context, object string) (string, error) {
	e := c.config.RequestEncryption
	if e.Alg == "" {
		return object, nil
	}
	to, err := c.keys.EncryptionKey(ctx, c.config.Issuer.Issuer, c.jwks, e.Alg, minRSABits)
	if errors.Is(err, key.ErrNoRecipient) {
		return "", fmt.Errorf("relyingparty: the Seller publishes no key for %s", e.Alg)
	}
	if err != nil {
		return "", fmt.Errorf("relyingparty: the Seller's keys cannot be had now: %w", err)
	}
	return jose.Encrypt(to, string(e.Alg), e.enc(), object, minRSABits)
}

const (
	maxSigned    = 16 << 10
	maxEncrypted = 32 << 10
)

// open returns the JWS of a JWT. Where encryption is registered a JWT in the
// clear is refused, and an encrypted one where it is not.
func (c *Client) open(a *answer) (*jose.Signed, error) {
	if a.expected.encryption.Alg == "" {
		return jose.ParseSigned(a.raw, maxSigned)
	}
	e, err := jose.ParseEncrypted(a.raw, maxEncrypted)
	if e != nil && (e.Alg != string(a.expected.encryption.Alg) || e.Enc != "" && e.Enc != a.expected.encryption.enc()) {
		err = errors.New("it has another alg or enc than the registered ones")
	}
	if err != nil {
		return nil, a.refuse(ReasonEncryption, a.expected.encrypted, " is not encrypted as it was registered").because(err)
	}
	signed, err := e.Decrypt(find(c.decrypters, e.Kid))
	if errors.Is(err, jose.ErrDecrypt) {
		return nil, a.refuse(ReasonEncryption, a.expected.encrypted, " is encrypted to no key of this client").because(err)
	}
	return signed, err
}
