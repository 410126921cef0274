package did

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// HTTPResolver asks a DID resolver that the operator runs or trusts, over the
// HTTP binding of DID Resolution 1.0 (§ HTTP(S) Binding) or the one that
// resolvers had before it: the two differ in media types and in the names of
// errors. What the resolver says of a DID is believed. It is safe for
// concurrent use.
type HTTPResolver struct {
	// Endpoint is the https URL that a DID is appended to, such as
	// https://resolver.example/1.0/identifiers/.
	Endpoint string
	// Outbound fetches; it is required, because a resolver often has a private
	// address, which no other client should reach. It should take 128 KiB.
	Outbound Getter
}

// resolutionTypes are what a resolver may answer with, newest first. The one
// with a parameter is sent and never compared.
var resolutionTypes = append([]string{
	"application/did-resolution",
	`application/ld+json;profile="https://w3id.org/did-resolution"`,
	"application/did-resolution+json",
}, documentTypes...)

// Resolve implements Resolver.
func (h HTTPResolver) Resolve(ctx context.Context, id DID) (*Document, error) {
	if id == (DID{}) {
		return nil, invalid("no DID")
	}
	if h.Outbound == nil || h.Endpoint == "" {
		return nil, errors.New("did: the HTTPResolver has no Endpoint or no Outbound")
	}
	// A percent sign of the DID must reach the resolver as one.
	at := strings.TrimSuffix(h.Endpoint, "/") + "/" + url.PathEscape(id.text)
	got, err := h.Outbound.Get(ctx, at, resolutionTypes...)
	if err != nil {
		if answer := statusErrors[statusOf(err)]; answer != nil {
			return nil, answer
		}
		return nil, fmt.Errorf("did: resolver: %w", err)
	}
	return parseResolution(id, got.Body, got.MaxAge)
}

// statusErrors are the statuses that settle the matter (DID Resolution,
// HTTP(S) Binding).
var statusErrors = map[int]error{
	http.StatusBadRequest:     ErrInvalid,
	http.StatusNotFound:       ErrNotFound,
	http.StatusGone:           ErrDeactivated,
	http.StatusNotImplemented: ErrMethod,
}

var errResolution = errors.New("did: the resolver's answer is not a DID resolution result")

// parseResolution reads a resolution result, or a document alone from a
// resolver that prefers to give that.
func parseResolution(id DID, body []byte, maxAge time.Duration) (*Document, error) {
	result, err := jose.ParseObject(body)
	if err != nil {
		return nil, errResolution
	}
	if !result.Has("didDocument") && !result.Has("didResolutionMetadata") {
		return parseFetched(id, body, maxAge)
	}
	if err := resolutionError(result); err != nil {
		return nil, err
	}
	if err := documentState(result); err != nil {
		return nil, err
	}
	if raw := result["didDocument"]; len(raw) > 0 && raw[0] == '{' {
		return parseFetched(id, raw, maxAge)
	}
	return nil, errResolution
}

// documentState returns ErrDeactivated if the metadata of the document say so,
// and ErrInvalid if one cannot tell; none, or null, say nothing.
func documentState(result jose.Object) error {
	raw := result["didDocumentMetadata"]
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	metadata, err := jose.ParseObject(raw)
	if err != nil {
		return invalid("the metadata of the document are not an object")
	}
	off, err := flag(metadata, "deactivated")
	if err == nil && off {
		return ErrDeactivated
	}
	return err
}

// resolutionError reads the error of a result: an object with a type, or
// formerly a string.
func resolutionError(result jose.Object) error {
	metadata, err := jose.ParseObject(result["didResolutionMetadata"])
	if err != nil || !metadata.Has("error") || string(metadata["error"]) == "null" {
		return nil //nolint:nilerr // without metadata there is no error in them
	}
	kind, err := metadata.String("error")
	if err != nil {
		problem, err := jose.ParseObject(metadata["error"])
		if err != nil {
			return errResolution
		}
		if kind, err = problem.String("type"); err != nil {
			return errResolution
		}
	}
	if kind == "" {
		return nil
	}
	if answer := resolutionErrors[canonicalError(kind)]; answer != nil {
		return answer
	}
	return errors.New("did: the resolver has an error of its own")
}

// canonicalError makes https://www.w3.org/ns/did#NOT_FOUND and notFound one.
func canonicalError(kind string) string {
	_, name, found := strings.Cut(kind, "#")
	if !found {
		name = kind
	}
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

var resolutionErrors = map[string]error{
	"invaliddid":           ErrInvalid,
	"invaliddidurl":        ErrInvalid,
	"invaliddiddocument":   ErrInvalid,
	"notfound":             ErrNotFound,
	"deactivated":          ErrDeactivated,
	"methodnotsupported":   ErrMethod,
	"unsupporteddidmethod": ErrMethod,
}
