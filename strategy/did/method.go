package did

import (
	"encoding/json"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// methodReader collects the verification methods of one document.
type methodReader struct {
	id      DID
	methods map[string]*Key // by full id; nil for one that cannot be used
}

// keys returns the usable keys of a relationship, each an embedded method or a
// reference. An embedded method serves this relationship alone (DID Core §5.3):
// once it is read, its id is taken and leads nowhere.
func (r *methodReader) keys(relationship Relationship, entries []json.RawMessage) ([]Key, error) {
	var keys []Key
	var named []string
	for _, raw := range entries {
		key, err := r.entry(raw)
		if err != nil {
			return nil, err
		}
		if key == nil || slices.Contains(named, key.ID) {
			continue
		}
		named = append(named, key.ID)
		if fit, ok := fitFor(relationship, *key); ok {
			keys = append(keys, fit)
		}
	}
	return keys, nil
}

// entry returns nil for a method that cannot be used.
func (r *methodReader) entry(raw json.RawMessage) (*Key, error) {
	if raw[0] == '{' {
		key, err := r.add(raw)
		if key != nil {
			r.methods[key.ID] = nil
		}
		return key, err
	}
	var reference string
	if raw[0] != '"' || json.Unmarshal(raw, &reference) != nil {
		return nil, invalid("a relationship has an entry that is neither a reference nor a method")
	}
	url, err := r.id.URL(reference)
	if err != nil {
		return nil, nil //nolint:nilerr // a reference to elsewhere, in whatever form
	}
	return r.methods[url.String()], nil
}

// add reads one method and returns its key, nil if it cannot be used.
func (r *methodReader) add(raw json.RawMessage) (*Key, error) {
	method, err := jose.ParseObject(raw)
	if err != nil {
		return nil, invalid("a verification method is not an object")
	}
	if hasPrivate(method) {
		return nil, invalid("the document has a private key in it")
	}
	id, ok := r.idOf(method)
	if !ok {
		return nil, nil
	}
	if _, dup := r.methods[id]; dup || len(r.methods) == maxMethods {
		return nil, invalid("two verification methods have the same id, or there are more than 100")
	}
	r.methods[id] = r.read(method, id)
	return r.methods[id], nil
}

// idOf returns the full id if it is a fragment of the document's DID.
func (r *methodReader) idOf(method jose.Object) (string, bool) {
	text, err := method.String("id")
	if err != nil {
		return "", false
	}
	url, err := r.id.URL(text)
	return url.String(), err == nil && url.DID() == r.id && url.Path() == "" && url.Query() == "" && url.Fragment() != ""
}

// read returns the key of a method, nil if it cannot be used.
func (r *methodReader) read(method jose.Object, id string) *Key {
	controller, err := method.String("controller")
	if err != nil || controller != r.id.text || method.Has(memberJWK) == method.Has(memberMultibase) {
		return nil
	}
	kind, err := method.String("type")
	if err != nil {
		return nil
	}
	if key, ok := keyOf(kind, method, id); ok {
		return &key
	}
	return nil
}

// The members that a key may be in.
const (
	memberJWK       = "publicKeyJwk"
	memberMultibase = "publicKeyMultibase"
)

// keyOf reads the key in the form that the type of the method has.
func keyOf(kind string, method jose.Object, id string) (Key, bool) {
	switch kind {
	case "JsonWebKey", "JsonWebKey2020":
		jwk, err := jose.ParseObject(method[memberJWK])
		if err != nil {
			return Key{}, false
		}
		return parseJWK(jwk, id)
	case "Multikey", "Ed25519VerificationKey2020", "X25519KeyAgreementKey2020":
		text, err := method.String(memberMultibase)
		if err != nil {
			return Key{}, false
		}
		public, err := parseMultikey(text)
		if err != nil || !isOfSuite(kind, public) {
			return Key{}, false
		}
		return Key{ID: id, Public: public}, true
	}
	return Key{}, false
}

// hasPrivate reports whether the method gives a private key away. Its owner
// must notice, and so must everyone who trusted the others in the document.
func hasPrivate(method jose.Object) bool {
	for _, name := range []string{"privateKeyJwk", "privateKeyMultibase", "secretKeyMultibase", "privateKeyBase58"} {
		if method.Has(name) {
			return true
		}
	}
	jwk, err := jose.ParseObject(method[memberJWK])
	return err == nil && isPrivate(jwk)
}
