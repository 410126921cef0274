package registry

import (
	"cmp"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/strategy/credential"
)

// Config configures a Registry. The first group is required.
type Config struct {
	// Base is the https URL of the public side: a host, perhaps with a port, and
	// no path.
	Base string
	// Store is the path of the file that keeps the key and the credentials; it
	// is made if it is not there. One process at a time may use it.
	Store string

	// StatementLife and CredentialLife are how long statements and credentials
	// are valid; 0 means a day, and a year.
	StatementLife, CredentialLife time.Duration
	// StatusLife is how long a status list is valid and may be kept, at least a
	// second; 0 means a minute. A revocation is seen everywhere by then.
	StatusLife time.Duration
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

// Registry is a registry. It is safe for concurrent use.
type Registry struct {
	config Config
	issuer *credential.Issuer
	public http.Handler

	mu    sync.RWMutex
	state state
}

// New opens the registry of the file. The error tells what is wrong with the
// configuration, or that the file cannot be used, or is that of another Base.
func New(c Config) (*Registry, error) {
	id, err := didweb.Of(c.Base)
	if err != nil {
		return nil, err
	}
	c.StatementLife = cmp.Or(c.StatementLife, 24*time.Hour)
	c.CredentialLife = cmp.Or(c.CredentialLife, 365*24*time.Hour)
	c.StatusLife = cmp.Or(c.StatusLife, time.Minute)
	if c.StatementLife < 0 || c.CredentialLife < 0 || c.StatusLife < time.Second {
		return nil, errors.New("registry: a life is negative, or that of status lists is below a second")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	r := &Registry{config: c}
	if r.state, err = open(c.Store, c.Base); err != nil {
		return nil, err
	}
	r.issuer = &credential.Issuer{ID: id, Kid: id + "#key-1", Alg: "ES256", Key: r.state.Key}
	r.public, err = r.routes()
	return r, err
}

// DID returns the issuer of everything that the registry signs.
func (r *Registry) DID() string { return r.issuer.ID }

// Statement signs a software statement: the claims with iss, iat, exp and jti,
// which are not the caller's to choose. The error is an InputError, or one of
// the signature.
func (r *Registry) Statement(claims map[string]any) (string, error) {
	if err := checkStatement(claims); err != nil {
		return "", err
	}
	now, all := r.config.Clock(), maps.Clone(claims)
	all["iat"], all["exp"], all["jti"] = now.Unix(), now.Add(r.config.StatementLife).Unix(), rand.Text()
	return r.issuer.Statement(all)
}

// Credential issues an entity credential and returns its id, where everybody
// can fetch it, and the credential as a JWT. The error is an InputError,
// ErrFull, or one of the file.
func (r *Registry) Credential(e Entity) (id, token string, err error) {
	if err := e.check(); err != nil {
		return "", "", err
	}
	name := rand.Text()
	id = r.credentials() + name
	err = r.change(func(s *state) error {
		index, err := s.freeIndex()
		if err != nil {
			return err
		}
		token, err = r.issuer.Credential(r.credential(id, e, index))
		s.Credentials[name] = entry{Token: token, Index: index}
		return err
	})
	if err != nil {
		return "", "", err
	}
	return id, token, nil
}

func (r *Registry) credential(id string, e Entity, index uint64) credential.Credential {
	now := r.config.Clock()
	c := credential.Credential{
		ID: id, Subject: e.Subject, Claims: map[string]any{"legalName": e.LegalName, "lei": e.LEI},
		From: now, Until: now.Add(r.config.CredentialLife),
	}
	for name, value := range map[string]string{"trustDomain": e.TrustDomain, "mefId": e.MEFID} {
		if value != "" {
			c.Claims[name] = value
		}
	}
	for _, number := range slices.Sorted(maps.Keys(lists)) {
		c.Status = append(c.Status, credential.StatusEntry{
			Type: credential.BitstringStatusList, Purpose: lists[number], List: r.list(number), Index: index,
		})
	}
	return c
}

// Errors of the Registry beside InputError.
var (
	// ErrUnknown: there is no such credential or status list.
	ErrUnknown = errors.New("registry: no such thing here")
	// ErrRevoked: a revocation is for good.
	ErrRevoked = errors.New("registry: the credential is revoked, for good")
	// ErrFull: the status lists have no room for another credential.
	ErrFull = errors.New("registry: the status lists are full")
)

// Revoke ends a credential for good. It takes the credential's id, as do
// Suspend and Reinstate, or what follows the last slash in it. Their error is
// ErrUnknown, ErrRevoked, or one of the file, upon which nothing has changed.
func (r *Registry) Revoke(id string) error {
	return r.mark(id, func(e *entry) error { e.Revoked = true; return nil })
}

// Suspend ends a credential until Reinstate.
func (r *Registry) Suspend(id string) error { return r.suspend(id, true) }

// Reinstate takes back what Suspend did.
func (r *Registry) Reinstate(id string) error { return r.suspend(id, false) }

func (r *Registry) suspend(id string, on bool) error {
	return r.mark(id, func(e *entry) error {
		if e.Revoked {
			return ErrRevoked
		}
		e.Suspended = on
		return nil
	})
}

func (r *Registry) mark(id string, do func(*entry) error) error {
	return r.change(func(s *state) error {
		name := strings.TrimPrefix(id, r.credentials())
		e, known := s.Credentials[name]
		if !known {
			return ErrUnknown
		}
		err := do(&e)
		s.Credentials[name] = e
		return err
	})
}

func (r *Registry) credentials() string { return r.config.Base + "/credentials/" }

func (r *Registry) list(number string) string { return r.config.Base + "/status/" + number }

// lists are the status lists by their number. A credential has the same index
// in both.
var lists = map[string]credential.StatusPurpose{"1": credential.Revocation, "2": credential.Suspension}

// StatusList signs the status list with that number as it is now. The error is
// ErrUnknown, or one of the signature.
func (r *Registry) StatusList(number string) (string, error) {
	purpose, known := lists[number]
	if !known {
		return "", ErrUnknown
	}
	bits := credential.NewBits(0)
	if err := r.read(func(s *state) error { return s.fill(bits, purpose) }); err != nil {
		return "", err
	}
	now, life := r.config.Clock(), r.config.StatusLife
	// It ends when its successor is due, so that nobody can show the old one.
	return r.issuer.StatusList(credential.List{
		URL: r.list(number), Purpose: purpose, Bits: bits, From: now, Until: now.Add(life), TTL: life,
	})
}
