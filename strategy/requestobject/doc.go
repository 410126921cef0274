// Package requestobject turns a signed request object into verified
// authorization parameters (RFC 9101; FAPI 1.0 Advanced §5.2.2; MEF W128
// §7.5.1.1). It knows nothing of HTTP and nothing of Fosite's parser, which
// must never see a request object.
//
//	object, err := verifier.Open(ctx, raw, clientID, metadata) // signature, sender
//	...                                                        // redirect_uri is checked by the caller
//	err = verifier.CheckTimes(object)                          // aud, exp, nbf
//	params, err := object.Params()                             // typed, canonical
//
// An object may be a JWS inside a JWE where the profile accepts that and the
// verifier has the server's keys in Own.
//
// The steps are apart because an error may go to the redirect_uri only after
// the signature verified and the redirect_uri proved to be the client's.
package requestobject
