package relyingparty_test

import (
	"net/url"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// tryClient returns what New says of a config.
func tryClient(t testing.TB, s *seller, change func(*relyingparty.Config)) (*relyingparty.Client, error) {
	t.Helper()
	metadata, err := relyingparty.Discover(t.Context(), s.Client(), s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := relyingparty.Config{
		ClientID: clientID, RedirectURI: callback, Issuer: metadata, HTTP: s.Client(), Signer: newKey("ES256"), KeyID: "tpp-sig-1",
	}
	change(&config)
	return relyingparty.New(config)
}

// What the Seller's profile does not have nobody asks for.
func TestNewRefusesBesideProfile(t *testing.T) {
	s := newSeller(t, "ES256")
	for name, change := range map[string]func(*relyingparty.Config){
		"PAR":  func(c *relyingparty.Config) { c.Profile, c.PAR = new(profile.NZBanking()), true },
		"JARM": func(c *relyingparty.Config) { c.Profile, c.JARM = new(profile.UKOpenBanking()), true },
		"self-signed": func(c *relyingparty.Config) {
			c.Profile, c.AuthMethod = new(profile.NZBanking()), profile.SelfSignedTLSClientAuth
		},
		"client secret":    func(c *relyingparty.Config) { c.AuthMethod = profile.ClientSecretBasic },
		"empty profile":    func(c *relyingparty.Config) { c.Profile = &profile.Profile{} },
		"no certificate":   func(c *relyingparty.Config) { c.AuthMethod, c.HTTP = profile.TLSClientAuth, nil },
		"MTLS, but how":    func(c *relyingparty.Config) { c.MTLS, c.HTTP = true, nil },
		"query in the URI": func(c *relyingparty.Config) { c.JARM, c.RedirectURI = true, callback+"?tenant=1" },
		"JARM with none":   func(c *relyingparty.Config) { c.JARM, c.ResponseAlg = true, "none" },
		"no PAR endpoint": func(c *relyingparty.Config) {
			m := *c.Issuer
			m.PAREndpoint, c.Issuer, c.PAR = "", &m, true
		},
		"pushed alone": func(c *relyingparty.Config) {
			c.Profile = new(profile.FAPI1Advanced())
			c.Profile.RequestDelivery = []profile.Delivery{profile.DeliverByPAR}
		},
	} {
		if _, err := tryClient(t, s, change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := tryClient(t, s, func(c *relyingparty.Config) { c.RedirectURI = callback + "?tenant=1" }); err != nil {
		t.Error(err)
	}
}

// FAPI 1.0 Advanced has neither intents nor an acr in every login.
func TestWithoutIntent(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, func(config *relyingparty.Config) {
		config.Profile, config.ACRValues = new(profile.FAPI1Advanced()), nil
	})
	if _, _, err := c.Begin(t.Context(), request); err == nil {
		t.Error("began with an intent")
	}
	for name, acr := range map[string]any{"no acr": nil, "some acr": "urn:x"} {
		link, login, err := c.Begin(t.Context(), relyingparty.AuthorizationRequest{Scopes: []string{"accounts"}})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(link)
		if _, payload := decodeJWT(t, u.Query().Get("request")); payload["claims"] != nil || payload["scope"] != "openid accounts" {
			t.Errorf("%v", payload)
		}
		a := &attempt{s: s, login: login, header: s.header(), claims: s.claims(login), redirectURI: callback, delivery: relyingparty.Fragment}
		put(a.claims, "meflso_intent_id", nil)
		put(a.claims, "acr", acr)
		d, err := a.finish(c)
		if err != nil || d.IntentID != "" {
			t.Fatal(name, d, err)
		}
		_, idToken := a.answer()
		s.tokens(200, object{"access_token": access, "token_type": "Bearer", "id_token": s.sign(s.header(), idToken)})
		if tokens, err := c.Exchange(t.Context(), d); err != nil || tokens.IntentID != "" || tokens.Subject != intentID {
			t.Error(name, tokens, err)
		}
	}
}

// An acr that nobody asked for may be missing, another one not.
func TestMissingACR(t *testing.T) {
	for name, change := range map[string]func(*relyingparty.Config, *relyingparty.AuthorizationRequest){
		"essential": func(_ *relyingparty.Config, r *relyingparty.AuthorizationRequest) {
			r.ACR, r.EssentialACR = []string{"urn:x"}, true
		},
		"good enough": func(c *relyingparty.Config, _ *relyingparty.AuthorizationRequest) { c.ACRValues = []string{"urn:x"} },
		"by profile": func(c *relyingparty.Config, _ *relyingparty.AuthorizationRequest) {
			c.Profile.RequireACRClaim, c.Profile.ACRValues = true, []string{"urn:x"}
		},
	} {
		s := newSeller(t, "ES256")
		var asked relyingparty.AuthorizationRequest
		c := s.client(t, func(config *relyingparty.Config) {
			config.Profile, config.ACRValues = new(profile.FAPI1Advanced()), nil
			change(config, &asked)
		})
		_, login, err := c.Begin(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		a := &attempt{s: s, login: login, header: s.header(), claims: s.claims(login), redirectURI: callback, delivery: relyingparty.Fragment}
		put(a.claims, "acr", nil)
		_, err = a.finish(c)
		t.Run(ruleOf(err)+"/"+name, func(t *testing.T) { wantAbort(t, err, relyingparty.ReasonACR) })
	}
}

// A login of another profile's client does not pass for one without intent.
func TestLoginOfAnotherProfile(t *testing.T) {
	s := newSeller(t, "ES256")
	a := newAttempt(t, s, s.client(t, nil))
	_, err := a.finish(s.client(t, func(config *relyingparty.Config) { config.Profile = new(profile.FAPI1Advanced()) }))
	wantAbort(t, err, relyingparty.ReasonIntent)
}

// The verifier is there for pushed requests and signed responses, and wherever
// the profile always wants it.
func TestPKCE(t *testing.T) {
	s := newSeller(t, "ES256")
	always := profile.MEFLSO()
	always.RequirePKCE = profile.PKCEAlways
	for name, test := range map[string]struct {
		change func(*relyingparty.Config)
		want   bool
	}{
		"by value":       {func(*relyingparty.Config) {}, false},
		"pushed":         {pushing, true},
		"JARM":           {func(c *relyingparty.Config) { c.JARM = true }, true},
		"by the profile": {func(c *relyingparty.Config) { c.Profile = &always }, true},
	} {
		if _, login, err := s.client(t, test.change).Begin(t.Context(), request); err != nil || (login.CodeVerifier != "") != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The banking profiles name the intent by their own claim.
func TestIntentClaim(t *testing.T) {
	s := newSeller(t, "ES256")
	c := s.client(t, func(config *relyingparty.Config) { config.Profile, config.ACRValues = new(profile.NZBanking()), nil })
	a := newAttempt(t, s, c)
	_, err := a.finish(c)
	wantAbort(t, err, relyingparty.ReasonIntent)
	a = newAttempt(t, s, c)
	put(a.claims, "openbanking_intent_id", intentID)
	if _, err := a.finish(c); err != nil {
		t.Error(err)
	}
}
