package compose

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	fositecompose "github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Config is all that New needs. The first group has no default.
type Config struct {
	// Issuer is the issuer identifier, an https URL; endpoint URLs are built
	// from it and Paths.
	Issuer string
	// Profile is the set of rules to enforce, a preset or a changed copy.
	Profile profile.Profile
	// Fosite is the host's configuration; its GlobalSecret has 32 bytes or
	// more. It is copied and never written to. Secrets, hashers, catalogs,
	// templates and shorter lifetimes are kept, also for tokens that are bound
	// to a certificate; what the profile decides is set by the profile. Longer
	// lifetimes, and settings of PKCE, PAR, issuers, errors and strategies that
	// contradict the profile, are an error; TokenURL and MinParameterEntropy
	// are not looked at.
	Fosite *fosite.Config
	// Storage is the host's Fosite storage: fosite.Storage,
	// oauth2.CoreStorage and oauth2.TokenRevocationStorage in one value.
	Storage any
	// Keys are the server's signing keys.
	Keys key.Source
	// NewSession makes an empty session of the host's own type, a new one each
	// time.
	NewSession func() storage.Session

	// Records keeps intents and one-time values; nil means Storage, if it
	// implements storage.Records. Where both are one value that is also
	// transactional, each answer is one transaction.
	Records storage.Records
	// Clients tells a client's metadata; nil means the client's own
	// LSOMetadata method, else what fosite.OpenIDConnectClient tells. For a
	// client of another type every request is temporarily_unavailable.
	Clients storage.MetadataFunc
	// Certificates finds a client's certificate in its request; nil means the
	// TLS connection itself. Behind a proxy that ends TLS, it is one of the
	// sources of strategy/mtls that read a header. Set one even if the proxy
	// encrypts again and has a client certificate of its own: with nil that
	// one would be every client's.
	Certificates mtls.Source
	// ClientCAs are the authorities for tls_client_auth. With nil the provider
	// does not have that method, and discovery does not list it.
	ClientCAs *x509.CertPool
	// SigningCAs are the authorities for the certificates of clients' keys: the
	// x5c of a JWK that has one leads to one of them (MEF W128 R40). Nil means
	// that their dates alone are looked at. RequireCertificate refuses keys
	// without x5c; those in DID documents need none.
	SigningCAs         *x509.CertPool
	RequireCertificate bool
	// Tokens is the host's token format; nil means Fosite's HMAC tokens.
	Tokens oauth2.CoreStrategy
	// Factories are the host's own handlers, appended after the library's.
	Factories []fositecompose.Factory
	// AuthorizeClient decides whether a client may have an intent authorized
	// with these scopes; nil means that registration decides.
	AuthorizeClient authorization.Policy
	// UserInfo gives the host's claims for the UserInfo endpoint; nil: none.
	UserInfo func(context.Context, fosite.AccessRequester) (map[string]any, error)
	// ErrorPage shows errors that must not go to the client; nil means a
	// plain page.
	ErrorPage authorization.ErrorPage
	// PairwiseSalt makes the subjects where SubjectMode is user; 32 secret
	// bytes that are never rotated.
	PairwiseSalt []byte
	// Paths are the endpoints' paths below the issuer.
	Paths Paths
	// MTLSBase is where the same endpoints ask for a client certificate, an
	// https URL that stands in place of the issuer; discovery lists them as
	// mtls_endpoint_aliases (RFC 8705 §5). Empty means that the issuer's own
	// do.
	MTLSBase string
	// Scopes are listed in discovery beside those of the profile.
	Scopes []string
	// DIDs resolves the DIDs of clients, where the profile allows them; nil
	// means did:web, did:key and did:jwk.
	DIDs did.Resolver
	// Registration lets clients register themselves; with nil they cannot.
	Registration *Registration
	// Outbound configures the client that fetches what clients name: each
	// jwks_uri, did:web document and status list. Where it allows networks that
	// are not public, a did:web may also name a host without a dot.
	Outbound outbound.Config
	// Audit takes the security events; nil means slog's default logger.
	Audit audit.Sink
	// Clock and Rand are the library's time and randomness; nil means the
	// system's. Fosite's own handlers always use the system's.
	Clock func() time.Time
	Rand  io.Reader
}

// Paths are the paths of the endpoints; an empty one means its default.
type Paths struct {
	Authorize  string // /oauth2/auth; the route of the host's own mux
	Token      string // /oauth2/token; the same
	PAR        string // /oauth2/par
	Register   string // /oauth2/register, with what is below it
	Introspect string // /oauth2/introspect
	Revoke     string // /oauth2/revoke
	UserInfo   string // /userinfo
	JWKS       string // /oauth2/jwks
}

func (p Paths) filled() Paths {
	for _, f := range []struct {
		path *string
		or   string
	}{
		{&p.Authorize, "/oauth2/auth"}, {&p.Token, "/oauth2/token"}, {&p.PAR, "/oauth2/par"},
		{&p.Register, "/oauth2/register"}, {&p.Introspect, "/oauth2/introspect"},
		{&p.Revoke, "/oauth2/revoke"}, {&p.UserInfo, "/userinfo"}, {&p.JWKS, "/oauth2/jwks"},
	} {
		if *f.path == "" {
			*f.path = f.or
		}
	}
	return p
}

// check: a path without a slash in front would change the host in the URL.
func (p Paths) check() error {
	var errs []error
	seen := map[string]string{}
	for _, f := range []struct{ name, path string }{
		{"Authorize", p.Authorize}, {"Token", p.Token}, {"PAR", p.PAR}, {"Register", p.Register},
		{"Introspect", p.Introspect},
		{"Revoke", p.Revoke}, {"UserInfo", p.UserInfo}, {"JWKS", p.JWKS},
	} {
		u, err := url.Parse(f.path)
		if err != nil || !strings.HasPrefix(f.path, "/") || strings.HasPrefix(f.path, "//") || u.Path != f.path || strings.ContainsAny(f.path, " {}") || strings.HasPrefix(f.path, "/.well-known/") {
			errs = append(errs, fmt.Errorf("compose: Paths.%s is %q, which is no plain path that begins with a slash", f.name, f.path))
		}
		if other, ok := seen[f.path]; ok {
			errs = append(errs, fmt.Errorf("compose: Paths.%s is %q, as is Paths.%s", f.name, f.path, other))
		}
		seen[f.path] = f.name
	}
	return errors.Join(errs...)
}
