// Package credential verifies who a client belongs to: the software statement
// of its directory (RFC 7591 §2.3), and the verifiable credential that links
// its identifier to a legal entity, inside a presentation that the client
// signed (MEF W128 R4–R10). It reads VCDM 1.1 as JWT and VCDM 2.0 as vc+jwt.
//
//	verifier := &credential.Verifier{
//		Profile:  &p,
//		Audience: "https://as.seller.example",
//		Policy:   credential.Policy{Anchors: []string{"did:web:registry.example"}},
//		Keys:     keys, // finds the keys of DIDs and of https issuers
//		Status:   credential.NewStatusLists(credential.StatusConfig{Profile: &p, Keys: keys}),
//		UseOnce:  useOnce,
//		Clock:    time.Now,
//	}
//	binding, err := verifier.Verify(ctx, credential.Request{Presentation: vp, Identifier: "did:web:buyer.example"})
//	...                                         // keep the binding with the client
//	binding, err = verifier.Recheck(ctx, binding) // before each token: was it revoked since?
//
// [Statements] does the same for software statements, [KeySets] finds the keys
// of issuers that publish a JWK Set, and [Issuer] signs all of it, for
// registries, tests and examples.
//
// A client may act for another of its trust domain: beside that one's entity
// credential, and its own if it has one, it presents a DelegationCredential
// that the other issued to it (MEF W128 R5, R58). Nobody delegates on.
//
// Verify and Recheck take 10 s at most, whatever they fetch: a status that is not
// known by then is unavailable.
//
// Every refusal is a *profile.Violation with [CodeInvalid] or
// [CodeUnapproved]; one of Recheck has invalid_client. What the status said is
// in its chain: [ErrRevoked], [ErrSuspended], [ErrStatusUnavailable].
//
// Deliberately absent: JSON-LD proofs, whose verification would fetch contexts
// that strangers write; SD-JWT, COSE and unsigned presentations; JSON-LD
// processing, so that a member is known by its plain name alone; and
// credentials of version 2.0 without an explicit typ, which any other JWT
// could pass for (RFC 8725 §3.11).
package credential
