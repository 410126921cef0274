package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// statusList is one beside the registry's own.
type statusList struct {
	w    *applying
	list credential.List
}

// suspensions publishes an empty list of suspensions.
func (w *applying) suspensions(t *testing.T) *statusList {
	t.Helper()
	l := &statusList{w, credential.List{URL: w.Registry.Base + "/status/2", Purpose: credential.Suspension, Bits: credential.NewBits(0), TTL: time.Second}}
	l.publish(t)
	return l
}

func (l *statusList) publish(t *testing.T) {
	t.Helper()
	token, err := l.w.Registry.Issuer.StatusList(l.list)
	if err != nil {
		t.Fatal(err)
	}
	l.w.Registry.Put("/status/2", "application/vc+jwt", []byte(token))
}

func (l *statusList) set(t *testing.T, index uint64, on bool) {
	t.Helper()
	if err := l.list.Bits.Set(index, on); err != nil {
		t.Fatal(err)
	}
	l.publish(t)
}

// watched adds the list to a credential.
func (l *statusList) watched(index uint64) func(*credential.Credential) {
	return func(c *credential.Credential) {
		c.Status = append(c.Status, credential.StatusEntry{Type: credential.BitstringStatusList, Purpose: l.list.Purpose, List: l.list.URL, Index: index})
	}
}

// member is a registered client, with what it had while all was well.
type member struct {
	*applying
	intent, lodged, token, code, refresh string
	active                               func(token string) bool
}

func startMember(t *testing.T, change func(t *testing.T, w *applying, body harness.Claims), changes ...func(*compose.Config)) *member {
	t.Helper()
	w := startApplying(t, profile.MEFLSO(), changes...)
	body := ofDID(t, w)
	if change != nil {
		change(t, w, body)
	}
	w.takes(t, body)
	return w.member(t)
}

// member lodges an intent, and gets a token, a code and a refresh token.
func (w *applying) member(t *testing.T) *member {
	t.Helper()
	m := &member{applying: w, active: w.seer(t)}
	w.a.Verifier = verifier
	m.intent, m.lodged, m.token = w.NewIntent(t, w.a.Buyer, "once"), w.NewIntent(t, w.a.Buyer, "once"), w.accessToken(t, w.a.Buyer)
	tokens := w.Redeem(t, w.a.Buyer, w.Approve(t, w.URL(w.a.Buyer, w.a.Object(w.NewIntent(t, w.a.Buyer, "repeated")))).Params.Get("code"))
	m.refresh, _ = tokens.Body["refresh_token"].(string)
	m.code = w.Approve(t, w.URL(w.a.Buyer, w.a.Object(m.lodged))).Params.Get("code")
	if m.refresh == "" || m.code == "" || !m.active(m.token) {
		t.Fatalf("not a member: %s, code %q", tokens.Raw, m.code)
	}
	return m
}

// isShut: nothing of the client's is good for anything.
func (m *member) isShut(t *testing.T, why string) {
	t.Helper()
	m.wantShut(t, m.a.Buyer, m.intent, m.token, why)
	if m.active(m.token) {
		t.Error("introspection: the token is active")
	}
	for name, answer := range map[string]harness.Response{
		"introspection": m.Post(t, m.Introspect, m.a.Authenticated(url.Values{"token": {m.token}})),
		"refresh":       m.Post(t, m.Token, m.a.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m.refresh}})),
		"code":          m.Redeem(t, m.a.Buyer, m.code),
	} {
		if answer.Status != http.StatusUnauthorized || answer.Body["error"] != "invalid_client" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
}

// isOpen: the client goes on with what it had.
func (m *member) isOpen(t *testing.T) {
	t.Helper()
	if !m.active(m.token) || m.call(t, m.token).Status != http.StatusNoContent {
		t.Error("the token is not active")
	}
	m.Pushed(t, m.a.Buyer, m.a.Object(m.intent))
	answer := m.Post(t, m.Token, m.a.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m.refresh}}))
	if answer.Status != http.StatusOK {
		t.Errorf("refresh: %d %s", answer.Status, answer.Raw)
	}
	m.refresh, _ = answer.Body["refresh_token"].(string)
	if code := m.Approve(t, m.URL(m.a.Buyer, m.a.Object(m.NewIntent(t, m.a.Buyer, "once")))).Params.Get("code"); code == "" {
		t.Error("authorize: no code")
	}
}

func (m *member) suspensions() int {
	return m.Events.Count(func(e audit.Event) bool { return e.Action == audit.Registration && e.Detail == "suspend" })
}

