package registry_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/example/registry"
	"github.com/meflso/fosite-meflso/strategy/credential"
)

// A credential is fetched where its id says, and verifies with what the
// registry publishes.
func TestCredential(t *testing.T) {
	w := newWorld(t)
	id, token := w.issue(t)
	b, err := w.verify(token)
	if err != nil || b.LegalName != "Acme Inc." || b.LEI != "5493001KJTIIGC8Y1R12" || b.TrustDomain != "buyer.example" || b.MEFID != "mef/2021/011" {
		t.Fatal(b, err)
	}
	if b.Anchor != registryDID || b.CredentialID != id || len(b.Status) != 2 || !b.Expires.Equal(w.now().AddDate(1, 0, 0)) {
		t.Errorf("%+v", b)
	}
	t.Run("MEF-D3", func(t *testing.T) {
		if a := w.get(id); a.status != 200 || a.body != token || a.header.Get("Content-Type") != "application/vc+jwt" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := w.get(base + "/credentials/unknown"); a.status != http.StatusNotFound {
			t.Error(a.status)
		}
	})
}

// What the operator says of a credential reaches a server that knows it.
func TestStatus(t *testing.T) {
	w := newWorld(t)
	id, token := w.issue(t)
	verifier := w.verifier()
	b, err := w.verify(token)
	if err != nil {
		t.Fatal(err)
	}
	recheck := func(t *testing.T, want error) {
		t.Helper()
		w.clock.Store(b.NextCheck.Unix())
		next, err := verifier.Recheck(t.Context(), b)
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if b = next; err != nil {
			b.NextCheck = w.now().Add(time.Minute) // the life of a status list
		}
	}
	t.Run("MEF-R8/valid", func(t *testing.T) { recheck(t, nil) })
	t.Run("MEF-R8/suspended", func(t *testing.T) { w.mark(t, id, "suspend"); recheck(t, credential.ErrSuspended) })
	t.Run("MEF-R8/reinstated", func(t *testing.T) { w.mark(t, id, "reinstate"); recheck(t, nil) })
	t.Run("MEF-R8/revoked", func(t *testing.T) { w.mark(t, id, "revoke"); recheck(t, credential.ErrRevoked) })
	t.Run("MEF-R8/for good", func(t *testing.T) {
		w.mark(t, id, "revoke") // twice is once
		for _, verb := range []string{"suspend", "reinstate"} {
			if a := w.post("/credentials/"+filepath.Base(id)+"/"+verb, nil); a.status != http.StatusConflict {
				t.Errorf("%s: %d", verb, a.status)
			}
		}
		recheck(t, credential.ErrRevoked)
	})
	if a := w.get(id); a.body != token {
		t.Error("a revoked credential cannot be fetched")
	}
}

// A list is served as what it is, and for no longer than it is valid.
func TestStatusList(t *testing.T) {
	w := newWorld(t)
	for number, want := range map[string]int{"1": 200, "2": 200, "3": 404, "x": 404} {
		a := w.get(base + "/status/" + number)
		if a.status != want {
			t.Errorf("%s: %d, want %d", number, a.status, want)
		}
		if want == 200 && (a.header.Get("Content-Type") != "application/vc+jwt" || a.header.Get("Cache-Control") != "max-age=60") {
			t.Errorf("%s: %v", number, a.header)
		}
	}
	_, token := w.issue(t)
	old := w.get(base + "/status/1").body
	b, err := w.verify(token)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Add(3600)
	serving := w.verifier()
	if _, err := serving.Recheck(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	now := w.registry.Handler()
	w.web.Serve(t, base, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/status/1" {
			now.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/vc+jwt")
		_, _ = rw.Write([]byte(old))
	}))
	if _, err := w.verifier().Recheck(t.Context(), b); !errors.Is(err, credential.ErrStatusUnavailable) {
		t.Errorf("an old list serves: %v", err)
	}
}

