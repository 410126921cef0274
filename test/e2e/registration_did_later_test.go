package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

const remembered = 601 // seconds; no DID document is kept longer without need

// turnedAway: nothing that the buyer signs is believed.
func (d *directory) turnedAway(t *testing.T, b *harness.Buyer, intent string) {
	t.Helper()
	for name, answer := range map[string]harness.Response{
		"token": d.Post(t, d.Token, b.Authenticated(ownBehalf("quote"))), "par": d.Push(t, b, b.Object(intent)),
	} {
		if answer.Status != http.StatusUnauthorized || answer.Body["error"] != "invalid_client" || answer.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	page := d.Approve(t, d.URL(b, b.Object(intent)))
	if page.Status != http.StatusBadRequest || page.Location != nil || !strings.Contains(page.Body, "invalid_request_object") {
		t.Errorf("authorize: %d %v %s", page.Status, page.Location, page.Body)
	}
	if state(t, d.Host, intent) != "Pending" {
		t.Errorf("the intent is %s", state(t, d.Host, intent))
	}
}

// What becomes of a registered client whose DID document changes.
func TestRegisteredDIDLater(t *testing.T) {
	assertionOnly := harness.Set("authentication", []string{})
	for name, s := range map[string]spoil{
		"MEF-R3/no document": page(nil), "MEF-R3/the document of another DID": document(harness.Set("id", "did:web:other.example")),
		"MEF-R3/no JSON":              page(answers(http.StatusOK, "application/did+json", "<html>")),
		"MEF-R2/no keys":              document(harness.Set("verificationMethod", []harness.Claims{})),
		"MEF-R3/the key asserts only": document(assertionOnly),
	} {
		t.Run(name, func(t *testing.T) {
			m := startMember(t, nil)
			mend := s(t, m.applying, nil)
			m.isOpen(t) // the document of a moment ago still serves
			m.late.Add(remembered)
			m.turnedAway(t, m.a.Buyer, m.intent)
			mend()
			m.late.Add(31)
			m.accessToken(t, m.a.Buyer)
		})
	}
	t.Run("MEF-R3/the kid of another DID", func(t *testing.T) {
		m := startMember(t, nil)
		other := m.Registry.NewApplicant(t, "other", m.Issuer)
		thief := *m.a.Buyer
		thief.Key, thief.Kid = other.Key, other.Kid
		m.turnedAway(t, &thief, m.intent)
		thief.Key = m.a.Key // and with the right key under that name
		m.turnedAway(t, &thief, m.intent)
		m.isOpen(t)
	})
	t.Run("MEF-R3/a server that fails does no harm for an hour", func(t *testing.T) {
		m := startMember(t, nil)
		page(answers(http.StatusInternalServerError, "text/plain", ""))(t, m.applying, nil)
		m.late.Add(3500)
		m.accessToken(t, m.a.Buyer)
		m.late.Add(200)
		m.turnedAway(t, m.a.Buyer, m.intent)
	})
}

// A key that is new counts at once, one that is gone until the document is
// read again; nobody makes the server read it with every request.
func TestRegisteredDIDRotation(t *testing.T) {
	t.Run("MEF-R3/MEF-R2/rotation and removal", func(t *testing.T) {
		m := startMember(t, nil)
		path := "/" + m.a.Name + "/did.json"
		next := *m.a.Buyer
		m.late.Add(31)
		other := m.second(t, "authentication")
		next.Key, next.Kid = other.Key, other.Kid
		m.accessToken(t, &next)
		m.accessToken(t, m.a.Buyer)

		rotated := harness.Document(other, m.a.Redirect)
		m.Registry.Publish(t, m.a.Name, rotated)
		m.accessToken(t, m.a.Buyer)
		m.late.Add(remembered)
		m.accessToken(t, &next)
		m.turnedAway(t, m.a.Buyer, m.intent)

		read := m.Registry.Gets(path)
		for range 5 {
			unknown := next
			unknown.Kid = next.ID + "#sig-9"
			refused(t, m.Post(t, m.Token, unknown.Authenticated(ownBehalf("quote"))), http.StatusUnauthorized, "invalid_client")
		}
		if again := m.Registry.Gets(path) - read; again > 1 {
			t.Errorf("unknown kids had the document read %d times", again)
		}
	})
}

// MEF W128 R19: the document still lists what is redirected to.
func TestRegisteredDIDRedirectURI(t *testing.T) {
	for name, change := range map[string]harness.Change{
		"the service is gone": harness.Set("service", nil), "the service is elsewhere": service("https://tpp.example.org/other"),
	} {
		t.Run("MEF-R19/C-18/"+name, func(t *testing.T) {
			m := startMember(t, nil)
			mend := document(change)(t, m.applying, nil)
			m.late.Add(remembered)
			page := m.Approve(t, m.URL(m.a.Buyer, m.a.Object(m.intent)))
			if page.Status != http.StatusBadRequest || page.Location != nil || !strings.Contains(page.Body, "invalid_request") || strings.Contains(page.Body, "invalid_request_object") {
				t.Errorf("authorize: %d %v %s", page.Status, page.Location, page.Body)
			}
			pushed := m.Push(t, m.a.Buyer, m.a.Object(m.intent))
			if pushed.Status != http.StatusBadRequest || pushed.Body["error"] != "invalid_request" {
				t.Errorf("par: %d %s", pushed.Status, pushed.Raw)
			}
			mend()
			m.late.Add(31)
			m.Pushed(t, m.a.Buyer, m.a.Object(m.intent))
		})
	}
}

// A service of the right type that became another is none either.
func TestRegisteredDIDServiceType(t *testing.T) {
	t.Run("MEF-R19/another type", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) { c.Registration.ServiceTypes = []string{"OAuth2RedirectURI"} })
		w.takes(t, ofDID(t, w))
		in := w.NewIntent(t, w.a.Buyer, "once")
		document(harness.Set("service", []harness.Claims{{"id": "#x", "type": "LinkedDomains", "serviceEndpoint": w.a.Redirect}}))(t, w, nil)
		w.late.Add(remembered)
		if page := w.Approve(t, w.URL(w.a.Buyer, w.a.Object(in))); page.Status != http.StatusBadRequest || page.Location != nil {
			t.Errorf("authorize: %d %v", page.Status, page.Location)
		}
	})
}

