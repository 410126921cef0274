package record

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// AssertionUnused returns nil if the jti of a client assertion was not used
// yet, else fosite.ErrJTIKnown. The answer may be old a moment later; what
// counts is UseAssertion.
func AssertionUnused(ctx context.Context, once storage.Once, jti string) error {
	_, err := once.GetOnce(ctx, assertionKey(jti))
	switch {
	case err == nil:
		return fosite.ErrJTIKnown
	case errors.Is(err, storage.ErrNotFound):
		return nil
	default:
		return err
	}
}

// UseAssertion marks the jti of a client assertion as used until exp: of
// concurrent callers one gets nil, the others fosite.ErrJTIKnown.
func UseAssertion(ctx context.Context, once storage.Once, jti string, exp time.Time) error {
	err := once.UseOnce(ctx, assertionKey(jti), exp)
	if errors.Is(err, storage.ErrUsed) {
		return fosite.ErrJTIKnown
	}
	return err
}

func assertionKey(jti string) string { return "client_assertion:" + Hash(jti) }
