package storagetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

type hostCheck struct {
	item Item
	run  func(*hostRun) error // an error is what must not be
}

var hostChecks = []hostCheck{
	{SessionWhole, hostSessionWhole},
	{RequestWhole, hostRequestWhole},
	{RequestOwn, hostRequestOwn},
	{NilSession, hostNilSession},
	{Unknown, hostUnknown},
	{CodeInvalidated, hostCodeInvalidated},
	{OpenIDAfterCode, hostOpenIDAfterCode},
	{Revocation, hostRevocation},
	{Rollback, hostRollback},
	{SessionFresh, hostSessionFresh},
	{CodeOnce, hostCodeOnce},
	{RefreshRotated, hostRefreshRotated},
	{RefreshOnce, hostRefreshOnce},
	{Expiry, hostExpiry},
	{Transactions, hostTransactions},
	{Nesting, hostNesting},
	{CodeHidden, hostCodeHidden},
}

// hostKind is one of the four things that Fosite stores a request under.
type hostKind struct {
	name   string
	create func(s HostStore, ctx context.Context, key string, r fosite.Requester) error
	get    func(s HostStore, ctx context.Context, key string, session fosite.Session) (fosite.Requester, error)
}

var hostKinds = []hostKind{
	{"code", HostStore.CreateAuthorizeCodeSession, HostStore.GetAuthorizeCodeSession},
	{"openid", HostStore.CreateOpenIDConnectSession, hostGetOpenID},
	{"access", HostStore.CreateAccessTokenSession, HostStore.GetAccessTokenSession},
	{"refresh", hostCreateRefresh, HostStore.GetRefreshTokenSession},
}

func hostGetOpenID(s HostStore, ctx context.Context, key string, session fosite.Session) (fosite.Requester, error) {
	r := fosite.NewRequest()
	r.Session = session
	return s.GetOpenIDConnectSession(ctx, key, r)
}

func hostCreateRefresh(s HostStore, ctx context.Context, key string, r fosite.Requester) error {
	return s.CreateRefreshTokenSession(ctx, key, "access-of-"+key, r)
}

// newKey is a code as clients get it; what is stored under a signature gets its
// last part.
func newKey(k hostKind) string {
	code := rand.Text() + "." + rand.Text()
	if k.name == "openid" {
		return code
	}
	return signatureOf(code)
}

func signatureOf(code string) string { return code[strings.LastIndexByte(code, '.')+1:] }

// request is one that fosite would store, with the given expiry.
func (h *hostRun) request(expires time.Time) *fosite.Request {
	r := fosite.NewRequest()
	r.RequestedAt = time.Now().UTC().Truncate(time.Second)
	r.Client = h.client
	r.RequestedScope = fosite.Arguments{"openid", "quote"}
	r.GrantedScope = fosite.Arguments{"openid"}
	r.RequestedAudience = fosite.Arguments{"https://api.example", "https://other.example"}
	r.GrantedAudience = fosite.Arguments{"https://api.example"}
	r.Form = url.Values{"nonce": {"n-1"}, "redirect_uri": {"https://buyer.example/cb?a=b&ü"}}
	r.Session = h.session(expires)
	r.GetID() // makes it
	return r
}

// session is a session of the host's in which nothing is empty.
func (h *hostRun) session(expires time.Time) storage.Session {
	s := h.NewSession()
	full := fullSession(expires.Truncate(time.Second))
	*s.LSOBinding() = full.Binding
	*s.IDTokenClaims() = *full.Claims
	s.IDTokenHeaders().Extra = full.Headers.Extra
	if named, ok := s.(interface{ SetSubject(string) }); ok {
		named.SetSubject(full.Subject)
	}
	for kind, at := range full.ExpiresAt {
		s.SetExpiresAt(kind, at)
	}
	h.Fill(s)
	return s
}

// fillHost fills this package's own session.
func fillHost(s storage.Session) {
	if own, ok := s.(*Session); ok {
		own.Host = fullSession(time.Time{}).Host
	}
}

func (h *hostRun) fresh() *fosite.Request { return h.request(soon().UTC()) }

