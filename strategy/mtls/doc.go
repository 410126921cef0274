// Package mtls has what RFC 8705 needs of TLS: it finds the certificate that a
// client presented, tells whether it is the one that the client registered,
// and configures a listener.
//
//	server.TLSConfig = mtls.MutualServerConfig(certificate)
//	chain, err := mtls.FromTLS.Chain(r) // leaf first; nil: the client has none
//	confirmation := mtls.Thumbprint(chain[0])
//
// Behind a proxy that ends TLS, a header carries the certificate. A [Source]
// for headers names the proxies, and what anybody else sends in that header
// does not count:
//
//	source := mtls.ClientCert{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}
//
// The proxy has to drop such a header from its own clients, and must have seen
// a handshake that proved the private key; it need not verify the chain, which
// [VerifyChain] does.
//
// A client sends its leaf and at most 3 certificates after it, each the issuer
// of the one before. Where it sends more, the request is refused; [CheckKey]
// tells which keys are taken.
//
// Deliberately absent: revocation lists and OCSP, which Go's standard library
// does not check; certificates of the system's roots as client authorities; a
// switch that trusts a header from everybody.
package mtls
