package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrRefused means that the policy forbids the URL or the address that its
// host resolved to. Nothing was sent.
var ErrRefused = errors.New("outbound: refused by policy")

func refused(reason string) error { return fmt.Errorf("%w: %s", ErrRefused, reason) }

// policy decides which URLs and which addresses may be reached.
type policy struct {
	prefixes []netip.Prefix
	ports    []uint16 // nil means any
	guard    *ssrf.Guardian
}

func newPolicy(c Config) policy {
	var v4, v6 []netip.Prefix
	for _, prefix := range c.AllowPrefixes {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	ports := c.AllowPorts
	if c.AllowAnyPort {
		ports = nil
	}
	return policy{
		prefixes: c.AllowPrefixes,
		ports:    ports,
		guard: ssrf.New(
			ssrf.WithPorts(ports...),
			ssrf.WithAllowedV4Prefixes(v4...),
			ssrf.WithAllowedV6Prefixes(v6...),
		),
	}
}

// control is a net.Dialer's Control: it sees every resolved address before
// anything is sent to it.
func (p *policy) control(network, address string, _ syscall.RawConn) error {
	if err := p.guard.Safe(network, address, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// maxURL bounds a URL, in bytes.
const maxURL = 2048

// parse returns the URL if the policy lets it be fetched, as far as that can
// be said before its host is resolved.
func (p *policy) parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxURL || err != nil || u.Host == "" || u.Opaque != "":
		return nil, refused("not an absolute URL of at most 2048 bytes")
	case u.Scheme != "https":
		return nil, refused("the scheme is not https")
	case u.User != nil:
		return nil, refused("the URL has user information")
	case strings.Contains(raw, "#"):
		return nil, refused("the URL has a fragment")
	case !p.opensPort(u.Port()):
		return nil, refused("the port is not open")
	case !p.opensHost(u.Hostname()):
		return nil, refused("the host is no public domain name")
	}
	return u, nil
}

func (p *policy) opensPort(port string) bool {
	if port == "" {
		port = strconv.Itoa(httpsPort)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && (p.ports == nil || slices.Contains(p.ports, uint16(n)))
}

// opensHost accepts domain names. An IP address must be in an open network; a
// name without a dot ("localhost") is tried only where such a network exists,
// and then control judges its address.
func (p *policy) opensHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(p.prefixes, func(open netip.Prefix) bool { return open.Contains(addr) })
	}
	name := strings.TrimSuffix(host, ".")
	return isDomain(name) && (strings.Contains(name, ".") || len(p.prefixes) > 0)
}

// isDomain reports whether the name is made of ASCII labels, the last of which
// begins with a letter: resolvers read 2130706433 and 0x7f.1 as addresses.
func isDomain(name string) bool {
	labels := strings.Split(name, ".")
	top := labels[len(labels)-1]
	return len(name) <= 253 && top != "" && isLetter(rune(top[0])) && !slices.ContainsFunc(labels, notLabel)
}

func notLabel(label string) bool {
	return label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
		return !isLetter(r) && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
