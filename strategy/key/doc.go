// Package key has the keys of both sides: the keys of clients, which verify and
// which are encrypted to, and the server's own, which sign and decrypt.
//
// A [Resolver] finds the keys of a client by kid. [ClientKeys] is the one for
// clients that registered jwks or jwks_uri; its zero config is safe:
//
//	resolver := key.NewClientKeys(key.ClientKeysConfig{})
//	keys, err := resolver.Keys(ctx, clientID, metadata, kid)
//	if errors.Is(err, key.ErrNoKey) {
//		// the client has no such key, and that is final
//	}
//
// A team that keeps its partners' keys elsewhere writes its own Resolver, of
// one method.
//
// A Seller that wants certificates for the keys that sign (MEF W128 R40) names
// the authorities; clients whose identifier is a DID are the alternative:
//
//	resolver := key.NewClientKeys(key.ClientKeysConfig{SigningCAs: pool, RequireCertificate: true})
//
// A [Source] gives the server's signing keys, which may live in an HSM, and
// [NewRing] checks them against the profile:
//
//	ring, err := key.NewRing(ctx, key.Signing(privateKey), &p, nil)
//
// Request objects may be encrypted to a [Decryption] beside the signing keys,
// and an [Encrypter] encrypts what was signed, for clients that registered so:
//
//	ring, err := key.NewRing(ctx, key.Signing(privateKey, key.Decryption{Key: another}), &p, nil)
//	encrypter := &key.Encrypter{Profile: &p, Keys: resolver}
//	token, err = encrypter.Encrypt(ctx, key.IDToken, clientID, metadata, token)
//
// Deliberately absent: keys that a message brings or points to (jwk, jku,
// x5c, x5u), symmetric keys, fetching a jwks_uri before somebody needs it,
// revocation lists and OCSP, and the key usage that a certificate states.
package key
