package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Target is a server under test.
type Target struct {
	Issuer, Authorize, Token, PAR, Introspect, Revoke, UserInfo, Registration string
	// HTTP trusts the server and follows no redirects.
	HTTP *http.Client
	// NewIntent lodges an intent of the client and returns its id.
	NewIntent func(t testing.TB, b *Buyer, kind string) string
	// Rule tells by which rule the last authorization request was refused; nil
	// where the server's audit log cannot be seen.
	Rule func() string
	// User and Password log in at the server's page, where it has one.
	User, Password string
}

// Browser returns a client of its own cookies.
func (g *Target) Browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: g.HTTP.Transport, Jar: jar, CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Answer is what the authorization endpoint said in the end.
type Answer struct {
	Status   int
	Header   http.Header
	Body     string
	Location *url.URL // nil unless the answer goes to the client
	Params   url.Values
	Fragment bool // Params came in the fragment
}

// URL makes the authorization URL for an object, with the outer parameters
// that RFC 9101 wants.
func (g *Target) URL(b *Buyer, object string, outer ...string) string {
	query := url.Values{"client_id": {b.ID}}
	if object != "" {
		query.Set("request", object)
	}
	for i := 0; i+1 < len(outer); i += 2 {
		query.Add(outer[i], outer[i+1])
	}
	return g.Authorize + "?" + query.Encode()
}

// Visit walks from the URL through login and consent, pressing the button with
// the given decision ("approve" or "decline"), until the server answers the
// client or shows an error.
func (g *Target) Visit(t testing.TB, browser *http.Client, address, decision string) Answer {
	t.Helper()
	response := get(t, browser, address)
	for range 8 {
		answer := g.Read(t, response, address)
		if next := g.stays(answer); next != "" {
			address = next
			response = get(t, browser, address)
			continue
		}
		form, ok := readForm(answer.Body)
		if answer.Location != nil || answer.Status != http.StatusOK || !ok {
			return answer
		}
		action := resolve(t, address, form.action)
		response = post(t, browser, action, g.fill(form, decision))
		address = action
	}
	t.Fatal("the server never came to an end")
	return Answer{}
}

// Approve visits the URL in a fresh browser and approves.
func (g *Target) Approve(t testing.TB, address string) Answer {
	t.Helper()
	return g.Visit(t, g.Browser(t), address, "approve")
}

