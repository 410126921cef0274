package buyer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/example/buyer"
	"github.com/meflso/fosite-meflso/example/internal/webtest"
	"github.com/meflso/fosite-meflso/example/registry"
	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	issuer       = "https://as.seller.example"
	registryBase = "https://registry.example"
	buyerDID     = "did:web:tpp.buyer.example"
	callback     = "https://tpp.buyer.example/cb"
)

type object = map[string]any

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type sink struct{}

func (sink) Record(context.Context, audit.Event) {}

// world has a Seller that wants a statement and a credential of the registry,
// and a Buyer who has both.
type world struct {
	web       webtest.Web
	store     *memory.Store
	endpoint  *registration.Endpoint
	registry  *registry.Registry
	id        string // of the credential
	registrar *buyer.Registrar
	applying  buyer.Application
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{web: webtest.Web{}, store: memory.New(memory.Config{})}
	w.registry = must(registry.New(registry.Config{Base: registryBase, Store: filepath.Join(t.TempDir(), "registry.json")}))
	w.web.Serve(t, registryBase, w.registry.Handler())
	holder, asserter := issuerOf("sig-1"), issuerOf("assert-1")
	w.web.Serve(t, "https://tpp.buyer.example", must(buyer.DIDDocument(holder, asserter, callback)))
	w.seller(t)
	id, token, err := w.registry.Credential(registry.Entity{Subject: buyerDID, LegalName: "Acme Inc.", LEI: "5493001KJTIIGC8Y1R12", TrustDomain: "buyer.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.id = id
	client := &http.Client{Transport: w.web}
	w.registrar = must(buyer.FindRegistrar(t.Context(), client, issuer))
	w.applying = buyer.Application{
		Metadata: object{
			"client_id": buyerDID, "redirect_uris": []string{callback}, "response_types": []string{"code id_token"},
			"grant_types": []string{"authorization_code", "client_credentials"}, "scope": "openid quote",
		},
		Statement: must(w.registry.Statement(object{"software_id": "s-1", "client_name": "Acme TPP", "redirect_uris": []string{callback}, "org_id": "acme", "trust_domain": "buyer.example"})),
		Holder:    holder, Credentials: []string{token},
	}
	return w
}

func issuerOf(fragment string) *credential.Issuer {
	return &credential.Issuer{ID: buyerDID, Kid: buyerDID + "#" + fragment, Alg: "ES256", Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

// seller puts the library's endpoint into a server.
func (w *world) seller(t *testing.T) {
	t.Helper()
	p := profile.MEFLSO()
	p.EntityCredential = profile.EntityRequired
	documents := w.web.DIDs(time.Now)
	keys := credential.Documents{Cache: documents}
	challenges := &registration.Challenges{Once: w.store, Clock: time.Now, Rand: rand.Reader}
	anchors := []string{w.registry.DID()}
	w.endpoint = &registration.Endpoint{
		Profile: &p, Issuer: issuer, URL: issuer + "/register", Clients: w.store, Once: w.store,
		Audit: sink{}, Clock: time.Now, Rand: rand.Reader,
		Statements:       &credential.Statements{Profile: &p, Anchors: anchors, Keys: keys, Clock: time.Now},
		RequireStatement: true, Challenges: challenges,
		Entities: &credential.Verifier{
			Profile: &p, Audience: issuer, Policy: credential.Policy{Anchors: anchors, RequireNonce: true}, Keys: keys,
			Status:    credential.NewStatusLists(credential.StatusConfig{Profile: &p, Keys: keys, Outbound: w.web}),
			TakeNonce: challenges.Take, UseOnce: w.useOnce, Clock: time.Now,
		},
		AllowDIDClients: true, DIDs: documents, Outbound: w.web,
	}
	w.serve(t)
}

// serve serves the endpoint as it is now.
func (w *world) serve(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	w.endpoint.Routes(mux, "/register")
	mux.HandleFunc("/.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"issuer":"`+issuer+`","registration_endpoint":"`+issuer+`/register"}`)
	})
	w.web.Serve(t, issuer, mux)
}

func (w *world) useOnce(ctx context.Context, key string, until time.Time) (bool, error) {
	err := w.store.UseOnce(ctx, key, until)
	if errors.Is(err, storage.ErrUsed) {
		return false, nil
	}
	return err == nil, err
}

func wantRefusal(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refusal *buyer.RegistrationError
	if !errors.As(err, &refusal) || refusal.Status != status || refusal.Code != code || refusal.Description == "" {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// A client of a DID registers, reads what it is registered as, and goes.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	kept, err := w.registrar.Register(t.Context(), w.applying)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := w.store.GetRegistration(t.Context(), buyerDID)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("MEF-D1", func(t *testing.T) {
		if kept.ClientID != buyerDID || stored.DID != buyerDID || kept.Token == "" {
			t.Errorf("%+v", kept)
		}
	})
	t.Run("MEF-R4", func(t *testing.T) {
		if e := stored.Entity; e == nil || e.LegalName != "Acme Inc." || e.ID != w.id || e.Holder != buyerDID || e.Anchor != w.registry.DID() {
			t.Errorf("%+v", e)
		}
	})
	t.Run("RFC7591-3.2.1", func(t *testing.T) {
		if string(kept.Metadata["client_name"]) != `"Acme TPP"` || string(kept.Metadata["redirect_uris"]) != `["`+callback+`"]` {
			t.Errorf("%s", kept.Metadata)
		}
	})
	t.Run("RFC7592-2.1", func(t *testing.T) {
		again := *kept
		if err := json.Unmarshal(must(json.Marshal(kept)), &again); err != nil {
			t.Fatal(err)
		}
		read, err := w.registrar.Read(t.Context(), &again)
		if err != nil || read.ClientID != buyerDID || read.Token != kept.Token || len(read.Metadata) != len(kept.Metadata) {
			t.Error(read, err)
		}
		again.Token = "another"
		_, err = w.registrar.Read(t.Context(), &again)
		wantRefusal(t, err, http.StatusUnauthorized, "invalid_token")
	})
	t.Run("RFC7592-2.3", func(t *testing.T) {
		if err := w.registrar.Remove(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, w.registrar.Remove(t.Context(), kept), http.StatusUnauthorized, "invalid_token")
	})
}

// A client with a JWK Set shows the credential of its Buyer's DID.
func TestRegisterWithKeys(t *testing.T) {
	w := newWorld(t)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	delete(w.applying.Metadata, "client_id")
	w.applying.Metadata["jwks"] = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig"}}}
	kept, err := w.registrar.Register(t.Context(), w.applying)
	if err != nil || strings.HasPrefix(kept.ClientID, "did:") {
		t.Fatal(kept, err)
	}
	if stored := must(w.store.GetRegistration(t.Context(), kept.ClientID)); stored.Entity.Subject != buyerDID {
		t.Errorf("%+v", stored.Entity)
	}
}

// What the Seller does not accept comes back as it said it.
func TestRegisterIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		code   string
	}{
		"RFC7591-2.3/no statement":         {func(w *world) { w.applying.Statement = "" }, "invalid_software_statement"},
		"MEF-R4/no presentation":           {func(w *world) { w.applying.Holder = nil }, "invalid_software_statement"},
		"MEF-R8/revoked":                   {func(w *world) { must(0, w.registry.Revoke(w.id)) }, "invalid_software_statement"},
		"MEF-R8/suspended":                 {func(w *world) { must(0, w.registry.Suspend(w.id)) }, "invalid_software_statement"},
		"MEF-R9/a key that is not its own": {func(w *world) { w.applying.Holder = issuerOf("sig-1") }, "invalid_software_statement"},
		"MEF-R9/another Seller's":          {func(w *world) { w.registrar.Issuer = "https://other.example" }, "invalid_software_statement"},
		"MEF-R9/an old one":                {func(w *world) { w.registrar.Clock = func() time.Time { return time.Now().Add(-time.Hour) } }, "invalid_software_statement"},
		"MEF-R19/another redirect URI":     {func(w *world) { w.applying.Metadata["redirect_uris"] = []string{callback + "2"} }, "invalid_redirect_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.change(w)
			_, err := w.registrar.Register(t.Context(), w.applying)
			wantRefusal(t, err, http.StatusBadRequest, test.code)
		})
	}
}

