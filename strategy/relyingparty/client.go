package relyingparty

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Client is a Buyer's client at one Seller. It is safe for concurrent use.
type Client struct {
	config     Config
	signer     *jose.Signer
	decrypters []*jose.Decrypter
	http       *transport
	keys       *key.ClientKeys
	// jwks names the issuer's key set to keys.
	jwks *storage.ClientMetadata
}

// New checks the config and returns a Client, or an error that lists
// everything that is wrong. It makes no request.
func New(config Config) (*Client, error) {
	config = config.filled()
	c := &Client{
		config: config,
		signer: &jose.Signer{ID: config.KeyID, Alg: string(config.Alg), Key: config.Signer, Random: config.Rand},
		http:   newTransport(config.HTTP),
	}
	var undecided error
	c.decrypters, undecided = newDecrypters(&config)
	if err := errors.Join(config.check(), c.signer.Check(minRSABits), undecided); err != nil {
		return nil, fmt.Errorf("relyingparty: %w", err)
	}
	c.keys = key.NewClientKeys(key.ClientKeysConfig{Outbound: c.http, Clock: config.Clock, MaxSets: 1})
	c.jwks = &storage.ClientMetadata{JWKSURI: config.Issuer.JWKSURI}
	return c, nil
}

// identifier returns 256 random bits, base64url.
func (c *Client) identifier() (string, error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(c.config.Rand, random); err != nil {
		return "", fmt.Errorf("relyingparty: no randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(random), nil
}

// identifiers fills each with an identifier.
func (c *Client) identifiers(each ...*string) (err error) {
	for _, id := range each {
		if *id, err = c.identifier(); err != nil {
			return err
		}
	}
	return nil
}

// eddsaHash is the digest behind the hashes of an ID Token signed with EdDSA.
func (c *Client) eddsaHash() profile.Hash {
	if c.config.Profile.EdDSAHash == "" {
		return profile.SHA512
	}
	return c.config.Profile.EdDSAHash
}
