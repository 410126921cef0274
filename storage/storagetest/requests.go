package storagetest

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
)

// requestKind is one of the four things that Fosite stores a request under.
type requestKind struct {
	name   string
	create func(s Store, ctx context.Context, key string, r fosite.Requester) error
	get    func(s Store, ctx context.Context, key string, session fosite.Session) (fosite.Requester, error)
	remove func(s Store, ctx context.Context, key string) error // nil: there is none
}

var requestKinds = []requestKind{
	{"code", Store.CreateAuthorizeCodeSession, Store.GetAuthorizeCodeSession, nil},
	{"openid", Store.CreateOpenIDConnectSession, getOpenID, Store.DeleteOpenIDConnectSession},
	{"access", Store.CreateAccessTokenSession, Store.GetAccessTokenSession, Store.DeleteAccessTokenSession},
	{"refresh", createRefresh, Store.GetRefreshTokenSession, Store.DeleteRefreshTokenSession},
}

func getOpenID(s Store, ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r := fosite.NewRequest()
	r.Session = session
	return s.GetOpenIDConnectSession(ctx, key, r)
}

func createRefresh(s Store, ctx context.Context, key string, r fosite.Requester) error {
	return s.CreateRefreshTokenSession(ctx, key, "access", r)
}

// requestChecks is every check of a stored request, for every kind.
var requestChecks = func() (all []check[Store]) {
	for _, k := range requestKinds {
		for _, c := range []struct {
			name string
			run  func(*testing.T, Store, requestKind)
		}{
			{"request comes back as it was stored", requestRoundTrip},
			{"session is fresh, the one handed in untouched", requestFreshSession},
			{"nil session is no harm", requestNilSession},
			{"request that was got is a copy", requestCopy},
			{"request without a session is stored", requestNoSession},
			{"unknown request is not found", requestUnknown},
			{"expired request is not found", requestExpired},
			{"request without an expiry stays", requestUnexpiring},
			{"key is stored under once", requestExists},
			{"key is not in the store", requestHidden},
			{"request is deleted", requestDelete},
		} {
			all = append(all, check[Store]{
				fmt.Sprintf("%s %s", k.name, c.name),
				func(t *testing.T, s Store) {
					must(t, s.PutClient(t.Context(), newClient()))
					c.run(t, s, k)
				},
			})
		}
	}
	return all
}()

func newRequest() *fosite.Request { return newRequestWith("request-1", fullSession(soon().UTC())) }

func newRequestWith(id string, session fosite.Session) *fosite.Request {
	return &fosite.Request{
		ID:                id,
		RequestedAt:       time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC),
		Client:            newClient(),
		RequestedScope:    fosite.Arguments{"openid", "quote"},
		GrantedScope:      fosite.Arguments{"openid"},
		RequestedAudience: fosite.Arguments{"https://api.example", "https://other.example"},
		GrantedAudience:   fosite.Arguments{"https://api.example"},
		Form:              url.Values{"nonce": {"n-1"}, "multi": {"a", "b & ü"}},
		Session:           session,
	}
}

func requestRoundTrip(t *testing.T, s Store, k requestKind) {
	want := newRequest()
	must(t, k.create(s, t.Context(), "key-1", want))
	got, err := k.get(s, t.Context(), "key-1", NewSession())
	must(t, err)
	wantSame(t, got, want)
}

// wantSame compares all that is to be stored of a request.
func wantSame(t *testing.T, got, want fosite.Requester) {
	t.Helper()
	wantEqual(t, "id", got.GetID(), want.GetID())
	wantEqual(t, "requested at", got.GetRequestedAt(), want.GetRequestedAt())
	wantEqual(t, "requested scopes", got.GetRequestedScopes(), want.GetRequestedScopes())
	wantEqual(t, "granted scopes", got.GetGrantedScopes(), want.GetGrantedScopes())
	wantEqual(t, "requested audience", got.GetRequestedAudience(), want.GetRequestedAudience())
	wantEqual(t, "granted audience", got.GetGrantedAudience(), want.GetGrantedAudience())
	wantEqual(t, "form", got.GetRequestForm(), want.GetRequestForm())
	wantJSON(t, "client", got.GetClient(), want.GetClient())
	session, ok := got.GetSession().(*Session)
	if !ok {
		t.Fatalf("the session is a %T, want the type of NewSession", got.GetSession())
	}
	wantJSON(t, "session", session, want.GetSession())
	wantJSON(t, "binding", session.Binding, want.GetSession().(*Session).Binding)
	wantEqual(t, "host's fields", session.Host, want.GetSession().(*Session).Host)
}

