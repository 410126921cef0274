package outbound

import (
	"cmp"
	"crypto/x509"
	"net/netip"
	"slices"
	"time"
)

// Config says what may be fetched. The zero value is safe and useful. New
// copies it.
type Config struct {
	// AllowPrefixes are networks that are open although they are not public,
	// such as 10.20.0.0/16. With any of them set, a host may also be an IP
	// address in them or a name without a dot.
	AllowPrefixes []netip.Prefix
	// AllowPorts are the ports that may be dialled; empty means 443.
	AllowPorts []uint16
	// AllowAnyPort lifts the limit on ports, for development.
	AllowAnyPort bool
	// RootCAs are the authorities that a server's certificate must lead to;
	// nil means the system's.
	RootCAs *x509.CertPool
	// Timeout bounds one Get from the name's resolution to the last byte; 0
	// means 5 s.
	Timeout time.Duration
	// MaxBytes bounds the body of an answer, in bytes; 0 means 256 KiB.
	MaxBytes int64
}

const (
	defaultTimeout  = 5 * time.Second
	defaultMaxBytes = 256 << 10
	httpsPort       = 443
)

// InsecureLoopback returns a Config that reaches every port of this machine's
// loopback addresses: whoever chooses a URL can then talk to the databases and
// consoles that listen there. It is for development and tests, never for a
// server that others can reach. TLS stays on; set RootCAs to the authority of
// the local certificates.
func InsecureLoopback() Config {
	return Config{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		AllowAnyPort:  true,
	}
}

// filled returns a copy of c with its defaults.
func (c Config) filled() Config {
	c.AllowPrefixes = slices.Clone(c.AllowPrefixes)
	c.AllowPorts = slices.Clone(c.AllowPorts)
	if len(c.AllowPorts) == 0 {
		c.AllowPorts = []uint16{httpsPort}
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	return c
}
