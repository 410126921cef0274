package storagetest

import (
	"context"
	"testing"

	"github.com/ory/fosite"
)

var tokenChecks = []check[Store]{
	{"a rotated refresh token comes back hydrated together with the error", refreshRotated},
	{"a rotation deletes the access tokens of the request so far", rotationAccess},
	{"of concurrent rotations one succeeds", rotationRace},
	{"a lost rotation harms nothing", rotationLost},
	{"a refresh token of another request is not rotated", rotationOther},
	{"a revocation hits all access tokens of the request", revokeAccess},
	{"a revocation hits all refresh tokens of the request", revokeRefresh},
	{"a revocation of nothing is no error", revokeNothing},
}

// withTokens stores two access and two refresh tokens of request-1, and one
// of each of request-2.
func withTokens(t *testing.T, s Store) {
	t.Helper()
	must(t, s.PutClient(t.Context(), newClient()))
	for key, id := range map[string]string{"1": "request-1", "2": "request-1", "3": "request-2"} {
		r := newRequestWith(id, fullSession(soon().UTC()))
		must(t, s.CreateAccessTokenSession(t.Context(), "access-"+key, r))
		must(t, s.CreateRefreshTokenSession(t.Context(), "refresh-"+key, "access-"+key, r))
	}
}

// wantAccess and wantRefresh compare what is told of a token: nil for one that
// is good.
func wantAccess(t *testing.T, s Store, signature string, want error) {
	t.Helper()
	_, err := s.GetAccessTokenSession(t.Context(), signature, nil)
	wantError(t, err, want)
}

func wantRefresh(t *testing.T, s Store, signature string, want error) {
	t.Helper()
	r, err := s.GetRefreshTokenSession(t.Context(), signature, nil)
	wantError(t, err, want)
	if r == nil {
		t.Fatalf("no request beside %v", err)
	}
}

func refreshRotated(t *testing.T, s Store) {
	withTokens(t, s)
	before, err := s.GetRefreshTokenSession(t.Context(), "refresh-1", nil)
	must(t, err)
	must(t, s.RotateRefreshToken(t.Context(), "request-1", "refresh-1"))
	got, err := s.GetRefreshTokenSession(t.Context(), "refresh-1", nil)
	wantError(t, err, fosite.ErrInactiveToken)
	if got == nil {
		t.Fatal("no request beside ErrInactiveToken")
	}
	wantSame(t, got, before)
	wantRefresh(t, s, "refresh-2", nil)
}

func rotationAccess(t *testing.T, s Store) {
	withTokens(t, s)
	must(t, s.RotateRefreshToken(t.Context(), "request-1", "refresh-1"))
	wantAccess(t, s, "access-1", fosite.ErrNotFound)
	wantAccess(t, s, "access-2", fosite.ErrNotFound)
	wantAccess(t, s, "access-3", nil)
}

func rotationRace(t *testing.T, s Store) {
	withTokens(t, s)
	wantOneWinner(t, fosite.ErrSerializationFailure, func() error {
		return s.RotateRefreshToken(context.Background(), "request-1", "refresh-1")
	})
	wantAccess(t, s, "access-1", fosite.ErrNotFound)
}

func rotationLost(t *testing.T, s Store) {
	withTokens(t, s)
	must(t, s.RotateRefreshToken(t.Context(), "request-1", "refresh-1"))
	must(t, s.CreateAccessTokenSession(t.Context(), "access-new", newRequest()))
	must(t, s.CreateRefreshTokenSession(t.Context(), "refresh-new", "access-new", newRequest()))
	wantError(t, s.RotateRefreshToken(t.Context(), "request-1", "refresh-1"), fosite.ErrSerializationFailure)
	wantAccess(t, s, "access-new", nil)
	wantRefresh(t, s, "refresh-new", nil)
}

func rotationOther(t *testing.T, s Store) {
	withTokens(t, s)
	wantError(t, s.RotateRefreshToken(t.Context(), "request-2", "refresh-1"), fosite.ErrNotFound)
	wantError(t, s.RotateRefreshToken(t.Context(), "request-1", "unknown"), fosite.ErrNotFound)
	wantRefresh(t, s, "refresh-1", nil)
	wantAccess(t, s, "access-1", nil)
	wantAccess(t, s, "access-3", nil)
}

func revokeAccess(t *testing.T, s Store) {
	withTokens(t, s)
	must(t, s.RevokeAccessToken(t.Context(), "request-1"))
	wantAccess(t, s, "access-1", fosite.ErrNotFound)
	wantAccess(t, s, "access-2", fosite.ErrNotFound)
	wantAccess(t, s, "access-3", nil)
	wantRefresh(t, s, "refresh-1", nil)
}

func revokeRefresh(t *testing.T, s Store) {
	withTokens(t, s)
	must(t, s.RevokeRefreshToken(t.Context(), "request-1"))
	wantRefresh(t, s, "refresh-1", fosite.ErrInactiveToken)
	wantRefresh(t, s, "refresh-2", fosite.ErrInactiveToken)
	wantRefresh(t, s, "refresh-3", nil)
	wantError(t, s.RotateRefreshToken(t.Context(), "request-1", "refresh-1"), fosite.ErrSerializationFailure)
}

func revokeNothing(t *testing.T, s Store) {
	for _, err := range []error{
		s.RevokeAccessToken(t.Context(), "unknown"),
		s.RevokeRefreshToken(t.Context(), "unknown"),
	} {
		if err != nil {
			wantError(t, err, fosite.ErrNotFound)
		}
	}
}
