package e2e

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// managed is a client that is registered, with what it needs to manage that.
type managed struct {
	*applying
	answer     harness.Response
	id, token  string
	uri        string
	statement  string
	registered harness.Claims
}

func startManaged(t *testing.T, body func(*testing.T, *applying) harness.Claims) *managed {
	t.Helper()
	w := startApplying(t, profile.MEFLSO())
	sent := body(t, w)
	m := &managed{applying: w, answer: w.takes(t, sent), statement: sent["software_statement"].(string)}
	m.registered = m.answer.Body
	m.id, _ = m.registered["client_id"].(string)
	m.token, _ = m.registered["registration_access_token"].(string)
	m.uri, _ = m.registered["registration_client_uri"].(string)
	w.a.ID = m.id
	return m
}

func (m *managed) own(t *testing.T, method, token string, body harness.Claims) harness.Response {
	t.Helper()
	return m.Send(t, method, m.uri, token, body)
}

// back is the registration as its client sends it back, changed.
func (m *managed) back(changes ...harness.Change) harness.Claims {
	body := maps.Clone(m.registered)
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_id_issued_at"} {
		delete(body, name)
	}
	for _, change := range changes {
		change(nil, body)
	}
	return body
}

// RFC 7592 §2.1 and §2.2.
func TestRegistrationReadAndReplace(t *testing.T) {
	for name, body := range map[string]func(*testing.T, *applying) harness.Claims{"plain": plain, "of a DID": ofDID} {
		t.Run("RFC7592-2/"+name, func(t *testing.T) {
			m := startManaged(t, body)
			read := m.own(t, http.MethodGet, m.token, nil)
			if read.Status != http.StatusOK || read.Header.Get("Cache-Control") != "no-store" || !reflect.DeepEqual(read.Body, m.registered) {
				t.Errorf("read: %d %s", read.Status, read.Raw)
			}
			replaced := m.own(t, http.MethodPut, m.token, m.back(harness.Set("request_object_signing_alg", "ES256")))
			if replaced.Status != http.StatusOK || replaced.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("replace: %d %s", replaced.Status, replaced.Raw)
			}
			want(t, replaced.Body, harness.Claims{"client_id": m.id, "request_object_signing_alg": "ES256", "software_statement": m.statement, "registration_access_token": m.token})
			if event := m.Events.Last(audit.Registration); event.Detail != "update" || event.Outcome != audit.Granted || event.Client != m.id {
				t.Errorf("the log has %+v", event)
			}
			m.accessToken(t, m.a.Buyer)
		})
	}
}

func TestRegistrationReplaceRefused(t *testing.T) {
	m := startManaged(t, plain)
	state := func(changes ...harness.Change) harness.Change {
		return harness.Set("software_statement", m.Registry.Statement(t, m.a.Buyer, changes...))
	}
	for name, c := range map[string]struct {
		change harness.Change
		rule   profile.Rule
		code   string
	}{
		"another software":           {state(harness.Set("software_id", "other"), harness.Set("org_id", m.registered["org_id"])), "RFC7592-2.2", badMetadata},
		"another organisation":       {state(harness.Set("software_id", m.registered["software_id"]), harness.Set("org_id", "other")), "RFC7592-2.2", badMetadata},
		"another client_id":          {harness.Set("client_id", "c-other"), "RFC7592-2.2", badMetadata},
		"no client_id":               {harness.Set("client_id", nil), "RFC7592-2.2", badMetadata},
		"a DID":                      {harness.Set("client_id", m.Registry.DID(t, "tpp")), "RFC7592-2.2", badMetadata},
		"a public client":            {harness.Set("token_endpoint_auth_method", "none"), "FAPI-5.2.2-16", badMetadata},
		"another redirect URI":       {harness.Set("redirect_uris", []string{"https://tpp.example.org/other"}), "RFC7591-2.3", badRedirect},
		"a statement that is no JWT": {harness.Set("software_statement", "x.y.z"), "RFC7591-2.3", badStatement},
		"push":                       {harness.Set("backchannel_token_delivery_mode", "push"), "FCIBA-3", badMetadata},
	} {
		t.Run("RFC7592-2.2/"+name, func(t *testing.T) {
			answer := m.own(t, http.MethodPut, m.token, m.back(c.change))
			event := m.Events.Last(audit.Registration)
			if answer.Status != http.StatusBadRequest || answer.Body["error"] != c.code || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %d %s", answer.Status, answer.Raw)
			}
			if event.Rule != c.rule || event.Detail != "update" || event.Client != m.id || event.Outcome != audit.Refused {
				t.Errorf("the log has %+v", event)
			}
			if read := m.own(t, http.MethodGet, m.token, nil); !reflect.DeepEqual(read.Body, m.registered) {
				t.Errorf("the registration became %s", read.Raw)
			}
		})
	}
}

