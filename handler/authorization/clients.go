package authorization

import (
	"context"

	"github.com/ory/fosite"
)

// ReadOnce returns the host's client manager as Fosite's parser sees it: the
// client that the intake has read already is not read again.
func ReadOnce(clients fosite.ClientManager) fosite.ClientManager { return readOnce{clients} }

type readOnce struct{ fosite.ClientManager }

type clientKey struct{}

// GetClient returns the client of the request that is being judged, if it is
// the one, else the host's.
func (r readOnce) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if client, ok := ctx.Value(clientKey{}).(fosite.Client); ok && client.GetID() == id {
		return client, nil
	}
	return r.ClientManager.GetClient(ctx, id)
}
