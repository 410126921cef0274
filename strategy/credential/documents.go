package credential

import (
	"context"

	"github.com/meflso/fosite-meflso/strategy/did"
)

// Documents finds the keys of DIDs in their documents. It is safe for
// concurrent use.
type Documents struct{ Cache *did.Cache }

var _ Keys = Documents{}

// Keys implements Keys. The errors are those of did.Cache.
func (d Documents) Keys(ctx context.Context, party, kid string, r Relationship) ([]Key, error) {
	id, err := did.Parse(party)
	if err != nil {
		return nil, err
	}
	return d.Cache.Keys(ctx, id, did.Relationship(r), kid)
}