func requestFreshSession(t *testing.T, s Store, k requestKind) {
	must(t, k.create(s, t.Context(), "key-1", newRequest()))
	passed := &Session{DefaultSession: &openid.DefaultSession{Subject: "mine"}}
	passed.IntentID = "mine"
	before := normal(t, passed)
	got, err := k.get(s, t.Context(), "key-1", passed)
	must(t, err)
	if got.GetSession() == fosite.Session(passed) {
		t.Fatal("the request carries the session that was handed in")
	}
	wantEqual(t, "session handed in", normal(t, passed), before)
	wantEqual(t, "subject", got.GetSession().GetSubject(), "user-1")
}

func requestNilSession(t *testing.T, s Store, k requestKind) {
	want := newRequest()
	must(t, k.create(s, t.Context(), "key-1", want))
	got, err := k.get(s, t.Context(), "key-1", nil)
	must(t, err)
	wantSame(t, got, want)
}

func requestCopy(t *testing.T, s Store, k requestKind) {
	r := newRequest()
	want := newRequestWith("request-1", r.Session.Clone())
	must(t, k.create(s, t.Context(), "key-1", r))
	for range 2 {
		r.GrantScope("quote")
		r.GetRequestForm().Set("nonce", "changed")
		r.Session.(*Session).Host.Roles["quote"] = "changed"
		got, err := k.get(s, t.Context(), "key-1", nil)
		must(t, err)
		wantSame(t, got, want)
		r = got.(*fosite.Request)
	}
}

func requestNoSession(t *testing.T, s Store, k requestKind) {
	must(t, k.create(s, t.Context(), "key-1", newRequestWith("request-1", nil)))
	got, err := k.get(s, t.Context(), "key-1", nil)
	must(t, err)
	if _, ok := got.GetSession().(*Session); !ok {
		t.Fatalf("the session is a %T, want the type of NewSession", got.GetSession())
	}
}

func requestUnknown(t *testing.T, s Store, k requestKind) {
	_, err := k.get(s, t.Context(), "unknown", nil)
	wantError(t, err, fosite.ErrNotFound)
}

func requestExpired(t *testing.T, s Store, k requestKind) {
	past := fullSession(time.Now().Add(-2 * time.Hour).UTC())
	must(t, k.create(s, t.Context(), "key-1", newRequestWith("request-1", past)))
	_, err := k.get(s, t.Context(), "key-1", nil)
	wantError(t, err, fosite.ErrNotFound)
}

func requestUnexpiring(t *testing.T, s Store, k requestKind) {
	session := fullSession(time.Time{})
	session.ExpiresAt = nil
	must(t, k.create(s, t.Context(), "key-1", newRequestWith("request-1", session)))
	_, err := k.get(s, t.Context(), "key-1", nil)
	must(t, err)
}

func requestExists(t *testing.T, s Store, k requestKind) {
	must(t, k.create(s, t.Context(), "key-1", newRequest()))
	if err := k.create(s, t.Context(), "key-1", newRequestWith("request-2", fullSession(soon()))); err == nil {
		t.Fatal("the request was replaced")
	}
	got, err := k.get(s, t.Context(), "key-1", nil)
	must(t, err)
	wantEqual(t, "id", got.GetID(), "request-1")
}

func requestHidden(t *testing.T, s Store, k requestKind) {
	must(t, k.create(s, t.Context(), "raw-credential.of-the-client", newRequest()))
	wantHidden(t, s, "raw-credential")
	wantHidden(t, s, "of-the-client")
}

func requestDelete(t *testing.T, s Store, k requestKind) {
	if k.remove == nil {
		t.Skip("Fosite deletes none")
	}
	must(t, k.create(s, t.Context(), "key-1", newRequest()))
	must(t, k.create(s, t.Context(), "key-2", newRequest()))
	must(t, k.remove(s, t.Context(), "key-1"))
	_, err := k.get(s, t.Context(), "key-1", nil)
	wantError(t, err, fosite.ErrNotFound)
	_, err = k.get(s, t.Context(), "key-2", nil)
	must(t, err)
	must(t, k.remove(s, t.Context(), "key-1"))
}
