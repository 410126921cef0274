package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
)

// host is the session that package storage recommends.
type host struct {
	*openid.DefaultSession
	storage.Binding `json:"lso"`
	Tenant          string `json:"tenant"`
}

// byPointer embeds the Binding by pointer.
type byPointer struct {
	*openid.DefaultSession
	*storage.Binding
}

// deep embeds the recommended session.
type deep struct{ *host }

// Deep does so with an exported name.
type Deep struct{ *Host }

// Host is a session that is embedded.
type Host struct {
	*openid.DefaultSession
	storage.Binding
}

// unbound has everything but a Binding.
type unbound struct{ *openid.DefaultSession }

func inner() *openid.DefaultSession { return openid.NewDefaultSession() }

func TestSessionOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		session fosite.Session
		want    string // "" is usable
	}{
		{"the default one", storage.NewSession(), ""},
		{"the host's", &host{DefaultSession: inner()}, ""},
		{"by value", host{DefaultSession: inner()}, "does not embed storage.Binding"}, // LSOBinding has a pointer receiver
		{"Binding by pointer", &byPointer{inner(), &storage.Binding{}}, ""},
		{"nested", &deep{&host{DefaultSession: inner()}}, ""},
		{"nested, exported", &Deep{&Host{DefaultSession: inner()}}, ""},
		{"empty inside", &host{DefaultSession: &openid.DefaultSession{}}, ""},

		{"nil", nil, "it is nil"},
		{"typed nil", (*host)(nil), "nil *storage_test.host"},
		{"typed nil of ours", (*storage.DefaultSession)(nil), "nil *storage.DefaultSession"},
		{"nil embedded session", &host{}, "nil *openid.DefaultSession"},
		{"nil embedded session of ours", &storage.DefaultSession{}, "nil *openid.DefaultSession"},
		{"nil Binding", &byPointer{DefaultSession: inner()}, "nil *storage.Binding"},
		{"nested, nil outside", &Deep{}, "nil *storage_test.Host"},
		{"nested, nil inside", &Deep{&Host{}}, "nil *openid.DefaultSession"},
		{"no Binding", &unbound{inner()}, "does not embed storage.Binding"},
		{"no Binding and nil inside", &unbound{}, "does not embed storage.Binding"},
		{"Fosite's", openid.NewDefaultSession(), "*openid.DefaultSession does not embed storage.Binding"},
		{"no OpenID Connect", &fosite.DefaultSession{}, "*fosite.DefaultSession does not embed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			session, err := storage.SessionOf(c.session)
			if c.want != "" {
				if !errors.Is(err, storage.ErrSession) || !strings.Contains(err.Error(), c.want) || session != nil {
					t.Errorf("got %v, %v, want %q", session, err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			session.LSOBinding().IntentID = "i"
			session.IDTokenClaims().Nonce = "n"
			if again, _ := storage.SessionOf(c.session); again.LSOBinding().IntentID != "i" || again.IDTokenClaims().Nonce != "n" {
				t.Error("the session is not the one that was given")
			}
		})
	}
}
