package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

var (
	//go:embed pages/*.html
	pageFiles embed.FS
	//go:embed pages/style.css
	style string

	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) }, // #nosec G203 -- a file of ours
	}).ParseFS(pageFiles, "pages/*.html"))

	styleHash = func() string {
		sum := sha256.Sum256([]byte(style))
		return base64.StdEncoding.EncodeToString(sum[:])
	}()
)

// writePage writes a whole page. Forms may lead to this server, and on from
// there to formTarget, since browsers hold redirects against form-action too.
func writePage(rw http.ResponseWriter, status int, name, formTarget string, data any) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(rw, "Error: server_error", http.StatusInternalServerError)
		return
	}
	header := rw.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+styleHash+
		"'; form-action "+formTarget+"; frame-ancestors 'none'; base-uri 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = page.WriteTo(rw) // the connection is gone if this fails
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)

// formTarget is the source list for a page whose form ends at the redirect_uri.
// A host that the list cannot name opens it to https.
func formTarget(redirect *url.URL) string {
	if plainHost.MatchString(redirect.Host) {
		return "'self' https://" + redirect.Host
	}
	return "'self' https:"
}

type loginPage struct{ Title, Action, Token, Buyer, User, Alert string }

func (v *visit) showLogin(user, alert string) {
	writePage(v.rw, http.StatusOK, "login.html", formTarget(v.ar.GetRedirectURI()), loginPage{
		Title: "Sign in", Action: v.address(), Token: v.app.logins.visitToken(v.rw, v.r, v.pending.Handle),
		Buyer: v.buyer(), User: user, Alert: alert,
	})
}

// buyer is the name under which the user knows the client.
func (v *visit) buyer() string {
	if name := clean(v.pending.Client.ClientName); name != "" {
		return name
	}
	return v.ar.GetClient().GetID()
}

type consentPage struct {
	Title, Action, Token, Buyer, Entity, User string
	ClientID, Site                            string
	Words                                     words
	Intent                                    *storage.Intent
	Kind, Expires                             string
	Details                                   []detail
	Scopes                                    []phrase
	ACR                                       []phrase
	Essential                                 bool
}

func (v *visit) showConsent() {
	p := v.pending
	page := consentPage{
		Title: "Approve a request", Action: v.address(), Token: v.app.logins.consentToken(v.login, p.Handle),
		Buyer: v.buyer(), Entity: clean(p.Client.LegalEntityName), User: v.login.user,
		ClientID: v.ar.GetClient().GetID(), Site: v.ar.GetRedirectURI().Host, Words: v.app.opts.offer.words, Intent: p.Intent,
		Scopes: inWords(p.Scopes, scopeWords), ACR: inWords(p.ACR, acrWords), Essential: p.EssentialACR,
	}
	if p.Intent != nil {
		page.Kind, page.Details = kindWords[p.Intent.Kind], details(p.Intent.Details)
		page.Expires = p.Intent.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC")
	}
	writePage(v.rw, http.StatusOK, "consent.html", formTarget(v.ar.GetRedirectURI()), page)
}

// phrase is a token of the protocol with what it means.
type phrase struct{ Token, Text string }

var kindWords = map[storage.IntentKind]string{
	storage.IntentOnce:     "Once: one submission uses it up",
	storage.IntentRepeated: "Repeatedly, until the approval expires",
}

var scopeWords = map[string]string{
	"openid":                  "Learn that you approved, and how you signed in",
	"quote":                   "Work with quotes: ask for them, read them, submit them and follow the submissions",
	"POST:/quote":             "Ask for quotes",
	"GET:/quote":              "Read quotes",
	"POST:/quote-submissions": "Submit this quote",
	"GET:/quote-submissions":  "Follow the submission of a quote",
	"accounts":                "Read of your accounts what the consent permits",
	"payments":                "Make payments",
}

var acrWords = map[string]string{"sca": "Strong customer authentication", "ca": "Customer authentication"}

// inWords explains tokens by the whole, or by what follows their last colon.
func inWords(tokens []string, words map[string]string) []phrase {
	phrases := make([]phrase, 0, len(tokens))
	for _, token := range tokens {
		text := words[token]
		if text == "" && strings.HasPrefix(token, "urn:") {
			text = words[token[strings.LastIndex(token, ":")+1:]]
		}
		phrases = append(phrases, phrase{token, text})
	}
	return slices.Clip(phrases)
}

var (
	errForeignForm = &fosite.RFC6749Error{
		ErrorField: "access_denied", DescriptionField: "This form is not one that we made for this browser, or it is too old.",
	}
	errUnknownForm = &fosite.RFC6749Error{ErrorField: "invalid_request", DescriptionField: "We do not know this form."}
)

type errorPage struct{ Title, Code, Text string }

// showError is the page for errors that must not go to the client.
func showError(_ context.Context, rw http.ResponseWriter, status int, shown *fosite.RFC6749Error) {
	writePage(rw, status, "error.html", "'none'", errorPage{"Error", shown.ErrorField, shown.DescriptionField})
}
