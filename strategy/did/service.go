package did

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// maxEndpoints bounds the endpoints of all services of a document together, and
// their types alike.
const maxEndpoints = 100

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
// ErrInvalid, also if there are too many endpoints or types; an empty one is
// none.
func parseServices(document jose.Object) ([]service, error) {
	entries, err := list(document, "service")
	if err != nil {
		return nil, err
	}
	var services []service
	endpoints, types := 0, 0
	for _, raw := range entries {
		object, err := jose.ParseObject(raw)
		if err != nil {
			continue
		}
		s, err := parseService(object)
		if err != nil {
			return nil, err
		}
		services = append(services, s)
		endpoints, types = endpoints+len(s.endpoints), types+len(s.types)
		if endpoints > maxEndpoints || types > maxEndpoints {
			return nil, invalid("the services have more than 100 endpoints or types")
		}
	}
	return services, nil
}

// parseService returns one without endpoints if its types cannot be read.
func parseService(object jose.Object) (service, error) {
	endpoints, err := endpointsOf(object)
	if err != nil {
		return service{}, err
	}
	types, err := object.Strings("type")
	if err != nil {
		return service{}, nil //nolint:nilerr // it is not understood
	}
	return service{nonEmpty(types), nonEmpty(endpoints)}, nil
}

// nonEmpty returns a list of its own, as short as it can be, because documents
// are kept.
func nonEmpty(texts []string) []string {
	var some []string
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
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
