package did

import (
	"context"
	"time"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// Resolver finds the document of a DID. It must be safe for concurrent use.
type Resolver interface {
	// Resolve returns the document of this DID and no other. The error wraps
	// ErrInvalid, ErrNotFound, ErrDeactivated or ErrMethod if that is the
	// answer; any other means that the document cannot be had now.
	Resolve(ctx context.Context, id DID) (*Document, error)
}

// Mux resolves each DID method, by its name, with the Resolver for it. It is
// safe for concurrent use while it does not change.
type Mux map[string]Resolver

// Resolve implements Resolver.
func (m Mux) Resolve(ctx context.Context, id DID) (*Document, error) {
	if resolver := m[id.Method()]; resolver != nil {
		return resolver.Resolve(ctx, id)
	}
	return nil, ErrMethod
}

// isComputed reports whether the resolver works the document of this DID out
// of the DID itself.
func isComputed(resolver Resolver, id DID) bool {
	switch r := resolver.(type) {
	case Mux:
		return isComputed(r[id.Method()], id)
	case KeyMethod, *KeyMethod, JWKMethod, *JWKMethod:
		return true
	}
	return false
}

// Getter fetches a document, as *outbound.Client does. It must be safe for
// concurrent use, bound the body, follow no redirect, and heed the context. An
// error of its that has a method StatusCode() int tells the HTTP status of the
// answer.
type Getter interface {
	Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error)
}

// parseFetched keeps how long the answer said that it is fresh.
func parseFetched(id DID, body []byte, maxAge time.Duration) (*Document, error) {
	doc, err := ParseDocument(id, body)
	if err != nil {
		return nil, err
	}
	doc.maxAge = maxAge
	return doc, nil
}
