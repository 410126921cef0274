package e2e

import (
	"crypto"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// trip is one authorization of a banking profile: both ID Tokens, UserInfo,
// and what introspection says of the access token.
type trip struct {
	*stage
	document, head, front, back harness.Claims
	intent, code                string
	answer                      harness.Answer
	tokens, info, again, seen   harness.Response
}

// personal is what a host may know of its user.
var personal = map[string]any{"name": "Alice Example", "email": "alice@example.org", "phone_number": "+64 1 234", "address": map[string]any{"country": "NZ"}}

// journeyOf plays the profile from discovery to a refreshed token. The host
// adds personal claims, which the object asks for in the ID Token.
func journeyOf(t *testing.T, p profile.Profile) *trip {
	t.Helper()
	j := &trip{stage: play(t, p)}
	response, err := j.HTTP.Get(j.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	j.document, j.intent = harness.ReadJSON(t, response).Body, j.NewIntent(t, j.b, "repeated")
	j.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) { j.tell(rw, r, ar) }
	j.answer = j.Approve(t, j.URL(j.b, j.b.Object(j.intent, harness.Set("state", "af0ifjsldkj"), harness.Set("nonce", "n-0S6_WzA2Mj"), askPersonal)))
	j.code = j.answer.Params.Get("code")
	j.head, j.front = harness.Decode(t, j.answer.Params.Get("id_token"))
	j.tokens = j.client.Redeem(t, j.b, j.code)
	_, j.back = harness.Decode(t, j.tokens.Body["id_token"].(string))
	j.info = fetched(t, j.client.HTTP, j.UserInfo, j.tokens.Body["access_token"].(string))
	j.again = j.client.Post(t, j.client.Token, j.b.Authenticated(refreshing(j.tokens.Body["refresh_token"])))
	j.seen = j.Post(t, j.Introspect, j.b.Authenticated(url.Values{"token": {j.again.Body["access_token"].(string)}}))
	return j
}

func askPersonal(_, payload harness.Claims) {
	claims, _ := payload["claims"].(harness.Claims)
	if claims == nil {
		claims = harness.Claims{"id_token": harness.Claims{}}
		payload["claims"] = claims
	}
	for name := range personal {
		claims["id_token"].(harness.Claims)[name] = nil
	}
	claims["userinfo"] = harness.Claims{"name": nil}
}

// tell approves as a host does that knows its user well.
func (j *trip) tell(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	session := storage.NewSession()
	session.Subject, session.Claims.Extra = "alice", personal
	session.Claims.AuthTime, session.Claims.AuthenticationContextClassReference = j.b.Now(), j.ACR
	response, err := j.Provider.NewAuthorizeResponse(r.Context(), ar, session)
	if err != nil {
		j.Provider.WriteAuthorizeError(r.Context(), rw, ar, err)
		return
	}
	j.Provider.WriteAuthorizeResponse(r.Context(), rw, ar, response)
}

func fetched(t *testing.T, client *http.Client, address, bearer string) harness.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadJSON(t, response)
}

func (j *trip) lists(name string, values ...any) bool {
	list, _ := j.document[name].([]any)
	return slices.Equal(list, values)
}

// has tells whether any personal claim is there.
func has(claims harness.Claims) bool {
	return slices.ContainsFunc([]string{"name", "email", "phone_number", "address"}, func(name string) bool { return claims[name] != nil })
}

