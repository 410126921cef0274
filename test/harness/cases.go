package harness

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// Case is one authorization request that must be refused: what is wrong with
// it, and what the server must say.
type Case struct {
	ID, Name string
	// Page: the error is shown, and must not go to the client.
	Page  bool
	Error string
	// Make builds the URL. The object's jti is the given one, so that a test
	// can see that the refusal did not use it up.
	Make func(t testing.TB, g *Target, b *Buyer, intent, jti string) string
	// Rule is the rule in the server's audit log, where it is not ID.
	Rule string
}

// by names the rule of the server that holds the requirement.
func (c Case) by(rule string) Case {
	c.Rule = rule
	return c
}

// object is a case whose request object is changed before it is signed.
func object(id, name string, page bool, code string, changes ...Change) Case {
	return Case{ID: id, Name: name, Page: page, Error: code, Make: func(_ testing.TB, g *Target, b *Buyer, intent, jti string) string {
		return g.URL(b, b.Object(intent, append([]Change{Set("jti", jti)}, changes...)...))
	}}
}

// outer is a case with a good object and parameters beside it.
func outer(id, name string, page bool, code string, params ...string) Case {
	return Case{ID: id, Name: name, Page: page, Error: code, Make: func(_ testing.TB, g *Target, b *Buyer, intent, jti string) string {
		return g.URL(b, b.Object(intent, Set("jti", jti)), params...)
	}}
}

// raw is a case with an object of any bytes.
func raw(id, name, code string, build func(b *Buyer, intent string) string) Case {
	return Case{ID: id, Name: name, Page: true, Error: code, Make: func(_ testing.TB, g *Target, b *Buyer, intent, _ string) string {
		return g.URL(b, build(b, intent))
	}}
}

// In returns a Change of a date, relative to the buyer's clock.
func In(name string, d time.Duration) Change {
	return func(_, payload Claims) { payload[name] = time.Now().Add(d).Unix() }
}

func claimsOf(idToken any) Change { return Set("claims", Claims{"id_token": idToken}) }

// Cases are the refusals of a MEF LSO authorization endpoint, in the order of
// the rules.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		outerCases(), headerCases(), senderCases(), timeCases(), typeCases(), parameterCases(), intentCases(), loginCases(),
	} {
		all = append(all, group...)
	}
	return all
}

func outerCases() []Case {
	const bad = "invalid_request"
	return []Case{
		{ID: "MEF-R16", Name: "client_id missing", Page: true, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, _ string) string {
			return g.Authorize + "?request=" + b.Object(intent)
		}},
		outer("MEF-R16", "client_id twice", true, bad, "client_id", "somebody"),
		{ID: "MEF-R16", Name: "client_id unknown", Page: true, Error: "unauthorized_client", Make: func(_ testing.TB, g *Target, b *Buyer, intent, _ string) string {
			return g.Authorize + "?client_id=nobody&request=" + b.Object(intent)
		}},
		{ID: "MEF-R23", Name: "no request object", Page: true, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, _, _ string) string {
			return g.URL(b, "", "response_type", "code id_token", "scope", "openid quote", "redirect_uri", b.Redirect, "state", "a-state-of-some-length", "nonce", "a-nonce-of-some-length")
		}},
		outer("MEF-R23", "request and request_uri", true, bad, "request_uri", "https://a.example.org/object"),
		{ID: "FAPI-5.2.2-1", Name: "request_uri by URL", Page: true, Error: "request_uri_not_supported", Make: func(_ testing.TB, g *Target, b *Buyer, _, _ string) string {
			return g.URL(b, "", "request_uri", "https://a.example.org/object")
		}},
		outer("RFC6749-3.1", "parameter twice", true, bad, "state", "one", "state", "two"),
		outer("RFC6749-3.1", "request twice", true, bad, "request", "another"),
		{ID: "RFC6749-3.1", Name: "broken escape", Page: true, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, _ string) string {
			return g.URL(b, b.Object(intent)) + "&state=%zz"
		}},
		{ID: "RFC6749-3.1", Name: "query of 100 kB", Page: true, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, _ string) string {
			return g.URL(b, b.Object(intent), "padding", strings.Repeat("x", 100_000))
		}},
		outer("MEF-10.5.1", "pending beside a request", true, bad, "pending", "handle"),
		{ID: "MEF-10.5.1", Name: "unknown handle", Page: true, Error: bad, Make: func(_ testing.TB, g *Target, _ *Buyer, _, _ string) string {
			return g.Authorize + "?pending=unknown"
		}},
	}
}

