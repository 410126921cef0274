package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Registration lets clients register themselves (RFC 7591, RFC 7592). What the
// profile says of clients holds for them.
type Registration struct {
	// Clients keeps them; nil means Storage, if it implements
	// storage.Registrar.
	Clients storage.Registrar
	// Directories are the issuers whose software statements are accepted, by
	// their iss: DIDs, and others whose keys are in IssuerKeys.
	Directories []string
	// StatementOptional also takes clients without a software statement. Then
	// Admit must decide who may register, or the profile's EntityCredential
	// must be required.
	StatementOptional bool
	// Credentials is the policy for the credentials of legal entities, where
	// the profile has them. Its Anchors are issuers as above. MaxChain,
	// StatusOptional and StatusMaxAge are the profile's and must be zero. Nil
	// functions mean: nobody issues his own credential; a holder is onboarded
	// if he is a client of the trust domain in good standing; an identifier is
	// remembered for a year.
	Credentials credential.Policy
	// StatusDelegates are other issuers who sign the status lists of an issuer,
	// by that issuer.
	StatusDelegates map[string][]string
	// IssuerKeys are the JWK Sets of issuers that are no DIDs.
	IssuerKeys map[string]credential.KeySet
	// Admit decides about a registration before anything is read of it, by the
	// initial access token or the client certificate; nil admits everybody whom
	// the rest lets in.
	Admit func(ctx context.Context, r *http.Request, initialAccessToken string) error
	// Requirements is the server's own policy for clients (MEF W128 §7.3,
	// step 1). It is asked last, also of a registration that then turns out to be
	// there already; nil has none.
	Requirements func(ctx context.Context, r *storage.Registration) error
	// ServiceTypes are the types of a DID document's services that may be a
	// redirect URI, at registration and at each authorization; none means any.
	ServiceTypes []string
}

// checkRegistration: registration is closed unless something guards it.
func (c *Config) checkRegistration() error {
	r := c.Registration
	if r == nil {
		return nil
	}
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("compose: Registration."+format, args...))
		}
	}
	check(r.Clients != nil, "Clients is nil and Storage does not implement storage.Registrar")
	check(!r.StatementOptional || r.Admit != nil || c.Profile.EntityCredential == profile.EntityRequired,
		"StatementOptional without Admit would let anybody register; give Admit, or let the profile's EntityCredential be required")
	check(r.StatementOptional || len(r.Directories) > 0, "Directories is empty, so that no software statement would be accepted")
	check(r.Credentials.MaxChain == 0 && !r.Credentials.StatusOptional && r.Credentials.StatusMaxAge == 0,
		"Credentials has MaxChain, StatusOptional or StatusMaxAge; they are the profile's MaxCredentialChain, RequireCredentialStatus and TTL.StatusMaxAge")
	check(c.hasEntities() || len(r.Credentials.Anchors) == 0, "Credentials has Anchors, but the profile's EntityCredential is off")
	check(c.Profile.EntityCredential != profile.EntityRequired || len(r.Credentials.Anchors) > 0 || r.Credentials.AcceptSelfIssued != nil,
		"Credentials has no Anchors, but the profile's EntityCredential is required")
	for _, issuer := range slices.Concat(r.Directories, r.Credentials.Anchors) {
		_, known := r.IssuerKeys[issuer]
		check(known != strings.HasPrefix(issuer, "did:"), "IssuerKeys must have the keys of %q, unless it is a DID", issuer)
	}
	return errors.Join(errs...)
}

func (c *Config) hasEntities() bool { return c.Profile.EntityCredential != profile.EntityOff }

// registrations are the parts that registration is made of.
type registrations struct {
	endpoint *registration.Endpoint
	standing *registration.Standing
}

// check is nil where nobody registered himself.
func (r *registrations) check() clientauth.Standing {
	if r == nil {
		return nil
	}
	return r.standing.Check
}

// fillRegistration makes the provider's own copy.
func (c *Config) fillRegistration() {
	if c.Registration == nil {
		return
	}
	own := *c.Registration
	if own.Clients == nil {
		own.Clients, _ = c.Storage.(storage.Registrar)
	}
	c.Registration = &own
}

func (c *Config) serviceTypes() []string {
	if c.Registration == nil {
		return nil
	}
	return c.Registration.ServiceTypes
}

// registrations returns nil where clients do not register themselves. The
// documents are those of issuers too, where clients have none.
func (c *Config) registrations(ring *key.Ring, documents *did.Cache, run atomic.Run) (*registrations, error) {
	r := c.Registration
	if r == nil {
		return nil, nil
	}
	keys, err := credential.NewKeySets(credential.KeySetsConfig{
		Sets: maps.Clone(r.IssuerKeys), Others: credential.Documents{Cache: documents}, Outbound: outbound.New(c.Outbound), Clock: c.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("compose: Registration.IssuerKeys: %w", err)
	}
	e := &registration.Endpoint{
		Profile: &c.Profile, Issuer: c.Issuer, URL: c.registerBase() + c.Paths.Register, Clients: r.Clients, Once: c.Records,
		Audit: c.Audit, Clock: c.Clock, Rand: c.Rand, Audiences: []string{c.Issuer + c.Paths.Register}, Admit: r.Admit, RequireStatement: !r.StatementOptional,
		Statements:      &credential.Statements{Profile: &c.Profile, Anchors: slices.Clone(r.Directories), Keys: keys, Clock: c.Clock},
		AllowDIDClients: c.Profile.AllowDIDClients, DIDs: documents, ServiceTypes: r.ServiceTypes, TLSClientAuth: c.ClientCAs != nil,
		Scopes: c.Scopes, SigningAlgs: ring.Algs, Requirements: r.Requirements,
		SigningCAs: c.SigningCAs, RequireCertificate: c.RequireCertificate, Outbound: outbound.New(c.Outbound), Atomic: run,
	}
	secret, err := c.secret("registration challenge")
	if err != nil {
		return nil, err
	}
	standing := registration.StandingConfig{Profile: &c.Profile, Clients: r.Clients, Audit: c.Audit, Clock: c.Clock}
	if c.hasEntities() {
		e.Challenges = &registration.Challenges{Secret: secret, Once: c.Records, Clock: c.Clock, Rand: c.Rand}
		e.Entities = c.entities(keys, documents, e.Challenges)
		standing.Entities = e.Entities
	}
	if c.Profile.AllowDIDClients {
		standing.DIDs = documents
	}
	made := &registrations{endpoint: e, standing: registration.NewStanding(standing)}
	e.Standing = made.check()
	if e.Entities != nil && e.Entities.Policy.Onboarded == nil {
		e.Entities.Policy.Onboarded = c.onboarded(made.check())
	}
	return made, nil
}

// registerBase is where clients register: they may have to show a certificate.
func (c *Config) registerBase() string {
	if c.MTLSBase != "" {
		return c.MTLSBase
	}
	return c.Issuer
}
