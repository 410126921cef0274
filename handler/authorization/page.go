package authorization

import (
	"context"
	"html/template"
	"net/http"

	"github.com/ory/fosite"
)

// ErrorPage shows an error to the user, because nothing proves that the client
// sent the request. It writes the whole response with the given status; the
// caching and referrer headers are set already.
type ErrorPage func(ctx context.Context, rw http.ResponseWriter, status int, shown *fosite.RFC6749Error)

func (e *Endpoint) writePage(ctx context.Context, rw http.ResponseWriter, shown *fosite.RFC6749Error) {
	keepPrivate(rw)
	status := http.StatusBadRequest
	if shown.CodeField >= http.StatusInternalServerError {
		status = shown.CodeField
	}
	page := e.ErrorPage
	if page == nil {
		page = plainPage
	}
	page(ctx, rw, status, shown)
}

var pageTemplate = template.Must(template.New("error").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Error</title></head>
<body>
<main>
<h1>Error</h1>
<p>This request cannot be answered. You can close this page, or start again where you came from.</p>
<p><code>{{.ErrorField}}</code>: {{.DescriptionField}}</p>
</main>
</body>
</html>
`))

// plainPage is the default page: no script, no style, nothing to load.
func plainPage(_ context.Context, rw http.ResponseWriter, status int, shown *fosite.RFC6749Error) {
	header := rw.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(status)
	_ = pageTemplate.Execute(rw, shown) // the connection is gone if this fails
}
