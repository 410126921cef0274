package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// defaultMetadata asks the client itself: its LSOMetadata method, else what an
// OpenID Connect client of Fosite's tells.
func defaultMetadata(_ context.Context, client fosite.Client) (*storage.ClientMetadata, error) {
	switch c := client.(type) {
	case interface {
		LSOMetadata() *storage.ClientMetadata
	}:
		return c.LSOMetadata(), nil
	case fosite.OpenIDConnectClient:
		return fromOpenID(c)
	}
	return nil, fmt.Errorf("compose: nothing tells the metadata of a %T; set Config.Clients", client)
}

func fromOpenID(c fosite.OpenIDConnectClient) (*storage.ClientMetadata, error) {
	m := &storage.ClientMetadata{
		JWKSURI:                     c.GetJSONWebKeysURI(),
		TokenEndpointAuthMethod:     c.GetTokenEndpointAuthMethod(),
		TokenEndpointAuthSigningAlg: c.GetTokenEndpointAuthSigningAlgorithm(),
		RequestObjectSigningAlg:     c.GetRequestObjectSigningAlgorithm(),
	}
	if set := c.GetJSONWebKeys(); set != nil {
		jwks, err := json.Marshal(set)
		if err != nil {
			return nil, err
		}
		m.JWKS = jwks
	}
	return m, nil
}

var errNoMetadata = errors.New("compose: Config.Clients returned no metadata and no error")

// never lets a host's function return nothing.
func never(clients storage.MetadataFunc) storage.MetadataFunc {
	return func(ctx context.Context, client fosite.Client) (*storage.ClientMetadata, error) {
		m, err := clients(ctx, client)
		if err == nil && m == nil {
			err = errNoMetadata
		}
		return m, err
	}
}
