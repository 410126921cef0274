package token

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3).
type UserInfo struct {
	*Introspection
	NewSession func() storage.Session
	// Holder checks the certificate that a token is bound to.
	Holder *Holder
	// Claims gives the host's own claims about the user; nil gives none.
	Claims func(context.Context, fosite.AccessRequester) (map[string]any, error)
	// Keys and Encrypter sign and encrypt for clients that registered for it.
	Keys      *key.Ring
	Encrypter *key.Encrypter
}

const ruleBearer profile.Rule = "BASE-6.2.1-2"

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
	request, err := u.judge(r)
	if err == nil {
		err = u.write(r.Context(), rw, request)
	}
	if err != nil {
		Challenge(rw, err)
		WriteError(rw, err)
	}
}

// write answers with plain JSON, or with a JWT where the client registered for
// one. With an error nothing is written.
func (u *UserInfo) write(ctx context.Context, rw http.ResponseWriter, request fosite.AccessRequester) error {
	body, err := u.describe(ctx, request)
	if err != nil {
		return err
	}
	client := request.GetClient()
	metadata, err := u.Metadata(ctx, client)
	if err != nil {
		return profile.Unavailable(err)
	}
	if metadata.UserInfoSignedResponseAlg+metadata.UserInfoEncryptedResponseAlg+metadata.UserInfoEncryptedResponseEnc == "" {
		writeJSON(rw, http.StatusOK, body)
		return nil
	}
	signed, err := u.sign(ctx, client.GetID(), metadata, body)
	if err != nil {
		return profile.ServerError("The UserInfo response could not be signed or encrypted.", err)
	}
	rw.Header().Set("Content-Type", "application/jwt")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(rw, signed) //nolint:gosec // a JWT; and the connection is gone if this fails
	return nil
}

// sign makes the JWT of OpenID Connect Core §5.3.2. It is signed also where the
// client asked for encryption alone: anyone can encrypt to a public key.
func (u *UserInfo) sign(ctx context.Context, clientID string, m *storage.ClientMetadata, body map[string]any) (string, error) {
	alg := m.UserInfoSignedResponseAlg
	if alg == "" {
		alg = string(u.Encrypter.Profile.PreferredSigningAlg)
	}
	body["iss"], body["aud"] = u.Issuer, clientID
	signed, err := u.Keys.Sign(alg, body)
	if err != nil {
		return "", err
	}
	return u.Encrypter.Encrypt(ctx, key.UserInfo, clientID, m, signed)
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

func (u *UserInfo) judge(r *http.Request) (fosite.AccessRequester, error) {
	token := BearerToken(r)
	if token == "" {
		refusal := ruleBearer.InvalidRequest("The Authorization header has no bearer token.")
		refusal.OAuth.CodeField = http.StatusUnauthorized
		audit.Judge(r.Context(), u.Audit, audit.Event{Time: u.Clock(), Action: audit.UserInfo}, refusal)
		return nil, refusal
	}
	request, err := u.IntrospectToken(r.Context(), token, u.NewSession())
	event := audit.Event{Time: u.Clock(), Action: audit.UserInfo, TokenHash: audit.Hash(token)}
	if err == nil {
		event.Client = request.GetClient().GetID()
		err = u.mayAsk(r, request)
	}
	audit.Judge(r.Context(), u.Audit, event, err)
	return request, err
}

// mayAsk: the request comes from the token's holder, and a user said openid.
func (u *UserInfo) mayAsk(r *http.Request, request fosite.AccessRequester) error {
	active, err := activeOf(request)
	if err != nil {
		return err
	}
	if err := u.Holder.Check(r, active); err != nil {
		return err
	}
	return needsOpenID(request)
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
		for name, value := range own {
			if !slices.Contains(idtoken.Reserved, name) { // signed, it would pass for an ID Token
				body[name] = value
			}
		}
	}
	body["sub"] = session.IDTokenClaims().Subject
	if binding := session.LSOBinding(); binding.IntentID != "" {
		body[binding.IntentClaim] = binding.IntentID
	}
	return body, nil
}
