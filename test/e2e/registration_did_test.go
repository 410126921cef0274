package e2e

import (
	"net/http"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// longer is spoil where the old document is remembered for minutes.
func longer(s spoil) spoil {
	return func(t *testing.T, w *applying, body harness.Claims) func() {
		mend := s(t, w, body)
		w.anew = true
		return func() { mend(); w.late.Add(601) }
	}
}

func answers(status int, mediaType, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", mediaType)
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}
}

func service(endpoint any) harness.Change {
	return harness.Set("service", []harness.Claims{{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": endpoint}})
}

// What is wrong with the DID, or with the document that it leads to.
func TestRegistrationDIDRefused(t *testing.T) {
	metadata := func(name string, rule profile.Rule, s spoil) rejected {
		return rejected{name, s, rule, badMetadata, nil}
	}
	redirect := func(name string, s spoil) rejected {
		return rejected{"MEF-R19/C-18/" + name, s, "MEF-R19", badRedirect, nil}
	}
	cb := "https://tpp.example.org/cb"
	for _, c := range []rejected{
		metadata("MEF-R3/no document", "MEF-R3", page(nil)),
		metadata("MEF-R3/a document that is gone", "MEF-R3", page(answers(http.StatusGone, "text/plain", ""))),
		metadata("MEF-R3/a server that fails", "MEF-R3", page(answers(http.StatusInternalServerError, "text/plain", ""))),
		metadata("MEF-R3/no JSON", "MEF-R3", page(answers(http.StatusOK, "application/did+json", "<html>"))),
		metadata("MEF-R3/a page", "MEF-R3", page(answers(http.StatusOK, "text/html", "{}"))),
		metadata("MEF-R3/the document of another DID", "MEF-R3", document(harness.Set("id", "did:web:other.example"))),
		metadata("MEF-R3/a deactivated DID", "MEF-R3", document(harness.Set("deactivated", true))),
		metadata("MEF-R3/a method that nobody knows", "MEF-R3", with("client_id", "did:example:123")),
		metadata("MEF-R2/no authentication key", "MEF-R2", longer(document(harness.Set("authentication", nil)))),
		metadata("MEF-R2/no keys", "MEF-R2", longer(document(harness.Set("verificationMethod", nil)))),
		metadata("MEF-R2/MEF-D1/keys beside those of the DID", "MEF-R2", with("jwks_uri", "https://tpp.example.org/jwks")),
		metadata("MEF-R2/a private key in the document", "MEF-R3", document(func(_, document harness.Claims) {
			document["verificationMethod"].([]harness.Claims)[0]["publicKeyJwk"] = harness.Claims{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}
		})),
		metadata("MEF-D1/no DID", "MEF-D1", with("client_id", "did:web:")),
		metadata("MEF-D1/a DID URL", "MEF-D1", func(_ *testing.T, w *applying, body harness.Claims) func() {
			body["client_id"] = w.a.Kid
			return nil
		}),
		metadata("MEF-D4/nothing shows whose it is", "MEF-D4", with("lso_entity_presentation", nil)),
		redirect("no service endpoint", uris("https://tpp.example.org/other")),
		redirect("one of two is none", uris(cb, "https://tpp.example.org/other")),
		redirect("a slash more", uris(cb+"/")),
		redirect("no services", document(harness.Set("service", nil))),
		redirect("a service elsewhere", document(service([]string{"https://tpp.example.org/"}))),
		{"MEF-R19/C-18/a service endpoint that is not https", func(t *testing.T, w *applying, body harness.Claims) func() {
			uris("http://tpp.example.org/cb")(t, w, body)
			return document(service("http://tpp.example.org/cb"))(t, w, body)
		}, "BASE-5.2.2-20", badRedirect, nil},
	} {
		c.run(t, profile.MEFLSO(), ofDID)
	}
	for name, endpoint := range map[string]any{"a string": cb, "an object": harness.Claims{"uri": cb}, "origins": harness.Claims{"origins": []string{cb}}} {
		t.Run("MEF-R19/C-18/the endpoint is "+name, func(t *testing.T) {
			w := startApplying(t, profile.MEFLSO())
			document(service(endpoint))(t, w, nil)
			w.takes(t, ofDID(t, w))
		})
	}
}

// What the server's own configuration says of DIDs.
func TestRegistrationDIDPolicy(t *testing.T) {
	off := profile.MEFLSO()
	off.AllowDIDClients = false
	t.Run("MEF-D1/off", func(t *testing.T) {
		w := startApplying(t, off)
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-D1", badMetadata)
		w.takes(t, plain(t, w))
	})
	t.Run("MEF-R19/services of one type", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO(), func(c *compose.Config) { c.Registration.ServiceTypes = []string{"LinkedDomains"} })
		w.refuses(t, w.send(t, ofDID(t, w)), "MEF-R19", badRedirect)
	})
	t.Run("MEF-D4/MEF-D1/a copy of the statement about it shows nothing", func(t *testing.T) {
		w := startApplying(t, profile.MEFLSO())
		body := ofDID(t, w)
		good := body["lso_entity_presentation"]
		delete(body, "lso_entity_presentation")
		stating(harness.Set("client_id", w.a.ID))(t, w, body)
		w.refuses(t, w.send(t, body), "MEF-D4", badMetadata)
		body["lso_entity_presentation"] = good
		want(t, w.takes(t, body).Body, harness.Claims{"client_id": w.a.ID})
		w.accessToken(t, w.a.Buyer)
	})
}

// signedBody is a registration as the client itself signs it.
func (w *applying) signedBody(t *testing.T, by *credential.Issuer, body harness.Claims, changes ...harness.Change) []byte {
	t.Helper()
	header := harness.Claims{"alg": by.Alg, "kid": by.Kid, "typ": "JWT"}
	now := w.now().Unix()
	body["iss"], body["aud"], body["iat"], body["exp"], body["jti"] = by.ID, w.Issuer, now, now+300, "registration-1"
	for _, change := range changes {
		change(header, body)
	}
	return []byte(signedBy(by, header, body))
}

// A body that the DID's own key signed shows whose the DID is.
func TestRegistrationSignedBody(t *testing.T) {
	w := startApplying(t, profile.MEFLSO())
	body := func() harness.Claims {
		b := ofDID(t, w)
		delete(b, "lso_entity_presentation")
		return b
	}
	post := func(mediaType string, token []byte) harness.Response {
		return w.SendRaw(t, http.MethodPost, w.Registration, "", mediaType, token)
	}
	for name, c := range map[string]struct {
		by     *credential.Issuer
		change harness.Change
	}{
		"the kid of another DID":        {w.a.Holder, harness.Header("kid", "did:web:other.example#sig-1")},
		"signed with another key":       {harness.Party(t, w.a.ID, ""), harness.Set("x", nil)},
		"a key for assertions alone":    {w.second(t, "assertionMethod"), harness.Set("x", nil)},
		"another audience":              {w.a.Holder, harness.Set("aud", "https://other.example")},
		"expired":                       {w.a.Holder, harness.Set("exp", past(3600e9))},
		"a day long":                    {w.a.Holder, harness.Set("exp", past(-24*3600e9))},
		"unsigned":                      {w.a.Holder, harness.Header("alg", "none")},
		"iss is another":                {w.a.Holder, harness.Set("iss", "did:web:other.example")},
		"without jti to know it again":  {w.a.Holder, harness.Set("jti", nil)},
		"without exp to forget it then": {w.a.Holder, harness.Set("exp", nil)},
	} {
		t.Run("MEF-7.3-1/MEF-D4/"+name, func(t *testing.T) {
			w.refuses(t, post("application/jose", w.signedBody(t, c.by, body(), c.change)), "MEF-7.3-1", badMetadata)
		})
	}
	t.Run("MEF-7.3-1/MEF-D4/signed by the DID", func(t *testing.T) {
		answer := post("application/jwt", w.signedBody(t, w.a.Holder, body()))
		if answer.Status != http.StatusCreated || answer.Body["client_id"] != w.a.ID {
			t.Errorf("got %d %s", answer.Status, answer.Raw)
		}
	})
}
