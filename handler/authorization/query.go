package authorization

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// maxForm bounds the parameters of an authorization request, in bytes; an
// object of the largest size fits in.
const maxForm = 64 << 10

const ruleForm profile.Rule = "RFC6749-3.1"

var errForm = ruleForm.InvalidRequest("The request's parameters are malformed, too many or too large.")

// readQuery reads the parameters of a GET, and of a POST with a form (OpenID
// Connect Core §3.1.2.1). A POST that names a pending authorization in its
// query is the host's own form, and only the query is read. The body stays
// readable for the host through r.PostForm.
func readQuery(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, ruleForm.InvalidRequest("The HTTP method is neither GET nor POST.")
	}
	if len(r.URL.RawQuery) > maxForm {
		return nil, errForm
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errForm
	}
	if err := parseBody(r); err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet || query.Has(pendingParam) {
		return query, nil
	}
	for name, values := range r.PostForm {
		query[name] = append(query[name], values...)
	}
	return query, nil
}

// parseBody leaves r.Form and r.PostForm filled, as Fosite does for its hosts.
func parseBody(r *http.Request) error {
	if r.Method == http.MethodPost && r.PostForm == nil {
		mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || mediaType != "application/x-www-form-urlencoded" {
			return errForm
		}
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	}
	if r.ParseForm() != nil {
		return errForm
	}
	return nil
}
