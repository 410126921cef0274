package main

import (
	"net/http"
	"strings"

	"github.com/meflso/fosite-meflso/handler/resource"
)

const resourcePath = "/resource"

// resource tells a client what its token is, with any profile.
func (a *app) resource() http.Handler {
	return a.provider.ResourceGuard().Protect(resource.Operation{Scope: "openid"}, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		grant := resource.Of(r.Context())
		body := map[string]string{"sub": grant.Subject, "client_id": grant.ClientID, "scope": strings.Join(grant.Scopes, " ")}
		if claim := a.opts.profile.IntentClaim; claim != "" {
			body[claim] = grant.IntentID
		}
		resource.WriteJSON(rw, http.StatusOK, body)
	}))
}
