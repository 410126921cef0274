package relyingparty_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// From the request to the tokens: the first ID Token is the token endpoint's.
func TestSignedResponse(t *testing.T) {
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		s := newSeller(t, alg)
		c := s.client(t, func(config *relyingparty.Config) { s.jarm(config); config.PAR = true })
		r := newResponse(t, s, c)
		_, payload := decodeJWT(t, s.pushed[0].Get("request"))
		if payload["response_type"] != "code" || payload["response_mode"] != "jwt" {
			t.Errorf("%v", payload)
		}
		kept, _ := json.Marshal(r.login)
		r.login = &relyingparty.Login{}
		if err := json.Unmarshal(kept, r.login); err != nil {
			t.Fatal(err)
		}
		d, err := r.finish(c)
		if err != nil {
			t.Fatal(err)
		}
		if d.IntentID != "" || d.Subject != "" || d.ACR != "" {
			t.Errorf("said before the ID Token: %+v", d)
		}
		s.issue(r.login, nil)
		tokens, err := c.Exchange(t.Context(), d)
		if err != nil || tokens.IntentID != intentID || tokens.Subject != intentID || tokens.ACR != "urn:meflso:sca" {
			t.Fatal(tokens, err)
		}
		if s.form.Get("code") != code || s.form.Get("code_verifier") != r.login.CodeVerifier {
			t.Errorf("%v", s.form)
		}
	}
}

// issue makes the token endpoint answer with the first ID Token of a login.
func (s *seller) issue(login *relyingparty.Login, change func(claims object)) {
	claims := maps.Clone(s.claims(login))
	delete(claims, "c_hash")
	delete(claims, "s_hash")
	claims["at_hash"] = s.hash(access)
	if change != nil {
		change(claims)
	}
	s.tokens(200, object{"access_token": access, "token_type": "Bearer", "id_token": s.sign(s.header(), claims)})
}

func TestFirstIDTokenRefuses(t *testing.T) {
	for _, test := range []struct {
		reason relyingparty.Reason
		name   string
		value  any
	}{
		{relyingparty.ReasonIss, "iss", "https://evil.example"},
		{relyingparty.ReasonAud, "aud", "c-other"},
		{relyingparty.ReasonAzp, "azp", "c-other"},
		{relyingparty.ReasonExp, "exp", start.Unix() - 31},
		{relyingparty.ReasonIat, "iat", start.Unix() - 631},
		{relyingparty.ReasonNonce, "nonce", "x"},
		{relyingparty.ReasonCodeHash, "c_hash", "x"},
		{relyingparty.ReasonStateHash, "s_hash", "x"},
		{relyingparty.ReasonTokenHash, "at_hash", "x"},
		{relyingparty.ReasonIntent, "meflso_intent_id", "urn:acme:intent:1"},
		{relyingparty.ReasonACR, "acr", "urn:meflso:ca"},
		{relyingparty.ReasonACR, "acr", nil},
		{relyingparty.ReasonAuthTime, "auth_time", nil},
		{relyingparty.ReasonSub, "sub", nil},
	} {
		s := newSeller(t, "ES256")
		c := s.client(t, s.jarm)
		r := newResponse(t, s, c)
		d, err := r.finish(c)
		if err != nil {
			t.Fatal(err)
		}
		s.issue(r.login, func(claims object) { put(claims, test.name, test.value) })
		_, err = c.Exchange(t.Context(), d)
		t.Run(ruleOf(err)+"/"+test.name, func(t *testing.T) { wantAbort(t, err, test.reason) })
	}
}
