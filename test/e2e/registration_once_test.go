package e2e

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/storage/sql"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

// registries are servers over each of the adapters, with their registry.
func registries(t *testing.T, test func(t *testing.T, w *applying)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) harness.Store{
		"memory": func(*testing.T) harness.Store { return memory.New(memory.Config{NewSession: harness.NewSession}) },
		"sqlite": func(t *testing.T) harness.Store { return sql.New(harness.SQLite(t), sql.SQLite, harness.NewSession) },
		"postgres": func(t *testing.T) harness.Store {
			db := pgtest.Database(t, pgtest.Server(t))
			if err := sql.Migrate(t.Context(), db, sql.Postgres); err != nil {
				t.Fatal(err)
			}
			return sql.New(db, sql.Postgres, harness.NewSession)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := startOver(t, open(t), func(*harness.Registry, *compose.Config) {})
			test(t, w)
		})
	}
}

// startOver is startApplying over a store, with TLS and the system's clock.
func startOver(t *testing.T, store harness.Store, change func(r *harness.Registry, c *compose.Config)) *applying {
	t.Helper()
	w := &applying{directory: &directory{Registry: harness.StartRegistry(t)}, clients: &registrar{}}
	w.Host = harness.StartHost(t, profile.MEFLSO(), store, func(c *compose.Config) {
		w.Registry.Trust(c)
		w.clients.Registrar = c.Storage.(storage.Registrar)
		c.Registration.Clients = w.clients
		change(w.Registry, c)
	})
	w.a = w.Registry.NewApplicant(t, "tpp", w.Issuer)
	return w
}

// oneRegistered: of twenty at once one is registered, and each of the others
// is told why it is not.
func (w *applying) oneRegistered(t *testing.T, bodies func(i int) harness.Claims, codes ...string) {
	t.Helper()
	all := make([]harness.Claims, 20)
	for i := range all {
		all[i] = bodies(i)
	}
	before := w.clients.created.Load()
	won := 0
	for _, answer := range twenty(func(i int) harness.Response { return w.send(t, all[i]) }) {
		code, _ := answer.Body["error"].(string)
		switch {
		case answer.Status == http.StatusCreated:
			won++
		case answer.Status != http.StatusBadRequest || !slices.Contains(codes, code) || answer.Header.Get("Cache-Control") != "no-store":
			t.Errorf("got %d %s", answer.Status, answer.Raw)
		}
	}
	if stored := w.clients.created.Load() - before; won != 1 || stored != 1 {
		t.Errorf("%d of 20 succeeded, %d were stored", won, stored)
	}
	granted := w.Events.Count(func(e audit.Event) bool { return e.Action == audit.Registration && e.Outcome == audit.Granted })
	if int64(granted) != w.clients.created.Load() {
		t.Errorf("the log has %d registrations, want %d", granted, w.clients.created.Load())
	}
}

// numbered is a plain registration of another software.
func (w *applying) numbered(t *testing.T, i int, presentation string) harness.Claims {
	t.Helper()
	body := plain(t, w)
	stating(harness.Set("software_id", "software-"+strconv.Itoa(i)))(t, w, body)
	body["lso_entity_presentation"] = presentation
	return body
}

func TestTwentyRegistrations(t *testing.T) {
	for name, prepare := range map[string]struct {
		bodies func(t *testing.T, w *applying) func(i int) harness.Claims
		codes  []string
	}{
		"MEF-R1/one DID": {func(t *testing.T, w *applying) func(int) harness.Claims {
			return func(int) harness.Claims { return ofDID(t, w) }
		}, []string{badMetadata}},
		"MEF-R1/one software of one legal entity": {func(t *testing.T, w *applying) func(int) harness.Claims {
			return func(int) harness.Claims { return plain(t, w) }
		}, []string{badMetadata}},
		"MEF-R1/one registration": {func(t *testing.T, w *applying) func(int) harness.Claims {
			body := ofDID(t, w)
			return func(int) harness.Claims { return body }
		}, []string{badMetadata, badStatement}},
		"MEF-R9/one presentation": {func(t *testing.T, w *applying) func(int) harness.Claims {
			token := w.a.Present(t)
			return func(i int) harness.Claims { return w.numbered(t, i, token) }
		}, []string{badStatement}},
		"MEF-R9/one challenge": {func(t *testing.T, w *applying) func(int) harness.Claims {
			nonce := w.challenge(t)
			return func(i int) harness.Claims {
				return w.numbered(t, i, w.a.PresentAs(t, func(p *credential.Presentation) { p.ID, p.Nonce = "", nonce }))
			}
		}, []string{badStatement}},
	} {
		t.Run(name, func(t *testing.T) {
			registries(t, func(t *testing.T, w *applying) { w.oneRegistered(t, prepare.bodies(t, w), prepare.codes...) })
		})
	}
}

// MEF W128 R1: one after the other too, and whoever is another may register.
func TestRegistrationUnique(t *testing.T) {
	w := startApplying(t, profile.MEFLSO())
	first := w.takes(t, plain(t, w)).Body["client_id"]
	t.Run("MEF-R1/one software of one legal entity", func(t *testing.T) {
		w.refuses(t, w.send(t, plain(t, w)), "MEF-R1", badMetadata)
	})
	t.Run("MEF-R1/other software", func(t *testing.T) {
		if second := w.takes(t, w.numbered(t, 2, w.a.Present(t))).Body["client_id"]; second == first {
			t.Error("two clients have one identifier")
		}
	})
	t.Run("MEF-R1/the software of another legal entity", func(t *testing.T) {
		body := plain(t, w)
		stating(harness.Set("org_id", "mef/other"))(t, w, body)
		w.takes(t, body)
	})
	t.Run("MEF-R1/one legal entity by its credential", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := func() harness.Claims {
			body := w.numbered(t, 1, w.presents(t, credential.V2, w.entity(t, credential.V2)))
			stating(harness.Set("org_id", nil))(t, w, body)
			return body
		}
		w.takes(t, body())
		w.refuses(t, w.send(t, body()), "MEF-R1", badMetadata)
	})
	t.Run("MEF-R1/MEF-D4/one DID", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		w.takes(t, ofDID(t, w))
		body := ofDID(t, w)
		stating(harness.Set("software_id", "other"))(t, w, body)
		w.refuses(t, w.send(t, body), "MEF-R1", badMetadata)
	})
}
