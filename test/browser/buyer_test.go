package browser

import (
	"html/template"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// site is where the Buyers' redirect URIs lead to.
type site struct {
	address string

	mu    sync.Mutex
	calls []call
}

// call is a request that a browser made at a redirect URI.
type call struct{ uri, referer string }

var landing = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><title>Buyer</title>
<h1 id="landed">Back at the Buyer</h1>
<script>document.title = 'Buyer with script'</script>
`))

// The way to the server by a form, which SameSite cookies stay behind.
var departure = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><title>Buyer</title>
<form method="post" action="{{.Get "to"}}">
<input type="hidden" name="client_id" value="{{.Get "client_id"}}">
<input type="hidden" name="request" value="{{.Get "request"}}">
<button id="go">Ask for approval</button>
</form>
`))

var careless = []byte(`<!DOCTYPE html>
<html lang="en"><title>A policy that is broken</title><h1 id="careless">Careless</h1><script>document.title = 'run'</script>
`)

func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	mux.HandleFunc("/cb", s.land)
	mux.HandleFunc("/start", func(rw http.ResponseWriter, r *http.Request) { _ = departure.Execute(rw, r.URL.Query()) })
	mux.HandleFunc("/careless", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Security-Policy", "default-src 'none'")
		_, _ = rw.Write(careless)
	})
	s.address = serve(t, mux).Listener.Addr().String()
	return s
}

func (s *site) land(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, call{r.RequestURI, r.Referer()})
	s.mu.Unlock()
	_ = landing.Execute(rw, nil)
}

// seen returns the requests until now.
func (s *site) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call{}, s.calls...)
}

// serve serves the handler over TLS until the test ends.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that the browser gave up
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}
