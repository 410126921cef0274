package mtls_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/mtls"
)

// rfc8705 is the certificate of RFC 8705 Appendix A.
const rfc8705 = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
`

func read(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8::/64")}

func from(remote, header string, values ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
	for _, v := range values {
		r.Header.Add(header, v)
	}
	return r
}

func TestFromTLS(t *testing.T) {
	r := from("192.0.2.1:1", "Client-Cert", ":AAAA:")
	if chain, err := mtls.FromTLS.Chain(r); chain != nil || err != nil {
		t.Errorf("plain HTTP: %v, %v", chain, err)
	}
	r.TLS = &tls.ConnectionState{}
	if chain, err := mtls.FromTLS.Chain(r); chain != nil || err != nil {
		t.Errorf("no certificate: %v, %v", chain, err)
	}
	cert := read(t, rfc8705)
	r.TLS.PeerCertificates = []*x509.Certificate{cert}
	if chain, err := mtls.FromTLS.Chain(r); len(chain) != 1 || err != nil {
		t.Errorf("%v, %v", chain, err)
	}
	for range 4 {
		r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, cert)
	}
	if _, err := mtls.FromTLS.Chain(r); !errors.Is(err, mtls.ErrMalformed) {
		t.Errorf("5 certificates: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	cert := read(t, rfc8705)
	seq := ":" + base64.StdEncoding.EncodeToString(cert.Raw) + ":"
	escaped, two := url.QueryEscape(rfc8705), url.PathEscape(rfc8705+rfc8705)
	escaped = strings.ReplaceAll(escaped, "+", "%20")
	sum := sha256.Sum256(cert.Raw)
	hash := hex.EncodeToString(sum[:])
	const bad = -1
	rfc9440, nginx, xfcc := mtls.ClientCert{Proxies: proxies}, mtls.PEMHeader{Proxies: proxies}, mtls.ForwardedClientCert{Proxies: proxies}
	for _, c := range []struct {
		name   string
		source mtls.Source
		header string
		values []string
		want   int
	}{
		{"RFC9440-2.1/one", rfc9440, "Client-Cert", []string{seq}, 1},
		{"RFC9440-2.1/none", rfc9440, "Client-Cert", nil, 0},
		{"RFC9440-2.1/twice", rfc9440, "Client-Cert", []string{seq, seq}, bad},
		{"RFC9440-2.1/two in one", rfc9440, "Client-Cert", []string{seq + ", " + seq}, bad},
		{"RFC9440-2.1/no colons", rfc9440, "Client-Cert", []string{strings.Trim(seq, ":")}, bad},
		{"RFC9440-2.1/one colon", rfc9440, "Client-Cert", []string{":"}, bad},
		{"RFC9440-2.1/parameter", rfc9440, "Client-Cert", []string{seq + ";a=1"}, bad},
		{"RFC9440-2.1/base64url", rfc9440, "Client-Cert", []string{strings.NewReplacer("+", "-", "/", "_").Replace(seq)}, bad},
		{"RFC9440-2.1/cut short", rfc9440, "Client-Cert", []string{seq[:len(seq)-9] + ":"}, bad},
		{"RFC9440-2.1/no certificate", rfc9440, "Client-Cert", []string{":AAAA:"}, bad},
		{"RFC9440-2.1/too large", rfc9440, "Client-Cert", []string{":" + strings.Repeat("A", 64<<10) + ":"}, bad},
		{"RFC9440-2.2/chain alone", rfc9440, "Client-Cert-Chain", []string{seq}, bad},
		{"nginx/one", nginx, "ssl-client-cert", []string{escaped}, 1},
		{"nginx/plus as it is", nginx, "ssl-client-cert", []string{strings.ReplaceAll(url.PathEscape(rfc8705), "%2B", "+")}, 1},
		{"nginx/two", nginx, "ssl-client-cert", []string{two}, 2},
		{"nginx/empty", nginx, "ssl-client-cert", []string{""}, 0},
		{"nginx/another name", mtls.PEMHeader{Proxies: proxies, Header: "X-SSL-Cert"}, "X-SSL-Cert", []string{escaped}, 1},
		{"nginx/text before", nginx, "ssl-client-cert", []string{"hello" + escaped}, bad},
		{"nginx/text after", nginx, "ssl-client-cert", []string{escaped + "hello"}, bad},
		{"nginx/broken escape", nginx, "ssl-client-cert", []string{escaped + "%z"}, bad},
		{"nginx/a key", nginx, "ssl-client-cert", []string{url.PathEscape("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}, bad},
		{"nginx/four", nginx, "ssl-client-cert", []string{url.PathEscape(strings.Repeat(rfc8705, 4))}, 4},
		{"nginx/five", nginx, "ssl-client-cert", []string{url.PathEscape(strings.Repeat(rfc8705, 5))}, bad},
		{"nginx/unescaped", nginx, "ssl-client-cert", []string{"(null)"}, bad},
		{"envoy/one", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=` + hash + `;Cert="` + escaped + `";Subject="CN=a,O=\"b\"";URI=spiffe://a/b`}, 1},
		{"envoy/without quotes", xfcc, "X-Forwarded-Client-Cert", []string{"cert=" + escaped}, 1},
		{"envoy/chain", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped + `";Chain="` + two + `"`}, 2},
		{"envoy/hash alone", xfcc, "X-Forwarded-Client-Cert", []string{"Hash=abc"}, bad},
		{"envoy/hash after the certificate", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped + `";hash=` + strings.ToUpper(hash)}, 1},
		{"envoy/hash of another", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=` + strings.Repeat("0", 64) + `;Cert="` + escaped + `"`}, bad},
		{"envoy/hash with a chain of another", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=` + strings.Repeat("0", 64) + `;Cert="` + escaped + `";Chain="` + two + `"`}, bad},
		{"envoy/hash cut short", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=` + hash[:62] + `;Cert="` + escaped + `"`}, bad},
		{"envoy/hash without value", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=;Cert="` + escaped + `"`}, bad},
		{"envoy/two hashes", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=` + hash + `;Cert="` + escaped + `";HASH=` + hash}, bad},
		{"envoy/two elements", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped + `",Cert="` + escaped + `"`}, bad},
		{"envoy/two unquoted elements", xfcc, "X-Forwarded-Client-Cert", []string{`Hash=abc,Cert="` + escaped + `"`}, bad},
		{"envoy/two certificates", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped + `";CERT="` + escaped + `"`}, bad},
		{"envoy/open quote", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped}, bad},
		{"envoy/escape at the end", xfcc, "X-Forwarded-Client-Cert", []string{`Cert="` + escaped + `\`}, bad},
		{"envoy/cert inside a subject", xfcc, "X-Forwarded-Client-Cert", []string{`Subject="x\";Cert=` + escaped + `"`}, bad},
		{"envoy/no pairs", xfcc, "X-Forwarded-Client-Cert", []string{"hello"}, bad},
		{"envoy/two headers", xfcc, "X-Forwarded-Client-Cert", []string{"cert=" + escaped, "cert=" + escaped}, bad},
	} {
		for _, remote := range []string{"10.0.0.7:4711", "[::ffff:10.0.0.7]:4711", "[2001:db8::7%eth0]:1"} {
			chain, err := c.source.Chain(from(remote, c.header, c.values...))
			if c.want == bad && !errors.Is(err, mtls.ErrMalformed) || c.want != bad && (err != nil || len(chain) != c.want) {
				t.Errorf("%s from %s: %d certificates, %v", c.name, remote, len(chain), err)
			}
			if len(chain) > 0 && !chain[0].Equal(cert) {
				t.Errorf("%s: another certificate", c.name)
			}
		}
		// Whatever it is, from anybody else it is nothing.
		for _, remote := range []string{"10.0.1.7:4711", "192.0.2.1:1", "", "@", "10.0.0.7", "[2001:db9::7]:1"} {
			if chain, err := c.source.Chain(from(remote, c.header, c.values...)); chain != nil || err != nil {
				t.Errorf("RFC9440-4/%s from %q: %v, %v", c.name, remote, chain, err)
			}
		}
	}
}

func TestClientCertChain(t *testing.T) {
	seq := ":" + base64.StdEncoding.EncodeToString(read(t, rfc8705).Raw) + ":"
	source := mtls.ClientCert{Proxies: proxies}
	for rest, want := range map[string]int{seq: 2, seq + ", " + seq: 3, seq + ",\t" + seq: 3, seq + ",\t" + seq + "," + seq: 4, seq + ",": -1, strings.Repeat(seq+",", 3) + seq: -1, "x": -1} {
		r := from("10.0.0.7:1", "Client-Cert", seq)
		r.Header.Set("Client-Cert-Chain", rest)
		chain, err := source.Chain(r)
		if want < 0 && !errors.Is(err, mtls.ErrMalformed) || want > 0 && (err != nil || len(chain) != want) {
			t.Errorf("%.60q: %d, %v", rest, len(chain), err)
		}
	}
	// The zero value trusts nobody, and the connection's own certificate is the
	// proxy's.
	r := from("10.0.0.7:1", "Client-Cert", seq)
	if chain, err := (mtls.ClientCert{}).Chain(r); chain != nil || err != nil {
		t.Errorf("%v, %v", chain, err)
	}
	r = from("10.0.0.7:1", "X-Other", "")
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{read(t, rfc8705)}}
	if chain, err := source.Chain(r); chain != nil || err != nil {
		t.Errorf("%v, %v", chain, err)
	}
}
