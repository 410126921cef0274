package compose

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// entities verifies the presentations of legal entities.
func (c *Config) entities(keys credential.Keys, documents *did.Cache, challenges *registration.Challenges) *credential.Verifier {
	policy, r := c.Registration.Credentials, c.Registration
	policy.MaxChain, policy.StatusOptional = c.Profile.MaxCredentialChain, !c.Profile.RequireCredentialStatus
	policy.StatusMaxAge = c.Profile.TTL.StatusMaxAge
	if policy.Unique == nil {
		policy.Unique = c.firstSeen
	}
	if policy.Resolve == nil && c.Profile.ResolveCredentialID {
		policy.Resolve = c.leadsSomewhere(documents)
	}
	lists := c.Outbound
	lists.MaxBytes = max(lists.MaxBytes, credential.MaxList)
	return &credential.Verifier{
		Profile: &c.Profile, Audience: c.Issuer, Policy: policy, Keys: keys,
		Status: credential.NewStatusLists(credential.StatusConfig{
			Profile: &c.Profile, Keys: keys, Delegates: r.StatusDelegates, Outbound: outbound.New(lists), Clock: c.Clock,
		}),
		TakeNonce: challenges.Take, UseOnce: c.useOnce, Clock: c.Clock,
	}
}

// useOnce is a credential.Verifier's.
func (c *Config) useOnce(ctx context.Context, key string, until time.Time) (fresh bool, err error) {
	return atomic.UseOnce(ctx, c.Records, key, until)
}

// onboarded: the holder is a client that the server has in this trust domain
// (MEF W128 R10), and in good standing: who was revoked vouches for nobody. Of
// one that registered itself, only its credential's word on its domain counts.
func (c *Config) onboarded(standing clientauth.Standing) func(context.Context, string, string) (bool, error) {
	return func(ctx context.Context, holder, trustDomain string) (bool, error) {
		m, err := c.standingClient(ctx, standing, holder)
		if m == nil || m.TrustDomain != trustDomain || err != nil {
			return false, err
		}
		r, err := c.Registration.Clients.GetRegistration(ctx, holder)
		if errors.Is(err, storage.ErrNotFound) {
			return true, nil
		}
		return err == nil && r.Entity != nil && r.Entity.TrustDomain == trustDomain, err
	}
}

// stands tells whether the client of this identifier may act.
func (c *Config) stands(standing clientauth.Standing) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, clientID string) (bool, error) {
		m, err := c.standingClient(ctx, standing, clientID)
		return m != nil, err
	}
}

// standingClient returns the metadata of a client that may act, else nil.
func (c *Config) standingClient(ctx context.Context, standing clientauth.Standing, clientID string) (*storage.ClientMetadata, error) {
	client, err := c.Storage.(fosite.Storage).GetClient(ctx, clientID)
	if errors.Is(err, fosite.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := c.Clients(ctx, client)
	if err != nil || m.Suspended {
		return nil, err
	}
	err = standing.Check(ctx, client)
	if errors.Is(err, fosite.ErrInvalidClient) && !errors.Is(err, credential.ErrStatusUnavailable) {
		return nil, nil
	}
	return m, err
}

// identifierMemory is how long the identifier of a credential is remembered.
const identifierMemory = 365 * 24 * time.Hour

// firstSeen remembers which credential has an identifier (MEF W128 R7), whatever
// becomes of the registration. Only the issuer himself could have two of one
// identifier registered at the same moment.
func (c *Config) firstSeen(ctx context.Context, issuer, id, digest string) (bool, error) {
	key := "credential:" + audit.Hash(issuer+"\n"+id) // neither has a line break
	known, err := c.Records.GetOnce(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		if err := c.Records.PutOnce(ctx, key, []byte(digest), c.Clock().Add(identifierMemory)); err != nil {
			return false, err
		}
		known, err = c.Records.GetOnce(ctx, key) // of two, the last counts
	}
	return err == nil && string(known) == digest, err
}

// leadsSomewhere looks for a credential at its identifier (MEF W128 R7).
func (c *Config) leadsSomewhere(documents *did.Cache) func(context.Context, string) (bool, error) {
	client := outbound.New(c.Outbound)
	return func(ctx context.Context, id string) (bool, error) {
		var err error
		if strings.HasPrefix(id, "did:") {
			var reference did.URL
			if reference, err = did.ParseURL(id); err == nil {
				_, err = documents.Resolve(ctx, reference.DID())
			}
		} else {
			_, err = client.Get(ctx, id)
		}
		var status interface{ StatusCode() int }
		if did.IsFinal(err) || errors.As(err, &status) || errors.Is(err, outbound.ErrRefused) {
			return false, nil
		}
		return err == nil, err
	}
}