// TestRequirementsOfAnswers: what the three profiles on FAPI have in common.
func TestRequirementsOfAnswers(t *testing.T) {
	for _, p := range []profile.Profile{profile.FAPI1Advanced(), profile.NZBanking(), profile.UKOpenBanking()} {
		t.Run(p.Name, func(t *testing.T) {
			j := journeyOf(t, p)
			cnf, _ := j.seen.Body["cnf"].(map[string]any)
			alg := string(p.PreferredSigningAlg)
			verified(t, j.Host, j.b, j.answer.Params.Get("id_token"), alg)
			hold(t, j, []sentence{
				{"FAPI-5.2.2-6/SLIDES-19", "a refreshed token is bound to the certificate, too", cnf["x5t#S256"] == mtls.Thumbprint(j.cert.Leaf) && j.document["tls_client_certificate_bound_access_tokens"] == true},
				{"FAPI-5.2.2.1-1/BASE-5.2.2-22/FAPI-8.9-0", "discovery", j.document["issuer"] == j.Issuer && j.document["jwks_uri"] == j.Issuer+"/oauth2/jwks"},
				{"FAPI-5.2.2.1-2", "ID Tokens are signed by the profile's algorithm", j.head["alg"] == alg},
				{"FAPI-5.2.2.1-4/SLIDES-17", "c_hash belongs to the code", j.answer.Fragment && j.front["c_hash"] == leftHalf(crypto.SHA256, j.code)},
				{"FAPI-5.2.2.1-5/SLIDES-18/C-20", "s_hash belongs to the state", j.front["s_hash"] == "bOhtX8F73IMjSPeVAqxyTQ" && j.answer.Params.Get("state") == "af0ifjsldkj"},
				{"FAPI-5.2.2.1-6/C-28", "personal claims come by the back channel alone", !has(j.front) && j.back["email"] == personal["email"]},
				{"FAPI-8.6-2/SLIDES-28", "no PKCS 1 v1.5 in discovery", !strings.Contains(strings.Join(strs(j.document), " "), "RS256")},
				{"BASE-5.2.2-12/SLIDES-10", "what was approved was granted", j.tokens.Body["scope"] == j.b.Scope},
				{"BASE-5.2.2-14", "the token response", j.tokens.Body["token_type"] == "Bearer" && j.tokens.Header.Get("Cache-Control") == "no-store" && j.tokens.Header.Get("Pragma") == "no-cache"},
				{"BASE-5.2.2-15/SLIDES-12", "the granted scope is told", j.tokens.Body["scope"] != nil && j.again.Body["scope"] == j.b.Scope},
				{"BASE-5.2.2-16/SLIDES-13", "codes and tokens are long and never the same", len(j.code) > 80 && j.tokens.Body["access_token"] != j.again.Body["access_token"] && len(j.again.Body["access_token"].(string)) > 80},
				{"BASE-5.2.2-21/C-12", "a bound token may live for an hour, and its type is Bearer", j.tokens.Body["expires_in"].(float64) > 600 && j.tokens.Body["token_type"] == "Bearer"},
				{"BASE-5.2.2.1-1…6", "the user's identity comes with the token", j.back["sub"] != nil && j.back["sub"] == j.front["sub"] && j.back["aud"] == j.b.ID && j.back["iss"] == j.Issuer && j.info.Body["sub"] == j.back["sub"]},
				{"BASE-5.2.2.2-1/C-22", "nonce comes back", j.front["nonce"] == "n-0S6_WzA2Mj" && j.back["nonce"] == "n-0S6_WzA2Mj"},
				{"MEF-7.2", "the answer names its issuer", j.answer.Params.Get("iss") == j.Issuer && j.document["authorization_response_iss_parameter_supported"] == true},
				{"C-21", "acr is shown where the login has one", j.front["acr"] == orNil(j.ACR) && j.back["acr"] == orNil(j.ACR)},
				{"C-27", "the issuer is an https URL, and iss is it", strings.HasPrefix(j.document["issuer"].(string), "https://") && j.front["iss"] == j.document["issuer"]},
			})
		})
	}
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func strs(document harness.Claims) []string {
	var all []string
	for _, value := range document {
		list, _ := value.([]any)
		for _, v := range list {
			text, _ := v.(string)
			all = append(all, text)
		}
	}
	return all
}

// TestRequirementsOfUK: what the UK profile adds.
func TestRequirementsOfUK(t *testing.T) {
	j := journeyOf(t, profile.UKOpenBanking())
	hold(t, j, []sentence{
		{"C-03", "code id_token is the one response type", j.lists("response_types_supported", "code id_token")},
		{"C-06", "acr in the vocabulary of PSD2", j.lists("acr_values_supported", "urn:openbanking:psd2:sca", "urn:openbanking:psd2:ca") && j.front["acr"] == "urn:openbanking:psd2:sca"},
		{"C-11", "sub is the intent", j.front["sub"] == j.intent && j.lists("subject_types_supported", "public")},
		{"C-15", "tls_client_auth and private_key_jwt", strings.Join(sorted(j.document, "token_endpoint_auth_methods_supported"), " ") == "private_key_jwt tls_client_auth"},
		{"C-17", "no request_uri", j.document["request_uri_parameter_supported"] == false && j.document["pushed_authorization_request_endpoint"] == nil},
	})
	s := j.stage
	j.Decide = nil
	s.refuse(t, []harness.Case{
		noObject("FAPI-5.2.2-1"),
		inside("FAPI-5.2.2-2", "code with jwt", "FAPI-5.2.2-2", sent, badType, harness.Set("response_type", "code"), harness.Set("response_mode", "jwt")),
		inside("C-06", "acr of another vocabulary", "MEF-R28", sent, badRequest, harness.Set("acr_values", "urn:openbanking:nz:sca")),
		inside("C-19", "iss missing", "C-19", shown, badObject, harness.Set("iss", nil)),
	})
}

func sorted(document harness.Claims, name string) []string {
	var all []string
	for _, v := range document[name].([]any) {
		all = append(all, v.(string))
	}
	slices.Sort(all)
	return all
}

// TestRequirementsOfConsent: what the user or the login does not give.
func TestRequirementsOfConsent(t *testing.T) {
	s := play(t, profile.UKOpenBanking())
	t.Run("BASE-5.2.2-11/SLIDES-09/a login that is too weak", func(t *testing.T) {
		s.ACR = "urn:openbanking:psd2:ca"
		denied(t, s.ask(t, essentialACR("urn:openbanking:psd2:sca")), "unmet_authentication_requirements")
		s.ACR = "urn:openbanking:psd2:sca"
		s.code(t, essentialACR("urn:openbanking:psd2:sca"))
	})
	t.Run("BASE-5.2.2-12/SLIDES-10/declined", func(t *testing.T) {
		s.Decide = func(rw http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester) {
			s.Provider.WriteAuthorizeError(r.Context(), rw, ar, fosite.ErrAccessDenied)
		}
		denied(t, s.ask(t), "access_denied")
		s.Decide = nil
		s.code(t)
	})
	t.Run("BASE-5.2.2-13/SLIDES-11/a code is used once", func(t *testing.T) {
		code := s.code(t)
		first := s.client.Redeem(t, s.b, code)
		refused(t, s.client.Redeem(t, s.b, code), 400, "invalid_grant")
		if r := fetched(t, s.client.HTTP, s.UserInfo, first.Body["access_token"].(string)); r.Status != 401 || r.Body["error"] != "invalid_token" {
			t.Errorf("the first token: %d %s", r.Status, r.Raw)
		}
	})
	t.Run("BASE-5.2.2-18/SLIDES-14/the user takes the consent back", func(t *testing.T) {
		in := s.NewIntent(t, s.b, "repeated")
		tokens := s.client.Redeem(t, s.b, s.Approve(t, s.URL(s.b, s.b.Object(in))).Params.Get("code"))
		if err := s.Provider.Intents.Revoke(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if r := fetched(t, s.client.HTTP, s.UserInfo, tokens.Body["access_token"].(string)); r.Status != 401 || r.Body["error"] != "invalid_token" {
			t.Errorf("%d %s", r.Status, r.Raw)
		}
		refused(t, s.client.Post(t, s.client.Token, s.b.Authenticated(refreshing(tokens.Body["refresh_token"]))), 400, "invalid_grant")
	})
}

func essentialACR(value string) harness.Change {
	return func(_, p harness.Claims) {
		p["claims"].(harness.Claims)["id_token"].(harness.Claims)["acr"] = harness.Claims{"essential": true, "value": value}
	}
}
