package relyingparty

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

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
	// Profile is the Seller's: it says whether there are intents and in which
	// claim, whether every login has an acr, and how the headers for the API
	// are called. nil means profile.MEFLSO.
	Profile *profile.Profile

	// Signer signs request objects and client assertions; it may live in an
	// HSM and must be safe for concurrent use. KeyID is its kid in the JWK Set
	// that the Seller knows. Alg is empty for the usual algorithm of its type:
	// ES256, ES384, ES512, PS256 or EdDSA.
	Signer crypto.Signer
	KeyID  string
	Alg    profile.Alg
	// AuthMethod is the registered token_endpoint_auth_method:
	// private_key_jwt, which empty means, tls_client_auth or
	// self_signed_tls_client_auth.
	AuthMethod profile.AuthMethod

	// PAR pushes each request to the Seller instead of sending it through the
	// browser (RFC 9126).
	PAR bool
	// JARM asks for a code in a signed response (response_type code,
	// response_mode jwt) instead of one beside an ID Token (code id_token).
	JARM bool
	// RequestEncryption encrypts request objects to a key that the Seller
	// publishes; the zero value leaves them signed alone.
	RequestEncryption Encryption

	// IDTokenAlg is the registered id_token_signed_response_alg, the only one
	// accepted; empty means ES256. EdDSA and Ed25519 are one. ResponseAlg is
	// the authorization_signed_response_alg, for JARM, in the same way.
	IDTokenAlg, ResponseAlg profile.Alg
	// IDTokenEncryption and ResponseEncryption are the registered encryption
	// of ID Tokens and JARM responses, and Decryption has the keys for both.
	// What should be encrypted and is not ends the login, and so does the
	// other way round.
	IDTokenEncryption, ResponseEncryption Encryption
	Decryption                            []key.Decryption
	// ACRValues are the authentication context classes that are good enough
	// where a request does not insist on others; nil means any, and none if
	// the profile asks for none.
	ACRValues []string

	// HTTP carries every request; nil means a client with the system's roots.
	// Give it a client certificate where the Seller binds tokens to one. It is
	// copied: redirects are never followed, and without a Timeout of its own
	// each request gets 10 s.
	HTTP *http.Client
	// MTLS sends requests to the aliases of mtls_endpoint_aliases where the
	// Seller has them (RFC 8705 §5). HTTP must have the client certificate.
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

func (c Config) filled() Config {
	if c.Alg == "" && c.Signer != nil {
		c.Alg = key.UsualAlg(c.Signer.Public())
	}
	if c.Profile == nil {
		c.Profile = new(profile.MEFLSO())
	}
	c.Profile = new(c.Profile.Clone())
	for _, alg := range []*profile.Alg{&c.IDTokenAlg, &c.ResponseAlg} {
		if *alg == "" {
			*alg = profile.ES256
		}
	}
	if c.AuthMethod == "" {
		c.AuthMethod = profile.PrivateKeyJWT
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

// responseAlgs are what the JOSE gate verifies; none and HMAC are not among
// them (FAPI 1.0 Advanced §5.2.3.1-2).
var responseAlgs = []profile.Alg{
	profile.ES256, profile.ES384, profile.ES512, profile.PS256, profile.PS384, profile.PS512,
	profile.RS256, profile.EdDSA, profile.Ed25519,
}

// complaints collects what is wrong with a Config.
type complaints []error

func (c *complaints) when(broken bool, text string, args ...any) {
	if broken {
		*c = append(*c, fmt.Errorf(text, args...))
	}
}

func (c *Config) check() error {
	var wrong complaints
	wrong.when(c.ClientID == "", "ClientID is empty")
	wrong.when(!isHTTPS(c.RedirectURI), "RedirectURI is no https URL without fragment")
	wrong.when(!slices.Contains(responseAlgs, c.IDTokenAlg), "IDTokenAlg is no signature algorithm of a private key")
	wrong.when(!slices.Contains(responseAlgs, c.ResponseAlg), "ResponseAlg is no signature algorithm of a private key")
	c.checkProfile(&wrong)
	c.checkTLS(&wrong)
	c.checkEncryption(&wrong)
	if c.Issuer == nil {
		return errors.Join(append(wrong, errors.New("the Issuer is nil"))...)
	}
	wrong.when(c.PAR && c.Issuer.PAREndpoint == "", "PAR is wanted, but the Issuer has no pushed_authorization_request_endpoint")
	return errors.Join(append(wrong, c.Issuer.check(c.Issuer.Issuer))...)
}

// checkProfile: what a profile does not have a Seller of it does not answer.
func (c *Config) checkProfile(wrong *complaints) {
	p := c.Profile
	if err := p.Validate(); err != nil {
		*wrong = append(*wrong, err)
		return
	}
	wrong.when(c.PAR && !p.Delivers(profile.DeliverByPAR), "PAR is wanted, but %s has none", p.Name)
	wrong.when(!c.PAR && !p.Delivers(profile.DeliverByValue), "%s has no request objects by value: PAR must be true", p.Name)
	wrong.when(!slices.Contains(p.ResponseTypes, c.responseType()), "%s has no response type %q: see JARM", p.Name, c.responseType())
	wrong.when(c.JARM && c.responseMode() == "", "JARM is wanted, but %s has no response mode jwt or query.jwt", p.Name)
	wrong.when(c.JARM && hasQuery(c.RedirectURI), "RedirectURI has a query, in which JARM answers")
}

// checkTLS: a certificate authenticates only where one is presented.
func (c *Config) checkTLS(wrong *complaints) {
	known := []profile.AuthMethod{profile.PrivateKeyJWT, profile.TLSClientAuth, profile.SelfSignedTLSClientAuth}
	wrong.when(!slices.Contains(known, c.AuthMethod), "AuthMethod is none of %v", known)
	wrong.when(!c.Profile.AuthMethods(c.AuthMethod), "AuthMethod is none of %s", c.Profile.Name)
	wrong.when(c.presentsCertificate() && c.HTTP == nil, "MTLS and AuthMethod want a client certificate, so HTTP must be set")
}

func (c *Config) presentsCertificate() bool { return c.MTLS || c.AuthMethod != profile.PrivateKeyJWT }

func (c *Config) responseType() string {
	if c.JARM {
		return "code"
	}
	return "code id_token"
}

// responseMode is the one of JARM that answers a code in the query; where
// there is a choice it is the short name.
func (c *Config) responseMode() string {
	for _, mode := range []string{"jwt", "query.jwt"} {
		if c.JARM && slices.Contains(c.Profile.ResponseModes, mode) {
			return mode
		}
	}
	return ""
}

func isHTTPS(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

func hasQuery(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.RawQuery != "" || u.ForceQuery)
}
