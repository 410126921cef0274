package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"

	"github.com/meflso/fosite-meflso/example/internal/body"
)

// Operator returns the operator's side. It asks nobody who they are, and so is
// to be served on a loopback address alone:
//
//	POST /statements                    claims of a statement → 201, the JWT
//	POST /credentials                   an Entity → 201, the JWT; its id is the Location
//	POST /credentials/{id}/revoke       → 204
//	POST /credentials/{id}/suspend      → 204
//	POST /credentials/{id}/reinstate    → 204
//
// A web page that the operator happens to look at cannot use it: it takes no
// request that a browser sends for another site, nor under another name.
func (r *Registry) Operator() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /statements", r.postStatement)
	mux.HandleFunc("POST /credentials", r.postCredential)
	for verb, do := range map[string]func(string) error{"revoke": r.Revoke, "suspend": r.Suspend, "reinstate": r.Reinstate} {
		mux.HandleFunc("POST /credentials/{id}/"+verb, func(rw http.ResponseWriter, req *http.Request) {
			if err := do(req.PathValue("id")); err != nil {
				writeError(rw, err)
				return
			}
			rw.WriteHeader(http.StatusNoContent)
		})
	}
	return http.NewCrossOriginProtection().Handler(localOnly(mux))
}

// localOnly refuses a name that a stranger's DNS gives to this machine.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		host, _, err := net.SplitHostPort(req.Host)
		if err != nil {
			host = req.Host
		}
		if host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(rw, "the operator's side is on this machine", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(rw, req)
	})
}

func (r *Registry) postStatement(rw http.ResponseWriter, req *http.Request) {
	var claims map[string]any
	if err := read(rw, req, &claims); err != nil {
		writeError(rw, err)
		return
	}
	token, err := r.Statement(claims)
	writeMade(rw, typeJWT, token, err)
}

func (r *Registry) postCredential(rw http.ResponseWriter, req *http.Request) {
	var e Entity
	if err := read(rw, req, &e); err != nil {
		writeError(rw, err)
		return
	}
	id, token, err := r.Credential(e)
	if err == nil {
		rw.Header().Set("Location", id)
	}
	writeMade(rw, typeCredential, token, err)
}

// read reads one JSON object, and refuses a member that into does not have.
func read(rw http.ResponseWriter, req *http.Request, into any) error {
	members, err := body.Read(rw, req)
	if err != nil {
		return InputError(err.Error())
	}
	data, err := json.Marshal(members)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return InputError("A member is not known here, or has the wrong type.")
	}
	return nil
}

// writeMade answers with what was signed, which nobody in between keeps.
func writeMade(rw http.ResponseWriter, mediaType, token string, err error) {
	if err != nil {
		writeError(rw, err)
		return
	}
	rw.Header().Set("Content-Type", mediaType)
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(http.StatusCreated)
	_, _ = rw.Write([]byte(token)) // the connection is gone if this fails
}

func writeError(rw http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var input InputError
	switch {
	case errors.As(err, &input):
		status = http.StatusBadRequest
	case errors.Is(err, ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, ErrRevoked):
		status = http.StatusConflict
	case errors.Is(err, ErrFull):
		status = http.StatusInsufficientStorage
	}
	rw.Header().Set("Cache-Control", "no-store")
	http.Error(rw, err.Error(), status)
}