// A Seller without challenges takes the jti of a presentation.
func TestRegisterWithoutChallenge(t *testing.T) {
	w := newWorld(t)
	w.endpoint.Challenges, w.endpoint.Entities.TakeNonce, w.endpoint.Entities.Policy.RequireNonce = nil, nil, false
	mux := http.NewServeMux()
	mux.HandleFunc("/register", w.endpoint.Register)
	w.web.Serve(t, issuer, mux)
	if _, err := w.registrar.Register(t.Context(), w.applying); err != nil {
		t.Error(err)
	}
}

// No answer is believed that is another's or would lead the token elsewhere.
func TestRegistrationAnswers(t *testing.T) {
	good := object{"client_id": "c-1", "registration_client_uri": "https://seller.test/register/c-1", "registration_access_token": "secret"}
	with := func(name string, value any) string {
		body := object{}
		for n, v := range good {
			body[n] = v
		}
		body[name] = value
		return string(must(json.Marshal(body)))
	}
	for name, test := range map[string]struct {
		status      int
		media, body string
		ok          bool
	}{
		"good":              {201, "application/json", with("x", 1), true},
		"status 200":        {200, "application/json", with("x", 1), false},
		"a page":            {201, "text/html", with("x", 1), false},
		"no JSON":           {201, "application/json", "{", false},
		"no client_id":      {201, "application/json", with("client_id", ""), false},
		"no token":          {201, "application/json", with("registration_access_token", nil), false},
		"another host":      {201, "application/json", with("registration_client_uri", "https://other.test/register/c-1"), false},
		"http":              {201, "application/json", with("registration_client_uri", "http://seller.test/register/c-1"), false},
		"a number":          {201, "application/json", with("client_id", 7), false},
		"a redirect":        {307, "application/json", "", false},
		"an error in words": {500, "text/plain", "sorry", false},
	} {
		t.Run(name, func(t *testing.T) {
			web, asked := webtest.Web{}, 0
			web.Serve(t, "https://seller.test", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				asked++
				rw.Header().Set("Content-Type", test.media)
				rw.Header().Set("Location", "https://seller.test/elsewhere")
				rw.WriteHeader(test.status)
				_, _ = io.WriteString(rw, test.body)
			}))
			registrar := &buyer.Registrar{Endpoint: "https://seller.test/register", HTTP: &http.Client{Transport: web}}
			got, err := registrar.Register(t.Context(), buyer.Application{})
			if (err == nil) != test.ok || test.ok && (got.ClientID != "c-1" || got.Token != "secret") || asked != 1 {
				t.Errorf("%+v, %v after %d requests", got, err, asked)
			}
			_, err = registrar.Register(t.Context(), buyer.Application{Metadata: object{"client_id": buyerDID}})
			if err == nil {
				t.Error("another client_id than the DID was taken")
			}
			_, err = registrar.Read(t.Context(), &buyer.Registration{ClientID: "c-2", URI: "https://seller.test/register/c-2", Token: "t"})
			if err == nil {
				t.Error("another client's registration was taken")
			}
		})
	}
	t.Run("RFC8705-5", func(t *testing.T) { // the certificate's own host manages what the other registered
		web := webtest.Web{}
		web.Serve(t, "https://seller.test", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(rw, with("registration_client_uri", "https://mtls.seller.test/register/c-1"))
		}))
		registrar := &buyer.Registrar{Endpoint: "https://seller.test/register", Alias: "https://mtls.seller.test/register", HTTP: &http.Client{Transport: web}}
		if _, err := registrar.Register(t.Context(), buyer.Application{}); err != nil {
			t.Error(err)
		}
	})
	plain := &buyer.Registrar{Endpoint: "http://127.0.0.1:1/register"}
	if _, err := plain.Register(t.Context(), buyer.Application{}); err == nil || strings.Contains(err.Error(), "dial") {
		t.Errorf("without TLS: %v", err)
	}
}

