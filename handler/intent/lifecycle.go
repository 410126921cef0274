package intent

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Authorize moves the intent to Authorized by this request, until its code
// expires.
// It is access_denied if the intent changed since it was read.
func (r *Register) Authorize(ctx context.Context, read *storage.Intent, requestID string, until time.Time) error {
	in := read.Clone()
	if !r.open(in) {
		return errClosed()
	}
	in.State, in.RequestID, in.AuthorizedUntil = storage.IntentAuthorized, requestID, until.UTC().Truncate(time.Microsecond)
	return r.take(ctx, read, in, "authorized", errClosed())
}

// Reject ends the intent because its user said no. An intent that is not open
// any more stays as it is.
func (r *Register) Reject(ctx context.Context, id string) error {
	in, err := r.Intents.GetIntent(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return errClosed().Because(err)
	}
	if err != nil {
		return profile.Unavailable(err)
	}
	if !r.open(in) {
		return nil
	}
	in.State = storage.IntentRejected
	return r.swap(ctx, in, "rejected", errClosed())
}

// Redeemable returns the intent if this request authorized it and its code
// was not redeemed yet; else invalid_grant.
func (r *Register) Redeemable(ctx context.Context, id, requestID string) (*storage.Intent, error) {
	in, err := r.held(ctx, id, requestID)
	if err != nil {
		return nil, err
	}
	if in.State != storage.IntentAuthorized || !in.ExchangedAt.IsZero() {
		return nil, errGrant()
	}
	return in, nil
}

// Refreshable returns the intent if this request authorized it, its code was
// redeemed, and its kind is repeated; else invalid_grant.
func (r *Register) Refreshable(ctx context.Context, id, requestID string) (*storage.Intent, error) {
	in, err := r.held(ctx, id, requestID)
	if err != nil {
		return nil, err
	}
	if in.State != storage.IntentAuthorized || in.ExchangedAt.IsZero() || in.Kind != storage.IntentRepeated {
		return nil, errGrant()
	}
	return in, nil
}

func errGrant() *profile.Violation {
	return ruleOnce.InvalidGrant("The intent behind the grant is not authorized any more.")
}

// held returns the unexpired intent that is in the hands of this request.
func (r *Register) held(ctx context.Context, id, requestID string) (*storage.Intent, error) {
	in, err := r.Intents.GetIntent(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, errGrant().Because(err)
	}
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	if in.RequestID != requestID || !r.now().Before(in.ExpiresAt) {
		return nil, errGrant()
	}
	return in, nil
}

// Exchange marks that the code of the intent was redeemed; from now on a
// repeated intent lives as long as its refresh token. It is invalid_grant if
// the intent changed since it was read, which is how the second of two
// redemptions is refused.
func (r *Register) Exchange(ctx context.Context, read *storage.Intent) error {
	in := read.Clone()
	in.ExchangedAt = r.now()
	if in.Kind == storage.IntentRepeated && r.Profile.RefreshTokens {
		in.ExpiresAt = in.ExchangedAt.Add(r.Profile.TTL.RefreshToken)
		bound(in)
	}
	return r.take(ctx, read, in, "exchanged", errGrant())
}

// Refresh marks that a refresh token of the intent was used: invalid_grant if
// the intent changed since it was read. Whoever revokes the intent at the same
// time either comes first, or waits and then sees the new tokens.
func (r *Register) Refresh(ctx context.Context, read *storage.Intent) error {
	return r.take(ctx, read, read.Clone(), "refreshed", errGrant())
}

// Usable returns the intent that a token of this client and request may act on:
// it is Authorized and redeemed, and where it is another client's, this one
// still acts for that. A consumed, revoked or expired one is access_denied. A nil
// client is one that is not known here.
func (r *Register) Usable(ctx context.Context, client fosite.Client, id, requestID string) (*storage.Intent, error) {
	in, err := r.held(ctx, id, requestID)
	if err != nil {
		var violation *profile.Violation
		if errors.As(err, &violation) && violation.OAuth.ErrorField == "invalid_grant" {
			return nil, errUnusable()
		}
		return nil, err
	}
	if in.State != storage.IntentAuthorized || in.ExchangedAt.IsZero() {
		return nil, errUnusable()
	}
	return in, r.stillDelegated(ctx, in, client)
}

