package mtls

import "crypto/tls"

// ServerConfig returns the TLS configuration that FAPI 1.0 Advanced §8.5 asks
// of a server: TLS 1.2 with two cipher suites, or TLS 1.3. Both suites are for
// RSA; a server with an ECDSA certificate is reached by TLS 1.3 alone. For a
// certificate that is renewed while the server runs, give none and set
// GetCertificate.
func ServerConfig(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: certificates,
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	}
}

// MutualServerConfig is ServerConfig for a listener whose clients present a
// certificate. It asks for one and takes any: self-signed ones have no chain,
// and a client without one gets an OAuth error, not a TLS alert. The handshake
// proves the private key; the library verifies the rest.
func MutualServerConfig(certificates ...tls.Certificate) *tls.Config {
	c := ServerConfig(certificates...)
	c.ClientAuth = tls.RequestClientCert
	return c
}
