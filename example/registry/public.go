package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/strategy/did"
)

const (
	typeCredential = "application/vc+jwt" // VC-JOSE-COSE §3.1.3
	typeJWT        = "application/jwt"
	typeJWKSet     = "application/jwk-set+json"
)

// Handler returns the public side, which is to be served over TLS at Base:
//
//	GET /.well-known/did.json   the DID document
//	GET /jwks                   the same key as a JWK Set
//	GET /credentials/{id}       a credential (MEF W128 D3)
//	GET /status/{n}             a status list
//	GET /healthz
func (r *Registry) Handler() http.Handler { return r.public }

func (r *Registry) routes() (http.Handler, error) {
	document, err := didweb.Document{ID: r.DID(), Keys: []didweb.Key{
		{ID: r.issuer.Kid, Public: r.issuer.Key.Public(), For: []did.Relationship{did.AssertionMethod}},
	}}.Handler()
	if err != nil {
		return nil, err
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: r.issuer.Key.Public(), KeyID: r.issuer.Kid, Algorithm: r.issuer.Alg, Use: "sig"},
	}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /.well-known/did.json", document)
	mux.HandleFunc("GET /jwks", func(rw http.ResponseWriter, _ *http.Request) { write(rw, typeJWKSet, 300, string(set)) })
	mux.HandleFunc("GET /credentials/{id}", r.getCredential)
	mux.HandleFunc("GET /status/{n}", r.getStatusList)
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { write(rw, "text/plain", 0, "ok\n") })
	return mux, nil
}

// write answers 200 with what may be kept for so many seconds.
func write(rw http.ResponseWriter, mediaType string, maxAge int, body string) {
	rw.Header().Set("Content-Type", mediaType)
	rw.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", maxAge))
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(rw, body) // #nosec G705 -- no page; and the connection is gone if this fails
}

// getCredential shows a credential whatever its status, which is the lists' to
// tell.
func (r *Registry) getCredential(rw http.ResponseWriter, req *http.Request) {
	var e entry
	var known bool
	_ = r.read(func(s *state) error { e, known = s.Credentials[req.PathValue("id")]; return nil }) // it has no error
	if !known {
		writeError(rw, ErrUnknown)
		return
	}
	write(rw, typeCredential, 300, e.Token)
}

func (r *Registry) getStatusList(rw http.ResponseWriter, req *http.Request) {
	list, err := r.StatusList(req.PathValue("n"))
	if err != nil {
		writeError(rw, err)
		return
	}
	write(rw, typeCredential, int(r.config.StatusLife.Seconds()), list)
}