// MEF W128 R8: what speaks against the credential later shuts its client out,
// for as long as it does.
func TestRegisteredClientLater(t *testing.T) {
	t.Run("MEF-R8/revoked, for good", func(t *testing.T) {
		m := startMember(t, nil)
		m.Registry.Revoke(t, m.a.Index, true)
		m.late.Add(2)
		m.isShut(t, "")
		m.Registry.Revoke(t, m.a.Index, false)
		m.late.Add(2)
		m.isShut(t, "")
		if m.suspensions() != 1 {
			t.Errorf("%d events of a suspension", m.suspensions())
		}
	})
	t.Run("MEF-R8/suspended, until that is taken back", func(t *testing.T) {
		var list *statusList
		m := startMember(t, func(t *testing.T, w *applying, body harness.Claims) {
			list = w.suspensions(t)
			body["lso_entity_presentation"] = w.presents(t, credential.V2, w.entity(t, credential.V2, list.watched(7)))
		})
		list.set(t, 7, true)
		m.late.Add(2)
		m.isShut(t, "suspended")
		list.set(t, 7, false)
		m.late.Add(2)
		m.isOpen(t)
		if m.suspensions() != 0 {
			t.Error("the client was suspended for good")
		}
	})
	t.Run("MEF-R8/the status unavailable, until it is back", func(t *testing.T) {
		m := startMember(t, nil)
		m.Registry.HideStatus()
		m.late.Add(2)
		m.isShut(t, "unavailable")
		answer := m.Post(t, m.Token, m.a.Authenticated(ownBehalf("quote")))
		if text, _ := answer.Body["error_description"].(string); !regexp.MustCompile(unavailable).MatchString(text) {
			t.Errorf("described as %q", text)
		}
		asked := m.Registry.Gets("/status/1")
		m.Registry.PublishStatus(t)
		m.isShut(t, "unavailable") // it is not asked for again at once
		if m.Registry.Gets("/status/1") != asked {
			t.Error("every request asks for the list")
		}
		m.late.Add(31)
		m.isOpen(t)
		if m.suspensions() != 0 {
			t.Error("the client was suspended for good")
		}
	})
	t.Run("MEF-R4/the credential expires", func(t *testing.T) {
		m := startMember(t, func(t *testing.T, w *applying, body harness.Claims) {
			until := func(c *credential.Credential) { c.Until = w.now().Add(5 * time.Minute) }
			body["lso_entity_presentation"] = w.presents(t, credential.V2, w.entity(t, credential.V2, until))
		})
		m.late.Add(290)
		m.isOpen(t)
		m.late.Add(45)
		m.isShut(t, "expired")
	})
}

// again is the same server after its operator changed its mind.
func (m *member) again(t *testing.T, p profile.Profile, change func(*compose.Config)) *member {
	t.Helper()
	next := *m
	w := *m.applying
	next.applying = &w
	w.directory = &directory{Registry: m.Registry}
	w.late.Store(m.late.Load())
	w.Host = harness.StartDirect(t, p, m.Store, func(c *compose.Config) {
		m.Registry.Trust(c)
		c.Clock = w.now
		change(c)
	})
	next.active = next.seer(t)
	return &next
}

// MEF W128 R6: an issuer that is accepted no more takes its clients with it.
func TestRegisteredClientUnderAnotherPolicy(t *testing.T) {
	other := func(c *compose.Config) { c.Registration.Credentials.Anchors = []string{"did:web:other.example"} }
	t.Run("MEF-R6/the anchor is dropped", func(t *testing.T) {
		m := startMember(t, nil)
		m.late.Add(2)
		dropped := m.again(t, profile.MEFLSO(), other)
		dropped.isShut(t, "")
		m.again(t, profile.MEFLSO(), func(*compose.Config) {}).isOpen(t)
	})
	t.Run("MEF-R6/a self-issued credential is accepted no more", func(t *testing.T) {
		yes := selfIssued(func(credential.Binding) (bool, error) { return true, nil })
		m := startMember(t, func(t *testing.T, w *applying, body harness.Claims) {
			c, _ := w.Registry.Entity(w.a.ID)
			c.Status = nil
			body["lso_entity_presentation"] = w.presents(t, credential.V2, signed(t, w.a.Holder, c))
		}, yes)
		m.late.Add(901)
		m.token = m.accessToken(t, m.a.Buyer)
		m.again(t, profile.MEFLSO(), yes).isOpen(t)
		m.again(t, profile.MEFLSO(), func(*compose.Config) {}).isShut(t, "")
	})
	t.Run("MEF-R4/a credential is required from now on", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		w.a.ID, _ = w.takes(t, plain(t, w)).Body["client_id"].(string)
		m := w.member(t)
		p := profile.MEFLSO()
		p.EntityCredential = profile.EntityRequired
		m.again(t, p, func(*compose.Config) {}).isShut(t, "legal entity")
	})
}
