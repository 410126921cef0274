package e2e

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// countedClients counts the reads of registrations, and can be out of order.
type countedClients struct {
	storage.Registrar
	reads  atomic.Int64
	broken atomic.Bool
}

var errDisk = errors.New("the disk is full")

func (r *countedClients) GetRegistration(ctx context.Context, id string) (*storage.Registration, error) {
	r.reads.Add(1)
	if r.broken.Load() {
		return nil, errDisk
	}
	return r.Registrar.GetRegistration(ctx, id)
}

func startCounted(t *testing.T) (*directory, *countedClients) {
	t.Helper()
	clients := &countedClients{}
	d := startDirectory(t, profile.MEFLSO(), func(c *compose.Config) {
		clients.Registrar = c.Storage.(storage.Registrar)
		c.Registration.Clients = clients
	})
	return d, clients
}

// A client in good standing costs one read of its registration, and one fetch
// of the status list, until the list is stale.
func TestStandingCosts(t *testing.T) {
	d, clients := startCounted(t)
	d.Registry.PublishStatus(t, func(l *credential.List) { l.TTL = time.Minute })
	a := d.Registry.NewApplicant(t, "tpp", d.Issuer)
	d.Registry.Registered(t, &d.Target, a)
	for _, step := range []struct {
		late  int64
		reads int64
	}{{0, 1}, {40, 0}, {21, 1}} {
		d.late.Add(step.late)
		clients.reads.Store(0)
		for range 3 {
			token := d.accessToken(t, a.Buyer)
			if api := d.call(t, token); api.Status != http.StatusNoContent {
				t.Fatalf("resource: %d %s", api.Status, api.Raw)
			}
		}
		if got := clients.reads.Load(); got != step.reads {
			t.Errorf("%d s later: %d reads, want %d", step.late, got, step.reads)
		}
	}
	if lists := d.Registry.Gets("/status/1"); lists != 2 {
		t.Errorf("%d fetches of the status list, want 2", lists)
	}
}

// A storage that fails is no reason to let anybody in, nor to tell a client
// that it is not one.
func TestStandingUnknown(t *testing.T) {
	d, clients := startCounted(t)
	a := d.Registry.NewApplicant(t, "tpp", d.Issuer)
	d.Registry.Registered(t, &d.Target, a)
	intent, token := d.NewIntent(t, a.Buyer, "once"), d.accessToken(t, a.Buyer)
	d.late.Add(2)
	clients.broken.Store(true)
	refused(t, d.Post(t, d.Token, a.Authenticated(ownBehalf("quote"))), http.StatusServiceUnavailable, "temporarily_unavailable")
	if page := d.Approve(t, d.URL(a.Buyer, a.Object(intent))); page.Status != http.StatusServiceUnavailable || page.Location != nil {
		t.Errorf("authorize: %d %v", page.Status, page.Params)
	}
	if api := d.call(t, token); api.Status != http.StatusServiceUnavailable {
		t.Errorf("resource: %d %s", api.Status, api.Raw)
	}
	clients.broken.Store(false)
	if api := d.call(t, token); api.Status != http.StatusNoContent {
		t.Errorf("resource, once it works again: %d %s", api.Status, api.Raw)
	}
}

// A suspension that could not be stored is tried again by the next request of
// the client; meanwhile the client is refused.
func TestSuspensionFails(t *testing.T) {
	failing := &failingSuspension{}
	d := startDirectory(t, profile.MEFLSO(), func(c *compose.Config) {
		failing.Registrar = c.Storage.(storage.Registrar)
		c.Registration.Clients = failing
	})
	a := d.Registry.NewApplicant(t, "tpp", d.Issuer)
	d.Registry.Registered(t, &d.Target, a)
	d.Registry.Revoke(t, a.Index, true)
	d.late.Add(2)
	for _, outcome := range []audit.Outcome{audit.Failed, audit.Granted} {
		refused(t, d.Post(t, d.Token, a.Authenticated(ownBehalf("quote"))), http.StatusUnauthorized, "invalid_client")
		if e := d.Events.Last(audit.Registration); e.Detail != "suspend" || e.Outcome != outcome || e.Client != a.ID {
			t.Errorf("got %+v, want %s", e, outcome)
		}
		if client, err := d.Store.(storage.Registrar).GetRegistration(t.Context(), a.ID); err != nil || client.Client.Suspended != (outcome == audit.Granted) {
			t.Errorf("%v, %v", client, err)
		}
	}
}

// failingSuspension fails once.
type failingSuspension struct {
	storage.Registrar
	tried atomic.Bool
}

func (f *failingSuspension) SuspendClient(ctx context.Context, id string, version int64) error {
	if !f.tried.Swap(true) {
		return errDisk
	}
	return f.Registrar.SuspendClient(ctx, id, version)
}

// renewing changes a registration just after it was read.
type renewing struct {
	storage.Registrar
	now atomic.Bool
}

func (r *renewing) GetRegistration(ctx context.Context, id string) (*storage.Registration, error) {
	found, err := r.Registrar.GetRegistration(ctx, id)
	if err == nil && r.now.Swap(false) {
		err = r.ReplaceClient(ctx, found)
	}
	return found, err
}

// What is revoked is the credential of the registration as it was read. One that
// was renewed in between is looked at by the next request.
func TestSuspensionOfARenewedClient(t *testing.T) {
	clients := &renewing{}
	d := startDirectory(t, profile.MEFLSO(), func(c *compose.Config) {
		clients.Registrar = c.Storage.(storage.Registrar)
		c.Registration.Clients = clients
	})
	a := d.Registry.NewApplicant(t, "tpp", d.Issuer)
	d.Registry.Registered(t, &d.Target, a)
	d.Registry.Revoke(t, a.Index, true)
	d.late.Add(2)
	clients.now.Store(true)
	for _, suspended := range []bool{false, true} {
		refused(t, d.Post(t, d.Token, a.Authenticated(ownBehalf("quote"))), http.StatusUnauthorized, "invalid_client")
		if r, err := clients.Registrar.GetRegistration(t.Context(), a.ID); err != nil || r.Client.Suspended != suspended {
			t.Errorf("%+v, %v, want %v", r, err, suspended)
		}
	}
}
