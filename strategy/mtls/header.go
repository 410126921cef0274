package mtls

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ClientCert is the Source behind proxies that send the headers Client-Cert
// and Client-Cert-Chain of RFC 9440.
type ClientCert struct {
	// Proxies are the addresses whose headers count; with none, none do.
	Proxies []netip.Prefix
}

// Chain implements Source.
func (s ClientCert) Chain(r *http.Request) ([]*x509.Certificate, error) {
	leaf, err := fromProxy(r, s.Proxies, "Client-Cert")
	if err != nil {
		return nil, err
	}
	rest, err := fromProxy(r, s.Proxies, "Client-Cert-Chain")
	if err != nil {
		return nil, err
	}
	if leaf == "" {
		if rest != "" {
			return nil, malformed("Client-Cert-Chain without Client-Cert")
		}
		return nil, nil
	}
	items := []string{leaf}
	if rest != "" {
		items = append(items, strings.Split(rest, ",")...)
	}
	if len(items) > maxChain {
		return nil, malformed("the chain is too long")
	}
	ders := make([][]byte, len(items))
	for i, item := range items {
		if ders[i], err = byteSequence(strings.Trim(item, " \t")); err != nil {
			return nil, err
		}
	}
	return parse(ders)
}

// byteSequence reads ":base64:" (RFC 8941 §3.3.5) without parameters.
func byteSequence(item string) ([]byte, error) {
	encoded, opened := strings.CutPrefix(item, ":")
	encoded, closed := strings.CutSuffix(encoded, ":")
	if !opened || !closed || strings.ContainsAny(encoded, "\r\n") {
		return nil, malformed("no byte sequence (RFC 9440 2.1)")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, malformed("no byte sequence (RFC 9440 2.1)")
	}
	return der, nil
}

// PEMHeader is the Source behind proxies that send one header with the
// percent-encoded PEM of the certificate, as nginx does with
//
//	proxy_set_header ssl-client-cert $ssl_client_escaped_cert;
//
// More certificates may follow the leaf.
type PEMHeader struct {
	// Proxies are the addresses whose headers count; with none, none do.
	Proxies []netip.Prefix
	// Header is the name of the header; "" means ssl-client-cert.
	Header string
}

// Chain implements Source.
func (s PEMHeader) Chain(r *http.Request) ([]*x509.Certificate, error) {
	name := s.Header
	if name == "" {
		name = "ssl-client-cert"
	}
	value, err := fromProxy(r, s.Proxies, name)
	if err != nil || value == "" {
		return nil, err
	}
	return escapedPEM(value)
}

// escapedPEM reads certificates and nothing else. A plus is a plus, since
// base64 has it: proxies percent-encode it, or leave it as it is.
func escapedPEM(value string) ([]*x509.Certificate, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, malformed("no percent-encoded PEM")
	}
	var ders [][]byte
	rest := []byte(text)
	for len(rest) > 0 {
		// pem.Decode would skip whatever stands before a block.
		if !strings.HasPrefix(string(rest), "-----BEGIN CERTIFICATE-----") || len(ders) == maxChain {
			return nil, malformed("no percent-encoded PEM of a few certificates")
		}
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			return nil, malformed("no percent-encoded PEM of certificates")
		}
		ders, rest = append(ders, block.Bytes), []byte(strings.TrimLeft(string(after), "\r\n"))
	}
	if len(ders) == 0 {
		return nil, malformed("no certificate")
	}
	return parse(ders)
}
