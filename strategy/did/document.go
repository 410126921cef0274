package did

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

const (
	maxDocument = 64 << 10 // bytes
	maxMethods  = 100      // embedded ones included, and references of one relationship
)

// Relationship says what a key of a document is for (DID Core §5.3).
type Relationship string

// The relationships.
const (
	Authentication       Relationship = "authentication"  // client assertions, request objects, presentations
	AssertionMethod      Relationship = "assertionMethod" // payloads, credentials
	KeyAgreement         Relationship = "keyAgreement"    // what is encrypted to the party
	CapabilityInvocation Relationship = "capabilityInvocation"
	CapabilityDelegation Relationship = "capabilityDelegation"
)

var relationships = []Relationship{Authentication, AssertionMethod, KeyAgreement, CapabilityInvocation, CapabilityDelegation}

// Key is a public key of a document. Its ID is a DID URL, its Use what the
// relationship wants ("sig", or "enc" for keyAgreement), and its Alg the one
// that its JWK states or that its curve leaves for a signature. It is shared
// and must not be changed.
type Key = jose.Key

// Document is what a DID document says, as far as it is understood here. It
// does not change and is safe for concurrent use.
type Document struct {
	id       DID
	keys     map[Relationship][]Key
	services []service
	maxAge   time.Duration // that the answer stated, else 0
	size     int           // of its JSON in bytes, 0 if there was none
}

// ParseDocument reads the document of the DID: JSON of at most 64 KiB and 20
// levels, without duplicate members, with at most 100 verification methods, and
// 100 endpoints and types of all services together. The error is ErrDeactivated if the document says so, else ErrInvalid: if its
// id is not the DID, two methods share an id, or a private key is in it.
//
// A method does not count, and does not spoil the others, if its type or curve
// is unknown, its RSA modulus has less than 2048 bits, its id is not a fragment
// of the DID, or its controller is not the DID.
func ParseDocument(id DID, data []byte) (*Document, error) {
	if len(data) > maxDocument {
		return nil, invalid("the document is longer than 64 KiB")
	}
	object, err := jose.ParseObject(data)
	if err != nil {
		return nil, invalid("the document is not one JSON object without duplicate members")
	}
	if is, err := object.String("id"); err != nil || is != id.text || is == "" {
		return nil, invalid("the document has another id than the DID")
	}
	switch off, err := flag(object, "deactivated"); {
	case err != nil:
		return nil, err
	case off:
		return nil, ErrDeactivated
	}
	doc := &Document{id: id, keys: map[Relationship][]Key{}, size: len(data)}
	if err := doc.readKeys(object); err != nil {
		return nil, err
	}
	if doc.services, err = parseServices(object); err != nil {
		return nil, err
	}
	return doc, nil
}

func (d *Document) readKeys(object jose.Object) error {
	methods, err := list(object, "verificationMethod")
	if err != nil {
		return err
	}
	r := &methodReader{id: d.id, methods: map[string]*Key{}}
	for _, raw := range methods {
		if _, err := r.add(raw); err != nil {
			return err
		}
	}
	for _, relationship := range relationships {
		entries, err := list(object, string(relationship))
		if err != nil {
			return err
		}
		if d.keys[relationship], err = r.keys(relationship, entries); err != nil {
			return err
		}
	}
	return nil
}

// ID returns the DID that the document is about.
func (d *Document) ID() DID { return d.id }

// Keys returns the key of the relationship that a JOSE kid names, or nothing:
// the whole DID URL of the method or its fragment with the sign #. The key
// bears the kid as it was asked for, so that it verifies what names it so.
func (d *Document) Keys(r Relationship, kid string) []Key {
	full := kid
	if strings.HasPrefix(kid, "#") {
		full = d.id.text + kid
	}
	for _, key := range d.keys[r] {
		if key.ID == full {
			key.ID = kid
			return []Key{key}
		}
	}
	return nil
}

// AllKeys returns the keys of the relationship in the order of the document.
func (d *Document) AllKeys(r Relationship) []Key { return slices.Clone(d.keys[r]) }

// weight is no less than the memory that the document takes, in bytes: of its
// texts, and of each key in each of its relationships.
func (d *Document) weight() int64 {
	const ofKey = 256
	weight := d.size
	for _, keys := range d.keys {
		weight += ofKey * len(keys)
	}
	return int64(weight)
}

// list returns a member that is an array of bounded length, nothing if it is
// absent.
func list(object jose.Object, name string) ([]json.RawMessage, error) {
	raw, there := object[name]
	if !there {
		return nil, nil
	}
	var entries []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &entries) != nil || len(entries) > maxMethods {
		return nil, invalid(name + " is not an array of at most 100 entries")
	}
	return entries, nil
}

func flag(object jose.Object, name string) (bool, error) {
	switch string(object[name]) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, invalid(name + " is not a boolean")
}
