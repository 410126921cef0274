package token

import (
	"context"
	"crypto/x509"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// found carries out of Fosite's handlers, and into them, what was found.
type found struct {
	issues    bool // the request is one of the token endpoint
	chain     []*x509.Certificate
	client    fosite.Client
	metadata  *storage.ClientMetadata
	intent    *storage.Intent
	code      fosite.Requester // the session of the code with this signature
	signature string
}

type foundKey struct{}

// foundIn returns what was found in this request; outside of one, nothing is
// kept.
func foundIn(ctx context.Context) *found {
	if f, ok := ctx.Value(foundKey{}).(*found); ok {
		return f
	}
	return &found{}
}