func get(t testing.TB, c *http.Client, address string) *http.Response {
	t.Helper()
	response, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func post(t testing.TB, c *http.Client, address string, form url.Values) *http.Response {
	t.Helper()
	response, err := c.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// Read reads an answer of the authorization endpoint.
func (g *Target) Read(t testing.TB, response *http.Response, address string) Answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
	if location := response.Header.Get("Location"); location != "" {
		answer.Location = mustParse(t, resolve(t, address, location))
		answer.Params, answer.Fragment = answer.Location.Query(), false
		if answer.Location.Fragment != "" {
			_, fragment, _ := strings.Cut(location, "#")
			answer.Fragment = true
			if answer.Params, err = url.ParseQuery(fragment); err != nil {
				t.Fatal(err)
			}
		}
	}
	return answer
}

// stays returns where to go next if the redirect is within the server.
func (g *Target) stays(answer Answer) string {
	if answer.Location == nil || !strings.HasPrefix(answer.Location.String(), g.Issuer+"/") {
		return ""
	}
	return answer.Location.String()
}

func mustParse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func resolve(t testing.TB, base, reference string) string {
	t.Helper()
	return mustParse(t, base).ResolveReference(mustParse(t, reference)).String()
}

type form struct {
	action string
	fields url.Values
	submit map[string]url.Values // button name=value pairs
}

var (
	formTag  = regexp.MustCompile(`(?is)<form[^>]*>.*?</form>`)
	inputTag = regexp.MustCompile(`(?is)<(input|button)[^>]*>`)
	attr     = regexp.MustCompile(`(?is)([a-z-]+)="([^"]*)"`)
)

// readForm reads the first form of a page; enough for pages that work without
// script.
func readForm(page string) (form, bool) {
	raw := formTag.FindString(page)
	if raw == "" {
		return form{}, false
	}
	f := form{action: attrs(raw[:strings.Index(raw, ">")])["action"], fields: url.Values{}, submit: map[string]url.Values{}}
	for _, tag := range inputTag.FindAllString(raw, -1) {
		a := attrs(tag)
		if a["type"] == "submit" || strings.HasPrefix(strings.ToLower(tag), "<button") {
			f.submit[a["value"]] = url.Values{a["name"]: {a["value"]}}
		} else if a["name"] != "" && a["type"] != "checkbox" {
			f.fields.Set(a["name"], a["value"])
		}
	}
	return f, true
}

func attrs(tag string) map[string]string {
	found := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(tag, -1) {
		found[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return found
}

func (g *Target) fill(f form, decision string) url.Values {
	if f.fields.Has("password") {
		f.fields.Set("username", g.User)
		f.fields.Set("password", g.Password)
	} else if button, ok := f.submit[decision]; ok {
		for name, values := range button {
			f.fields[name] = values
		}
	}
	return f.fields
}

// Response is a JSON answer of an endpoint for clients.
type Response struct {
	Status int
	Header http.Header
	Body   Claims
	Raw    string
}

// Post sends a form and reads the JSON answer, if it has one.
func (g *Target) Post(t testing.TB, address string, fields url.Values) Response {
	t.Helper()
	response := post(t, g.HTTP, address, fields)
	return ReadJSON(t, response)
}

// SendRaw sends a body of any type, or none, with a bearer token, or none.
func (g *Target) SendRaw(t testing.TB, method, address, token, mediaType string, body []byte) Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", mediaType)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := g.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return ReadJSON(t, response)
}

// ReadJSON reads an answer to its end.
func ReadJSON(t testing.TB, response *http.Response) Response {
	t.Helper()
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := Response{Status: response.StatusCode, Header: response.Header, Raw: string(raw)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &r.Body); err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
	}
	return r
}

// Push pushes a request object.
func (g *Target) Push(t testing.TB, b *Buyer, object string, extra ...string) Response {
	t.Helper()
	fields := url.Values{"request": {object}}
	for i := 0; i+1 < len(extra); i += 2 {
		fields.Set(extra[i], extra[i+1])
	}
	return g.Post(t, g.PAR, b.Authenticated(fields))
}

// Pushed pushes a good object and returns its request_uri.
func (g *Target) Pushed(t testing.TB, b *Buyer, object string) string {
	t.Helper()
	response := g.Push(t, b, object)
	uri, _ := response.Body["request_uri"].(string)
	if response.Status != http.StatusCreated || uri == "" {
		t.Fatalf("PAR: %d %s", response.Status, response.Raw)
	}
	return uri
}

// Redeem exchanges a code.
func (g *Target) Redeem(t testing.TB, b *Buyer, code string, extra ...string) Response {
	t.Helper()
	fields := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {b.Redirect}}
	if b.Verifier != "" {
		fields.Set("code_verifier", b.Verifier)
	}
	for i := 0; i+1 < len(extra); i += 2 {
		fields.Set(extra[i], extra[i+1])
	}
	return g.Post(t, g.Token, b.Authenticated(fields))
}

// Decode returns header and payload of a JWT, unverified.
func Decode(t testing.TB, token string) (header, payload Claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWS: %q", token)
	}
	for i, into := range []*Claims{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}

// Serve plays a request against a handler.
func Serve(t testing.TB, handler http.Handler, r *http.Request) Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return ReadJSON(t, recorder.Result())
}

// Direct is a transport that plays requests against a handler without a
// network, so that they fit into a bubble of testing/synctest.
type Direct struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d Direct) RoundTrip(r *http.Request) (*http.Response, error) {
	server := r.Clone(r.Context())
	server.RequestURI = r.URL.RequestURI()
	if server.Body == nil {
		server.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	d.Handler.ServeHTTP(recorder, server)
	response := recorder.Result()
	response.Request = r
	return response, nil
}
