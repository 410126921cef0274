package authorization

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/jarm"
)

// send brings the parameters to the client's redirect_uri, through the browser
// and in the response mode of the request.
func send(rw http.ResponseWriter, ar fosite.AuthorizeRequester, params url.Values) {
	target := *ar.GetRedirectURI() // a copy: the requester's own stays as it is
	target.Fragment = ""
	keepPrivate(rw)
	header := rw.Header()
	switch where(ar) {
	case jarm.FormPost:
		post(rw, target.String(), params)
		return
	case jarm.Fragment:
		header.Set("Location", target.String()+"#"+params.Encode())
	default:
		query := target.Query()
		for name := range params {
			query.Set(name, params.Get(name))
		}
		target.RawQuery = query.Encode()
		header.Set("Location", target.String())
	}
	rw.WriteHeader(http.StatusSeeOther)
}

// keepPrivate: no cache and no later page learns of the answer.
func keepPrivate(rw http.ResponseWriter) {
	header := rw.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	header.Set("Referrer-Policy", "no-referrer")
}

func where(ar fosite.AuthorizeRequester) jarm.Mode {
	mode := ar.GetResponseMode()
	if mode == fosite.ResponseModeDefault {
		mode = ar.GetDefaultResponseMode()
	}
	if place, ok := jarm.ModeOf(string(mode), strings.Join(ar.GetResponseTypes(), " ")); ok {
		return place
	}
	return jarm.Mode(mode)
}

// submit is all the script of the page; the policy names its hash and nothing
// else.
const submit = "document.forms[0].submit()"

var postPage = template.Must(template.New("post").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Back to the application</title></head>
<body>
<form method="post" action="{{.Target}}">
{{range $name, $values := .Params}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">
{{end}}<button>Back to the application</button>
</form>
<script>` + submit + `</script>
</body>
</html>
`))

// post is the form that the browser sends by itself (OAuth 2.0 Form Post
// Response Mode §2).
func post(rw http.ResponseWriter, target string, params url.Values) {
	sum := sha256.Sum256([]byte(submit))
	script := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	header := rw.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; script-src "+script+"; frame-ancestors 'none'; base-uri 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(http.StatusOK)
	_ = postPage.Execute(rw, map[string]any{"Target": target, "Params": params}) // the connection is gone if this fails
}