// stillDelegated: a token may outlive the delegation by which it was got.
func (r *Register) stillDelegated(ctx context.Context, in *storage.Intent, client fosite.Client) error {
	if client == nil || in.ClientID == client.GetID() {
		return nil
	}
	metadata, err := r.Metadata(ctx, client)
	if err != nil {
		return profile.Unavailable(err)
	}
	may, err := r.MayUse(ctx, in, client, metadata)
	if err == nil && !may {
		err = ruleDomain.AccessDenied("The client does not act for that of the intent any more.")
	}
	return err
}

func errUnusable() *profile.Violation {
	return ruleOnce.AccessDenied("The token may not act on this intent any more.")
}

// Consume ends an intent of kind once because it was acted on; a repeated one
// stays Authorized. Of two calls at once one is access_denied. Call it in an
// atomic.Run that stores the outcome, or before executing it.
func (r *Register) Consume(ctx context.Context, id, requestID string) error {
	read, err := r.Usable(ctx, nil, id, requestID)
	if err != nil || read.Kind == storage.IntentRepeated {
		return err
	}
	in := read.Clone()
	in.State = storage.IntentConsumed
	return r.take(ctx, read, in, "consumed", errUnusable())
}

// Revoke withdraws the intent, unless it is final already, and in any case
// the tokens of its authorization. Where somebody changes the intent at the
// same time, it is read again.
func (r *Register) Revoke(ctx context.Context, id string) error {
	var conflict error
	for range 3 {
		in, err := r.Intents.GetIntent(ctx, id)
		if err != nil {
			return err
		}
		if conflict = r.withdraw(ctx, in); !errors.Is(conflict, storage.ErrConflict) {
			return errors.Join(conflict, r.revokeTokens(ctx, in.RequestID))
		}
	}
	return conflict
}

func (r *Register) withdraw(ctx context.Context, in *storage.Intent) error {
	if in.State != storage.IntentPending && in.State != storage.IntentAuthorized {
		return nil
	}
	revoked := in.Clone()
	revoked.State = storage.IntentRevoked
	return r.swap(ctx, revoked, "revoked", errClosed())
}

func (r *Register) revokeTokens(ctx context.Context, requestID string) error {
	if requestID == "" {
		return nil
	}
	return errors.Join(ignoreMissing(r.Tokens.RevokeRefreshToken(ctx, requestID)), ignoreMissing(r.Tokens.RevokeAccessToken(ctx, requestID)))
}

// take swaps, and swaps back if the answer that it is for fails.
func (r *Register) take(ctx context.Context, read, in *storage.Intent, change string, conflict *profile.Violation) error {
	if err := r.swap(ctx, in, change, conflict); err != nil {
		return err
	}
	atomic.OnFailure(ctx, func(ctx context.Context) error {
		before := read.Clone()
		before.Version = in.Version + 1
		return r.swap(ctx, before, change+", taken back", conflict)
	})
	return nil
}

func (r *Register) swap(ctx context.Context, in *storage.Intent, change string, conflict *profile.Violation) error {
	err := r.Intents.SwapIntent(ctx, in)
	switch {
	case errors.Is(err, storage.ErrConflict):
		err = conflict.Because(err)
	case err != nil:
		err = profile.Unavailable(err)
	}
	r.record(ctx, in, change, err)
	return err
}

// ignoreMissing: an authorization without tokens of one kind is revoked
// already.
func ignoreMissing(err error) error {
	if errors.Is(err, fosite.ErrNotFound) {
		return nil
	}
	return err
}
