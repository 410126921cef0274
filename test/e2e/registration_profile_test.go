package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// without is for profiles that have no credentials, or want what others do not.
func without(t *testing.T) func(*compose.Config) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *compose.Config) {
		c.Registration.Credentials = credential.Policy{}
		c.PairwiseSalt = bytes.Repeat([]byte{7}, 32)
		if c.Profile.PreferredSigningAlg == profile.PS256 {
			c.Keys = key.Signing(private)
		}
	}
}

// entityOff is the profile without credentials.
func entityOff(p profile.Profile) profile.Profile {
	p.EntityCredential, p.RequireCredentialStatus, p.ResolveCredentialID, p.MaxCredentialChain, p.TTL.StatusMaxAge = profile.EntityOff, false, false, 0, 0
	return p
}

// Registration is no matter of MEF alone.
func TestRegistrationInOtherProfiles(t *testing.T) {
	for name, p := range map[string]profile.Profile{
		"uk-ob": profile.UKOpenBanking(), "fapi1-advanced": profile.FAPI1Advanced(), "nz-banking": profile.NZBanking(), "mef-lso-128": profile.MEFLSO128(),
	} {
		t.Run("MEF-R2/MEF-7.3-1/"+name, func(t *testing.T) {
			p = entityOff(p)
			w := startApplying(t, p, without(t), func(c *compose.Config) { c.Scopes = []string{"accounts"} })
			w.a.Speak(p)
			answer := w.takes(t, plain(t, w))
			want(t, answer.Body, harness.Claims{"scope": w.a.Scope, "token_endpoint_auth_method": "private_key_jwt"})
			bound, _ := answer.Body["tls_client_certificate_bound_access_tokens"].(bool)
			if bound != p.BindsAll() {
				t.Errorf("bound access tokens: %v", bound)
			}
			read := w.Send(t, http.MethodGet, answer.Body["registration_client_uri"].(string), answer.Body["registration_access_token"].(string), nil)
			if read.Status != http.StatusOK || read.Raw != answer.Raw {
				t.Errorf("read: %d %s", read.Status, read.Raw)
			}
			body := plain(t, w)
			body["token_endpoint_auth_method"] = "none"
			w.refuses(t, w.send(t, body), "FAPI-5.2.2-16", badMetadata)
		})
	}
	t.Run("MEF-7.3-1/uk-ob/a body that the software signed", func(t *testing.T) {
		w := startApplying(t, profile.UKOpenBanking(), without(t), func(c *compose.Config) { c.Scopes = []string{"accounts"} })
		w.a.Speak(profile.UKOpenBanking())
		body := plain(t, w)
		software := &credential.Issuer{ID: "software-of-" + w.a.ID, Kid: "k1", Alg: "ES256", Key: w.a.Key}
		hosted("/tpp/jwks", clientKey(w.a.Key.Public(), "k1"))(t, w, body)
		stating(harness.Set("software_jwks_endpoint", body["jwks_uri"]), harness.Set("software_redirect_uris", body["redirect_uris"]))(t, w, body)
		delete(body, "jwks_uri")
		token := w.signedBody(t, software, body)
		if answer := w.SendRaw(t, http.MethodPost, w.Registration, "", "application/jose", token); answer.Status != http.StatusCreated {
			t.Fatalf("%d %s", answer.Status, answer.Raw)
		}
		w.taken++
		w.refuses(t, w.SendRaw(t, http.MethodPost, w.Registration, "", "application/jose", token), "MEF-7.3-1", badMetadata)
	})
}

// What the profile says of credentials.
func TestRegistrationCredentialSwitches(t *testing.T) {
	with := func(change func(*profile.Profile)) profile.Profile {
		p := profile.MEFLSO()
		change(&p)
		return p
	}
	t.Run("MEF-R4/off: a presentation is not looked at and proves nothing", func(t *testing.T) {
		w := startApplying(t, entityOff(profile.MEFLSO()), without(t))
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-D4", badMetadata)
		body := plain(t, w)
		body["lso_entity_presentation"] = "x"
		if answer := w.takes(t, body); answer.Body["legal_entity_name"] != nil {
			t.Errorf("%s", answer.Raw)
		}
		if answer := w.Send(t, http.MethodGet, w.Registration+"/challenge", "", nil); answer.Status != http.StatusUnauthorized {
			t.Errorf("challenge: %d %s", answer.Status, answer.Raw)
		}
	})
	t.Run("MEF-R4/required: a presentation in place of a statement", func(t *testing.T) {
		p := with(func(p *profile.Profile) { p.EntityCredential = profile.EntityRequired })
		w := startApplying(t, p, func(c *compose.Config) { c.Registration.StatementOptional = true })
		body := ofDID(t, w)
		delete(body, "software_statement")
		want(t, w.takes(t, body).Body, harness.Claims{"client_id": w.a.ID, "legal_entity_name": "Buyer Inc.", "software_statement": nil})
		w.accessToken(t, w.a.Buyer)
	})
	t.Run("C-16/MEF-R8/a status is not required", func(t *testing.T) {
		w := startApplying(t, with(func(p *profile.Profile) { p.RequireCredentialStatus = false }))
		body := ofDID(t, w)
		body["lso_entity_presentation"] = w.presents(t, credential.V2, w.entity(t, credential.V2, func(c *credential.Credential) { c.Status = nil }))
		w.takes(t, body)
	})
	t.Run("MEF-R8/a status that is there is looked at all the same", func(t *testing.T) {
		w := startApplying(t, with(func(p *profile.Profile) { p.RequireCredentialStatus = false }))
		w.Registry.Revoke(t, w.a.Index, true)
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-R8", badStatement)
	})
	t.Run("MEF-R6/a chain of one", func(t *testing.T) {
		w := startApplying(t, with(func(p *profile.Profile) { p.MaxCredentialChain = 1 }))
		body := ofDID(t, w)
		body["lso_entity_presentation"] = w.presents(t, credential.V2, w.chain(t, 2, credential.V2)...)
		w.refuses(t, w.send(t, body), "MEF-R6", unapproved)
		w.takes(t, ofDID(t, w))
	})
}

