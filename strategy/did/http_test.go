package did

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// answering is a resolver that gives this body.
func answering(body string) HTTPResolver {
	return HTTPResolver{Endpoint: "https://resolver.example/1.0/identifiers/", Outbound: getter(func(context.Context, string, ...string) (*outbound.Document, error) {
		return &outbound.Document{Body: []byte(body)}, nil
	})}
}

func result(document, resolution, metadata string) string {
	return fmt.Sprintf(`{"didDocument":%s,"didResolutionMetadata":%s,"didDocumentMetadata":%s}`, document, resolution, metadata)
}

func TestResolutionResults(t *testing.T) {
	for name, body := range map[string]string{
		"current":          result(whole, `{"contentType":"application/did"}`, `{}`),
		"older":            result(whole, `{"contentType":"application/did+ld+json","error":null}`, `{"deactivated":false}`),
		"empty error":      result(whole, `{"error":""}`, `{}`),
		"without metadata": `{"didDocument":` + whole + `}`,
		"null metadata":    result(whole, `{}`, `null`),
		"with a context":   `{"@context":"https://w3id.org/did-resolution/v1",` + result(whole, `{}`, `{}`)[1:],
		"a document alone": whole,
	} {
		doc, err := answering(body).Resolve(t.Context(), mustParse(t, buyer))
		if err != nil || len(doc.Keys(Authentication, "#sig-1")) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nil stands for an error that is no answer.
func TestResolutionErrors(t *testing.T) {
	for body, want := range map[string]error{
		result(`null`, `{"error":{"type":"https://www.w3.org/ns/did#NOT_FOUND"}}`, `{}`):            ErrNotFound,
		result(`null`, `{"error":"notFound"}`, `{}`):                                                ErrNotFound,
		result(`null`, `{"error":{"type":"https://www.w3.org/ns/did#INVALID_DID"}}`, `{}`):          ErrInvalid,
		result(`{}`, `{"error":"invalidDid"}`, `{}`):                                                ErrInvalid,
		result(`null`, `{"error":{"type":"https://www.w3.org/ns/did#INVALID_DID_DOCUMENT"}}`, `{}`): ErrInvalid,
		result(`null`, `{"error":{"type":"https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED"}}`, `{}`): ErrMethod,
		result(`null`, `{"error":"methodNotSupported"}`, `{}`):                                      ErrMethod,
		result(`null`, `{"error":"unsupportedDidMethod"}`, `{}`):                                    ErrMethod,
		result(whole, `{"error":"deactivated"}`, `{}`):                                              ErrDeactivated,
		result(whole, `{}`, `{"deactivated":true}`):                                                 ErrDeactivated,
		result(`null`, `{}`, `{"deactivated":true}`):                                                ErrDeactivated,
		result(whole, `{}`, `{"deactivated":"yes"}`):                                                ErrInvalid,
		result(whole, `{}`, `[{"deactivated":true}]`):                                               ErrInvalid,
		result(whole, `{}`, `"deactivated"`):                                                        ErrInvalid,
		result(whole, `{}`, `{"deactivated":null}`):                                                 ErrInvalid,
		result(whole, `{"error":{"type":"https://www.w3.org/ns/did#INTERNAL_ERROR"}}`, `{}`):        nil,
		result(whole, `{"error":["x"]}`, `{}`):                                                      nil,
		result(whole, `{"error":{"type":1}}`, `{}`):                                                 nil,
		result(`null`, `{}`, `{}`):                                                                  nil,
		result(`"x"`, `{}`, `{}`):                                                                   nil,
		`{"didResolutionMetadata":{}}`:                                                              nil,
		`not JSON`:                                                                                  nil,
		`{}`:                                                                                        ErrInvalid,
		result(strings.ReplaceAll(whole, "buyer", "thief"), `{}`, `{}`):                             ErrInvalid,
	} {
		_, err := answering(body).Resolve(t.Context(), mustParse(t, buyer))
		if want != nil && !errors.Is(err, want) || want == nil && (err == nil || IsFinal(err)) {
			t.Errorf("%.80s: %v, want %v", body, err, want)
		}
	}
}

func TestResolverStatus(t *testing.T) {
	for status, want := range map[int]error{400: ErrInvalid, 404: ErrNotFound, 410: ErrDeactivated, 501: ErrMethod, 406: nil, 500: nil, 503: nil} {
		client := getter(func(context.Context, string, ...string) (*outbound.Document, error) { return nil, told(status) })
		_, err := HTTPResolver{"https://resolver.example/", client}.Resolve(t.Context(), mustParse(t, buyer))
		if want != nil && !errors.Is(err, want) || want == nil && (err == nil || IsFinal(err)) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestResolverOverHTTP(t *testing.T) {
	host, config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/1.0/identifiers/did:web:buyer.example%253A1" || !strings.HasPrefix(r.Header.Get("Accept"), "application/did-resolution, ") {
			t.Errorf("asked for %s, %s", r.URL.EscapedPath(), r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", `application/ld+json;profile="https://w3id.org/did-resolution"`)
		io.WriteString(w, result(strings.ReplaceAll(whole, buyer, buyer+"%3A1"), `{}`, `{}`))
	})
	at := strings.Replace(strings.TrimPrefix(host.String(), "did:web:"), "%3A", ":", 1)
	for _, endpoint := range []string{"https://" + at + "/1.0/identifiers/", "https://" + at + "/1.0/identifiers"} {
		doc, err := HTTPResolver{endpoint, outbound.New(config)}.Resolve(t.Context(), mustParse(t, buyer+"%3A1"))
		if err != nil || len(doc.AllKeys(Authentication)) != 3 {
			t.Error(err)
		}
	}
}

func TestResolverNotConfigured(t *testing.T) {
	for _, resolver := range []HTTPResolver{{}, {Endpoint: "https://resolver.example/"}} {
		if _, err := resolver.Resolve(t.Context(), mustParse(t, buyer)); err == nil || IsFinal(err) {
			t.Errorf("got %v", err)
		}
	}
	_, err := answering(whole).Resolve(t.Context(), DID{})
	wantError(t, err, ErrInvalid)
}
