package outbound

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// The guard is asked, nothing is dialled.
func TestAddressesRefused(t *testing.T) {
	p := newPolicy(Config{}.filled())
	for _, address := range []string{
		"169.254.169.254:443", "127.0.0.1:443", "127.8.8.8:443", "0.0.0.0:443", "10.0.0.1:443", "172.16.0.1:443",
		"192.168.1.1:443", "100.64.0.1:443", "192.0.2.1:443", "198.18.0.1:443", "224.0.0.1:443", "255.255.255.255:443",
		"[::1]:443", "[::]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[64:ff9b::7f00:1]:443",
		"[64:ff9b::a9fe:a9fe]:443", "[fd00::1]:443", "[fe80::1]:443", "[2002:7f00:1::]:443", "[fd00:ec2::254]:443",
		"93.184.215.14:80", "93.184.215.14:22", "nonsense",
	} {
		for _, network := range []string{"tcp4", "tcp6"} {
			if err := p.control(network, address, nil); !errors.Is(err, ErrRefused) {
				t.Errorf("%s %s: %v, want ErrRefused", network, address, err)
			}
		}
	}
	if err := p.control("udp4", "93.184.215.14:443", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("udp: %v, want ErrRefused", err)
	}
}

func TestAddressesOpen(t *testing.T) {
	p := newPolicy(Config{}.filled())
	for network, address := range map[string]string{"tcp4": "93.184.215.14:443", "tcp6": "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443"} {
		if err := p.control(network, address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAllowPrefixes(t *testing.T) {
	p := newPolicy(Config{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}, AllowPorts: []uint16{8443}}.filled())
	for address, open := range map[string]bool{
		"10.20.1.2:8443": true, "10.20.1.2:443": false, "10.21.1.2:8443": false, "127.0.0.1:8443": false, "169.254.169.254:8443": false,
	} {
		if err := p.control("tcp4", address, nil); (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
	}
}

func TestInsecureLoopbackOpensNothingElse(t *testing.T) {
	p := newPolicy(InsecureLoopback().filled())
	for address, open := range map[string]bool{
		"127.0.0.1:5432": true, "[::1]:9": true, "10.0.0.1:443": false, "169.254.169.254:80": false, "[64:ff9b::7f00:1]:443": false,
	} {
		if err := p.control("tcp6", address, nil); (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
	}
}

func TestURLs(t *testing.T) {
	client := New(Config{})
	for _, url := range []string{
		"https://buyer.example/jwks.json", "https://buyer.example:443/jwks?v=1", "https://BUYER.example./", "https://xn--bcher-kva.example/",
	} {
		if err := client.Check(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "/jwks", "http://buyer.example/", "HTTP://buyer.example/", "ftp://buyer.example/", "https:buyer.example", "https:///jwks",
		"https://user@buyer.example/", "https://user:secret@buyer.example/", "https://@buyer.example/", "https://buyer.example/#x", "https://buyer.example/#",
		"https://buyer.example:8443/", "https://buyer.example:99999/", "https://buyer.example:80/", "https://buyer.example:-1/",
		"https://localhost/", "https://localhost./", "https://buyer/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
		"https://93.184.215.14/", "https://2130706433/", "https://0x7f.1/", "https://0x7f000001/", "https://127.1/", "https://1.2.3.4./",
		"https://buyer..example/", "https://.example/", "https://buyer.example../", "https://bücher.example/", "https://127。0。0。1/",
		"https://buyer%2eexample/", "https://[fe80::1%25eth0]/", "https://buyer.example\n/", "https://buyer.example/" + strings.Repeat("a", maxURL),
		"https://" + strings.Repeat("a", 64) + ".example/", "https://" + strings.Repeat("a.", 130) + "example/",
	} {
		if err := client.Check(url); !errors.Is(err, ErrRefused) {
			t.Errorf("%.60q: %v, want ErrRefused", url, err)
		}
	}
}

func TestURLsOnLoopback(t *testing.T) {
	client := New(InsecureLoopback())
	for _, url := range []string{"https://localhost/", "https://localhost:8443/", "https://127.0.0.1:9/", "https://[::1]:9/"} {
		if err := client.Check(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"http://localhost/", "https://10.0.0.1/", "https://2130706433/", "https://[::1%25lo]/", "https://[::ffff:127.0.0.1]/"} {
		if err := client.Check(url); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", url, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("https://buyer.example/jwks.json")
	f.Add("https://127.0.0.1/")
	client := New(Config{})
	f.Fuzz(func(t *testing.T, url string) {
		u, err := client.policy.parse(url)
		if err != nil {
			if !errors.Is(err, ErrRefused) {
				t.Fatalf("%v is no ErrRefused", err)
			}
			return
		}
		if _, err := netip.ParseAddr(u.Hostname()); err == nil || u.Scheme != "https" || !strings.Contains(u.Host, ".") {
			t.Fatalf("%q was accepted", url)
		}
	})
}