func TestFindRegistrar(t *testing.T) {
	for name, body := range map[string]string{
		"none":     `{"issuer":"https://seller.test"}`,
		"http":     `{"issuer":"https://seller.test","registration_endpoint":"http://seller.test/register"}`,
		"anothers": `{"issuer":"https://other.test","registration_endpoint":"https://seller.test/register"}`,
		"no JSON":  `<html>`,
	} {
		web := webtest.Web{}
		web.Serve(t, "https://seller.test", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, body)
		}))
		if _, err := buyer.FindRegistrar(t.Context(), &http.Client{Transport: web}, "https://seller.test"); !errors.Is(err, buyer.ErrRegistration) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The document is read as any other is: each key is for one thing.
func TestDIDDocument(t *testing.T) {
	sig, assert := issuerOf("sig-1"), issuerOf("assert-1")
	recorder := httptest.NewRecorder()
	must(buyer.DIDDocument(sig, assert, callback)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/.well-known/did.json", nil))
	document, err := did.ParseDocument(must(did.Parse(buyerDID)), recorder.Body.Bytes())
	if err != nil || recorder.Header().Get("Content-Type") != "application/did+json" {
		t.Fatal(err, recorder.Header())
	}
	for relationship, own := range map[did.Relationship]*credential.Issuer{did.Authentication: sig, did.AssertionMethod: assert} {
		keys := document.AllKeys(relationship)
		if len(keys) != 1 || keys[0].ID != own.Kid || !own.Key.Public().(*ecdsa.PublicKey).Equal(keys[0].Public) {
			t.Errorf("%s: %+v", relationship, keys)
		}
	}
	t.Run("MEF-R19", func(t *testing.T) {
		if !document.HasServiceEndpoint(callback, "OAuth2RedirectURI") || document.HasServiceEndpoint(callback+"2") {
			t.Error(recorder.Body)
		}
	})
	other := issuerOf("assert-1")
	other.ID = "did:web:other.example"
	foreign := issuerOf("x")
	foreign.Kid = "did:web:other.example#x"
	for name, pair := range map[string][2]*credential.Issuer{
		"two DIDs": {sig, other}, "a foreign kid": {foreign, nil}, "a foreign assertion": {sig, foreign}, "one name for two": {sig, sig},
	} {
		if _, err := buyer.DIDDocument(pair[0], pair[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := buyer.DIDDocument(sig, nil); err != nil {
		t.Error(err)
	}
}
