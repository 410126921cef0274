package storagetest

import (
	"fmt"
	"testing"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
)

// HostStore is a team's own Fosite storage, as compose.Config.Storage takes
// it. It may be a fosite/storage.Transactional and a Dumper, too.
type HostStore interface {
	fosite.Storage
	oauth2.CoreStorage
	oauth2.TokenRevocationStorage
	openid.OpenIDConnectRequestStorage
}

// HostOptions tell Host about the store. The zero value fits a store with a
// client "buyer" that reads into the sessions of this package's NewSession.
type HostOptions struct {
	// ClientID names a client that every opened store knows; empty means
	// "buyer".
	ClientID string
	// NewSession makes an empty session of the host's, like
	// compose.Config.NewSession; nil means this package's NewSession.
	NewSession func() storage.Session
	// Fill sets the fields of the session that are the host's own, so that
	// Host can look whether they come back; nil means that there are none.
	Fill func(storage.Session)
}

// Item is one thing that Host looks at.
type Item string

// The items. Those of the first group must hold; the others are advice where
// they do not, since the library makes up for them, or the team alone loses.
const (
	// SessionWhole: a stored session comes back with all that was in it.
	SessionWhole Item = "session whole"
	// RequestWhole: a stored request comes back with its id, client, time,
	// scopes, audience and form.
	RequestWhole Item = "request whole"
	// RequestOwn: a request that was read is the reader's own; a change of it
	// shows nowhere else.
	RequestOwn Item = "request own"
	// NilSession: the session that is handed in may be nil, as Fosite's is when
	// a token is revoked.
	NilSession Item = "nil session"
	// Unknown: what the store does not know is fosite.ErrNotFound, and no
	// failure of the storage.
	Unknown Item = "unknown"
	// CodeInvalidated: after InvalidateAuthorizeCodeSession the code comes back
	// with its request beside fosite.ErrInvalidatedAuthorizeCode.
	CodeInvalidated Item = "code invalidated"
	// OpenIDAfterCode: the OpenID Connect session is there until it is deleted,
	// though its code was invalidated.
	OpenIDAfterCode Item = "openid session after code"
	// Revocation: a revocation hits all tokens of the request, and no others.
	Revocation Item = "revocation"
	// Rollback: a rollback undoes what was done in the transaction, a commit
	// keeps it.
	Rollback Item = "rollback"

	// SessionFresh: a stored session is read into a fresh one, not over the one
	// that is handed in.
	SessionFresh Item = "session fresh"
	// CodeOnce: of concurrent invalidations of a code one succeeds.
	CodeOnce Item = "code once"
	// RefreshRotated: a rotated refresh token comes back with its request beside
	// fosite.ErrInactiveToken. That it comes back without a request must not be.
	RefreshRotated Item = "refresh rotated"
	// RefreshOnce: of concurrent rotations of a refresh token one succeeds.
	RefreshOnce Item = "refresh once"
	// Expiry: an expired code or token is not found.
	Expiry Item = "expiry"
	// Transactions: the store is a fosite/storage.Transactional.
	Transactions Item = "transactions"
	// Nesting: a transaction may be begun within another, and is part of it.
	// It must be so where the store is the library's Records as well.
	Nesting Item = "nesting"
	// CodeHidden: the code, as the client has it, is not in the store. It needs
	// a Dumper.
	CodeHidden Item = "code hidden"
)

// Finding is an item that does not hold.
type Finding struct {
	Item Item
	// Text says what was seen; of an advice also what the library does
	// instead, and what the team loses.
	Text string
}

// Report is what Host found.
type Report struct {
	// Must has what the library cannot work with: the test has failed.
	Must []Finding
	// Advice has what the library makes up for, or what only weakens the
	// team's own defences.
	Advice []Finding
	// Unseen has the items that could not be looked at.
	Unseen []Item
}

// Host tells a team what its own Fosite storage promises, and what it does not.
// It needs none of the library's records. What must hold and does not fails the
// test; the rest is logged (go test -v) and returned:
//
//	func TestStorage(t *testing.T) {
//		storagetest.Host(t, func(t *testing.T) storagetest.HostStore { return openStore(t) },
//			storagetest.HostOptions{ClientID: "some-client", NewSession: newSession})
//	}
//
// Every item gets a store of its own from open, which must hold the client and
// no codes or tokens. A run takes about a second.
func Host(t *testing.T, open func(t *testing.T) HostStore, options HostOptions) *Report {
	t.Helper()
	return inspect(t, open, options, (*testing.T).Errorf)
}

// inspect is Host with another way to fail.
func inspect(t *testing.T, open func(t *testing.T) HostStore, options HostOptions, fail func(*testing.T, string, ...any)) *Report {
	t.Helper()
	options = options.filled()
	report := &Report{}
	for _, check := range hostChecks {
		t.Run(string(check.item), func(t *testing.T) {
			h := &hostRun{HostOptions: options, item: check.item, store: open(t), t: t, report: report}
			if err := h.do(check.run); err != nil {
				report.Must = append(report.Must, Finding{check.item, err.Error()})
				fail(t, "%s: %v", check.item, err)
			}
		})
	}
	for _, f := range report.Advice {
		t.Logf("advice: %s: %s", f.Item, f.Text)
	}
	return report
}

func (o HostOptions) filled() HostOptions {
	if o.ClientID == "" {
		o.ClientID = "buyer"
	}
	if o.NewSession == nil {
		o.NewSession = NewSession
		o.Fill = fillHost
	}
	if o.Fill == nil {
		o.Fill = func(storage.Session) {}
	}
	return o
}

// hostRun is one item over one store.
type hostRun struct {
	HostOptions
	item   Item
	store  HostStore
	client fosite.Client
	t      *testing.T
	report *Report
}

// do runs a check; a panic of the store is one more way to fail it.
func (h *hostRun) do(check func(*hostRun) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the store panics: %v", p)
		}
	}()
	if h.client, err = h.store.GetClient(h.t.Context(), h.ClientID); err != nil {
		return fmt.Errorf("the client %q of HostOptions: %w", h.ClientID, err)
	}
	return check(h)
}

func (h *hostRun) advise(format string, args ...any) {
	h.report.Advice = append(h.report.Advice, Finding{h.item, fmt.Sprintf(format, args...)})
}

func (h *hostRun) unseen() { h.report.Unseen = append(h.report.Unseen, h.item) }
