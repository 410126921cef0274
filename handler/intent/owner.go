package intent

import (
	"context"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Belongs reports whether the client may use the intent: it lodged it, or it
// acts for the client that did, who acted for nobody. In both cases the intent
// is of the client's trust domain (MEF W128 R58).
func Belongs(in *storage.Intent, client fosite.Client, metadata *storage.ClientMetadata) bool {
	own := in.ClientID == client.GetID()
	delegated := metadata.ActsFor != "" && in.ClientID == metadata.ActsFor && !in.Delegated
	return (own || delegated) && in.TrustDomain == metadata.Domain(client.GetID())
}

// MayUse is Belongs, where the client that another acts for may still act
// itself. The error is a *profile.Violation with temporarily_unavailable.
func (r *Register) MayUse(ctx context.Context, in *storage.Intent, client fosite.Client, metadata *storage.ClientMetadata) (bool, error) {
	if !Belongs(in, client, metadata) {
		return false, nil
	}
	if in.ClientID == client.GetID() || r.Standing == nil {
		return true, nil
	}
	stands, err := r.Standing(ctx, in.ClientID)
	if err != nil {
		return false, profile.Unavailable(err)
	}
	return stands, nil
}