// A statement verifies by the DID document and by the JWK Set alike.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	a := w.post("/statements", object{"software_id": "s-1", "client_name": "Acme", "redirect_uris": []string{"https://buyer.example/cb"}, "org_id": "mef/2021/011", "trust_domain": "buyer.example"})
	if a.status != http.StatusCreated || a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %v", a.status, a.body, a.header)
	}
	sets, err := credential.NewKeySets(credential.KeySetsConfig{
		Sets: map[string]credential.KeySet{registryDID: {JWKSURI: base + "/jwks"}}, Outbound: w.web, Clock: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]credential.Keys{"did": w.keys(), "jwks": sets} {
		t.Run("RFC7591-2.3/"+name, func(t *testing.T) {
			verifier := credential.Statements{Profile: &w.profile, Anchors: []string{registryDID}, Keys: keys, Clock: w.now}
			s, err := verifier.Verify(t.Context(), a.body)
			if err != nil || s.Issuer != registryDID || s.SoftwareID != "s-1" || s.OrgID != "mef/2021/011" || s.TrustDomain != "buyer.example" || s.ID == "" {
				t.Fatal(s, err)
			}
			if !s.Issued.Equal(w.now()) || s.Expires.Sub(s.Issued) != 24*time.Hour || string(s.Claims["redirect_uris"]) != `["https://buyer.example/cb"]` {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What the registry does not vouch for is refused, and nothing is kept.
func TestInput(t *testing.T) {
	w := newWorld(t)
	before := must(os.ReadFile(w.config.Store))
	entity := func(name string, value any) object { e := acme(); e[name] = value; return e }
	for name, test := range map[string]struct {
		path string
		body object
	}{
		"ISO17442-1/check digits":   {"/credentials", entity("lei", "5493001KJTIIGC8Y1R13")},
		"ISO17442-1/none":           {"/credentials", entity("lei", "")},
		"MEF-R5/subject":            {"/credentials", entity("subject", "buyer.example")},
		"MEF-R4/no name":            {"/credentials", entity("legalName", " ")},
		"MEF-R4/name with controls": {"/credentials", entity("legalName", "Acme\u202eInc.")},
		"MEF-R4/long domain":        {"/credentials", entity("trustDomain", strings.Repeat("a", 257))},
		"MEF-R4/unknown member":     {"/credentials", entity("legalname2", "Acme")},
		"RFC7591-2.3/no software":   {"/statements", object{"client_name": "Acme"}},
		"RFC7591-2.3/two key sets":  {"/statements", object{"software_id": "s", "jwks": object{}, "jwks_uri": "https://buyer.example/jwks"}},
		"RFC7591-2.3/another's iss": {"/statements", object{"software_id": "s", "iss": "did:web:other.example"}},
		"RFC7591-2.3/own exp":       {"/statements", object{"software_id": "s", "exp": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if a := w.post(test.path, test.body); a.status != http.StatusBadRequest {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if a := w.post("/credentials/unknown/revoke", nil); a.status != http.StatusNotFound {
		t.Error(a.status)
	}
	if string(must(os.ReadFile(w.config.Store))) != string(before) {
		t.Error("something was kept")
	}
}

// Everything of before is there after a restart.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	id, token := w.issue(t)
	_, other := w.issue(t)
	w.mark(t, id, "revoke")
	document := w.get(base + "/.well-known/did.json").body
	w.start(t)
	if _, err := w.verify(token); !errors.Is(err, credential.ErrRevoked) {
		t.Errorf("the revocation is lost: %v", err)
	}
	if _, err := w.verify(other); err != nil {
		t.Error(err)
	}
	if w.get(base+"/.well-known/did.json").body != document || w.get(id).body != token {
		t.Error("the key or a credential is lost")
	}
	if info := must(os.Stat(w.config.Store)); info.Mode() != 0o600 {
		t.Errorf("others may read the key: %v", info.Mode())
	}
}

// Changes at the same time all hold, here and in the file.
func TestConcurrentRevocations(t *testing.T) {
	w := newWorld(t)
	ids, tokens := make([]string, 8), make([]string, 8)
	for i := range ids {
		ids[i], tokens[i] = w.issue(t)
	}
	var wait sync.WaitGroup
	for _, id := range ids[1:] {
		wait.Go(func() { w.post("/credentials/"+filepath.Base(id)+"/revoke", nil) })
	}
	wait.Wait()
	for range 2 {
		for i, token := range tokens {
			if _, err := w.verify(token); errors.Is(err, credential.ErrRevoked) != (i > 0) {
				t.Errorf("credential %d: %v", i, err)
			}
		}
		w.start(t)
	}
}

// at runs a function when an answer begins.
type at struct {
	http.ResponseWriter
	do func(status int)
}

func (a at) WriteHeader(status int) { a.do(status); a.ResponseWriter.WriteHeader(status) }

// Whoever crashes as soon as the answer begins has lost nothing of it: another
// process finds it in the file.
func TestWrittenBeforeAnswered(t *testing.T) {
	w := newWorld(t)
	handler := w.registry.Operator()
	answers := 0
	do := func(path, body string, check func(*registry.Registry, http.Header)) {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9451"+path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(at{recorder, func(status int) {
			answers++
			if status >= 300 {
				t.Errorf("%s: %d", path, status)
			}
			check(must(registry.New(w.config)), recorder.Header())
		}}, req)
	}
	var id string
	do("/credentials", string(must(json.Marshal(acme()))), func(r *registry.Registry, h http.Header) {
		id = strings.TrimPrefix(h.Get("Location"), base)
		read := httptest.NewRecorder()
		if r.Handler().ServeHTTP(read, httptest.NewRequest(http.MethodGet, id, nil)); read.Code != 200 {
			t.Errorf("the credential is not in the file: %d", read.Code)
		}
	})
	do(id+"/revoke", "", func(r *registry.Registry, _ http.Header) {
		if err := r.Reinstate(strings.TrimPrefix(id, "/credentials/")); !errors.Is(err, registry.ErrRevoked) {
			t.Errorf("the revocation is not in the file: %v", err)
		}
	})
	if answers != 2 {
		t.Errorf("%d answers", answers)
	}
}

// What cannot be written does not count and is not answered as done.
func TestUnwritten(t *testing.T) {
	w := newWorld(t)
	id, token := w.issue(t)
	must(0, os.RemoveAll(filepath.Dir(w.config.Store)))
	if a := w.post("/credentials/"+filepath.Base(id)+"/revoke", nil); a.status != http.StatusInternalServerError {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := w.verify(token); err != nil {
		t.Errorf("a revocation that was refused counts: %v", err)
	}
	if a := w.post("/credentials", acme()); a.status != http.StatusInternalServerError || a.header.Get("Location") != "" || strings.Contains(a.body, "eyJ") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// Positions are drawn by lot, each once, and there is an end of them.
func TestIndexes(t *testing.T) {
	w := newWorld(t)
	var indexes []uint64
	for range 20 {
		_, token := w.issue(t)
		b, err := w.verify(token)
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, b.Status[0].Index)
	}
	if slices.IsSorted(indexes) {
		t.Errorf("in order: %v", indexes) // by chance once in 20!
	}
	slices.Sort(indexes)
	if len(slices.Compact(indexes)) != 20 {
		t.Errorf("twice: %v", indexes)
	}
	file := object{}
	must(0, json.Unmarshal(must(os.ReadFile(w.config.Store)), &file))
	all := object{}
	for i := range 65536 {
		all[time.Duration(i).String()] = object{"credential": "x", "index": i}
	}
	file["credentials"] = all
	must(0, os.WriteFile(w.config.Store, must(json.Marshal(file)), 0o600))
	w.start(t)
	if a := w.post("/credentials", acme()); a.status != http.StatusInsufficientStorage {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// A web page cannot use the operator's side, whatever it calls it.
func TestOperatorIsLocal(t *testing.T) {
	w := newWorld(t)
	id, token := w.issue(t)
	for name, change := range map[string]func(*http.Request){
		"another site":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin":  func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"DNS rebinding":   func(r *http.Request) { r.Host = "evil.example:9451" },
		"another address": func(r *http.Request) { r.Host = "192.0.2.1" },
		"GET":             func(r *http.Request) { r.Method = http.MethodGet },
	} {
		req := must(http.NewRequest(http.MethodPost, w.operator.URL+"/credentials/"+filepath.Base(id)+"/revoke", nil))
		change(req)
		if a := exchange(http.DefaultClient, req); a.status < 400 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := w.get(base + "/statements"); a.status != http.StatusNotFound {
		t.Errorf("the operator's side is public: %d", a.status)
	}
	if _, err := w.verify(token); err != nil {
		t.Error(err)
	}
}

// A registry that cannot be one does not start.
func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "registry.json")
		must(0, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for name, change := range map[string]func(*registry.Config){
		"no https":            func(c *registry.Config) { c.Base = "http://registry.example" },
		"a path":              func(c *registry.Config) { c.Base += "/registry" },
		"a slash":             func(c *registry.Config) { c.Base += "/" },
		"a user":              func(c *registry.Config) { c.Base = "https://me@registry.example" },
		"another's file":      func(c *registry.Config) { c.Base = "https://registry.example" },
		"no JSON":             func(c *registry.Config) { c.Store = file("{") },
		"no key":              func(c *registry.Config) { c.Store = file(`{"base":"` + base + `","credentials":{}}`) },
		"no folder":           func(c *registry.Config) { c.Store = filepath.Join(t.TempDir(), "none", "registry.json") },
		"a short status":      func(c *registry.Config) { c.StatusLife = time.Millisecond },
		"a negative validity": func(c *registry.Config) { c.CredentialLife = -1 },
	} {
		config := w.config
		change(&config)
		if _, err := registry.New(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHealth(t *testing.T) {
	if a := newWorld(t).get(base + "/healthz"); a.status != 200 || a.body != "ok\n" {
		t.Error(a)
	}
}
