package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/ory/fosite"
)

var codeChecks = []check[Store]{
	{"a used code comes back hydrated together with the error", codeUsed},
	{"of concurrent invalidations of a code one succeeds", codeRace},
	{"an unknown code cannot be invalidated", codeUnknown},
	{"an expired code cannot be invalidated", codeExpired},
	{"a code is used and its OpenID Connect session still there", codeOpenID},
	{"an OpenID Connect session outlives its code a moment", openIDGrace},
}

func withCode(t *testing.T, s Store) {
	t.Helper()
	must(t, s.PutClient(t.Context(), newClient()))
	must(t, s.CreateAuthorizeCodeSession(t.Context(), "code-1", newRequest()))
}

func codeUsed(t *testing.T, s Store) {
	withCode(t, s)
	before, err := s.GetAuthorizeCodeSession(t.Context(), "code-1", nil)
	must(t, err)
	must(t, s.InvalidateAuthorizeCodeSession(t.Context(), "code-1"))
	got, err := s.GetAuthorizeCodeSession(t.Context(), "code-1", nil)
	wantError(t, err, fosite.ErrInvalidatedAuthorizeCode)
	if got == nil {
		t.Fatal("no request beside ErrInvalidatedAuthorizeCode")
	}
	wantSame(t, got, before)
	wantError(t, s.InvalidateAuthorizeCodeSession(t.Context(), "code-1"), fosite.ErrInvalidatedAuthorizeCode)
}

func codeRace(t *testing.T, s Store) {
	withCode(t, s)
	wantOneWinner(t, fosite.ErrInvalidatedAuthorizeCode, func() error {
		return s.InvalidateAuthorizeCodeSession(context.Background(), "code-1")
	})
}

func codeUnknown(t *testing.T, s Store) {
	wantError(t, s.InvalidateAuthorizeCodeSession(t.Context(), "unknown"), fosite.ErrNotFound)
}

func codeExpired(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	past := newRequestWith("request-1", fullSession(time.Now().Add(-time.Hour).UTC()))
	must(t, s.CreateAuthorizeCodeSession(t.Context(), "code-1", past))
	wantError(t, s.InvalidateAuthorizeCodeSession(t.Context(), "code-1"), fosite.ErrNotFound)
}

func codeOpenID(t *testing.T, s Store) {
	withCode(t, s)
	must(t, s.CreateOpenIDConnectSession(t.Context(), "code-1", newRequest()))
	must(t, s.InvalidateAuthorizeCodeSession(t.Context(), "code-1"))
	_, err := s.GetOpenIDConnectSession(t.Context(), "code-1", fosite.NewRequest())
	must(t, err)
}

func openIDGrace(t *testing.T, s Store) {
	must(t, s.PutClient(t.Context(), newClient()))
	past := newRequestWith("request-1", fullSession(time.Now().Add(-time.Second).UTC()))
	must(t, s.CreateOpenIDConnectSession(t.Context(), "code-1", past))
	_, err := s.GetOpenIDConnectSession(t.Context(), "code-1", nil)
	must(t, err)
}
