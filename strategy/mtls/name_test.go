package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/mtls"
)

// pair is one attribute, with the ASN.1 string type that is written.
type pair struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type rdnSET []pair

func attr(tag int, value string, oid ...int) pair {
	return pair{oid, asn1.RawValue{Tag: tag, Bytes: []byte(value)}}
}

func cn(value string) pair { return attr(asn1.TagUTF8String, value, 2, 5, 4, 3) }
func org(value string) pair {
	return attr(asn1.TagPrintableString, value, 2, 5, 4, 10)
}
func country(value string) pair { return attr(asn1.TagPrintableString, value, 2, 5, 4, 6) }

// named makes a certificate whose subject is exactly these RDNs, in the order
// of the certificate.
func named(t testing.TB, rdns ...rdnSET) *x509.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	template := leaf()
	template.RawSubject, template.Subject = raw, pkix.Name{}
	return (*authority)(nil).issue(t, template).cert
}

func TestName(t *testing.T) {
	plain := named(t, rdnSET{country("NZ")}, rdnSET{org("Acme")}, rdnSET{cn("buyer")})
	odd := named(t, rdnSET{cn(` #a,b+c"d\e<f>g;h=i ` + "\u00e9")})
	multi := named(t, rdnSET{org("Acme")}, rdnSET{cn("buyer"), attr(asn1.TagPrintableString, "42", 2, 5, 4, 5)})
	rare := named(t, rdnSET{attr(asn1.TagIA5String, "example", 0, 9, 2342, 19200300, 100, 1, 25)}, rdnSET{attr(asn1.TagUTF8String, "PSDGB-1", 2, 5, 4, 97)})
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		dn   string
		want bool
	}{
		{"plain", plain, "CN=buyer,O=Acme,C=NZ", true},
		{"spaces around separators", plain, " CN = buyer , O=Acme,  C=NZ ", true},
		{"types without case", plain, "cn=buyer,o=Acme,c=NZ", true},
		{"types as OIDs", plain, "2.5.4.3=buyer,2.5.4.10=Acme,2.5.4.6=NZ", true},
		{"order of the certificate", plain, "C=NZ,O=Acme,CN=buyer", false},
		{"values have their case", plain, "CN=Buyer,O=Acme,C=NZ", false},
		{"one attribute less", plain, "CN=buyer,O=Acme", false},
		{"one attribute more", plain, "CN=buyer,OU=x,O=Acme,C=NZ", false},
		{"another value", plain, "CN=buyer,O=Acme,C=AU", false},
		{"one RDN instead of three", plain, "CN=buyer+O=Acme+C=NZ", false},
		{"hex escapes", plain, `CN=\62\75yer,O=Acme,C=NZ`, true},
		{"hex of the DER", plain, "CN=#0c056275796572,O=Acme,C=NZ", true},
		{"hex of another string type", plain, "CN=#13056275796572,O=Acme,C=NZ", false},
		{"every special character", odd, `CN=\ #a\,b\+c\"d\\e\<f\>g\;h\=i \C3\A9`, true},
		{"as UTF-8", odd, `CN=\20\23a\2cb\2bc\22d\5Ce\3cf\3eg\3bh=i ` + "\u00e9", true},
		{"without the leading space", odd, `CN=\#a\,b\+c\"d\\e\<f\>g\;h\=i \C3\A9`, false},
		{"multi-valued", multi, "CN=buyer+serialNumber=42,O=Acme", true},
		{"multi-valued in another order", multi, "2.5.4.5=42 + cn=buyer,O=Acme", true},
		{"multi-valued, one twice", multi, "CN=buyer+CN=buyer,O=Acme", false},
		{"multi-valued, apart", multi, "CN=buyer,serialNumber=42,O=Acme", false},
		{"dc and organizationIdentifier", rare, "organizationIdentifier=PSDGB-1,DC=example", true},
	} {
		name, err := mtls.ParseName(c.dn)
		if err != nil {
			t.Errorf("RFC4514-3/%s: %v", c.name, err)
			continue
		}
		if got := name.IsSubjectOf(c.cert); got != c.want {
			t.Errorf("RFC4514-3/%s: %q is the subject: %v", c.name, c.dn, got)
		}
	}
	if (mtls.Name{}).IsSubjectOf(named(t)) {
		t.Error("no name is the subject of a certificate without one")
	}
}

func TestStringTypes(t *testing.T) {
	for _, c := range []struct {
		name  string
		tag   int
		bytes string
		want  bool
	}{
		{"UTF8String", asn1.TagUTF8String, "abc", true},
		{"PrintableString", asn1.TagPrintableString, "abc", true},
		{"BMPString", asn1.TagBMPString, "\x00a\x00b\x00c", true},
		{"TeletexString of ASCII", asn1.TagT61String, "abc", true},
		{"BMPString cut short", asn1.TagBMPString, "\x00a\x00b\x00", false},
		{"OCTET STRING", asn1.TagOctetString, "abc", false},
	} {
		name, err := mtls.ParseName("OU=abc")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := asn1.Marshal([]rdnSET{{attr(c.tag, c.bytes, 2, 5, 4, 11)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := name.IsSubjectOf(&x509.Certificate{RawSubject: raw}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	latin, err := mtls.ParseName("OU=\u00e9")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := asn1.Marshal([]rdnSET{{attr(asn1.TagT61String, "\xe9", 2, 5, 4, 11)}})
	if latin.IsSubjectOf(&x509.Certificate{RawSubject: raw}) {
		t.Error("a TeletexString beyond ASCII was read")
	}
	for _, broken := range [][]byte{nil, {0x30}, {0x30, 0x00}, append(append([]byte{}, raw...), 0)} {
		if latin.IsSubjectOf(&x509.Certificate{RawSubject: broken}) {
			t.Errorf("%x is a subject", broken)
		}
	}
}

func TestNamesRefused(t *testing.T) {
	for _, dn := range []string{
		"", " ", "CN", "=x", "CN=a,", "CN=a,,O=b", "CN=a+", "+CN=a", "XX=a", "1=a", "2.5.4.03=a", "2..5=a", "-1.2=a", "2.5.4.3.=a",
		`CN=a"b`, `CN="a"`, "CN=a;O=b", "CN=a<b", "CN=a>b", "CN=a\x00b", `CN=a\`, `CN=a\x`, `CN=a\4`, `CN=\FF`, "CN=#", "CN=#0", "CN=#zz",
		"CN=\xff", strings.Repeat("CN=a,", 2000) + "CN=a", "2.5.4.99999999999999999999=a",
	} {
		if _, err := mtls.ParseName(dn); !errors.Is(err, mtls.ErrName) {
			t.Errorf("%.40q: %v", dn, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"CN=buyer,O=Acme", `CN=\#a\,b+OU=x`, "CN=#0c0161", "2.5.4.3=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		name, err := mtls.ParseName(dn)
		if err == nil && name.IsSubjectOf(&x509.Certificate{RawSubject: []byte{0x30, 0x00}}) {
			t.Errorf("%q is the empty subject", dn)
		}
	})
}
