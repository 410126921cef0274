// Package registry is an example of a small registry: it vouches for software
// in software statements (RFC 7591 §2.3), for legal entities in verifiable
// credentials (MEF W128 R4–R8), and takes its word back in status lists
// (Bitstring Status List 1.0).
//
//	r, err := registry.New(registry.Config{Base: "https://registry.example", Store: "registry.json"})
//	go http.ServeTLS(public, r.Handler(), "cert.pem", "key.pem") // for everybody
//	go http.Serve(loopback, r.Operator())                        // for the operator alone
//
// It signs everything as one issuer, the did:web of its Base. Who resolves no
// DIDs finds the same key at /jwks.
//
// The one thing to copy with care is change: what the registry says is in its
// file before anybody hears it, and a revocation that could not be written is
// not answered as done.
//
// Deliberately absent: more than one key, and so its rotation; more than 65,536
// credentials; and a file that several processes share.
package registry
