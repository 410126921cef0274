package compose

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/ory/fosite"
	fositecompose "github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/handler/metadata"
	"github.com/meflso/fosite-meflso/handler/par"
	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/jarm"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// New checks the configuration and puts the provider together. The error names
// everything that is wrong, a line each.
func New(config Config) (*Provider, error) {
	c := config.filled()
	if err := c.check(); err != nil {
		return nil, err
	}
	ring, err := key.NewRing(context.Background(), c.Keys, &c.Profile, c.Clock)
	if err != nil {
		return nil, fmt.Errorf("compose: Keys: %w", err)
	}
	handles, err := c.secret("pending authorization")
	if err != nil {
		return nil, err
	}
	return assemble(c, ring, handles)
}

// secret derives a secret of 32 bytes for one use.
func (c *Config) secret(use string) ([]byte, error) {
	return hkdf.Key(sha256.New, c.Fosite.GlobalSecret, nil, "fosite-meflso "+use, sha256.Size)
}

// filled puts the defaults in. Profile becomes the provider's own copy.
func (c Config) filled() *Config {
	c.Paths, c.Profile = c.Paths.filled(), c.Profile.Clone()
	if c.Records == nil {
		c.Records, _ = c.Storage.(storage.Records)
	}
	if c.Clients == nil {
		c.Clients = defaultMetadata
	}
	c.Clients = never(c.Clients)
	c.fillMTLS()
	c.fillRegistration()
	if c.Audit == nil {
		c.Audit = audit.Slog(slog.Default())
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &c
}

// audiences are what a client assertion may be made out to: the issuer and the
// endpoints that take one, under both of their names. The token endpoint comes
// last.
func (c *Config) audiences() []string {
	audiences := []string{c.Issuer}
	for _, base := range []string{c.MTLSBase, c.Issuer} {
		if base == "" {
			continue
		}
		if c.Profile.Delivers(profile.DeliverByPAR) {
			audiences = append(audiences, base+c.Paths.PAR)
		}
		audiences = append(audiences, base+c.Paths.Introspect, base+c.Paths.Revoke, base+c.Paths.Token)
	}
	return audiences
}

// assemble makes the parts, from the ground up.
func assemble(c *Config, ring *key.Ring, handleSecret []byte) (*Provider, error) {
	documents := c.documents()
	run := atomic.New(c.Storage, c.Records)
	registered, err := c.registrations(ring, documents, run)
	if err != nil {
		return nil, err
	}
	standing := registered.check()
	ofClients := documents
	if !c.Profile.AllowDIDClients {
		ofClients = nil
	}
	resolver := key.NewClientKeys(key.ClientKeysConfig{Outbound: outbound.New(c.Outbound), Clock: c.Clock, Documents: ofClients, SigningCAs: c.SigningCAs, RequireCertificate: c.RequireCertificate})
	encrypter := &key.Encrypter{Profile: &c.Profile, Keys: resolver}
	clients := c.Storage.(fosite.Storage)
	set := newSettings(c.Fosite, c.Issuer, &c.Profile, c.audiences())
	certificate := c.certificate(resolver)
	auth := &token.ClientAuth{
		Clients: clients, Metadata: c.Clients, Profile: &c.Profile, Audit: c.Audit, Clock: c.Clock,
		Certificates: c.Certificates, Certificate: certificate, Secrets: set.ClientSecretsHasher, Standing: standing,
		Assertion: &clientauth.Assertion{Profile: &c.Profile, Audiences: set.tokenURLs, Keys: resolver, Once: c.Records, Clock: c.Clock},
	}
	set.ClientAuthenticationStrategy = auth.Authenticate
	if c.Tokens == nil {
		c.Tokens = fositecompose.NewOAuth2HMACStrategy(set)
	}
	idTokens := &idtoken.Strategy{Profile: &c.Profile, Issuer: c.Issuer, Keys: ring, Metadata: c.Clients, Encrypter: encrypter, Clock: c.Clock}
	intents := &intent.Register{
		Profile: &c.Profile, Intents: c.Records, Metadata: c.Clients, Tokens: c.Storage.(oauth2.TokenRevocationStorage),
		Standing: c.stands(standing), Audit: c.Audit, Clock: c.Clock, Rand: c.Rand,
	}
	inner := fosite.NewOAuth2Provider(authorization.ReadOnce(clients), set)
	authorize := &authorization.Endpoint{
		Profile: &c.Profile, Issuer: c.Issuer, Parser: inner, Clients: clients, Metadata: c.Clients,
		Documents: ofClients, ServiceTypes: c.serviceTypes(), Standing: standing, Verifier: &requestobject.Verifier{Profile: &c.Profile, Issuer: c.Issuer, Keys: resolver, Own: ring, Clock: c.Clock},
		Intents: intents, Once: c.Records, IDToken: idTokens, Keys: ring,
		JARM:   &jarm.Encoder{Profile: &c.Profile, Issuer: c.Issuer, Keys: ring, Encrypter: encrypter, Clock: c.Clock},
		Policy: c.AuthorizeClient, Atomic: run,
		Audit: c.Audit, Clock: c.Clock, Rand: c.Rand, HandleSecret: handleSecret, PairwiseSalt: c.PairwiseSalt, ErrorPage: c.ErrorPage,
	}
	p := &Provider{OAuth2Provider: inner, Intents: intents, Keys: ring, config: c, holder: c.holder(certificate), authorize: authorize, encrypter: encrypter, atomic: run, registered: registered}
	p.tokens = &token.Endpoint{Profile: &c.Profile, Inner: inner, Intents: intents, Once: c.Records, Tokens: c.Tokens, Encrypter: encrypter, Atomic: run, Certificates: c.Certificates, Audit: c.Audit, Clock: c.Clock}
	p.introspection = &token.Introspection{Profile: &c.Profile, Issuer: c.Issuer, Inner: inner, Authenticate: auth.Authenticate, Metadata: c.Clients, Standing: standing, Audit: c.Audit, Clock: c.Clock}
	p.pushed = &par.Endpoint{Authenticate: auth.Authenticate, Requests: authorize}
	p.revocation = &token.Revocation{Inner: inner, Audit: c.Audit, Clock: c.Clock}
	bind := &token.Bind{Profile: &c.Profile, Issuer: c.Issuer, Intents: intents, Metadata: c.Clients, Policy: c.AuthorizeClient, Certificate: certificate, Clock: c.Clock}
	if err := register(c, set, idTokens, authorize, bind); err != nil {
		return nil, err
	}
	return p, p.serve(metadata.Derive(&c.Profile, ring), ring)
}

// documents are those of clients, and of the issuers of what clients show when
// they register.
func (c *Config) documents() *did.Cache {
	resolver := c.DIDs
	if resolver == nil {
		web := did.WebMethod{Outbound: outbound.New(c.Outbound), LocalNames: len(c.Outbound.AllowPrefixes) > 0}
		resolver = did.Mux{"web": web, "key": did.KeyMethod{}, "jwk": did.JWKMethod{}}
	}
	return did.NewCache(did.CacheConfig{Resolver: resolver, Clock: c.Clock})
}

// register hangs the handlers into Fosite, in the one order that works: the
// guard before Fosite's, the host's after them, the finisher last; Bind sees
// the session that Fosite's grants found.
func register(c *Config, set *settings, idTokens *idtoken.Strategy, authorize *authorization.Endpoint, bind *token.Bind) error {
	strategy := &fositecompose.CommonStrategy{CoreStrategy: c.Tokens, OpenIDConnectTokenStrategy: idTokens, Signer: noSigner{}}
	h := &handlers{}
	h.add(&authorization.Guard{Endpoint: authorize})
	factories := []fositecompose.Factory{
		fositecompose.OAuth2AuthorizeExplicitFactory, fositecompose.OAuth2ClientCredentialsGrantFactory,
		fositecompose.OpenIDConnectExplicitFactory, fositecompose.OpenIDConnectHybridFactory,
		fositecompose.OAuth2TokenIntrospectionFactory, fositecompose.OAuth2TokenRevocationFactory,
	}
	if c.Profile.RefreshTokens {
		factories = append(factories, fositecompose.OAuth2RefreshTokenGrantFactory, fositecompose.OpenIDConnectRefreshFactory)
	}
	view := token.View(c.Storage)
	for _, factory := range factories {
		h.add(factory(set, view, strategy))
	}
	for _, factory := range c.Factories {
		h.add(factory(set, c.Storage, strategy))
	}
	h.add(bind)
	h.add(&authorization.Finisher{Endpoint: authorize})
	set.AuthorizeEndpointHandlers, set.TokenEndpointHandlers = h.authorize, h.token
	set.TokenIntrospectionHandlers, set.RevocationHandlers = h.introspect, h.revoke
	return errors.Join(h.errs...)
}

// handlers collects what the factories make. Fosite would drop the second of
// two handlers of one type in silence.
type handlers struct {
	authorize  fosite.AuthorizeEndpointHandlers
	token      fosite.TokenEndpointHandlers
	introspect fosite.TokenIntrospectionHandlers
	revoke     fosite.RevocationHandlers
	seen       []reflect.Type
	errs       []error
}

func (h *handlers) add(handler any) {
	t := reflect.TypeOf(handler)
	for _, other := range h.seen {
		if other == t {
			h.errs = append(h.errs, fmt.Errorf("compose: Factories: a second handler of type %v; the first one is there already", t))
			return
		}
	}
	h.seen = append(h.seen, t)
	served := false
	if a, ok := handler.(fosite.AuthorizeEndpointHandler); ok {
		h.authorize, served = append(h.authorize, a), true
	}
	if a, ok := handler.(fosite.TokenEndpointHandler); ok {
		h.token, served = append(h.token, a), true
	}
	if a, ok := handler.(fosite.TokenIntrospector); ok {
		h.introspect, served = append(h.introspect, a), true
	}
	if a, ok := handler.(fosite.RevocationHandler); ok {
		h.revoke, served = append(h.revoke, a), true
	}
	if !served {
		h.errs = append(h.errs, fmt.Errorf("compose: Factories: %T is no handler of an endpoint that the profile has", handler))
	}
}