// Who gave his DID up is not here any more, nor is anything that he had.
func TestRegisteredDIDDeactivated(t *testing.T) {
	for name, giveUp := range map[string]func(t *testing.T, m *member){
		"deactivated": func(t *testing.T, m *member) { document(harness.Set("deactivated", true))(t, m.applying, nil) },
		"taken down":  func(_ *testing.T, m *member) { m.Registry.Handle("/"+m.a.Name+"/did.json", nil) },
	} {
		t.Run("MEF-R3/MEF-D1/"+name, func(t *testing.T) {
			m := startMember(t, nil)
			other := m.Registry.NewApplicant(t, "other", m.Issuer)
			m.Registry.Registered(t, &m.Target, other)
			giveUp(t, m)
			m.late.Add(250)
			m.isOpen(t) // the document is remembered for 5 minutes
			m.late.Add(60)
			m.turnedAway(t, m.a.Buyer, m.intent)
			if api := m.call(t, m.token); m.active(m.token) || api.Status != http.StatusUnauthorized || !strings.Contains(api.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("resource: %d %v", api.Status, api.Header)
			}
			refused(t, m.Redeem(t, m.a.Buyer, m.code), http.StatusUnauthorized, "invalid_client")
			m.accessToken(t, other.Buyer)
		})
	}
}

// The client_id is the DID wherever one is told.
func TestRegisteredDIDEndToEnd(t *testing.T) {
	t.Run("MEF-D1/MEF-D4/MEF-R3/from registration to the token", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		w.takes(t, ofDID(t, w))
		in := w.NewIntent(t, w.a.Buyer, "once")
		answer := w.Approve(t, w.URL(w.a.Buyer, w.a.Object(in)))
		tokens := w.Redeem(t, w.a.Buyer, answer.Params.Get("code"))
		if tokens.Status != http.StatusOK {
			t.Fatalf("%d %s", tokens.Status, tokens.Raw)
		}
		_, claims := harness.Decode(t, tokens.Body["id_token"].(string))
		want(t, claims, harness.Claims{"aud": w.a.ID, "meflso_intent_id": in})
	})
}
