package did_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/meflso/fosite-meflso/strategy/did"
)

func Example() {
	documents := did.NewCache(did.CacheConfig{})
	id, err := did.Parse("did:key:z6MkwYMhwTvsq376YBAcJHy3vyRWzBgn5vKfVqqDCgm7XVKU")
	if err != nil {
		fmt.Println(err)
		return
	}
	kid := "#z6MkwYMhwTvsq376YBAcJHy3vyRWzBgn5vKfVqqDCgm7XVKU"
	keys, err := documents.Keys(context.Background(), id, did.Authentication, kid)
	fmt.Println(len(keys), keys[0].Alg, err)

	_, err = documents.Keys(context.Background(), id, did.Authentication, "#another")
	fmt.Println(errors.Is(err, did.ErrNoKey))

	// A DID that leads into the server's own network is refused.
	id, _ = did.Parse("did:web:localhost%3A8443")
	_, err = documents.Resolve(context.Background(), id)
	fmt.Println(did.IsFinal(err), err)
	// Output:
	// 1 EdDSA <nil>
	// true
	// true did: invalid: a did:web begins with a domain name and perhaps %3A and a port
}

func ExampleParseDocument() {
	id, _ := did.Parse("did:web:buyer.example")
	doc, err := did.ParseDocument(id, []byte(`{
		"id": "did:web:buyer.example",
		"verificationMethod": [{
			"id": "#sig-1", "type": "JsonWebKey2020", "controller": "did:web:buyer.example",
			"publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": "_eT7oDCtAC98L31MMx9J0T-w7HR-zuvsY08f9MvKne8"}
		}],
		"authentication": ["#sig-1"],
		"service": [{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": ["https://buyer.example/cb"]}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(doc.Keys(did.Authentication, "did:web:buyer.example#sig-1")), len(doc.Keys(did.AssertionMethod, "#sig-1")))
	fmt.Println(doc.HasServiceEndpoint("https://buyer.example/cb"), doc.HasServiceEndpoint("https://buyer.example/cb/"))
	// Output:
	// 1 0
	// true false
}

func ExampleMux() {
	mine := did.Mux{"web": did.WebMethod{}, "jwk": did.JWKMethod{}}
	id, _ := did.Parse("did:key:z6MkwYMhwTvsq376YBAcJHy3vyRWzBgn5vKfVqqDCgm7XVKU")
	_, err := mine.Resolve(context.Background(), id)
	fmt.Println(err)
	// Output: did: method not supported
}
