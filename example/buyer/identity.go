package buyer

import (
	"errors"
	"net/http"
	"strings"

	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
)

var errIdentity = errors.New("buyer: the two keys are not of one DID")

// DIDDocument answers with the document of the Buyer's did:web, which belongs
// at /.well-known/did.json of its host. The authentication key signs client
// assertions, request objects and presentations; the assertion key signs what
// the Buyer says, and is nil if it signs nothing. Both have the DID for an ID
// and a DID URL of it for a Kid, each its own. Only the redirect URIs in the document can be
// used (MEF W128 R19).
func DIDDocument(authentication, assertion *credential.Issuer, redirectURIs ...string) (http.Handler, error) {
	document := didweb.Document{ID: authentication.ID, RedirectURIs: redirectURIs, Keys: []didweb.Key{
		{ID: authentication.Kid, Public: authentication.Key.Public(), For: []did.Relationship{did.Authentication}},
	}}
	if !strings.HasPrefix(authentication.Kid, document.ID+"#") {
		return nil, errIdentity
	}
	if assertion == nil {
		return document.Handler()
	}
	if assertion.ID != document.ID || !strings.HasPrefix(assertion.Kid, document.ID+"#") || assertion.Kid == authentication.Kid {
		return nil, errIdentity
	}
	document.Keys = append(document.Keys, didweb.Key{
		ID: assertion.Kid, Public: assertion.Key.Public(), For: []did.Relationship{did.AssertionMethod},
	})
	return document.Handler()
}
