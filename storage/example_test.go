package storage_test

import (
	"encoding/json"
	"fmt"

	"github.com/mohae/deepcopy"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
)

// Session is a host's own session: Fosite's, the Binding, and a field of the
// host's.
type Session struct {
	*openid.DefaultSession
	storage.Binding `json:"lso"`
	Tenant          string `json:"tenant"`
}

// Clone returns a copy with all fields. Fosite asks for it, and the one of the
// embedded session would copy no more than that.
func (s *Session) Clone() fosite.Session { return deepcopy.Copy(s).(*Session) }

// A host embeds the Binding beside Fosite's session.
func Example() {
	session := &Session{DefaultSession: openid.NewDefaultSession(), Tenant: "acme"}
	bound, err := storage.SessionOf(session)
	if err != nil {
		fmt.Println(err)
		return
	}
	bound.LSOBinding().IntentID = "urn:lso:intent:1"
	copied := session.Clone().(*Session)
	fmt.Println(copied.Tenant, copied.IntentID)

	_, err = storage.SessionOf(&Session{Tenant: "acme"})
	fmt.Println(err)
	// Output:
	// acme urn:lso:intent:1
	// storage: unusable session: *storage_test.Session has a nil *openid.DefaultSession
}

// A client is its registration document.
func ExampleClient() {
	var client storage.Client
	document := `{"client_id":"buyer","scope":"openid quote","jwks_uri":"https://buyer.example/jwks.json","trust_domain":"buyers"}`
	if err := json.Unmarshal([]byte(document), &client); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.GetScopes(), client.GetGrantTypes(), client.Domain(client.ID))
	// Output:
	// [openid quote] [authorization_code] buyers
}
