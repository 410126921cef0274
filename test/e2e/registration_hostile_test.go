package e2e

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// impatient waits half a second for what others publish.
func impatient(c *compose.Config) { c.Outbound.Timeout = 500 * time.Millisecond }

// hostile is a document, and what the log says of it.
type hostile struct {
	spoil spoil
	why   string
}

// runHostile is run within a bounded time.
func (c rejected) runHostile(t *testing.T, why string) {
	t.Helper()
	spoil := c.spoil
	c.server = impatient
	c.spoil = func(t *testing.T, w *applying, body harness.Claims) func() {
		mend := spoil(t, w, body)
		answer := soon(t, func() harness.Response { return w.send(t, body) })
		w.refuses(t, answer, c.rule, c.code)
		if cause := w.Events.Last(audit.Registration).Cause; !strings.Contains(cause, why) {
			t.Errorf("refused because of %q, want %q", cause, why)
		}
		return mend
	}
	c.run(t, profile.MEFLSO(), ofDID)
}

// dribbles sends a byte now and then, and never comes to an end.
func dribbles(mediaType string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", mediaType)
		for r.Context().Err() == nil {
			if _, err := rw.Write([]byte(" ")); err != nil {
				return
			}
			if http.NewResponseController(rw).Flush() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// silent takes the request and answers nothing.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func served(body string) http.HandlerFunc {
	return answers(http.StatusOK, "application/did+json", body)
}

func headed(name, value string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/did+json")
		rw.Header().Set(name, value)
		_, _ = rw.Write([]byte("{"))
	}
}

func zipped(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/did+json")
	rw.Header().Set("Content-Encoding", "gzip")
	zip := gzip.NewWriter(rw)
	_, _ = zip.Write([]byte("{}"))
	_ = zip.Close()
}

// padded is the applicant's document with something in front that is not
// looked at.
func padded(member func(w *applying) string) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		return page(served(fmt.Sprintf(`{%s,"id":%q}`, member(w), w.a.ID)))(t, w, body)
	}
}

func methods(number int) func(w *applying) string {
	return func(w *applying) string {
		list := make([]string, number)
		for i := range list {
			list[i] = fmt.Sprintf(`{"id":"#k%d","type":"JsonWebKey2020","controller":%q}`, i, w.a.ID)
		}
		return `"verificationMethod":[` + strings.Join(list, ",") + `]`
	}
}

func references(w *applying) string {
	return `"authentication":[` + strings.Repeat(`"`+w.a.Kid+`",`, 700) + `"#x"]`
}

