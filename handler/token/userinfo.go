package token

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3).
type UserInfo struct {
	*Introspection
	NewSession func() storage.Session
	// Claims gives the host's own claims about the user; nil gives none.
	Claims func(context.Context, fosite.AccessRequester) (map[string]any, error)
}

const ruleHeader profile.Rule = "BASE-6.2.1-2"

// BearerToken returns the token of the Authorization header, "" if there is
// none. A token in the query or body is not looked at (FAPI 1.0 Baseline
// §6.2.1-3).
func BearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header["Authorization"]) != 1 {
		return ""
	}
	return strings.TrimSpace(token)
}

// ServeHTTP answers GET and POST with the claims of the token's user.
func (u *UserInfo) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		rw.Header().Set("Allow", "GET, POST")
		rw.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := u.answer(r)
	if err != nil {
		Challenge(rw, err)
		WriteError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, body)
}

// Challenge sets the WWW-Authenticate header of RFC 6750 §3: without a code
// where no token was sent.
func Challenge(rw http.ResponseWriter, err error) {
	shown := profile.Registered(err)
	switch shown.ErrorField {
	case "invalid_token", "insufficient_scope":
		rw.Header().Set("WWW-Authenticate", `Bearer error="`+shown.ErrorField+`"`)
	default:
		if shown.CodeField == http.StatusUnauthorized {
			rw.Header().Set("WWW-Authenticate", "Bearer")
		}
	}
}

func (u *UserInfo) answer(r *http.Request) (map[string]any, error) {
	token := BearerToken(r)
	if token == "" {
		refusal := ruleHeader.InvalidRequest("The Authorization header has no bearer token.")
		refusal.OAuth.CodeField = http.StatusUnauthorized
		return nil, refusal
	}
	request, err := u.IntrospectToken(r.Context(), token, u.NewSession())
	event := audit.Event{Time: u.Clock(), Action: audit.UserInfo, TokenHash: audit.Hash(token)}
	if err == nil {
		event.Client = request.GetClient().GetID()
		err = needsOpenID(request)
	}
	audit.Judge(r.Context(), u.Audit, event, err)
	if err != nil {
		return nil, err
	}
	return u.describe(r.Context(), request)
}

func needsOpenID(request fosite.AccessRequester) error {
	if slices.Contains(request.GetGrantedScopes(), "openid") {
		return nil
	}
	refusal := ruleToken.Refuse("insufficient_scope", "The token has not the scope openid.")
	refusal.OAuth.CodeField = http.StatusForbidden
	return refusal
}

func (u *UserInfo) describe(ctx context.Context, request fosite.AccessRequester) (map[string]any, error) {
	session, err := storage.SessionOf(request.GetSession())
	if err != nil {
		return nil, profile.ServerError("The session cannot be used.", err)
	}
	body := map[string]any{}
	if u.Claims != nil {
		own, err := u.Claims(ctx, request)
		if err != nil {
			return nil, profile.Unavailable(err)
		}
		maps.Copy(body, own)
	}
	body["sub"] = session.IDTokenClaims().Subject
	if binding := session.LSOBinding(); binding.IntentID != "" {
		body[binding.IntentClaim] = binding.IntentID
	}
	return body, nil
}
