package registration

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

const (
	ruleRevoked     profile.Rule = "MEF-R8"
	ruleDeactivated profile.Rule = "MEF-R3"
)

// maxStanding bounds the clients that a Standing remembers.
const maxStanding = 10_000

// Standing tells whether a client still is who it was when it registered: the
// credential of its legal entity holds, and its DID was not given up. It
// remembers a good answer until the status of the credential is stale, and no
// other; so a client in good standing costs one read of its registration in
// that time, in each process. It is safe for concurrent use.
type Standing struct {
	config StandingConfig
	good   *lru.Cache[string, time.Time] // until when, by client
}

// StandingConfig configures a Standing. All fields but DIDs are required.
type StandingConfig struct {
	Profile *profile.Profile
	Clients storage.Registrar
	// Entities rechecks the credentials. With nil, as where the profile has
	// none, a client with a credential is refused.
	Entities *credential.Verifier
	// DIDs resolves the DIDs of clients; nil means that they have none.
	DIDs  did.Resolver
	Audit audit.Sink
	Clock func() time.Time
}

// NewStanding returns a Standing that knows of nobody yet.
func NewStanding(config StandingConfig) *Standing {
	good, err := lru.New[string, time.Time](maxStanding)
	if err != nil {
		panic(err) // of sizes below 1 alone
	}
	return &Standing{config: config, good: good}
}

// Check implements clientauth.Standing. A client whose credential was revoked
// is suspended for good: its codes and tokens are removed. Where only something
// that it rests on was revoked, such as a delegation, the client is refused and
// may come back with another presentation. Where the status cannot be had, it is
// refused as long as that lasts (MEF W128 R8).
func (s *Standing) Check(ctx context.Context, client fosite.Client) (err error) {
	id, now := client.GetID(), s.config.Clock()
	if until, ok := s.good.Get(id); ok && now.Before(until) {
		return nil
	}
	ctx, at := span.Start(ctx, "registration.Standing.Check")
	defer span.End(at, &err)
	if err := s.checkDID(ctx, id); err != nil {
		return err
	}
	until, err := s.checkEntity(ctx, id)
	if err != nil {
		return err
	}
	s.good.Add(id, until)
	return nil
}

// checkDID: who gave a DID up is not here any more, however he authenticates.
// Where the document cannot be had now, those who need its keys will say so.
func (s *Standing) checkDID(ctx context.Context, id string) error {
	if parsed, err := did.Parse(id); err == nil && s.config.DIDs != nil {
		_, err := s.config.DIDs.Resolve(ctx, parsed)
		if errors.Is(err, did.ErrDeactivated) || errors.Is(err, did.ErrNotFound) {
			return ruleDeactivated.InvalidClient("The client's DID was given up.").Because(err)
		}
	}
	return nil
}

// checkEntity returns until when its answer holds. A client that did not
// register itself is the operator's to judge.
func (s *Standing) checkEntity(ctx context.Context, id string) (until time.Time, err error) {
	until = s.config.Clock().Add(s.maxAge())
	r, err := s.config.Clients.GetRegistration(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return until, nil
	case err != nil:
		return until, profile.Unavailable(err)
	case r.Entity == nil && s.config.Profile.EntityCredential == profile.EntityRequired:
		return until, ruleEntity.InvalidClient("The client has shown no legal entity.")
	case r.Entity == nil:
		return until, nil
	case s.config.Entities == nil:
		return until, ruleEntity.InvalidClient("The client's entity credential cannot be verified here.")
	}
	b, err := s.config.Entities.Recheck(ctx, BindingOf(r.Entity))
	if errors.Is(err, credential.ErrRevoked) {
		s.suspend(ctx, r, err)
	}
	return b.NextCheck, err
}

// maxAge is that of the profile, or of its credentials' default where it has
// none.
func (s *Standing) maxAge() time.Duration {
	if age := s.config.Profile.TTL.StatusMaxAge; age > 0 {
		return age
	}
	return defaultMaxAge
}

const defaultMaxAge = 15 * time.Minute

// suspend makes a revocation last, also if the registry is gone tomorrow. Where
// that fails, the client is refused all the same, and its next request tries
// again; so where the registration was changed in between, perhaps by a client
// that has another credential now.
func (s *Standing) suspend(ctx context.Context, r *storage.Registration, cause error) {
	event := audit.Event{
		Time: s.config.Clock(), Action: audit.Registration, Outcome: audit.Granted, Rule: ruleRevoked,
		Client: r.Client.ID, Detail: "suspend", Cause: cause.Error(),
	}
	err := s.config.Clients.SuspendClient(context.WithoutCancel(ctx), r.Client.ID, r.Version)
	if errors.Is(err, storage.ErrConflict) {
		return
	}
	if err != nil {
		event.Outcome, event.Cause = audit.Failed, err.Error()
	}
	s.config.Audit.Record(ctx, event)
}
