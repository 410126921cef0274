package e2e

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// The error codes of RFC 7591 §3.2.2.
const (
	badStatement = "invalid_software_statement"
	unapproved   = "unapproved_software_statement"
	badMetadata  = "invalid_client_metadata"
	badRedirect  = "invalid_redirect_uri"
)

// registrar counts the clients that were stored.
type registrar struct {
	storage.Registrar
	created atomic.Int64
}

func (c *registrar) CreateClient(ctx context.Context, r *storage.Registration) error {
	err := c.Registrar.CreateClient(ctx, r)
	if err == nil {
		c.created.Add(1)
	}
	return err
}

// applying is a server with a directory, and somebody who wants to register.
type applying struct {
	*directory
	a       *harness.Applicant
	clients *registrar
	taken   int64 // how many were registered
	anew    bool  // what was made before has run out
}

func startApplying(t *testing.T, p profile.Profile, changes ...func(*compose.Config)) *applying {
	t.Helper()
	w := &applying{clients: &registrar{}}
	count := func(c *compose.Config) {
		w.clients.Registrar = c.Storage.(storage.Registrar)
		c.Registration.Clients = w.clients
	}
	w.directory = startDirectory(t, p, append([]func(*compose.Config){count}, changes...)...)
	w.a = w.Registry.NewApplicant(t, "tpp", w.Issuer)
	return w
}

// ofDID is what a client whose identifier is a DID sends.
func ofDID(t *testing.T, w *applying) harness.Claims {
	t.Helper()
	return w.Registry.Application(t, w.a)
}

// plain is what a client without a DID sends.
func plain(t *testing.T, w *applying) harness.Claims {
	t.Helper()
	body := w.a.Metadata()
	delete(body, "client_id")
	body["software_statement"] = w.Registry.Statement(t, w.a.Buyer)
	return body
}

func (w *applying) send(t *testing.T, body harness.Claims) harness.Response {
	t.Helper()
	return w.Send(t, http.MethodPost, w.Registration, "", body)
}

// takes: the server registers the client.
func (w *applying) takes(t *testing.T, body harness.Claims) harness.Response {
	t.Helper()
	answer := w.send(t, body)
	if answer.Status != http.StatusCreated || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, cause %q", answer.Status, answer.Raw, w.Events.Last(audit.Registration).Cause)
	}
	w.taken++
	return answer
}

// refuses: the answer has this error, the log this rule, and no client was
// stored.
func (w *applying) refuses(t *testing.T, answer harness.Response, rule profile.Rule, code string) {
	t.Helper()
	event := w.Events.Last(audit.Registration)
	if answer.Status != http.StatusBadRequest || answer.Body["error"] != code || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %s %v, want %s; cause %q", answer.Status, answer.Raw, answer.Header, code, event.Cause)
	}
	if event.Outcome != audit.Refused || event.Rule != rule || event.Error != code || event.Detail != "register" {
		t.Errorf("the log has %+v, want %s", event, rule)
	}
	if created := w.clients.created.Load(); created != w.taken {
		t.Errorf("%d clients were stored, want %d", created, w.taken)
	}
	if w.taken == 0 {
		w.unknown(t, w.a.ID)
	}
}

// unknown: there is no client of this identifier.
func (w *applying) unknown(t *testing.T, id string) {
	t.Helper()
	if _, err := w.clients.GetRegistration(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("GetRegistration(%s): %v", id, err)
	}
	if _, err := w.Store.(fosite.ClientManager).GetClient(t.Context(), id); !errors.Is(err, fosite.ErrNotFound) {
		t.Errorf("GetClient(%s): %v", id, err)
	}
}

// spoil makes a registration, or the world, one that is refused; what it
// returns, if anything, mends the world.
type spoil func(t *testing.T, w *applying, body harness.Claims) (mend func())

// rejected is a registration that is refused.
type rejected struct {
	name   string
	spoil  spoil
	rule   profile.Rule
	code   string
	server func(*compose.Config)
}

