package did

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// WebMethod resolves did:web (did:web Method): a document at an https URL that
// the DID tells. The zero value is useful. It is safe for concurrent use.
type WebMethod struct {
	// Outbound fetches the documents; nil means a client that reaches public
	// addresses on port 443 alone, within 5 s and 64 KiB.
	Outbound Getter
	// LocalNames also takes a host of one label, such as localhost. Whether it
	// may be reached is for the Outbound to say.
	LocalNames bool
}

var publicWeb = outbound.New(outbound.Config{MaxBytes: maxDocument, Timeout: 5 * time.Second})

// documentTypes are the media types of a DID document, by DID Core 1.0 and 1.1,
// and the ones that plain web servers give to a file named did.json.
var documentTypes = []string{"application/did", "application/did+json", "application/did+ld+json", "application/json", "application/ld+json"}

// Resolve implements Resolver. A server that answers 404 or 410 is one that
// says ErrNotFound: so a did:web is given up.
func (w WebMethod) Resolve(ctx context.Context, id DID) (*Document, error) {
	at, err := w.url(id)
	if err != nil {
		return nil, err
	}
	var client Getter = publicWeb
	if w.Outbound != nil {
		client = w.Outbound
	}
	got, err := client.Get(ctx, at, documentTypes...)
	switch status := statusOf(err); {
	case status == http.StatusNotFound || status == http.StatusGone:
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("did: %w", err)
	}
	return parseFetched(id, got.Body, got.MaxAge)
}

// url is where the document of a did:web is. The DID names a host that looks
// like a public one, a port perhaps, and a plain path.
func (w WebMethod) url(id DID) (string, error) {
	if id.Method() != "web" {
		return "", ErrMethod
	}
	segments := strings.Split(id.identifier(), ":")
	host, port, hasPort := cutPort(segments[0])
	if !isDomainName(host) || !w.LocalNames && !strings.Contains(host, ".") || hasPort && !isPort(port) {
		return "", invalid("a did:web begins with a domain name and perhaps %3A and a port")
	}
	if slices.ContainsFunc(segments[1:], notSegment) {
		return "", invalid("a did:web has no path segment that is empty, dots, or has an escaped delimiter")
	}
	if hasPort {
		host += ":" + port
	}
	if len(segments) == 1 {
		return "https://" + host + "/.well-known/did.json", nil
	}
	return "https://" + host + "/" + strings.Join(segments[1:], "/") + "/did.json", nil
}

func cutPort(authority string) (host, port string, has bool) {
	if at := strings.IndexByte(authority, '%'); at >= 0 && strings.EqualFold(authority[at:min(at+3, len(authority))], "%3A") {
		return authority[:at], authority[at+3:], true
	}
	return authority, "", false
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == text
}

// isDomainName is true of names whose last label begins with a letter: so no
// address is among them, in whatever notation a resolver of names reads one.
func isDomainName(host string) bool {
	labels := strings.Split(host, ".")
	top := labels[len(labels)-1]
	return len(host) <= 253 && top != "" && isLetter(top[0]) && !slices.ContainsFunc(labels, notLabel)
}

// notLabel is RFC 1123 §2.1.
func notLabel(label string) bool {
	return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
		slices.ContainsFunc([]byte(label), func(c byte) bool { return c != '-' && !isAlphanumeric(c) })
}

// notSegment refuses what a server might take for more than one segment or for
// another place than it reads as.
func notSegment(segment string) bool {
	plain, err := url.PathUnescape(segment)
	return err != nil || strings.Trim(plain, ".") == "" || strings.ContainsAny(plain, `/\%?#;:@`) ||
		strings.ContainsFunc(plain, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