// stored stores a request of the kind and returns its key.
func (h *hostRun) stored(k hostKind, r fosite.Requester) (string, error) {
	key := newKey(k)
	if err := k.create(h.store, h.t.Context(), key, r); err != nil {
		return "", fmt.Errorf("%s: create: %w", k.name, err)
	}
	return key, nil
}

func (h *hostRun) read(k hostKind, key string) (fosite.Requester, error) {
	r, err := k.get(h.store, h.t.Context(), key, h.NewSession())
	if err == nil && r == nil {
		err = errors.New("neither a request nor an error")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: get: %w", k.name, err)
	}
	return r, nil
}

// eachKind stores a request of each kind and hands it over with what was read.
func (h *hostRun) eachKind(compare func(got, want fosite.Requester) error) error {
	var errs []error
	for _, k := range hostKinds {
		want := h.fresh()
		key, err := h.stored(k, want)
		if err != nil {
			return err
		}
		got, err := h.read(k, key)
		if err != nil {
			return err
		}
		if err := compare(got, want); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.name, err))
		}
	}
	return errors.Join(errs...)
}

func hostSessionWhole(h *hostRun) error { return h.eachKind(sameSession) }

func sameSession(got, want fosite.Requester) error {
	a, err1 := members(got.GetSession())
	b, err2 := members(want.GetSession())
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for name := range b {
		if !reflect.DeepEqual(a[name], b[name]) {
			return fmt.Errorf("the session's %q is %v, was %v", name, a[name], b[name])
		}
	}
	return nil
}

// members is the JSON object of a session.
func members(session any) (m map[string]any, err error) {
	data, err := json.Marshal(session)
	if err != nil {
		return nil, err
	}
	return m, json.Unmarshal(data, &m)
}

func hostRequestWhole(h *hostRun) error { return h.eachKind(sameRequest) }

func sameRequest(got, want fosite.Requester) error {
	if got.GetClient() == nil || got.GetClient().GetID() != want.GetClient().GetID() {
		return errors.New("the client is another one, or none")
	}
	if d := got.GetRequestedAt().Sub(want.GetRequestedAt()).Abs(); d >= time.Second {
		return fmt.Errorf("the time of the request is off by %v", d)
	}
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"id", got.GetID(), want.GetID()},
		{"requested scopes", []string(got.GetRequestedScopes()), []string(want.GetRequestedScopes())},
		{"granted scopes", []string(got.GetGrantedScopes()), []string(want.GetGrantedScopes())},
		{"requested audience", []string(got.GetRequestedAudience()), []string(want.GetRequestedAudience())},
		{"granted audience", []string(got.GetGrantedAudience()), []string(want.GetGrantedAudience())},
		{"form", got.GetRequestForm(), want.GetRequestForm()},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			return fmt.Errorf("the %s: %v, was %v", part.name, part.got, part.want)
		}
	}
	return nil
}

func hostRequestOwn(h *hostRun) error {
	for _, k := range hostKinds {
		want := h.fresh()
		key, err := h.stored(k, want)
		if err != nil {
			return err
		}
		written := want.Session
		want.Session = h.session(soon().UTC())
		spoil(written)
		for range 2 {
			got, err := h.read(k, key)
			if err != nil {
				return err
			}
			if got.GetSession().GetExpiresAt(fosite.AccessToken).IsZero() || sameRequest(got, want) != nil {
				return fmt.Errorf("%s: somebody else's change of a request shows in the store", k.name)
			}
			spoil(got.GetSession())
			got.GrantScope("spoilt")
			got.GetRequestForm().Set("nonce", "spoilt")
		}
	}
	return nil
}

func spoil(session fosite.Session) { session.SetExpiresAt(fosite.AccessToken, time.Time{}) }

func hostNilSession(h *hostRun) error {
	for _, k := range hostKinds[2:] { // Fosite hands in nil for tokens alone
		want := h.fresh()
		key, err := h.stored(k, want)
		if err != nil {
			return err
		}
		got, err := k.get(h.store, h.t.Context(), key, nil)
		if err != nil || got == nil || got.GetID() != want.GetID() {
			return fmt.Errorf("%s: %s with a nil session, want the request", k.name, tell(err))
		}
	}
	return nil
}

