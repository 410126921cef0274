package resource_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

var now = time.Unix(1_767_322_245, 0)

// canned answers every request in one way, and keeps the last.
type canned struct {
	status      int
	contentType string
	body        string
	err         error
	sent        *http.Request
	form        string
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	c.sent, c.form = r, string(body)
	if c.err != nil {
		return nil, c.err
	}
	return &http.Response{
		StatusCode: c.status, Header: http.Header{"Content-Type": {c.contentType}, "Location": {"https://elsewhere.example"}},
		Body: io.NopCloser(strings.NewReader(c.body)), Request: r,
	}, nil
}

func remote(c *canned) *resource.Remote {
	p := profile.MEFLSO()
	return &resource.Remote{
		Endpoint: "https://op.example/introspect", Issuer: "https://op.example", Profile: &p, HTTP: &http.Client{Transport: c},
		Authenticate: func(_ context.Context, form url.Values) error { form.Set("client_id", "api"); return nil },
		Clock:        func() time.Time { return now },
	}
}

const good = `"active":true,"iss":"https://op.example","client_id":"buyer","sub":"user","meflso_intent_id":"urn:1"`

func TestRemote(t *testing.T) {
	const json, unavailable, inactive = "application/json", "temporarily_unavailable", "invalid_token"
	for _, c := range []struct {
		name, contentType string
		status            int
		body, want        string
	}{
		{"active", json, 200, `{` + good + `}`, ""},
		{"charset", "application/json;charset=UTF-8", 200, `{` + good + `,"exp":1767322246,"nbf":1767322245,"token_type":"Bearer"}`, ""},
		{"not active", json, 200, `{"active":false}`, inactive},
		{"active is missing", json, 200, `{}`, unavailable},
		{"active is a string", json, 200, `{"active":"true","iss":"https://op.example","client_id":"buyer"}`, unavailable},
		{"another issuer", json, 200, `{"active":true,"iss":"https://other.example","client_id":"buyer"}`, unavailable},
		{"no issuer", json, 200, `{"active":true,"client_id":"buyer"}`, unavailable},
		{"no client", json, 200, `{"active":true,"iss":"https://op.example"}`, unavailable},
		{"expired", json, 200, `{` + good + `,"exp":1767322245}`, inactive},
		{"not valid yet", json, 200, `{` + good + `,"nbf":1767322300}`, inactive},
		{"exp is a string", json, 200, `{` + good + `,"exp":"1767322300"}`, unavailable},
		{"another token type", json, 200, `{` + good + `,"token_type":"DPoP"}`, unavailable},
		{"bound by something else", json, 200, `{` + good + `,"cnf":{"jkt":"x"}}`, inactive},
		{"bound by two things", json, 200, `{` + good + `,"cnf":{"x5t#S256":"x","jkt":"x"}}`, inactive},
		{"bound to nothing", json, 200, `{` + good + `,"cnf":{"x5t#S256":""}}`, inactive},
		{"cnf is null", json, 200, `{` + good + `,"cnf":null}`, inactive},
		{"cnf is a string", json, 200, `{` + good + `,"cnf":"x"}`, inactive},
		{"intent is a number", json, 200, `{"active":true,"iss":"https://op.example","client_id":"buyer","sub":"user","meflso_intent_id":7}`, unavailable},
		{"a user's token without intent", json, 200, `{"active":true,"iss":"https://op.example","client_id":"buyer","sub":"user"}`, unavailable},
		{"not JSON", json, 200, `<html>`, unavailable},
		{"an array", json, 200, `[{` + good + `}]`, unavailable},
		{"another type", "text/html", 200, `{` + good + `}`, unavailable},
		{"no type", "", 200, `{` + good + `}`, unavailable},
		{"unauthorized", json, 401, `{` + good + `}`, unavailable},
		{"redirect", json, 302, `{` + good + `}`, unavailable},
		{"server error", json, 500, `{` + good + `}`, unavailable},
		{"too large", json, 200, `{` + good + `,"x":"` + strings.Repeat("x", 64<<10) + `"}`, unavailable},
	} {
		t.Run("RFC7662-2.2/"+c.name, func(t *testing.T) {
			server := &canned{status: c.status, contentType: c.contentType, body: c.body}
			active, err := remote(server).Introspect(t.Context(), "token+/")
			judge(t, err, c.want)
			if c.want == "" && (active.ClientID != "buyer" || active.Subject != "user" || active.Client != nil) {
				t.Errorf("got %+v", active)
			}
			if server.sent.URL.Host != "op.example" || server.form != "client_id=api&token=token%2B%2F&token_type_hint=access_token" {
				t.Errorf("sent %v %s", server.sent.URL, server.form)
			}
		})
	}
}

func judge(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var violation *profile.Violation
	if !errors.As(err, &violation) || violation.OAuth.ErrorField != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if status := violation.OAuth.CodeField; status != map[string]int{"invalid_token": 401, "temporarily_unavailable": 503}[want] {
		t.Errorf("status %d", status)
	}
}

func TestRemoteReadsTheBinding(t *testing.T) {
	server := &canned{status: 200, contentType: "application/json", body: `{` + good + `,"scope":"openid quote","cnf":{"x5t#S256":"thumb"}}`}
	active, err := remote(server).Introspect(t.Context(), "token")
	if err != nil || active.Confirmation != "thumb" || active.IntentID != "urn:1" || len(active.Scopes) != 2 || active.OwnBehalf() {
		t.Errorf("got %+v, %v", active, err)
	}
}

func TestRemoteFailsClosed(t *testing.T) {
	server := &canned{err: errors.New("connection refused")}
	r := remote(server)
	_, err := r.Introspect(t.Context(), "token")
	judge(t, err, "temporarily_unavailable")
	_, err = r.Introspect(t.Context(), strings.Repeat("x", 9000))
	judge(t, err, "invalid_token")
	r.Authenticate = func(context.Context, url.Values) error { return errors.New("no key") }
	server.sent = nil
	_, err = r.Introspect(t.Context(), "token")
	judge(t, err, "temporarily_unavailable")
	r = remote(server)
	r.Endpoint = "http://op.example/introspect"
	_, err = r.Introspect(t.Context(), "token")
	judge(t, err, "temporarily_unavailable")
	if server.sent != nil {
		t.Error("a token was sent in the clear, or without credentials")
	}
}
