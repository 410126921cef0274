package mtls

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
)

// ForwardedClientCert is the Source behind Envoy proxies, which send the
// header x-forwarded-client-cert. Each is to be configured with
// forward_client_cert_details SANITIZE_SET, so that the header is about the
// client alone, and to set cert; with chain as well, the chain is taken. More
// than one element means that a header of somebody further out was passed on,
// and is an error, and so is a hash that is not the certificate's.
type ForwardedClientCert struct {
	// Proxies are the addresses whose headers count; with none, none do.
	Proxies []netip.Prefix
}

// Chain implements Source.
func (s ForwardedClientCert) Chain(r *http.Request) ([]*x509.Certificate, error) {
	value, err := fromProxy(r, s.Proxies, "X-Forwarded-Client-Cert")
	if err != nil || value == "" {
		return nil, err
	}
	pairs, err := readElement(value)
	if err != nil {
		return nil, err
	}
	if pairs["cert"] == "" {
		return nil, malformed("x-forwarded-client-cert has no Cert")
	}
	leaf, err := escapedPEM(pairs["cert"])
	if err != nil {
		return nil, err
	}
	if hash, ok := pairs["hash"]; ok && !isHash(leaf[0], hash) {
		return nil, malformed("Hash of x-forwarded-client-cert is not that of Cert")
	}
	if pairs["chain"] == "" {
		return leaf, nil
	}
	chain, err := escapedPEM(pairs["chain"])
	if err != nil {
		return nil, err
	}
	if len(leaf) != 1 || !chain[0].Equal(leaf[0]) {
		return nil, malformed("Chain of x-forwarded-client-cert does not begin with Cert")
	}
	return chain, nil
}

// isHash compares with the SHA-256 of the certificate's DER, in hexadecimal.
func isHash(cert *x509.Certificate, hash string) bool {
	sum := sha256.Sum256(cert.Raw)
	decoded, err := hex.DecodeString(hash)
	return err == nil && bytes.Equal(decoded, sum[:])
}

// readElement reads the one element: key=value pairs with a semicolon in
// between, where a value that has commas, semicolons or equals signs is
// quoted. Keys are without case, and the three that count come once.
func readElement(s string) (map[string]string, error) {
	pairs := map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok || key == "" || strings.ContainsAny(key, "\",; ") {
			return nil, malformed("x-forwarded-client-cert is no list of pairs")
		}
		value, after, err := readValue(rest)
		if err != nil {
			return nil, err
		}
		key = strings.ToLower(key)
		if _, twice := pairs[key]; twice && (key == "cert" || key == "chain" || key == "hash") {
			return nil, malformed("x-forwarded-client-cert has " + key + " twice")
		}
		pairs[key], s = value, after
	}
	return pairs, nil
}

// readValue returns the value and what follows its semicolon.
func readValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		if strings.ContainsAny(value, "\",=") {
			return "", "", malformed("x-forwarded-client-cert has more than one element")
		}
		return value, rest, nil
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			text.WriteByte(s[i])
		case s[i] == '"':
			rest := s[i+1:]
			if rest != "" && rest[0] != ';' {
				return "", "", malformed("x-forwarded-client-cert has more than one element")
			}
			return text.String(), strings.TrimPrefix(rest, ";"), nil
		default:
			text.WriteByte(s[i])
		}
	}
	return "", "", malformed("x-forwarded-client-cert has an open quote")
}
