package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"strings"

	"github.com/meflso/fosite-meflso/storage"
)

// The reasons for which a certificate is not the registered one.
var (
	// ErrRegistration: the client registered no subject, more than one, or
	// one that cannot be read (RFC 8705 §2.1.2 wants exactly one).
	ErrRegistration = errors.New("mtls: the client has not exactly one readable tls_client_auth subject")
	// ErrSubject: the certificate is of another subject.
	ErrSubject = errors.New("mtls: the certificate has another subject than the registered one")
)

// HasSubject reports whether the client registered a subject for its
// certificates, readable or not.
func HasSubject(m *storage.ClientMetadata) bool {
	return m.TLSClientAuthSubjectDN+m.TLSClientAuthSANDNS+m.TLSClientAuthSANURI+m.TLSClientAuthSANIP+m.TLSClientAuthSANEmail != ""
}

// The tags of GeneralName (RFC 5280 §4.2.1.6).
const (
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
	tagIP    = 7
)

// MatchSubject compares the certificate with the one subject that the client
// registered (RFC 8705 §2.1.2): a distinguished name, see Name.IsSubjectOf, or
// one alternative name of its kind. Host names are without case, wildcards are
// no pattern, addresses are compared in binary form, everything else as it is.
// The error is ErrRegistration or ErrSubject. The chain is not looked at.
func MatchSubject(cert *x509.Certificate, m *storage.ClientMetadata) error {
	registered, matches := 0, false
	for _, kind := range []struct {
		value string
		match func(*x509.Certificate, string) (matches, readable bool)
	}{
		{m.TLSClientAuthSubjectDN, matchName}, {m.TLSClientAuthSANDNS, matchDNS}, {m.TLSClientAuthSANURI, matchURI},
		{m.TLSClientAuthSANIP, matchIP}, {m.TLSClientAuthSANEmail, matchEmail},
	} {
		if kind.value == "" {
			continue
		}
		var readable bool
		if matches, readable = kind.match(cert, kind.value); !readable {
			return ErrRegistration
		}
		registered++
	}
	if registered != 1 {
		return ErrRegistration
	}
	if !matches {
		return ErrSubject
	}
	return nil
}

func matchName(cert *x509.Certificate, registered string) (bool, bool) {
	name, err := ParseName(registered)
	return err == nil && name.IsSubjectOf(cert), err == nil
}

func matchDNS(cert *x509.Certificate, registered string) (bool, bool) {
	return hasName(cert, tagDNS, func(name []byte) bool { return sameHost(string(name), registered) }), true
}

func matchURI(cert *x509.Certificate, registered string) (bool, bool) {
	return hasName(cert, tagURI, func(name []byte) bool { return string(name) == registered }), true
}

func matchIP(cert *x509.Certificate, registered string) (bool, bool) {
	address, err := netip.ParseAddr(registered)
	if err != nil || address.Zone() != "" {
		return false, false
	}
	octets := address.AsSlice()
	return hasName(cert, tagIP, func(name []byte) bool { return bytes.Equal(name, octets) }), true
}

// matchEmail: the part before the at sign has its case (RFC 5280 §7.5).
func matchEmail(cert *x509.Certificate, registered string) (bool, bool) {
	at := strings.LastIndexByte(registered, '@')
	if at < 1 {
		return false, false
	}
	return hasName(cert, tagEmail, func(name []byte) bool {
		i := bytes.LastIndexByte(name, '@')
		return i == at && string(name[:i]) == registered[:at] && sameHost(string(name[i:]), registered[at:])
	}), true
}

// sameHost compares without the case of ASCII letters; nothing else folds.
func sameHost(a, b string) bool { return lower(a) == lower(b) }

func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// hasName looks at the alternative names of one kind as they stand in the
// certificate; crypto/x509 would hand out URIs in a form of its own.
func hasName(cert *x509.Certificate, tag int, matches func([]byte) bool) bool {
	for _, extension := range cert.Extensions {
		if !extension.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
			return false
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == tag && !name.IsCompound && matches(name.Bytes) {
				return true
			}
		}
	}
	return false
}