// DID documents that are made to hurt whoever reads them.
func TestRegistrationHostileDocuments(t *testing.T) {
	text := func(text string) func(*applying) string { return func(*applying) string { return text } }
	const notOne, wrongStatus, tooLong, late = "not one JSON object", "want 200", "longer than", "deadline exceeded"
	for name, c := range map[string]hostile{
		"a megabyte":               {padded(text(`"x":"` + strings.Repeat("x", 1<<20) + `"`)), tooLong},
		"more than 64 KiB":         {padded(text(`"x":"` + strings.Repeat("x", 65<<10) + `"`)), tooLong},
		"ten thousand levels":      {padded(text(`"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000))), notOne},
		"levels without end":       {page(served(strings.Repeat(`{"x":`, 10000))), notOne},
		"hundreds of methods":      {padded(methods(500)), "at most 100"},
		"thousands of methods":     {padded(methods(5000)), tooLong},
		"hundreds of references":   {padded(references), "at most 100"},
		"a member twice":           {padded(text(`"id":"did:web:other.example"`)), notOne},
		"a body that dribbles":     {page(dribbles("application/did+json")), late},
		"no answer":                {page(silent), late},
		"an answer that is cut":    {page(headed("Content-Length", "100")), "no valid answer"},
		"a long header":            {page(headed("X", strings.Repeat("x", 1<<20))), "no valid answer"},
		"compressed":               {page(zipped), notOne},
		"a redirect to an address": {page(http.RedirectHandler("http://169.254.169.254/latest", http.StatusFound).ServeHTTP), wrongStatus},
		"a redirect to localhost":  {page(http.RedirectHandler("/registry/did.json", http.StatusTemporaryRedirect).ServeHTTP), wrongStatus},
	} {
		rejected{"MEF-R3/" + name, c.spoil, "MEF-R3", badMetadata, nil}.runHostile(t, c.why)
	}
}

// No redirect is followed, to wherever it leads.
func TestRegistrationFollowsNoRedirect(t *testing.T) {
	t.Run("MEF-R3/a redirect to another server", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), impatient)
		inside := harness.StartWeb(t)
		inside.Put("/did.json", "application/did+json", []byte("{}"))
		page(http.RedirectHandler(inside.Base+"/did.json", http.StatusFound).ServeHTTP)(t, w, nil)
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-R3", badMetadata)
		if inside.Gets("/did.json") != 0 {
			t.Error("it was followed")
		}
	})
	// As a server is configured that others can reach.
	t.Run("MEF-R3/an address of this machine", func(t *testing.T) {
		w := startOver(t, nil, func(r *harness.Registry, c *compose.Config) {
			c.Outbound = outbound.Config{RootCAs: r.Roots, AllowAnyPort: true}
			c.Registration.IssuerKeys[r.Directory.ID] = credential.KeySet{JWKS: harness.JWKS(r.Directory)}
		})
		path := "/" + w.a.Name + "/did.json"
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-R3", badMetadata)
		body := plain(t, w)
		hosted("/tpp/jwks", goodKey("k1"))(t, w, body)
		w.refuses(t, w.send(t, body), "MEF-R3", badMetadata)
		if w.Registry.Gets(path)+w.Registry.Gets("/tpp/jwks") != 0 {
			t.Error("it was asked")
		}
		w.takes(t, plain(t, w))
	})
}

// bomb is a status list that unpacks to so many times 32 MiB.
func bomb(t *testing.T, times int) string {
	t.Helper()
	var chunk bytes.Buffer
	packer, err := flate.NewWriter(&chunk, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packer.Write(make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	if err := packer.Flush(); err != nil { // each chunk stands for itself
		t.Fatal(err)
	}
	packed := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, bytes.Repeat(chunk.Bytes(), times)...)
	packed = append(packed, 1, 0, 0, 0xff, 0xff)
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, unpacked, 40<<20); err != nil {
		t.Fatalf("no bomb: %v", err)
	}
	return "u" + base64.RawURLEncoding.EncodeToString(append(packed, make([]byte, 8)...))
}

// Status lists that are made to hurt.
func TestRegistrationHostileStatusLists(t *testing.T) {
	list := func(encoded func(t *testing.T) string) spoil {
		return func(t *testing.T, w *applying, _ harness.Claims) func() {
			url := w.Registry.Base + "/status/1"
			token := signedBy(w.Registry.Issuer, harness.Claims{"alg": "ES256", "kid": w.Registry.Issuer.Kid, "typ": "vc+jwt"}, harness.Claims{
				"@context": []string{"https://www.w3.org/ns/credentials/v2"}, "id": url, "issuer": w.Registry.Issuer.ID,
				"type":              []string{"VerifiableCredential", "BitstringStatusListCredential"},
				"credentialSubject": harness.Claims{"id": url + "#list", "type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": encoded(t)},
			})
			w.Registry.Put("/status/1", "application/vc+jwt", []byte(token))
			return func() { w.Registry.PublishStatus(t) }
		}
	}
	listed := func(handler http.HandlerFunc) spoil {
		return func(t *testing.T, w *applying, _ harness.Claims) func() {
			w.Registry.Handle("/status/1", handler)
			return func() { w.Registry.PublishStatus(t) }
		}
	}
	short, err := credential.Bits(make([]byte, 16)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	const tooLong, notOne, late = "longer than", "not an encoded status list", "deadline exceeded"
	for name, c := range map[string]hostile{
		"half a gigabyte in less than a megabyte": {list(func(t *testing.T) string { return bomb(t, 16) }), notOne},
		"gigabytes":             {list(func(t *testing.T) string { return bomb(t, 128) }), tooLong},
		"no gzip":               {list(func(*testing.T) string { return "u" + strings.Repeat("A", 1<<16) }), notOne},
		"too short for privacy": {list(func(*testing.T) string { return short }), "a status list has"},
		"ten megabytes":         {listed(answers(http.StatusOK, "application/vc+jwt", strings.Repeat("x", 10<<20))), tooLong},
		"a body that dribbles":  {listed(dribbles("application/vc+jwt")), late},
		"no answer":             {listed(silent), late},
		"a redirect":            {listed(http.RedirectHandler("/registry/did.json", http.StatusFound).ServeHTTP), "want 200"},
	} {
		rejected{"MEF-R8/" + name, c.spoil, "MEF-R8", badStatement, nil}.runHostile(t, c.why)
	}
}
