package main

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/authorization"
)

// authorize is the authorization endpoint. A request comes from the client
// first; the pages' forms then name it by its handle, in the query.
func (a *app) authorize(rw http.ResponseWriter, r *http.Request) {
	ar, err := a.provider.NewAuthorizeRequest(r.Context(), r)
	if err != nil {
		a.provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	v := &visit{app: a, rw: rw, r: r, ar: ar, pending: authorization.Of(ar), login: a.logins.find(r)}
	switch {
	case a.opts.autoApprove != "":
		v.finish(a.opts.autoApprove, v.pending.RequestedAt)
	case r.Method != http.MethodPost:
		v.show()
	case r.URL.Query().Has("pending"):
		v.submit()
	default:
		// A client's POST comes without the login cookie (SameSite), the GET
		// that follows it with it.
		v.goBack()
	}
}

// visit is one request of the browser about one authorization.
type visit struct {
	app     *app
	rw      http.ResponseWriter
	r       *http.Request
	ar      fosite.AuthorizeRequester
	pending *authorization.Pending
	login   *login // nil: nobody is logged in
}

// address is where the pages' forms go.
func (v *visit) address() string {
	return v.app.opts.issuer.Path + authorizePath + "?" + url.Values{"pending": {v.pending.Handle}}.Encode()
}

func (v *visit) goBack() {
	v.rw.Header().Set("Cache-Control", "no-store")
	v.rw.Header().Set("Referrer-Policy", "no-referrer")
	v.rw.Header().Set("Location", v.address())
	v.rw.WriteHeader(http.StatusSeeOther)
}

func (v *visit) fail(err error) {
	v.app.provider.WriteAuthorizeError(v.r.Context(), v.rw, v.ar, err)
}

// show shows the page that is next. Consent is never remembered, so that a
// client which wants no page is told what is missing.
func (v *visit) show() {
	silent := slices.Contains(v.pending.Prompt, "none")
	switch {
	case silent && v.needsLogin():
		v.fail(fosite.ErrLoginRequired)
	case silent:
		v.fail(fosite.ErrConsentRequired)
	case v.needsLogin():
		v.showLogin("", "")
	default:
		v.showConsent()
	}
}

func (v *visit) needsLogin() bool {
	if v.login == nil || v.pending.NeedsLogin(v.login.at) {
		return true
	}
	// Another account can be chosen by logging in only.
	return slices.Contains(v.pending.Prompt, "select_account") && v.login.at.Before(v.pending.RequestedAt)
}

// submit takes the form of a page.
func (v *visit) submit() {
	form := v.r.PostForm
	switch form.Get("page") {
	case "login":
		v.submitLogin(form)
	case "consent":
		v.submitConsent(form)
	default:
		showError(v.r.Context(), v.rw, http.StatusBadRequest, errUnknownForm)
	}
}

func (v *visit) submitLogin(form url.Values) {
	if !v.app.logins.visitTokenFits(v.r, v.pending.Handle, form.Get("token")) {
		showError(v.r.Context(), v.rw, http.StatusForbidden, errForeignForm)
		return
	}
	name := form.Get("username")
	if !authenticate(name, form.Get("password")) {
		v.showLogin(name, "The user name or the password is wrong.")
		return
	}
	v.app.logins.start(v.rw, v.login, name)
	v.goBack()
}

func (v *visit) submitConsent(form url.Values) {
	switch {
	case v.needsLogin(): // it expired while the page was open
		v.goBack()
	case !v.app.logins.tokenFits(v.login, v.pending.Handle, form.Get("token")):
		showError(v.r.Context(), v.rw, http.StatusForbidden, errForeignForm)
	case form.Get("decision") == "approve":
		v.finish(v.login.user, v.login.at)
	case form.Get("decision") == "decline":
		v.fail(fosite.ErrAccessDenied)
	default:
		showError(v.r.Context(), v.rw, http.StatusBadRequest, errUnknownForm)
	}
}

// finish sends the browser back to the client with the user's approval of all
// that the client asked for.
func (v *visit) finish(user string, at time.Time) {
	for _, scope := range v.ar.GetRequestedScopes() {
		v.ar.GrantScope(scope)
	}
	session := newSession()
	claims := session.IDTokenClaims()
	claims.Subject, claims.AuthTime = user, at
	claims.AuthenticationContextClassReference = v.reached()
	ctx := v.r.Context()
	response, err := v.app.provider.NewAuthorizeResponse(ctx, v.ar, session)
	if err != nil {
		v.fail(err)
		return
	}
	v.app.provider.WriteAuthorizeResponse(ctx, v.rw, v.ar, response)
}

// passwordClasses are what a login over TLS with a password is, where the
// profile has no vocabulary of its own (OASIS SAML 2.0 Authentication Context
// §3.4).
var passwordClasses = []string{
	"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
	"urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
}

// reached is the acr of the login: the profile's strongest, since this server
// knows no better one. Without a vocabulary, it is what the client asks for, if
// a password is that, and else nothing.
func (v *visit) reached() string {
	if own := v.app.opts.profile.ACRValues; len(own) > 0 {
		return own[0]
	}
	for _, asked := range v.pending.ACR {
		if slices.Contains(passwordClasses, asked) {
			return asked
		}
	}
	return ""
}
