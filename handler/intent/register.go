package intent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Revoker revokes the tokens of one authorization; Fosite's token storage is
// one.
type Revoker interface {
	RevokeAccessToken(ctx context.Context, requestID string) error
	RevokeRefreshToken(ctx context.Context, requestID string) error
}

// Register is the register of intents.
type Register struct {
	Profile  *profile.Profile
	Intents  storage.Intents
	Metadata storage.MetadataFunc
	Tokens   Revoker
	// Standing tells of the client of this identifier, for whom another acts,
	// whether it may act itself; nil means that it may.
	Standing func(ctx context.Context, clientID string) (bool, error)
	Audit    audit.Sink
	Clock    func() time.Time
	Rand     io.Reader
}

const (
	ruleOwner  profile.Rule = "MEF-R27"
	ruleDomain profile.Rule = "MEF-R58"
	ruleOnce   profile.Rule = "MEF-7.3-4"
)

// ErrDetails is a description of an intent that is no JSON object, or larger
// than 64 KiB.
var ErrDetails = errors.New("intent: details are not a JSON object of at most 64 KiB")

const maxDetails = 64 << 10

// Create lodges an intent of the client, Pending for the profile's
// TTL.Intent. The details are a JSON object for the consent page; its
// identifier has 256 random bits and is the value of the intent claim.
func (r *Register) Create(ctx context.Context, client fosite.Client, kind storage.IntentKind, details json.RawMessage) (*storage.Intent, error) {
	return r.CreateUntil(ctx, client, kind, details, time.Time{})
}

// CreateUntil is Create for an intent that ends at a time of its own, however
// long its authorization and its refresh tokens would live; zero means none.
func (r *Register) CreateUntil(ctx context.Context, client fosite.Client, kind storage.IntentKind, details json.RawMessage, end time.Time) (*storage.Intent, error) {
	if kind != storage.IntentOnce && kind != storage.IntentRepeated {
		return nil, fmt.Errorf("intent: unknown kind %q", kind)
	}
	var object map[string]json.RawMessage
	if len(details) > maxDetails || json.Unmarshal(details, &object) != nil || object == nil {
		return nil, ErrDetails
	}
	metadata, err := r.Metadata(ctx, client)
	if err != nil {
		return nil, err
	}
	id, err := r.newID()
	if err != nil {
		return nil, err
	}
	now := r.now()
	in := &storage.Intent{
		ID: id, ClientID: client.GetID(), TrustDomain: metadata.Domain(client.GetID()), Delegated: metadata.ActsFor != "",
		Kind: kind, Details: details, State: storage.IntentPending, CreatedAt: now,
		ExpiresAt: now.Add(r.Profile.TTL.Intent), EndsAt: end.UTC().Truncate(time.Microsecond),
	}
	bound(in)
	err = r.Intents.CreateIntent(ctx, in)
	r.record(ctx, in, "created", err)
	if err != nil {
		return nil, err
	}
	return in, nil
}

// bound holds an intent to its own end.
func bound(in *storage.Intent) {
	if !in.EndsAt.IsZero() && in.EndsAt.Before(in.ExpiresAt) {
		in.ExpiresAt = in.EndsAt
	}
}

func (r *Register) newID() (string, error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(r.Rand, random); err != nil {
		return "", err
	}
	return "urn:lso:intent:" + base64.RawURLEncoding.EncodeToString(random), nil
}

// now has the precision that the ports keep.
func (r *Register) now() time.Time { return r.Clock().UTC().Truncate(time.Microsecond) }

func (r *Register) record(ctx context.Context, in *storage.Intent, change string, err error) {
	audit.Judge(ctx, r.Audit, audit.Event{
		Time: r.Clock(), Action: audit.IntentChange, Client: in.ClientID, Intent: in.ID, Detail: change,
	}, err)
}

// Owned returns the client's own intent in whatever state, or one of the
// client that it acts for. An unknown intent, any other client's and one of
// another trust domain are all the same *profile.Violation, so that nobody
// learns which ids exist.
func (r *Register) Owned(ctx context.Context, client fosite.Client, id string) (*storage.Intent, error) {
	in, err := r.Intents.GetIntent(ctx, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, profile.Unavailable(err)
	}
	metadata, metaErr := r.Metadata(ctx, client)
	if metaErr != nil {
		return nil, profile.Unavailable(metaErr)
	}
	if err == nil {
		may, err := r.MayUse(ctx, in, client, metadata)
		if may || err != nil {
			return in, err
		}
	}
	return nil, ruleOwner.InvalidRequest("The intent is not one of this client.")
}

// Authorizable returns the intent of Owned if it can be authorized now: it is
// Pending, or Authorized with a code that expired unredeemed. All other states
// give one access_denied.
func (r *Register) Authorizable(ctx context.Context, client fosite.Client, id string) (*storage.Intent, error) {
	in, err := r.Owned(ctx, client, id)
	if err != nil {
		return nil, err
	}
	if !r.open(in) {
		return nil, errClosed()
	}
	return in, nil
}

func errClosed() *profile.Violation {
	return ruleOwner.AccessDenied("The intent cannot be authorized any more.")
}

func (r *Register) open(in *storage.Intent) bool {
	now := r.now()
	if !now.Before(in.ExpiresAt) {
		return false
	}
	lapsed := in.State == storage.IntentAuthorized && in.ExchangedAt.IsZero() && now.After(in.AuthorizedUntil)
	return in.State == storage.IntentPending || lapsed
}

// State is the intent's state as a client sees it: Expired where its time has
// passed, Pending where a code lapsed.
func (r *Register) State(in *storage.Intent) string {
	final := in.State == storage.IntentConsumed || in.State == storage.IntentRejected || in.State == storage.IntentRevoked
	switch {
	case final:
	case !r.now().Before(in.ExpiresAt):
		return "Expired"
	case r.open(in):
		return string(storage.IntentPending)
	}
	return string(in.State)
}
