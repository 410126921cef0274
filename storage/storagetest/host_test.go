package storagetest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"
	fositestorage "github.com/ory/fosite/storage"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
)

// good is a store of ours; the others break one thing of it.
type good struct{ *memory.Store }

func openGood(t *testing.T) good {
	t.Helper()
	s := memory.New(memory.Config{NewSession: NewSession})
	must(t, s.PutClient(t.Context(), newClient()))
	return good{s}
}

type losesSession struct{ good }

func (s losesSession) GetAccessTokenSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r, err := s.good.GetAccessTokenSession(ctx, key, session)
	if err == nil {
		r.GetSession().(*Session).IntentID = ""
	}
	return r, err
}

type losesForm struct{ good }

func (s losesForm) GetAuthorizeCodeSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r, err := s.good.GetAuthorizeCodeSession(ctx, key, session)
	if r != nil {
		r.GetRequestForm().Del("redirect_uri")
	}
	return r, err
}

type wantsSession struct{ good }

func (s wantsSession) GetRefreshTokenSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	session.GetSubject() // of nil: a panic
	return s.good.GetRefreshTokenSession(ctx, key, session)
}

type hidesError struct{ good }

func (s hidesError) GetAuthorizeCodeSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r, err := s.good.GetAuthorizeCodeSession(ctx, key, session)
	if err != nil {
		return nil, err
	}
	return r, err
}

type forgets struct{ good }

func (s forgets) GetAuthorizeCodeSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r, err := s.good.GetAuthorizeCodeSession(ctx, key, session)
	if err != nil {
		return nil, fosite.ErrNotFound
	}
	return r, nil
}

func (s forgets) GetRefreshTokenSession(ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r, err := s.good.GetRefreshTokenSession(ctx, key, session)
	if err != nil {
		return nil, fosite.ErrNotFound
	}
	return r, nil
}

type keepsRefresh struct{ good }

func (s keepsRefresh) RotateRefreshToken(context.Context, string, string) error { return nil }

type keepsCode struct{ good }

func (s keepsCode) InvalidateAuthorizeCodeSession(context.Context, string) error { return nil }

type revokesAccess struct{ good }

func (s revokesAccess) RevokeRefreshToken(context.Context, string) error { return nil }

type neverCommits struct{ good }

func (s neverCommits) Commit(ctx context.Context) error { return s.Rollback(ctx) }

type flat struct{ good }

type flatKey struct{}

func (s flat) BeginTX(ctx context.Context) (context.Context, error) {
	if ctx.Value(flatKey{}) != nil {
		return ctx, fosite.ErrServerError
	}
	ctx, err := s.good.BeginTX(ctx)
	return context.WithValue(ctx, flatKey{}, true), err
}

// plain is Fosite's storage alone, without Records and transactions.
type plain struct{ HostStore }

// alone has transactions, and no Records.
type alone struct {
	HostStore
	fositestorage.Transactional
}

// shown is a store whose rows, as it says, hold every code that it was given.
type shown struct {
	good
	codes *[]string
}

func (s shown) CreateOpenIDConnectSession(ctx context.Context, code string, r fosite.Requester) error {
	*s.codes = append(*s.codes, code)
	return s.good.CreateOpenIDConnectSession(ctx, code, r)
}

func (s shown) Dump() string { return "rows: " + strings.Join(*s.codes, " ") }

func TestHostFindings(t *testing.T) {
	for name, test := range map[string]struct {
		open                 func(good) HostStore
		must, advice, unseen []Item
	}{
		"good":           {func(g good) HostStore { return g }, nil, nil, []Item{CodeHidden}},
		"loses session":  {func(g good) HostStore { return losesSession{g} }, []Item{SessionWhole}, nil, []Item{CodeHidden}},
		"loses form":     {func(g good) HostStore { return losesForm{g} }, []Item{RequestWhole, RequestOwn, CodeInvalidated}, nil, []Item{CodeHidden}},
		"wants session":  {func(g good) HostStore { return wantsSession{g} }, []Item{NilSession}, nil, []Item{CodeHidden}},
		"hides error":    {func(g good) HostStore { return hidesError{g} }, []Item{CodeInvalidated}, nil, []Item{CodeHidden}},
		"forgets":        {func(g good) HostStore { return forgets{g} }, nil, []Item{CodeInvalidated, RefreshRotated}, []Item{CodeHidden}},
		"keeps refresh":  {func(g good) HostStore { return keepsRefresh{g} }, nil, []Item{RefreshRotated, RefreshOnce}, []Item{CodeHidden}},
		"keeps code":     {func(g good) HostStore { return keepsCode{g} }, []Item{CodeInvalidated}, []Item{CodeOnce}, []Item{CodeHidden}},
		"revokes access": {func(g good) HostStore { return revokesAccess{g} }, []Item{Revocation}, nil, []Item{CodeHidden}},
		"never commits":  {func(g good) HostStore { return neverCommits{g} }, []Item{Rollback}, nil, []Item{CodeHidden}},
		"flat":           {func(g good) HostStore { return flat{g} }, []Item{Nesting}, nil, []Item{CodeHidden}},
		"flat, alone":    {func(g good) HostStore { return alone{g, flat{g}} }, nil, []Item{Nesting}, []Item{CodeHidden}},
		"plain":          {func(g good) HostStore { return plain{g} }, nil, []Item{Transactions}, []Item{Rollback, Nesting, CodeHidden}},
		"shown":          {func(g good) HostStore { return shown{g, new([]string)} }, nil, []Item{CodeHidden}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			report := inspect(t, func(t *testing.T) HostStore { return test.open(openGood(t)) }, HostOptions{}, (*testing.T).Logf)
			wantItems(t, "must", items(report.Must), test.must)
			wantItems(t, "advice", items(report.Advice), test.advice)
			wantItems(t, "unseen", report.Unseen, test.unseen)
		})
	}
}

func items(findings []Finding) (list []Item) {
	for _, f := range findings {
		if f.Text == "" {
			list = append(list, "no text")
		}
		list = append(list, f.Item)
	}
	return list
}

func wantItems(t *testing.T, what string, got, want []Item) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// Fosite's own store in memory is for tests: it hands out what it holds, and
// forgets all tokens of a request but the last ones.
func TestHostOverFositesStore(t *testing.T) {
	report := inspect(t, func(*testing.T) HostStore {
		s := fositestorage.NewMemoryStore()
		s.Clients["buyer"] = newClient()
		return s
	}, HostOptions{}, (*testing.T).Logf)
	wantItems(t, "must", items(report.Must), []Item{RequestOwn, Revocation})
	wantItems(t, "advice", items(report.Advice), []Item{CodeOnce, Expiry, RefreshOnce, Transactions})
}

// Every item is looked at, and documented by one check.
func TestHostWithoutClient(t *testing.T) {
	report := inspect(t, func(t *testing.T) HostStore { return openGood(t) }, HostOptions{ClientID: "unknown"}, (*testing.T).Logf)
	if len(report.Must) != len(hostChecks) {
		t.Errorf("got %+v", report.Must)
	}
}

func TestHostFillsEverySession(t *testing.T) {
	h := &hostRun{HostOptions: HostOptions{NewSession: func() storage.Session { return storage.NewSession() }}.filled()}
	s := h.session(time.Now())
	if s.LSOBinding().IntentID == "" || s.GetSubject() == "" || s.GetExpiresAt(fosite.RefreshToken).IsZero() || s.IDTokenHeaders().Extra["kid"] == nil {
		t.Errorf("got %+v", s)
	}
}
