package registration

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"time"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// Endpoint is the client registration endpoint. It is safe for concurrent use
// once its fields are set, if its functions are. The first group is required.
type Endpoint struct {
	Profile *profile.Profile
	// Issuer is the server's issuer identifier, and URL where clients register;
	// a client manages its registration below that.
	Issuer, URL string
	Clients     storage.Registrar
	Once        storage.Once
	Audit       audit.Sink
	Clock       func() time.Time
	Rand        io.Reader

	// Audiences are what a signed body may be made out to, beside Issuer and
	// URL.
	Audiences []string
	// Standing is asked of a client that removes itself, so that one whose
	// credential was revoked leaves what is unique to it behind; nil asks nobody.
	Standing clientauth.Standing
	// Admit decides about a registration before anything is read of it, by the
	// initial access token (RFC 7591 §3, empty if there is none) or the client
	// certificate of the request; nil admits everybody. A *profile.Violation is
	// answered as it is, every other error is 401 invalid_token.
	Admit func(ctx context.Context, r *http.Request, initialAccessToken string) error
	// Statements verifies software statements; with nil none is accepted.
	// RequireStatement refuses a client without (MEF W128 §7.3, step 1).
	Statements       *credential.Statements
	RequireStatement bool
	// Entities verifies entity presentations, where the profile has them
	// (MEF W128 R4).
	Entities *credential.Verifier
	// Challenges gives out what presentations answer; its Take is to be the
	// TakeNonce of Entities. With nil there are none.
	Challenges *Challenges
	// AllowDIDClients takes a DID as client_id (MEF W128 D1, D4), whose document
	// DIDs finds. A DID is taken from a client that shows it is its own: by an
	// entity presentation or by its signature.
	AllowDIDClients bool
	DIDs            did.Resolver
	// ServiceTypes are the types of a DID document's services that may be a
	// redirect URI; none means any.
	ServiceTypes []string
	// TLSClientAuth takes clients of tls_client_auth: the server has
	// authorities for it.
	TLSClientAuth bool
	// SigningCAs and RequireCertificate are those of the key.ClientKeysConfig by
	// which clients' keys will be found: a client whose keys would be refused
	// there is not registered (MEF W128 R40).
	SigningCAs         *x509.CertPool
	RequireCertificate bool
	// Scopes are known beside those of the profile; GrantTypes are served
	// beside the profile's.
	Scopes, GrantTypes []string
	// SigningAlgs are the algorithms of the server's own keys; nil means all
	// that the profile accepts.
	SigningAlgs func() []string
	// Requirements is the server's own policy for clients that meet the
	// standards (MEF W128 §7.3, step 1). It is asked last and may complete the
	// registration. A *profile.Violation is answered as it is, such
	// as one with credential.CodeInvalid; every other error is
	// unapproved_software_statement.
	Requirements func(ctx context.Context, r *storage.Registration) error
	// Outbound fetches each jwks_uri; nil means outbound.New with the zero
	// Config.
	Outbound key.Getter
	// Atomic stores a registration together with what it uses up; nil does the
	// one after the other.
	Atomic atomic.Run
}

// Routes hangs the endpoint in at path, with {path}/challenge if there are
// Challenges, and {path}/{client_id}.
func (e *Endpoint) Routes(mux *http.ServeMux, path string) {
	mux.HandleFunc(path, e.Register)
	mux.HandleFunc(path+"/{client_id}", e.Manage)
	if e.Challenges != nil {
		mux.Handle(path+"/challenge", e.Challenges)
	}
}

// Register serves the registration of a new client (RFC 7591 §3).
func (e *Endpoint) Register(rw http.ResponseWriter, r *http.Request) {
	if !allowed(rw, r, http.MethodPost) {
		return
	}
	c, err := e.register(r)
	e.record(r.Context(), "register", c, err)
	if err != nil {
		writeError(rw, err)
		return
	}
	e.write(rw, http.StatusCreated, c)
}

// credentials is a registration with the token for it, which is not stored.
type credentials struct {
	*storage.Registration
	token string
	algs  []string // of the signatures that were believed
}

func (e *Endpoint) register(r *http.Request) (_ *credentials, err error) {
	ctx, s := span.Start(r.Context(), "registration.Endpoint.Register")
	defer span.End(s, &err)
	if err := e.admit(ctx, r); err != nil {
		return nil, err
	}
	d, err := e.read(r, nil)
	if err != nil {
		return nil, err
	}
	if err := d.judge(ctx); err != nil {
		return nil, err
	}
	token, err := random(e.Rand, 32)
	if err != nil {
		return nil, profile.ServerError("The server has no randomness.", err)
	}
	if d.reg.Client.ID == "" {
		id, err := random(e.Rand, 16)
		if err != nil {
			return nil, profile.ServerError("The server has no randomness.", err)
		}
		d.reg.Client.ID = "c-" + id
	}
	d.reg.TokenHash, d.reg.IssuedAt = audit.Hash(token), e.now()
	if err := d.store(ctx, e.Clients.CreateClient); err != nil {
		return nil, err
	}
	return &credentials{d.reg, token, d.algs}, nil
}

// now has the precision that the ports keep.
func (e *Endpoint) now() time.Time { return e.Clock().UTC().Truncate(time.Microsecond) }
