// Package did finds the keys and service endpoints of a party that is named by
// a W3C Decentralized Identifier.
//
//	documents := did.NewCache(did.CacheConfig{})
//	id, err := did.Parse("did:web:buyer.example")
//	if err != nil {
//		// not a DID
//	}
//	keys, err := documents.Keys(ctx, id, did.Authentication, kid)
//	switch {
//	case errors.Is(err, did.ErrNoKey):
//		// the document has no such key for this purpose
//	case did.IsFinal(err):
//		// no document, or none that may be used; asking again will not help
//	case err != nil:
//		// the document cannot be had now
//	}
//
// The zero [CacheConfig] resolves did:web, did:key and did:jwk. Other methods
// go through a resolver that the operator runs, or through code of one's own:
// [Resolver] has one method and a [Mux] joins several:
//
//	documents := did.NewCache(did.CacheConfig{Resolver: did.Mux{
//		"web": did.WebMethod{},
//		"ebsi": did.HTTPResolver{Endpoint: "https://resolver.example/1.0/identifiers/", Outbound: client},
//	}})
//
// A document is read strictly where it could mislead (its id, its size,
// duplicate members, private keys) and with tolerance where it merely has more
// than is understood here: a method of another type or curve is skipped.
//
// Deliberately absent: JSON-LD processing, creating or updating documents,
// dereferencing URLs with a path or query, secp256k1 and BLS keys, keys that
// another DID controls, deriving an X25519 key from the Ed25519 key of a
// did:key, and fetching a document before somebody needs it.
package did
