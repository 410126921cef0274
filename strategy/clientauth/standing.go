package clientauth

import (
	"context"

	"github.com/ory/fosite"
)

// Standing tells whether a client that proved who it is may still act. It is
// called at every request and must be safe for concurrent use. The error is a
// *profile.Violation: invalid_client if the client may not, or
// temporarily_unavailable where that cannot be known. With nil, every client
// may.
type Standing func(ctx context.Context, client fosite.Client) error

// Check asks, if there is somebody to ask.
func (s Standing) Check(ctx context.Context, client fosite.Client) error {
	if s == nil {
		return nil
	}
	return s(ctx, client)
}