// RFC 7592 §2: one answer for every token that does not fit.
func TestRegistrationWrongToken(t *testing.T) {
	m := startManaged(t, plain)
	other := m.Registry.NewApplicant(t, "other", m.Issuer)
	m.Registry.Registered(t, &m.Target, other)
	unknown := m.Registration + "/c-unknown"
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		t.Run("RFC7592-2/"+method, func(t *testing.T) {
			first := m.Send(t, method, unknown, "wrong", m.back())
			for _, answer := range []harness.Response{first, m.own(t, method, "", m.back()), m.own(t, method, "wrong", m.back()), m.own(t, method, other.Token, m.back())} {
				if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` ||
					answer.Header.Get("Cache-Control") != "no-store" || answer.Raw != first.Raw {
					t.Errorf("got %d %v %s", answer.Status, answer.Header, answer.Raw)
				}
			}
		})
	}
	if answer := m.own(t, http.MethodPost, m.token, m.back()); answer.Status != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, PUT, DELETE" {
		t.Errorf("POST: %d %v", answer.Status, answer.Header)
	}
	if answer := m.SendRaw(t, http.MethodPut, m.uri, m.token, "text/plain", []byte("{}")); answer.Status != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d %s", answer.Status, answer.Raw)
	}
	if read := m.own(t, http.MethodGet, m.token, nil); read.Status != http.StatusOK {
		t.Errorf("the client is gone: %d", read.Status)
	}
}

// seer is the resource server that may look at the tokens of the trust domain.
func (d *directory) seer(t *testing.T) func(token string) bool {
	t.Helper()
	b := harness.NewBuyer(t, "seer", "ES256", d.Issuer)
	b.Now = d.now
	d.Register(t, b, harness.Set("introspect_trust_domain", true), harness.Set("trust_domain", "buyer.example"))
	return func(token string) bool {
		t.Helper()
		answer := d.Post(t, d.Introspect, b.Authenticated(url.Values{"token": {token}}))
		active, ok := answer.Body["active"].(bool)
		if answer.Status != http.StatusOK || !ok {
			t.Fatalf("introspection: %d %s", answer.Status, answer.Raw)
		}
		return active
	}
}

// RFC 7592 §2.3: with the client goes all that is the client's.
func TestRegistrationRemoved(t *testing.T) {
	for name, body := range map[string]func(*testing.T, *applying) harness.Claims{"plain": plain, "of a DID": ofDID} {
		t.Run("RFC7592-2.3/MEF-R1/"+name, func(t *testing.T) {
			m := startManaged(t, body)
			active := m.seer(t)
			token := m.accessToken(t, m.a.Buyer)
			intent, waiting := m.NewIntent(t, m.a.Buyer, "once"), m.NewIntent(t, m.a.Buyer, "once")
			code := m.Approve(t, m.URL(m.a.Buyer, m.a.Object(intent))).Params.Get("code")
			if !active(token) || m.call(t, token).Status != http.StatusNoContent || code == "" {
				t.Fatal("the client is not one yet")
			}
			gone := m.own(t, http.MethodDelete, m.token, nil)
			if gone.Status != http.StatusNoContent || gone.Raw != "" || gone.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("remove: %d %s", gone.Status, gone.Raw)
			}
			m.unknown(t, m.id)
			if active(token) || m.call(t, token).Status != http.StatusUnauthorized {
				t.Error("a token of the client is still good")
			}
			refused(t, m.Redeem(t, m.a.Buyer, code), http.StatusUnauthorized, "invalid_client")
			for _, id := range []string{intent, waiting} {
				if _, err := m.Store.GetIntent(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("an intent of the client: %v", err)
				}
			}
			if again := m.own(t, http.MethodDelete, m.token, nil); again.Status != http.StatusUnauthorized {
				t.Errorf("removed again: %d", again.Status)
			}
		})
	}
	t.Run("MEF-R1/a DID that was removed is not given out again", func(t *testing.T) {
		m := startManaged(t, ofDID)
		m.own(t, http.MethodDelete, m.token, nil)
		m.refuses(t, m.send(t, ofDID(t, m.applying)), "MEF-R1", badMetadata)
	})
	t.Run("MEF-R1/software that was removed gets another client_id", func(t *testing.T) {
		m := startManaged(t, plain)
		id, body := m.id, m.back(harness.Set("client_id", nil))
		m.own(t, http.MethodDelete, m.token, nil)
		if again := m.takes(t, body); again.Body["client_id"] == id {
			t.Error("the client_id came back")
		}
	})
}
