package registration_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

var errBroken = errors.New("disk on fire")

// broken is a store that fails.
type broken struct{ storage.Once }

func (broken) CreateClient(context.Context, *storage.Registration) error { return errBroken }

func (broken) GetRegistration(context.Context, string) (*storage.Registration, error) {
	return nil, errBroken
}

func (broken) ReplaceClient(context.Context, *storage.Registration) error { return errBroken }

func (broken) RemoveClient(context.Context, string) error { return errBroken }

func (broken) SuspendClient(context.Context, string, int64) error { return errBroken }

func (broken) UseOnce(context.Context, string, time.Time) error { return errBroken }

// A fault of the server's is told from a refusal, and told to nobody in detail.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	client := w.registered(t, metadata(nil))
	w.endpoint.Clients = broken{}
	for name, a := range map[string]answer{
		"register": w.register(metadata(nil)),
		"read":     w.own(http.MethodGet, client, nil, client.text("registration_access_token")),
		"update":   w.own(http.MethodPut, client, back(client, nil), client.text("registration_access_token")),
		"remove":   w.own(http.MethodDelete, client, nil, client.text("registration_access_token")),
	} {
		text := string(must(json.Marshal(a.body)))
		if a.status != http.StatusServiceUnavailable || a.text("error") != "temporarily_unavailable" || strings.Contains(text, errBroken.Error()) {
			t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
	if e := w.audit.last(); e.Outcome != audit.Failed || e.Cause != errBroken.Error() {
		t.Errorf("%+v", e)
	}
	w = newWorld(t)
	nonce := must(w.endpoint.Challenges.New())
	w.endpoint.Challenges.Once = broken{}
	a := w.register(metadata(presenting(func(p *credential.Presentation) { p.Nonce, p.ID = nonce, "" })))
	if a.status != http.StatusServiceUnavailable || a.text("error") != "temporarily_unavailable" || w.store.writes != 0 {
		t.Errorf("%d %v", a.status, a.body)
	}
	w = newWorld(t, func(w *world) { w.endpoint.Rand = iotest.ErrReader(errBroken) })
	if a := w.register(metadata(nil)); a.status != http.StatusInternalServerError || a.text("error") != "server_error" || w.store.writes != 0 {
		t.Errorf("%d %v", a.status, a.body)
	}
}

// A client that was removed in between is not told so otherwise than by 401.
func TestRemovedMeanwhile(t *testing.T) {
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		w := newWorld(t)
		a := w.registered(t, metadata(nil))
		w.endpoint.Clients = vanishing{w.store}
		if got := w.own(method, a, back(a, nil), a.text("registration_access_token")); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %v", method, got.status, got.body)
		}
	}
}

// vanishing has registrations that another request removes.
type vanishing struct{ *store }

func (v vanishing) ReplaceClient(ctx context.Context, r *storage.Registration) error {
	return errors.Join(v.store.RemoveClient(ctx, r.Client.ID), v.store.ReplaceClient(ctx, r))
}

func (v vanishing) RemoveClient(ctx context.Context, id string) error {
	return errors.Join(v.store.RemoveClient(ctx, id), v.store.RemoveClient(ctx, id))
}

// What a registration that is not stored would have used up is as before, also
// where two stores have no transaction in common.
func TestNotUsedUp(t *testing.T) {
	for name, separate := range map[string]bool{"one store": false, "two stores": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if separate {
				w.endpoint.Atomic = atomic.New(nil, w.store)
			}
			first := w.registered(t, metadata(nil))
			signer := *party("tpp", "tpp-sig-1")
			signer.ID = software
			body := must(signer.Statement(metadata(object{"aud": []string{issuer + "/register"}, "iat": now.Unix(), "exp": now.Unix() + 60, "jti": "r"})))
			w.refuses(t, w.do(http.MethodPost, "/register", "application/jose", body, ""), 1, "MEF-R1", codeMetadata)
			w.own(http.MethodDelete, first, nil, first.text("registration_access_token"))
			if a := w.do(http.MethodPost, "/register", "application/jose", body, ""); a.status != http.StatusCreated {
				t.Errorf("%d %v", a.status, a.body)
			}
		})
	}
}

// moving is a resolver whose document changes.
type moving struct{ web }

// MEF-R19: a redirect URI that is new in the DID document counts at once,
// though an older document is cached.
func TestNewServiceEndpoint(t *testing.T) {
	w := newWorld(t, open)
	w.endpoint.DIDs = did.NewCache(did.CacheConfig{Resolver: moving{w.web}, Clock: func() time.Time { return w.clock }})
	a := w.registered(t, ofDID(nil))
	w.web[buyer] = documentOf(buyer, callback, callback+"2")
	w.clock = now.Add(time.Minute)
	change := object{"redirect_uris": []string{callback, callback + "2"}}
	if got := w.own(http.MethodPut, a, back(a, change), a.text("registration_access_token")); got.status != http.StatusOK {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// Who still uses RS256 is in the log.
func TestWeakAlgorithm(t *testing.T) {
	w := newWorld(t, func(w *world) { w.profile.AllowRS256 = true })
	weak := &credential.Issuer{ID: directory, Kid: "dir-2", Alg: "RS256", Key: must(rsa.GenerateKey(rand.Reader, 2048))}
	w.endpoint.Statements.Keys = must(credential.NewKeySets(credential.KeySetsConfig{
		Sets: map[string]credential.KeySet{directory: {JWKS: json.RawMessage(jwks(jwk(weak.Key, weak.Kid)))}}, Outbound: w.web,
	}))
	claims := object{"iat": now.Unix(), "exp": now.Unix() + 60, "jti": "ssa-2", "software_id": software}
	a := w.registered(t, metadata(object{"software_statement": must(weak.Statement(claims))}))
	if e := w.audit.last(); e.Action != audit.WeakAlgorithm || e.Client != a.text("client_id") {
		t.Errorf("%+v", e)
	}
	if must(w.store.GetRegistration(t.Context(), a.text("client_id"))).Unique[0] != `["`+directory+`","`+software+`"]` {
		t.Error("a directory's software_id is not unique")
	}
}

// MEF-R4: a server that wants a credential wants it of a registration from
// before, too.
func TestEntityRequiredLater(t *testing.T) {
	w := newWorld(t)
	a := w.registered(t, metadata(nil))
	token := a.text("registration_access_token")
	w.profile.EntityCredential = profile.EntityRequired
	w.refuses(t, w.own(http.MethodPut, a, back(a, nil), token), 1, "MEF-R4", codeStatement)
	if got := w.own(http.MethodPut, a, back(a, object{"lso_entity_presentation": present(nil)}), token); got.status != http.StatusOK || got.text("legal_entity_name") != "Buyer Inc." {
		t.Errorf("%d %v", got.status, got.body)
	}
}