// Discovery tells of registration where there is any.
func TestRegistrationDiscovery(t *testing.T) {
	const alias = "https://mtls.op.example.com"
	discovery := harness.Issuer + "/.well-known/openid-configuration"
	t.Run("FAPI-8.9-0/listed", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) { c.MTLSBase = alias })
		doc := w.Send(t, http.MethodGet, discovery, "", nil)
		want(t, doc.Body, harness.Claims{"registration_endpoint": w.Registration, "jwks_uri": harness.Issuer + "/oauth2/jwks"})
		aliases, _ := doc.Body["mtls_endpoint_aliases"].(map[string]any)
		want(t, aliases, harness.Claims{"registration_endpoint": alias + "/oauth2/register"})
		answer := w.takes(t, ofDID(t, w))
		if uri := alias + "/oauth2/register/" + url.PathEscape(w.a.ID); answer.Body["registration_client_uri"] != uri {
			t.Errorf("managed at %v, want %s", answer.Body["registration_client_uri"], uri)
		}
	})
	t.Run("MEF-7.3-1/not listed where there is none", func(t *testing.T) {
		h := harness.StartDirect(t, profile.MEFLSO(), nil, nil)
		doc := h.Send(t, http.MethodGet, discovery, "", nil)
		if _, there := doc.Body["registration_endpoint"]; there || doc.Status != http.StatusOK {
			t.Errorf("%d %s", doc.Status, doc.Raw)
		}
		for _, path := range []string{"", "/challenge", "/c-1"} {
			if answer := h.Send(t, http.MethodPost, h.Registration+path, "", harness.Claims{}); answer.Status != http.StatusNotFound {
				t.Errorf("%s: %d %s", path, answer.Status, answer.Raw)
			}
		}
	})
}

// subjects is a policy that lets no two clients share a certificate.
func subjects() func(context.Context, *storage.Registration) error {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(_ context.Context, r *storage.Registration) error {
		mu.Lock()
		defer mu.Unlock()
		if dn := r.Client.TLSClientAuthSubjectDN; dn != "" && seen[dn] {
			return profile.Rule("FAPI-8.10").Refuse(badMetadata, "Another client has this subject.")
		}
		seen[r.Client.TLSClientAuthSubjectDN] = true
		return nil
	}
}

// FAPI 1.0 Advanced §8.10: the certificate of an organisation is that of every
// client of it, unless the server's policy says otherwise.
func TestRegistrationOfOneSubject(t *testing.T) {
	ca := harness.NewCA(t, "Trust")
	applying := func(t *testing.T, change func(*compose.Config)) (*applying, func(software string) harness.Claims) {
		t.Helper()
		w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) { c.ClientCAs = ca.Pool() }, change)
		return w, func(software string) harness.Claims {
			body := plain(t, w)
			body["token_endpoint_auth_method"], body["tls_client_auth_subject_dn"] = "tls_client_auth", "CN=tpp,O=Buyer"
			stating(harness.Set("software_id", software))(t, w, body)
			return body
		}
	}
	t.Run("FAPI-8.10/taken without a policy", func(t *testing.T) {
		w, body := applying(t, func(*compose.Config) {})
		if first, second := w.takes(t, body("a")), w.takes(t, body("b")); first.Body["client_id"] == second.Body["client_id"] {
			t.Error("two clients have one identifier")
		}
	})
	t.Run("FAPI-8.10/refused by a policy", func(t *testing.T) {
		w, body := applying(t, func(c *compose.Config) { c.Registration.Requirements = subjects() })
		w.takes(t, body("a"))
		w.refuses(t, w.send(t, body("b")), "FAPI-8.10", badMetadata)
		other := body("b")
		other["tls_client_auth_subject_dn"] = "CN=other,O=Buyer"
		w.takes(t, other)
	})
}

var errNoToken = errors.New("no initial access token")

// RFC 7591 §3: who may register at all is decided before anything is read.
func TestRegistrationAdmitted(t *testing.T) {
	w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) {
		c.Registration.Admit = func(_ context.Context, _ *http.Request, token string) error {
			if token != "initial" {
				return errNoToken
			}
			return nil
		}
	})
	body := ofDID(t, w)
	for _, token := range []string{"", "other"} {
		answer := w.Send(t, http.MethodPost, w.Registration, token, body)
		if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("token %q: %d %v %s", token, answer.Status, answer.Header, answer.Raw)
		}
		w.unknown(t, w.a.ID)
	}
	if answer := w.Send(t, http.MethodPost, w.Registration, "initial", body); answer.Status != http.StatusCreated {
		t.Errorf("got %d %s", answer.Status, answer.Raw)
	}
}