// run also shows that nothing was used up: the same registration without the
// defect succeeds.
func (c rejected) run(t *testing.T, p profile.Profile, good func(*testing.T, *applying) harness.Claims) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		var changes []func(*compose.Config)
		if c.server != nil {
			changes = append(changes, c.server)
		}
		w := startApplying(t, p, changes...)
		body := good(t, w)
		bad := maps.Clone(body)
		mend := c.spoil(t, w, bad)
		w.refuses(t, w.send(t, bad), c.rule, c.code)
		if mend != nil {
			mend()
			w.late.Add(31) // what failed is not tried again for 30 s
		}
		if w.anew {
			body = good(t, w)
		}
		w.takes(t, body)
	})
}

// with sets a member; nil removes it.
func with(name string, value any) spoil {
	return func(_ *testing.T, _ *applying, body harness.Claims) func() {
		harness.Set(name, value)(nil, body)
		return nil
	}
}

// stating changes the software statement before it is signed.
func stating(changes ...harness.Change) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		body["software_statement"] = w.Registry.Statement(t, w.a.Buyer, changes...)
		return nil
	}
}

// keyed sends this JWK Set.
func keyed(keys ...harness.Claims) spoil { return with("jwks", harness.Claims{"keys": keys}) }

// document changes the applicant's DID document until it is mended.
func document(change harness.Change) spoil {
	return func(t *testing.T, w *applying, _ harness.Claims) func() {
		changed := harness.Document(w.a.Holder, w.a.Redirect)
		change(nil, changed)
		w.Registry.Publish(t, w.a.Name, changed)
		return func() { w.Registry.Publish(t, w.a.Name, harness.Document(w.a.Holder, w.a.Redirect)) }
	}
}

// page serves this in place of the applicant's DID document.
func page(handler http.HandlerFunc) spoil {
	return func(t *testing.T, w *applying, _ harness.Claims) func() {
		w.Registry.Handle("/"+w.a.Name+"/did.json", handler)
		return func() { w.Registry.Publish(t, w.a.Name, harness.Document(w.a.Holder, w.a.Redirect)) }
	}
}

// signedBy signs a JWT in the issuer's place, whatever is in it.
func signedBy(i *credential.Issuer, header, payload harness.Claims) string {
	return (&harness.Buyer{Alg: i.Alg, Key: i.Key}).Sign(header, payload)
}

// resigned is the JWT with its content changed and signed by the issuer.
func resigned(t *testing.T, i *credential.Issuer, token string, changes ...harness.Change) string {
	t.Helper()
	header, payload := harness.Decode(t, token)
	for _, change := range changes {
		change(header, payload)
	}
	return signedBy(i, header, payload)
}

// forged is the JWT with its content changed and the signature that it had.
func forged(t *testing.T, token string, change harness.Change) string {
	t.Helper()
	fake := resigned(t, harness.Party(t, "did:web:nobody.example", ""), token, change)
	return fake[:strings.LastIndex(fake, ".")] + token[strings.LastIndex(token, "."):]
}

// soon plays something that must come to an end by itself.
func soon(t *testing.T, play func() harness.Response) harness.Response {
	t.Helper()
	done := make(chan harness.Response, 1)
	go func() { done <- play() }()
	select {
	case answer := <-done:
		return answer
	case <-time.After(20 * time.Second):
		t.Fatal("it takes too long")
		return harness.Response{}
	}
}

// challenge asks for a nonce.
func (w *applying) challenge(t *testing.T) string {
	t.Helper()
	answer := w.Send(t, http.MethodGet, w.Registration+"/challenge", "", nil)
	nonce, _ := answer.Body["nonce"].(string)
	if answer.Status != http.StatusOK || len(nonce) < 43 || answer.Body["expires_in"] != 300.0 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("challenge: %d %s", answer.Status, answer.Raw)
	}
	return nonce
}
