package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrName is a string that is no distinguished name of RFC 4514.
var ErrName = errors.New("mtls: not a distinguished name (RFC 4514)")

const maxName = 4 << 10

// Name is a distinguished name with at least one attribute.
type Name struct{ rdns [][]attribute } // as in the certificate: the last of the string first

// attribute has a value as a string, or its DER where it was written as #hex.
type attribute struct {
	kind  string // dotted OID
	text  string
	der   []byte
	isDER bool
}

// attributeTypes are the short names of RFC 4514 §3, and the ones that
// OpenSSL and certificates for payment services use, in lower case.
var attributeTypes = map[string]string{
	"cn": "2.5.4.3", "l": "2.5.4.7", "st": "2.5.4.8", "o": "2.5.4.10", "ou": "2.5.4.11", "c": "2.5.4.6", "street": "2.5.4.9",
	"dc": "0.9.2342.19200300.100.1.25", "uid": "0.9.2342.19200300.100.1.1",
	"sn": "2.5.4.4", "surname": "2.5.4.4", "serialnumber": "2.5.4.5", "title": "2.5.4.12", "businesscategory": "2.5.4.15",
	"postalcode": "2.5.4.17", "gn": "2.5.4.42", "givenname": "2.5.4.42", "organizationidentifier": "2.5.4.97",
	"emailaddress": "1.2.840.113549.1.9.1", "jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2", "jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3",
}

// ParseName reads a distinguished name in the string form of RFC 4514. Spaces
// around separators, which older writers put there, mean nothing; attribute
// types are names without case, or OIDs. The error is ErrName.
func ParseName(s string) (Name, error) {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return Name{}, ErrName
	}
	var name Name
	rdn := []attribute{}
	for {
		attr, separator, rest, err := readAttribute(s)
		if err != nil {
			return Name{}, err
		}
		rdn, s = append(rdn, attr), rest
		if separator == '+' {
			continue
		}
		name.rdns = append(name.rdns, rdn)
		if separator == 0 {
			slices.Reverse(name.rdns)
			return name, nil
		}
		rdn = []attribute{}
	}
}

// readAttribute reads type=value up to the separator, which is ',' or '+', or
// 0 at the end.
func readAttribute(s string) (attr attribute, separator byte, rest string, err error) {
	kind, s, ok := strings.Cut(s, "=")
	if !ok {
		return attr, 0, "", fmt.Errorf("%w: an attribute has no value", ErrName)
	}
	if attr.kind, err = attributeType(strings.Trim(kind, " ")); err != nil {
		return attr, 0, "", err
	}
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "#") {
		end := strings.IndexAny(s, ",+")
		if end < 0 {
			end = len(s)
		}
		attr.der, err = hex.DecodeString(strings.TrimRight(s[1:end], " "))
		if err != nil || len(attr.der) == 0 {
			return attr, 0, "", fmt.Errorf("%w: bad hex", ErrName)
		}
		attr.isDER = true
		separator, rest = split(s, end)
		return attr, separator, rest, nil
	}
	text, end, err := readText(s)
	attr.text = text
	separator, rest = split(s, end)
	return attr, separator, rest, err
}

func split(s string, at int) (separator byte, rest string) {
	if at >= len(s) {
		return 0, ""
	}
	return s[at], s[at+1:]
}

func attributeType(s string) (string, error) {
	if oid, ok := attributeTypes[strings.ToLower(s)]; ok {
		return oid, nil
	}
	arcs := strings.Split(s, ".")
	for _, arc := range arcs {
		if n, err := strconv.ParseUint(arc, 10, 63); err != nil || strconv.FormatUint(n, 10) != arc {
			return "", fmt.Errorf("%w: unknown attribute type", ErrName)
		}
	}
	if len(arcs) < 2 {
		return "", fmt.Errorf("%w: unknown attribute type", ErrName)
	}
	return s, nil
}

// readText reads an unquoted value with escapes and returns where it ends.
func readText(s string) (text string, end int, err error) {
	var value []byte
	kept := 0 // what is before it is not trimmed: escaped spaces are
	i := 0
	for ; i < len(s) && s[i] != ',' && s[i] != '+'; i++ {
		switch c := s[i]; {
		case c == '\\':
			b, n := unescape(s[i+1:])
			if n == 0 {
				return "", i, fmt.Errorf("%w: bad escape", ErrName)
			}
			value, i = append(value, b), i+n
			kept = len(value)
		case strings.IndexByte("\";<>\x00", c) >= 0:
			return "", i, fmt.Errorf("%w: a character that must be escaped", ErrName)
		default:
			value = append(value, c)
			if c != ' ' {
				kept = len(value)
			}
		}
	}
	if !utf8.Valid(value[:kept]) {
		return "", i, fmt.Errorf("%w: no UTF-8", ErrName)
	}
	return string(value[:kept]), i, nil
}

// unescape reads what follows a backslash and returns how long that is.
func unescape(s string) (b byte, n int) {
	if s != "" && strings.IndexByte("\"+,;<>\\ #=", s[0]) >= 0 {
		return s[0], 1
	}
	if len(s) >= 2 {
		if pair, err := hex.DecodeString(s[:2]); err == nil {
			return pair[0], 2
		}
	}
	return 0, 0
}

// relativeSET is one RDN; encoding/asn1 reads a SET by the name of the type.
type relativeSET []struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// IsSubjectOf reports whether n is the subject of the certificate: the same
// RDNs in the same order, each with the same attributes. Strings are compared
// as they are, with their case and all their spaces: that is narrower than the
// matching rules of X.520, so that a name is never taken for another.
func (n Name) IsSubjectOf(cert *x509.Certificate) bool {
	var rdns []relativeSET
	rest, err := asn1.Unmarshal(cert.RawSubject, &rdns)
	if err != nil || len(rest) > 0 || len(rdns) == 0 || len(rdns) != len(n.rdns) {
		return false
	}
	for i, rdn := range rdns {
		if !sameRDN(n.rdns[i], rdn) {
			return false
		}
	}
	return true
}

// sameRDN: an RDN is a set.
func sameRDN(want []attribute, have relativeSET) bool {
	if len(want) != len(have) {
		return false
	}
	used := make([]bool, len(have))
	for _, w := range want {
		found := false
		for i, h := range have {
			if !used[i] && w.kind == h.Type.String() && w.equals(h.Value) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
