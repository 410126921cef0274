// Package jose is the one gate through which JOSE enters and leaves: the only
// place of the library that parses a JWS, a JWE or a JWK. It takes the compact
// serialization alone, looks at the header before it looks at anything else,
// never follows a reference in a header (jku, x5u) or trusts a key in it
// (jwk), and hands out a payload only after a signature verified. What comes
// out of a JWE is a JWS, and never another JWE.
//
// Deliberately absent: none, HMAC, RSA1_5, PBES2, direct encryption and every
// other shared key, compression, detached and unencoded payloads, the JSON
// serializations.
package jose
