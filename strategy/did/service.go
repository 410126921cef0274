package did

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// service is what a service of a document says of itself (DID Core §5.4).
type service struct{ types, endpoints []string }

// HasServiceEndpoint reports whether the URI is an endpoint of a service in the
// document, byte for byte: alone, in a list, or as a member of a map. With
// types, the service must be of one of them.
func (d *Document) HasServiceEndpoint(uri string, types ...string) bool {
	if uri == "" {
		return false
	}
	return slices.ContainsFunc(d.services, func(s service) bool {
		return slices.Contains(s.endpoints, uri) && (len(types) == 0 || slices.ContainsFunc(types, s.is))
	})
}

func (s service) is(kind string) bool { return slices.Contains(s.types, kind) }

// parseServices skips a service that it does not understand. The error is
// ErrInvalid.
func parseServices(document jose.Object) ([]service, error) {
	entries, err := list(document, "service")
	if err != nil {
		return nil, err
	}
	var services []service
	for _, raw := range entries {
		object, err := jose.ParseObject(raw)
		if err != nil {
			continue
		}
		endpoints, err := endpointsOf(object)
		if err != nil {
			return nil, err
		}
		if types, err := object.Strings("type"); err == nil {
			services = append(services, service{types, endpoints})
		}
	}
	return services, nil
}

// endpointsOf takes a string, a map, or a list of both, which may be long if it
// has strings alone. The error is ErrInvalid.
func endpointsOf(service jose.Object) ([]string, error) {
	const name = "serviceEndpoint"
	if uris, err := service.Strings(name); err == nil {
		return uris, nil
	}
	if raw := service[name]; raw[0] != '[' {
		return endpointOf(raw), nil
	}
	items, err := list(service, name)
	if err != nil {
		return nil, err
	}
	var endpoints []string
	for _, item := range items {
		endpoints = append(endpoints, endpointOf(item)...)
	}
	return endpoints, nil
}

// endpointOf takes a string or a map, whose values are strings or lists of
// strings under names that nobody has fixed.
func endpointOf(raw json.RawMessage) []string {
	var uri string
	if json.Unmarshal(raw, &uri) == nil {
		return []string{uri}
	}
	object, err := jose.ParseObject(raw)
	if err != nil {
		return nil
	}
	var endpoints []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if uris, err := object.Strings(name); err == nil {
			endpoints = append(endpoints, uris...)
		}
	}
	return endpoints
}
