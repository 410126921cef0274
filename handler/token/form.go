package token

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// maxForm bounds the form of the endpoints for clients, in bytes.
const maxForm = 64 << 10

const ruleForm profile.Rule = "RFC6749-3.2"

// ReadForm reads the form of a POST from a client: urlencoded, of at most
// 64 KiB, no parameter twice. Parameters in the query are not looked at, by
// Fosite neither. Every error is a *profile.Violation.
func ReadForm(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		refusal := ruleForm.InvalidRequest("The HTTP method is not POST.")
		refusal.OAuth.CodeField = http.StatusMethodNotAllowed
		return nil, refusal
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil, ruleForm.InvalidRequest("The body is not a urlencoded form.")
	}
	if r.PostForm == nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	}
	if err := r.ParseForm(); err != nil {
		return nil, ruleForm.InvalidRequest("The form is malformed or too large.").Because(err)
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return nil, ruleForm.InvalidRequest("A parameter is there more than once.")
		}
	}
	return r.PostForm, nil
}
