package relyingparty

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Config is a client's registration with one Seller. ClientID, RedirectURI,
// Issuer, Signer and KeyID are required; every other zero value is safe.
type Config struct {
	// ClientID is the identifier that this Seller issued or accepted.
	ClientID string
	// RedirectURI is the registered one, https, used for this Seller alone.
	RedirectURI string
	// Issuer is the Seller's metadata, from Discover.
	Issuer *Metadata

	// Signer signs request objects and client assertions; it may live in an
	// HSM and must be safe for concurrent use. KeyID is its kid in the JWK Set
	// that the Seller knows. Alg is empty for the usual algorithm of its type:
	// ES256, ES384, ES512, PS256 or EdDSA.
	Signer crypto.Signer
	KeyID  string
	Alg    profile.Alg

	// IDTokenAlg is the registered id_token_signed_response_alg, the only one
	// accepted; empty means ES256. EdDSA and Ed25519 are one.
	IDTokenAlg profile.Alg
	// IntentClaim is the claim that carries the intent id; empty means
	// meflso_intent_id.
	IntentClaim string
	// ACRValues are the authentication context classes that are good enough
	// where a request does not insist on others; nil means any, though acr
	// must be there.
	ACRValues []string
	// EdDSAHash is the digest behind the hashes of an ID Token signed with
	// EdDSA; empty means SHA-512.
	EdDSAHash profile.Hash

	// HTTP carries every request; nil means a client with the system's roots.
	// Give it a client certificate where the Seller binds tokens to one. It is
	// copied: redirects are never followed, and without a Timeout of its own
	// each request gets 10 s.
	HTTP *http.Client
	// MTLS sends token requests to the alias of mtls_endpoint_aliases, if the
	// Seller has one (RFC 8705 §5).
	MTLS bool
	// Spent remembers the logins that were finished; nil means this process's
	// memory. A Buyer with several processes gives it their common store.
	Spent Once
	// Skew is how far the clocks of the parties may differ; 0 means 30 s.
	Skew time.Duration
	// Clock and Rand are the time and the source of identifiers; nil means
	// the system's.
	Clock func() time.Time
	Rand  io.Reader
}

// Once is a memory of what may be used once; storage.Once is one. It must be
// safe for concurrent use.
type Once interface {
	// UseOnce fails if the key was used before, and remembers it until then.
	UseOnce(ctx context.Context, key string, until time.Time) error
}

const (
	defaultSkew = 30 * time.Second
	minRSABits  = 2048 // FAPI 1.0 Baseline §5.2.4-3
)

// Client is a Buyer's client at one Seller. It is safe for concurrent use.
type Client struct {
	config Config
	signer *jose.Signer
	http   *transport
	keys   key.Resolver
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
	if err := errors.Join(append(config.check(), c.signer.Check(minRSABits))...); err != nil {
		return nil, fmt.Errorf("relyingparty: %w", err)
	}
	c.keys = key.NewClientKeys(key.ClientKeysConfig{Outbound: c.http, Clock: config.Clock, MaxSets: 1})
	c.jwks = &storage.ClientMetadata{JWKSURI: config.Issuer.JWKSURI}
	return c, nil
}

func (c Config) filled() Config {
	if c.Alg == "" && c.Signer != nil {
		c.Alg = key.UsualAlg(c.Signer.Public())
	}
	if c.IDTokenAlg == "" {
		c.IDTokenAlg = profile.ES256
	}
	if c.IntentClaim == "" {
		c.IntentClaim = "meflso_intent_id"
	}
	if c.EdDSAHash == "" {
		c.EdDSAHash = profile.SHA512
	}
	if c.Skew <= 0 {
		c.Skew = defaultSkew
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Spent == nil {
		c.Spent = &memory{clock: c.Clock}
	}
	return c
}

// idTokenAlgs are what the JOSE gate verifies; none and HMAC are not among
// them (FAPI 1.0 Advanced §5.2.3.1-2).
var idTokenAlgs = []profile.Alg{
	profile.ES256, profile.ES384, profile.ES512, profile.PS256, profile.PS384, profile.PS512,
	profile.RS256, profile.EdDSA, profile.Ed25519,
}

func (c *Config) check() []error {
	var errs []error
	wrong := func(broken bool, text string) {
		if broken {
			errs = append(errs, errors.New(text))
		}
	}
	wrong(c.ClientID == "", "ClientID is empty")
	wrong(!isHTTPS(c.RedirectURI), "RedirectURI is no https URL without fragment")
	wrong(!slices.Contains(idTokenAlgs, c.IDTokenAlg), "IDTokenAlg is no signature algorithm of a private key")
	wrong(c.EdDSAHash != profile.SHA512 && c.EdDSAHash != profile.SHA3256, "EdDSAHash is unknown")
	if c.Issuer == nil {
		return append(errs, errors.New("the Issuer is nil"))
	}
	return append(errs, c.Issuer.check(c.Issuer.Issuer))
}

func isHTTPS(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// identifier returns 256 random bits, base64url.
func (c *Client) identifier() (string, error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(c.config.Rand, random); err != nil {
		return "", fmt.Errorf("relyingparty: no randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(random), nil
}
