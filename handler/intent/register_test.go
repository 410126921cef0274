package intent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// desk is a register with its clock, its store, and what it told others.
type desk struct {
	intent.Register
	now     time.Time
	records *records
	revoked []string
	events  []audit.Event
}

// records is a store that can fail.
type records struct {
	storage.Intents
	err error
}

var errDown = errors.New("down")

func (r *records) CreateIntent(ctx context.Context, in *storage.Intent) error {
	if r.err != nil {
		return r.err
	}
	return r.Intents.CreateIntent(ctx, in)
}

func (r *records) GetIntent(ctx context.Context, id string) (*storage.Intent, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.Intents.GetIntent(ctx, id)
}

func (d *desk) Record(_ context.Context, e audit.Event) { d.events = append(d.events, e) }

func (d *desk) RevokeAccessToken(_ context.Context, requestID string) error {
	d.revoked = append(d.revoked, "access "+requestID)
	return nil
}

func (d *desk) RevokeRefreshToken(_ context.Context, requestID string) error {
	d.revoked = append(d.revoked, "refresh "+requestID)
	return fosite.ErrNotFound
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	p := profile.MEFLSO()
	d := &desk{now: time.Date(2025, 1, 1, 0, 0, 0, 123456789, time.UTC)}
	clock := func() time.Time { return d.now }
	d.records = &records{Intents: memory.New(memory.Config{Clock: clock})}
	metadata := func(_ context.Context, c fosite.Client) (*storage.ClientMetadata, error) {
		return c.(*storage.Client).LSOMetadata(), nil
	}
	d.Register = intent.Register{Profile: &p, Intents: d.records, Metadata: metadata, Tokens: d, Audit: d, Clock: clock, Rand: rand.Reader}
	return d
}

var (
	buyer   = &storage.Client{ID: "buyer"}
	another = &storage.Client{ID: "another"}
	details = json.RawMessage(`{"quote":1}`)
)

func (d *desk) create(t testing.TB, kind storage.IntentKind) *storage.Intent {
	t.Helper()
	in, err := d.Create(t.Context(), buyer, kind, details)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// get reads the intent as it is stored.
func (d *desk) get(t testing.TB, id string) *storage.Intent {
	t.Helper()
	in, err := d.Intents.GetIntent(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func wantOAuth(t testing.TB, err error, rule profile.Rule, code string) {
	t.Helper()
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.Rule != rule || violation.OAuth.ErrorField != code {
		t.Errorf("got %v, want %s: %s", err, rule, code)
	}
}

func TestCreate(t *testing.T) {
	d := newDesk(t)
	client := &storage.Client{ID: "buyer", ClientMetadata: storage.ClientMetadata{TrustDomain: "td"}}
	in, err := d.Create(t.Context(), client, storage.IntentOnce, details)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^urn:lso:intent:[A-Za-z0-9_-]{43}$`).MatchString(in.ID) {
		t.Errorf("got the id %q", in.ID)
	}
	created := d.now.Truncate(time.Microsecond)
	if in.ClientID != "buyer" || in.TrustDomain != "td" || in.Kind != storage.IntentOnce || in.State != storage.IntentPending ||
		!in.CreatedAt.Equal(created) || !in.ExpiresAt.Equal(created.Add(24*time.Hour)) || in.RequestID != "" {
		t.Errorf("got %+v", in)
	}
	if stored := d.get(t, in.ID); string(stored.Details) != string(details) || !stored.CreatedAt.Equal(created) {
		t.Errorf("stored %+v", stored)
	}
	if len(d.events) != 1 || d.events[0].Action != audit.IntentChange || d.events[0].Outcome != audit.Granted || d.events[0].Intent != in.ID {
		t.Errorf("recorded %+v", d.events)
	}
	if other := d.create(t, storage.IntentRepeated); other.ID == in.ID || other.TrustDomain != "client_id=buyer" {
		t.Errorf("got %+v", other)
	}
}

func TestCreateRefuses(t *testing.T) {
	padded := func(n int) string { return `{"a":"` + strings.Repeat("a", n-len(`{"a":""}`)) + `"}` }
	for _, c := range []struct {
		name, details string
		kind          storage.IntentKind
		want          error
	}{
		{"64 KiB", padded(64 << 10), storage.IntentOnce, nil},
		{"an empty object", `{}`, storage.IntentOnce, nil},
		{"64 KiB and a byte", padded(64<<10 + 1), storage.IntentOnce, intent.ErrDetails},
		{"nothing", ``, storage.IntentOnce, intent.ErrDetails},
		{"null", `null`, storage.IntentOnce, intent.ErrDetails},
		{"an array", `[]`, storage.IntentOnce, intent.ErrDetails},
		{"a string", `"{}"`, storage.IntentOnce, intent.ErrDetails},
		{"two objects", `{}{}`, storage.IntentOnce, intent.ErrDetails},
		{"no JSON", `{a}`, storage.IntentOnce, intent.ErrDetails},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			if _, err := d.Create(t.Context(), buyer, c.kind, json.RawMessage(c.details)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, kind := range []storage.IntentKind{"", "twice", "Once"} {
		d := newDesk(t)
		if in, err := d.Create(t.Context(), buyer, kind, details); err == nil || in != nil || len(d.events) > 0 {
			t.Errorf("kind %q: got %v, %v", kind, in, err)
		}
	}
}

func TestCreateFails(t *testing.T) {
	d := newDesk(t)
	d.records.err = errDown
	if _, err := d.Create(t.Context(), buyer, storage.IntentOnce, details); !errors.Is(err, errDown) {
		t.Errorf("the store: got %v", err)
	}
	d = newDesk(t)
	d.Rand = bytes.NewReader(make([]byte, 31))
	if in, err := d.Create(t.Context(), buyer, storage.IntentOnce, details); err == nil || in != nil {
		t.Errorf("31 random bytes: got %v, %v", in, err)
	}
	d = newDesk(t)
	d.Metadata = func(context.Context, fosite.Client) (*storage.ClientMetadata, error) { return nil, errDown }
	if in, err := d.Create(t.Context(), buyer, storage.IntentOnce, details); !errors.Is(err, errDown) || in != nil {
		t.Errorf("metadata: got %v, %v", in, err)
	}
}

// MEF-R27: nobody learns which intents of others exist.
func TestOwned(t *testing.T) {
	d := newDesk(t)
	in := d.create(t, storage.IntentOnce)
	if got, err := d.Owned(t.Context(), buyer, in.ID); err != nil || got.ID != in.ID {
		t.Fatalf("got %v, %v", got, err)
	}
	moved := &storage.Client{ID: "buyer", ClientMetadata: storage.ClientMetadata{TrustDomain: "elsewhere"}}
	var texts []string
	for name, test := range map[string]struct {
		client *storage.Client
		id     string
	}{
		"unknown": {buyer, "urn:lso:intent:x"}, "empty": {buyer, ""}, "another client": {another, in.ID}, "MEF-R58 another trust domain": {moved, in.ID},
	} {
		got, err := d.Owned(t.Context(), test.client, test.id)
		wantOAuth(t, err, "MEF-R27", "invalid_request")
		if got != nil {
			t.Errorf("%s: got %v", name, got)
		}
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("the answers differ: %q", texts)
		}
	}
	d.records.err = errDown
	if _, err := d.Owned(t.Context(), buyer, in.ID); !errors.Is(err, fosite.ErrTemporarilyUnavailable) {
		t.Errorf("the store is down: got %v", err)
	}
}