func headerCases() []Case {
	const bad = "invalid_request_object"
	return []Case{
		object("MEF-R51", "alg none with a signature", true, bad, Header("alg", "none")),
		raw("MEF-R51", "alg none without signature", bad, func(b *Buyer, intent string) string {
			token := b.Object(intent, Header("alg", "none"))
			return token[:strings.LastIndexByte(token, '.')+1]
		}),
		object("MEF-R39", "alg HS256", true, bad, Header("alg", "HS256")),
		object("FAPI-8.6-1", "alg RS256", true, bad, Header("alg", "RS256")),
		object("MEF-R43", "alg unknown", true, bad, Header("alg", "XX999")),
		object("MEF-R43", "alg missing", true, bad, Header("alg", nil)),
		object("MEF-R43", "alg a number", true, bad, Header("alg", 256)),
		object("MEF-R42", "kid missing", true, bad, Header("kid", nil)),
		object("MEF-R42", "kid a number", true, bad, Header("kid", 7)),
		object("MEF-R44", "kid of no key", true, bad, Header("kid", "another")),
		object("RFC7515-4.1.11", "crit", true, bad, Header("crit", []string{"exp"}), Header("exp", 1)).by("FAPI-8.9-2"),
		object("RFC7797-3", "b64 false", true, bad, Header("b64", false)).by("FAPI-8.9-2"),
		object("FAPI-8.9-2", "jku", true, bad, Header("jku", "https://a.example.org/keys")),
		object("FAPI-8.9-2", "x5u", true, bad, Header("x5u", "https://a.example.org/cert")),
		object("RFC8725-3.10", "jwk of the attacker", true, bad, Header("jwk", Claims{"kty": "oct", "k": "AAAA"})).by("FAPI-8.9-2"),
		object("RFC8725-3.11", "typ of another use", true, bad, Header("typ", "at+jwt")),
		raw("MEF-R24", "not a JWT", bad, func(*Buyer, string) string { return "garbage.not.jwt" }),
		raw("MEF-R24", "two parts", bad, func(*Buyer, string) string { return "eyJhbGciOiJFUzI1NiJ9.e30" }),
		raw("MEF-R24", "five parts", bad, func(*Buyer, string) string { return "a.b.c.d.e" }),
		raw("MEF-R24", "a thousand dots", bad, func(*Buyer, string) string { return strings.Repeat(".", 1000) }),
		raw("MEF-D12", "JSON serialization", bad, func(b *Buyer, intent string) string {
			p := strings.Split(b.Object(intent), ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
		}).by("MEF-R24"),
		raw("MEF-R24", "object of 40 kB", bad, func(b *Buyer, intent string) string {
			return b.Object(intent, Set("padding", strings.Repeat("x", 30_000)))
		}),
		raw("MEF-R39", "signature of another key", bad, func(b *Buyer, intent string) string {
			other := *b
			other.Key, _ = newKey(b.Alg)
			return other.Object(intent)
		}),
		raw("MEF-R39", "payload changed after signing", bad, func(b *Buyer, intent string) string {
			p := strings.Split(b.Object(intent), ".")
			p[1] = base64.RawURLEncoding.EncodeToString(encode(b.Payload("urn:another")))
			return strings.Join(p, ".")
		}),
		raw("MEF-R24", "line break in base64", bad, func(b *Buyer, intent string) string {
			return b.Object(intent) + "\n"
		}),
	}
}

func senderCases() []Case {
	const bad = "invalid_request_object"
	payload := func(name string, build func(b *Buyer, intent string) []byte) Case {
		return raw("MEF-R25", name, bad, func(b *Buyer, intent string) string { return b.SignRaw(b.header(), build(b, intent)) })
	}
	return []Case{
		payload("payload is text", func(*Buyer, string) []byte { return []byte("hello") }),
		payload("payload is an array", func(*Buyer, string) []byte { return []byte("[1]") }),
		payload("payload is null", func(*Buyer, string) []byte { return []byte("null") }),
		payload("duplicate member", func(b *Buyer, intent string) []byte {
			return append([]byte(`{"client_id":"x",`), encode(b.Payload(intent))[1:]...)
		}),
		payload("duplicate member deep inside", func(b *Buyer, intent string) []byte {
			return append([]byte(`{"x":{"a":1,"a":2},`), encode(b.Payload(intent))[1:]...)
		}),
		payload("two documents", func(b *Buyer, intent string) []byte { return append(encode(b.Payload(intent)), "{}"...) }),
		payload("nested too deep", func(b *Buyer, intent string) []byte {
			return append([]byte(`{"x":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`,`), encode(b.Payload(intent))[1:]...)
		}),
		payload("invalid UTF-8", func(b *Buyer, intent string) []byte {
			return append([]byte("{\"x\":\"\xff\","), encode(b.Payload(intent))[1:]...)
		}),
		object("MEF-R14", "client_id inside differs", true, bad, Set("client_id", "somebody-else")),
		object("MEF-R14", "client_id inside missing", true, bad, Set("client_id", nil)),
		object("MEF-R14", "CLIENT_ID in capitals only", true, bad, func(_, p Claims) { p["CLIENT_ID"] = p["client_id"]; delete(p, "client_id") }),
		object("C-19", "iss of somebody else", true, bad, Set("iss", "somebody-else")),
		object("C-19", "iss missing", true, bad, Set("iss", nil)),
		object("RFC9101-4", "nested request_uri", true, bad, Set("request_uri", "https://a.example.org/object")),
		object("RFC9101-4", "nested request", true, bad, Set("request", "eyJ.e30.x")),
		object("RFC9101-10.8", "sub of a client assertion", true, bad, func(_, p Claims) { p["sub"] = p["client_id"] }),
		object("MEF-R17", "redirect_uri missing", true, "invalid_request", Set("redirect_uri", nil)),
		object("MEF-R17", "redirect_uri a number", true, "invalid_request", Set("redirect_uri", 5)),
		object("MEF-R18", "redirect_uri not registered", true, "invalid_request", Set("redirect_uri", "https://evil.example.org/cb")),
		object("MEF-R18", "redirect_uri with a slash more", true, "invalid_request", func(_, p Claims) { p["redirect_uri"] = p["redirect_uri"].(string) + "/" }),
		object("MEF-R18", "redirect_uri with a query more", true, "invalid_request", func(_, p Claims) { p["redirect_uri"] = p["redirect_uri"].(string) + "?a=b" }),
		object("MEF-R18", "redirect_uri in capitals", true, "invalid_request", func(_, p Claims) { p["redirect_uri"] = strings.ToUpper(p["redirect_uri"].(string)) }),
	}
}

func timeCases() []Case {
	const bad = "invalid_request_object"
	return []Case{
		object("FAPI-5.2.2-15", "aud missing", false, bad, Set("aud", nil)),
		object("FAPI-5.2.2-15", "aud of another server", false, bad, Set("aud", "https://other.example.org")),
		{ID: "FAPI-5.2.2-15", Name: "aud is the authorize URL", Page: false, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, jti string) string {
			return g.URL(b, b.Object(intent, Set("jti", jti), Set("aud", g.Authorize)))
		}},
		object("FAPI-5.2.2-15", "aud with a slash more", false, bad, func(_, p Claims) { p["aud"] = p["aud"].(string) + "/" }),
		object("FAPI-5.2.2-13", "exp missing", false, bad, Set("exp", nil)),
		object("FAPI-5.2.2-13", "exp zero", false, bad, Set("exp", 0)),
		object("FAPI-5.2.2-13", "exp a string", false, bad, Set("exp", "2000000000")),
		object("FAPI-5.2.2-13", "expired", false, bad, In("exp", -time.Minute)),
		object("FAPI-5.2.2-13", "exp in ten years", false, bad, In("exp", 10*365*24*time.Hour)),
		object("FAPI-5.2.2-13", "lives 61 minutes", false, bad, In("exp", 61*time.Minute)),
		object("FAPI-5.2.2-17", "nbf missing", false, bad, Set("nbf", nil)),
		object("FAPI-5.2.2-17", "nbf 60 minutes and 20 seconds ago", false, bad, In("nbf", -60*time.Minute-20*time.Second), In("exp", -25*time.Second)),
		object("FAPI-5.2.2-17", "nbf two hours ago", false, bad, In("nbf", -2*time.Hour)),
		object("FAPI-5.2.2-17", "nbf ahead", false, bad, In("nbf", 5*time.Minute)),
		object("RFC7519-4.1.6", "iat ahead", false, bad, In("iat", 5*time.Minute)),
	}
}

func typeCases() []Case {
	const bad = "invalid_request_object"
	return []Case{
		object("RFC9101-4", "jti a number", false, bad, Set("jti", 5)),
		object("RFC9101-4", "state a number", false, bad, Set("state", 123456789)),
		object("RFC9101-4", "nonce a number", false, bad, Set("nonce", 123456789)),
		object("RFC9101-4", "scope an array", false, bad, Set("scope", []string{"openid", "quote"})),
		object("RFC9101-4", "max_age a fraction", false, bad, Set("max_age", 1.5)),
		object("RFC9101-4", "max_age negative", false, bad, Set("max_age", -1)),
		object("RFC9101-4", "claims a string", false, bad, Set("claims", "{}")),
		object("OIDC-5.5", "claims.id_token a string", false, bad, claimsOf("x")),
	}
}

func parameterCases() []Case {
	const bad = "invalid_request"
	return []Case{
		object("MEF-R13", "response_type missing", false, bad, Set("response_type", nil)),
		object("FAPI-5.2.2-2", "response_type code", false, "unsupported_response_type", Set("response_type", "code")),
		object("FAPI-5.2.2-2", "response_type code id_token token", false, "unsupported_response_type", Set("response_type", "code id_token token")),
		object("FAPI-5.2.2-2", "response_type token", false, "unsupported_response_type", Set("response_type", "token")),
		object("FAPI-5.2.2-2", "response_mode query", false, bad, Set("response_mode", "query")),
		object("FAPI-5.2.2-2", "response_mode form_post", false, bad, Set("response_mode", "form_post")),
		object("FAPI-5.2.2-2", "response_mode fragment.jwt", false, bad, Set("response_mode", "fragment.jwt")),
		object("FAPI-5.2.2-2", "response_mode query.jwt", false, bad, Set("response_mode", "query.jwt")),
		outer("MEF-R14", "response_type outside differs", false, bad, "response_type", "code"),
		outer("MEF-R14", "state outside differs", false, bad, "state", "another-state-value"),
		outer("MEF-R14", "nonce outside differs", false, bad, "nonce", "another-nonce-value"),
		outer("MEF-R14", "redirect_uri outside differs", false, bad, "redirect_uri", "https://evil.example.org/cb"),
		outer("MEF-R14", "scope outside is no umbrella", false, bad, "scope", "openid admin"),
		outer("MEF-R14", "claims outside differ", false, bad, "claims", `{"id_token":{}}`),
		{ID: "MEF-CR1", Name: "state outside only", Page: false, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, jti string) string {
			return g.URL(b, b.Object(intent, Set("jti", jti), Set("state", nil)), "state", "outside-only-state")
		}, Rule: "MEF-R14"},
		{ID: "MEF-R36", Name: "nonce outside only", Page: false, Error: bad, Make: func(_ testing.TB, g *Target, b *Buyer, intent, jti string) string {
			return g.URL(b, b.Object(intent, Set("jti", jti), Set("nonce", nil)), "nonce", "outside-only-nonce")
		}, Rule: "MEF-R14"},
		object("MEF-R20", "scope missing", false, bad, Set("scope", nil)),
		object("MEF-R21", "scope without openid", false, "invalid_scope", Set("scope", "quote")),
		object("MEF-R21", "openid in capitals", false, "invalid_scope", Set("scope", "OPENID quote")),
		object("MEF-R22", "scope not registered", false, "invalid_scope", Set("scope", "openid quote admin")),
		object("MEF-R36", "nonce missing", false, bad, Set("nonce", nil)),
		object("MEF-CR1", "state with a line break", false, bad, Set("state", "a\nb")),
		object("MEF-CR1", "state not ASCII", false, bad, Set("state", "zustand-ü")),
		object("FAPI-5.2.2-18", "challenge plain", false, bad, Set("code_challenge", strings.Repeat("a", 43)), Set("code_challenge_method", "plain")),
		object("FAPI-5.2.2-18", "challenge without method", false, bad, Set("code_challenge", strings.Repeat("a", 43))),
		object("FAPI-5.2.2-18", "challenge too short", false, bad, Set("code_challenge", "abc"), Set("code_challenge_method", "S256")),
		object("FAPI-5.2.2-18", "method without challenge", false, bad, Set("code_challenge_method", "S256")),
	}
}

func intentCases() []Case {
	const object_ = "invalid_request_object"
	intent := func(name, code string, build func(intent string) any) Case {
		return Case{ID: "MEF-R26", Name: name, Error: code, Make: func(_ testing.TB, g *Target, b *Buyer, in, jti string) string {
			return g.URL(b, b.Object(in, Set("jti", jti), Set("claims", build(in))))
		}}
	}
	return []Case{
		object("MEF-R26", "claims missing", false, object_, Set("claims", nil)),
		intent("intent missing", object_, func(string) any { return Claims{"id_token": Claims{}} }),
		intent("intent null", object_, func(string) any { return Claims{"id_token": Claims{"meflso_intent_id": nil}} }),
		intent("intent without value", object_, func(string) any {
			return Claims{"id_token": Claims{"meflso_intent_id": Claims{"essential": true}}}
		}),
		intent("intent a number", object_, func(string) any { return Claims{"id_token": Claims{"meflso_intent_id": Claims{"value": 7}}} }),
		intent("intent in values", object_, func(in string) any {
			return Claims{"id_token": Claims{"meflso_intent_id": Claims{"values": []string{in}}}}
		}),
		intent("intent in value and values", object_, func(in string) any {
			return Claims{"id_token": Claims{"meflso_intent_id": Claims{"value": in, "values": []string{in, "urn:b"}}}}
		}),
		intent("intent under userinfo only", object_, func(in string) any {
			return Claims{"userinfo": Claims{"meflso_intent_id": Claims{"value": in}}}
		}),
		intent("intent under userinfo differs", "invalid_request", func(in string) any {
			c := IntentClaims("meflso_intent_id", in)
			c["userinfo"] = Claims{"meflso_intent_id": Claims{"value": "urn:another"}}
			return c
		}),
		{ID: "MEF-R27", Name: "intent unknown", Page: false, Error: "invalid_request", Make: func(_ testing.TB, g *Target, b *Buyer, _, jti string) string {
			return g.URL(b, b.Object("urn:lso:intent:unknown", Set("jti", jti)))
		}},
	}
}

func loginCases() []Case {
	acr := func(value any) Change {
		return func(_, p Claims) { p["claims"].(Claims)["id_token"].(Claims)["acr"] = value }
	}
	return []Case{
		object("MEF-R28", "acr_values unknown", false, "invalid_request", Set("acr_values", "urn:other:acr")),
		object("MEF-R28", "acr claim unknown", false, "invalid_request", acr(Claims{"essential": true, "values": []string{"urn:other:acr"}})),
		object("OIDC-3.1.2.1", "prompt unknown", false, "invalid_request", Set("prompt", "dance")),
		object("OIDC-3.1.2.1", "prompt none beside login", false, "invalid_request", Set("prompt", "none login")),
		object("OIDC-3.1.2.1", "id_token_hint of somebody else", false, "invalid_request", Set("id_token_hint", "eyJhbGciOiJub25lIn0.e30.")),
		object("RFC7591-2", "registration", false, "invalid_request", Set("registration", "{}")).by("RFC6749-4.1.1"),
	}
}

// Run plays the case and checks the answer, and that nothing changed: the same
// intent, and a good object with the same jti, are then approved.
func (c Case) Run(t *testing.T, g *Target, b *Buyer) {
	t.Helper()
	intent, jti := g.NewIntent(t, b, "once"), "jti-"+c.ID+c.Name+time.Now().String()
	answer := g.Approve(t, c.Make(t, g, b, intent, jti))
	c.Check(t, b, answer)
	rule := c.Rule
	if rule == "" {
		rule = c.ID
	}
	if g.Rule != nil && g.Rule() != rule {
		t.Errorf("refused by rule %s, want %s", g.Rule(), rule)
	}
	if good := g.Approve(t, g.URL(b, b.Object(intent, Set("jti", jti)))); good.Params.Get("code") == "" {
		t.Errorf("after the refusal a good request got %d %v %s", good.Status, good.Params, good.Body)
	}
}

// Check compares the answer with what the case wants.
func (c Case) Check(t testing.TB, b *Buyer, answer Answer) {
	t.Helper()
	if c.Page {
		if answer.Status != 400 || answer.Location != nil || !strings.Contains(answer.Body, c.Error) || !strings.Contains(answer.Body, "Error") {
			t.Errorf("want a page with status 400 and %s, got %d, Location %v: %s", c.Error, answer.Status, answer.Location, answer.Body)
		}
		return
	}
	if answer.Location == nil || !strings.HasPrefix(answer.Location.String(), b.Redirect) || answer.Params.Get("error") != c.Error || answer.Params.Has("code") {
		t.Errorf("want a redirect with %s, got %d %v %s", c.Error, answer.Status, answer.Params, answer.Body)
	}
	if answer.Params.Get("iss") != b.Issuer {
		t.Errorf("iss is %q", answer.Params.Get("iss"))
	}
}