// tell is an error that may be nil.
func tell(err error) string {
	if err == nil {
		return "no error"
	}
	return "error " + strconv.Quote(err.Error())
}

func hostUnknown(h *hostRun) error {
	var errs []error
	missing := func(what string, err error) {
		if !errors.Is(err, fosite.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s: %s, want fosite.ErrNotFound", what, tell(err)))
		}
	}
	for _, k := range hostKinds {
		_, err := k.get(h.store, h.t.Context(), newKey(k), h.NewSession())
		missing(k.name, err)
	}
	_, err := h.store.GetClient(h.t.Context(), "unknown-"+rand.Text())
	missing("client", err)
	for what, err := range map[string]error{
		"RevokeAccessToken":  h.store.RevokeAccessToken(h.t.Context(), rand.Text()),
		"RevokeRefreshToken": h.store.RevokeRefreshToken(h.t.Context(), rand.Text()),
	} {
		if err != nil {
			missing(what, err)
		}
	}
	return errors.Join(errs...)
}

func hostSessionFresh(h *hostRun) error {
	over := ""
	for _, k := range hostKinds {
		key, err := h.stored(k, h.fresh())
		if err != nil {
			return err
		}
		given := h.NewSession()
		before, err := members(given)
		if err != nil {
			return err
		}
		got, err := k.get(h.store, h.t.Context(), key, given)
		if err != nil {
			return fmt.Errorf("%s: get: %w", k.name, err)
		}
		after, err := members(given)
		if err != nil {
			return err
		}
		if got.GetSession() == fosite.Session(given) || !reflect.DeepEqual(before, after) {
			over += " " + k.name
		}
	}
	if over != "" {
		h.advise("The store reads sessions over the one that is handed in (%s). The library loses nothing by it: every field of its Binding is left out when empty, and it hands in empty sessions. "+
			"Hand an empty one to NewAccessRequest too, or what is in it stays where the stored session has nothing.", strings.TrimSpace(over))
	}
	return nil
}

func hostExpiry(h *hostRun) error {
	kept := ""
	for _, k := range hostKinds {
		if k.name == "openid" {
			continue // no credential
		}
		key, err := h.stored(k, h.request(time.Now().Add(-2*time.Hour).UTC()))
		if err != nil {
			return err
		}
		switch _, err := k.get(h.store, h.t.Context(), key, h.NewSession()); {
		case err == nil:
			kept += " " + k.name
		case !errors.Is(err, fosite.ErrNotFound) && !errors.Is(err, fosite.ErrInactiveToken):
			return fmt.Errorf("%s: an expired one is %w, want fosite.ErrNotFound", k.name, err)
		}
	}
	if kept != "" {
		h.advise("The store finds what has expired (%s). The library compares the expiry in the session by itself, so nothing expired is taken. "+
			"The rows stay until somebody deletes them, with the data of the users in them.", strings.TrimSpace(kept))
	}
	return nil
}

func hostCodeHidden(h *hostRun) error {
	dumper, ok := h.store.(Dumper)
	if !ok {
		h.unseen()
		return nil
	}
	code := newKey(hostKind{name: "openid"})
	if err := h.store.CreateAuthorizeCodeSession(h.t.Context(), signatureOf(code), h.fresh()); err != nil {
		return err
	}
	if err := h.store.CreateOpenIDConnectSession(h.t.Context(), code, h.fresh()); err != nil {
		return err
	}
	dump := dumper.Dump()
	if dump == "" {
		return errors.New("the dump is empty")
	}
	if secret, _, _ := strings.Cut(code, "."); strings.Contains(dump, secret) {
		h.advise("The code lies in the store as the client has it: Fosite names the OpenID Connect session by the whole code. The library cannot change that; without the client's key, and the verifier where there is one, it is of no use. " +
			"Keep its last part or a hash, or who reads the database or a backup has half of what a redemption needs.")
	}
	return nil
}
