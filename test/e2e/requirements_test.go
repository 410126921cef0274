package e2e

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// journey is one authorization from discovery to UserInfo, for requirements
// about what a server does when nothing is wrong.
type journey struct {
	h             *harness.Host
	b             *harness.Buyer
	discovery     map[string]any
	intent, code  string
	state, nonce  string
	answer        harness.Answer
	front, back   harness.Claims
	header        harness.Claims
	tokens        harness.Response
	introspection harness.Response
}

func travel(t *testing.T) *journey {
	t.Helper()
	h, b := start(t, profile.MEFLSO())
	j := &journey{h: h, b: b, state: "af0ifjsldkj", nonce: "n-0S6_WzA2Mj"}
	response, err := h.HTTP.Get(h.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	j.discovery = harness.ReadJSON(t, response).Body
	j.intent = h.NewIntent(t, b, "repeated")
	object := b.Object(j.intent, harness.Set("state", j.state), harness.Set("nonce", j.nonce), harness.Set("max_age", 300),
		harness.Set("acr_values", "urn:meflso:sca urn:meflso:ca"))
	j.answer = h.Approve(t, h.URL(b, object, "response_type", "code id_token", "scope", "openid quote"))
	j.code = j.answer.Params.Get("code")
	j.header, j.front = harness.Decode(t, j.answer.Params.Get("id_token"))
	j.tokens = h.Redeem(t, b, j.code)
	_, j.back = harness.Decode(t, j.tokens.Body["id_token"].(string))
	j.introspection = h.Post(t, h.Introspect, b.Authenticated(url.Values{"token": {j.tokens.Body["access_token"].(string)}}))
	return j
}

func (j *journey) listed(name, value string) bool {
	list, _ := j.discovery[name].([]any)
	return slices.Contains(list, any(value))
}

// TestRequirements: each is one sentence about the journey.
func TestRequirements(t *testing.T) {
	j := travel(t)
	for _, c := range []struct {
		id, says string
		holds    bool
	}{
		{"MEF-R12", "an ID Token is issued", j.front["sub"] != nil && j.back["sub"] != nil},
		{"MEF-O3", "acr_values are taken in their order", j.front["acr"] == "urn:meflso:sca"},
		{"MEF-O2", "state may be sent", j.answer.Params.Get("state") == j.state},
		{"MEF-CR1", "state comes back unchanged", j.answer.Params.Get("state") == j.state},
		{"MEF-D5", "s_hash is there for state", j.front["s_hash"] == leftHalf(crypto.SHA256, j.state)},
		{"MEF-D7", "s_hash is the left half of the state's hash", j.front["s_hash"] == "bOhtX8F73IMjSPeVAqxyTQ"},
		{"MEF-R29", "iss is the issuer of discovery", j.front["iss"] == j.discovery["issuer"] && j.back["iss"] == j.front["iss"]},
		{"MEF-R30", "sub is the intent", j.front["sub"] == j.intent},
		{"MEF-R31", "sub is the same from both endpoints", j.front["sub"] == j.back["sub"]},
		{"MEF-R32", "the intent is in both ID Tokens", j.front["meflso_intent_id"] == j.intent && j.back["meflso_intent_id"] == j.intent},
		{"MEF-O6", "the intent may equal sub", j.front["sub"] == j.front["meflso_intent_id"]},
		{"MEF-R33", "aud is the client", j.front["aud"] == j.b.ID && j.back["aud"] == j.b.ID},
		{"MEF-R34", "exp is there and ahead", j.front["exp"].(float64) > j.front["iat"].(float64)},
		{"MEF-R35", "iat is there", j.front["iat"] != nil && j.back["iat"] != nil},
		{"MEF-O7", "max_age may be sent", j.answer.Params.Has("code")},
		{"MEF-CR2", "auth_time is there for max_age", j.front["auth_time"] != nil && j.back["auth_time"] == j.front["auth_time"]},
		{"MEF-R36", "nonce is there", j.front["nonce"] != nil},
		{"MEF-R37", "nonce is unchanged in both", j.front["nonce"] == j.nonce && j.back["nonce"] == j.nonce},
		{"MEF-R38", "acr is there", j.front["acr"] != nil && j.back["acr"] != nil},
		{"MEF-D6", "acr is one that was asked for", j.front["acr"] == "urn:meflso:sca"},
		{"MEF-O10", "an ID Token comes with the code", j.code != "" && j.answer.Params.Has("id_token")},
		{"MEF-CR5", "c_hash belongs to the code", j.front["c_hash"] == leftHalf(crypto.SHA256, j.code)},
		{"MEF-CR4", "at_hash belongs to the access token", j.back["at_hash"] == leftHalf(crypto.SHA256, j.tokens.Body["access_token"].(string))},
		{"MEF-D8", "the published keys have kid, and the ID Token names one", j.header["kid"] != nil},
		{"MEF-10.2.4", "a refresh token comes for a repeated intent", j.tokens.Body["refresh_token"] != nil},
		{"MEF-7.3-2", "the intent carries its purpose", purpose(t, j) == "test"},
		{"MEF-7.3-3", "client and intent lead to the code", j.code != ""},
		{"FAPI-5.2.2.1-1", "discovery is served", j.discovery["issuer"] == j.h.Issuer},
		{"FAPI-5.2.2.1-2", "ID Tokens are signed as registered", j.header["alg"] == "ES256"},
		{"FAPI-5.2.2.1-4", "the front-channel ID Token signs the code", j.front["c_hash"] != nil && j.answer.Fragment},
		{"FAPI-5.2.2.1-5", "s_hash is there when state was sent", j.front["s_hash"] != nil},
		{"FAPI-5.2.2.1-6", "no name, mail or phone in the front channel", j.front["name"] == nil && j.front["email"] == nil && j.front["phone_number"] == nil},
		{"FAPI-8.9-0", "jwks_uri is published", strings.HasPrefix(j.discovery["jwks_uri"].(string), "https://")},
		{"BASE-5.2.2-1", "confidential clients are supported", j.listed("token_endpoint_auth_methods_supported", "private_key_jwt")},
		{"BASE-5.2.2-14", "the token response has its type and no-store", j.tokens.Body["token_type"] == "Bearer" && j.tokens.Header.Get("Cache-Control") == "no-store"},
		{"BASE-5.2.2-15", "the granted scope is returned", j.tokens.Body["scope"] == "openid quote"},
		{"BASE-5.2.2-16", "code and tokens have 256 random bits", len(j.code) > 80 && len(j.tokens.Body["access_token"].(string)) > 80},
		{"BASE-5.2.2-21", "a token without sender constraint lives below 10 min", j.tokens.Body["expires_in"].(float64) < 600},
		{"BASE-5.2.2-22", "discovery is at its well-known place", j.discovery["authorization_endpoint"] == j.h.Authorize},
		{"BASE-5.2.2.2-1", "nonce came back with openid", j.front["nonce"] == j.nonce},
		{"C-02", "Ed25519 is listed under both names", j.listed("request_object_signing_alg_values_supported", "EdDSA") && j.listed("request_object_signing_alg_values_supported", "Ed25519")},
		{"C-01", "RS256 and HMAC are not listed", !j.listed("request_object_signing_alg_values_supported", "RS256") && !j.listed("request_object_signing_alg_values_supported", "HS256")},
		{"C-03", "code id_token and code are the response types", len(j.discovery["response_types_supported"].([]any)) == 2 && j.listed("response_types_supported", "code id_token") && j.listed("response_types_supported", "code")},
		{"C-11", "sub is public where it is the intent", j.listed("subject_types_supported", "public")},
		{"C-15", "client secrets are not listed", !j.listed("token_endpoint_auth_methods_supported", "client_secret_basic")},
		{"C-17", "no request_uri but one that was registered by a push is said to be taken", j.discovery["require_request_uri_registration"] == true && j.discovery["pushed_authorization_request_endpoint"] == j.h.PAR},
		{"C-26", "the token response is plain JSON", strings.HasPrefix(j.tokens.Header.Get("Content-Type"), "application/json")},
		{"MEF-O4", "UserInfo is advertised", j.discovery["userinfo_endpoint"] == j.h.UserInfo},
		{"MEF-O5", "the claims are advertised", j.listed("claims_supported", "meflso_intent_id") && j.listed("claims_supported", "acr")},
		{"BASE-6.2.1-4", "the token is active before it is revoked", j.introspection.Body["active"] == true},
		{"BASE-6.2.1-6", "the audit log maps the token to client and intent", lastIssue(j).Client == j.b.ID && lastIssue(j).Intent == j.intent},
	} {
		t.Run(c.id+"/"+c.says, func(t *testing.T) {
			if !c.holds {
				t.Errorf("front %v, back %v, answer %v, token response %s, discovery %v", j.front, j.back, j.answer.Params, j.tokens.Raw, j.discovery)
			}
		})
	}
}

func lastIssue(j *journey) audit.Event { return j.h.Events.Last(audit.TokenIssue) }

func purpose(t *testing.T, j *journey) string {
	t.Helper()
	in, err := j.h.Store.GetIntent(t.Context(), j.intent)
	if err != nil {
		t.Fatal(err)
	}
	var details struct{ Purpose string }
	if err := json.Unmarshal(in.Details, &details); err != nil {
		t.Fatal(err)
	}
	return details.Purpose
}

// Each list of discovery is what the server takes and refuses.
func TestDiscoveryIsEnforced(t *testing.T) {
	j := travel(t)
	for _, alg := range []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256"} {
		t.Run("FAPI-8.6-1/"+alg, func(t *testing.T) {
			b := harness.NewBuyer(t, "buyer-"+alg, alg, j.h.Issuer)
			j.h.Register(t, b)
			answer := j.h.Approve(t, j.h.URL(b, b.Object("urn:unknown")))
			_, taken := answer.Params["error"] // beyond the signature
			if taken != j.listed("request_object_signing_alg_values_supported", alg) {
				t.Errorf("request object: %d %v", answer.Status, answer.Params)
			}
			r := j.h.Post(t, j.h.Token, b.Authenticated(ownBehalf("quote")))
			if (r.Status == 200) != j.listed("token_endpoint_auth_signing_alg_values_supported", alg) {
				t.Errorf("client assertion: %s", r.Raw)
			}
		})
	}
	for _, grant := range []string{"authorization_code", "client_credentials", "refresh_token", "password", "implicit", "urn:openid:params:grant-type:ciba"} {
		t.Run("MEF-R58/"+strings.ReplaceAll(grant, "/", "-"), func(t *testing.T) {
			r := j.h.Post(t, j.h.Token, j.b.Authenticated(url.Values{"grant_type": {grant}, "code": {"x"}, "refresh_token": {"x"}}))
			if (r.Body["error"] == "unsupported_grant_type") == j.listed("grant_types_supported", grant) {
				t.Errorf("%s", r.Raw)
			}
		})
	}
}

// What a user or client takes back is gone.
func TestTakenBack(t *testing.T) {
	j := travel(t)
	access := j.tokens.Body["access_token"].(string)
	for _, id := range []string{"BASE-5.2.2-18", "BASE-6.2.1-4"} {
		t.Run(id+"/a revoked token is not taken", func(t *testing.T) {
			if r := j.h.Post(t, j.h.Revoke, j.b.Authenticated(url.Values{"token": {access}})); r.Status != 200 {
				t.Fatal(r.Raw)
			}
			r, err := http.NewRequest(http.MethodGet, j.h.UserInfo, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+access)
			response, err := j.h.HTTP.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if answer := harness.ReadJSON(t, response); answer.Status != 401 || answer.Body["error"] != "invalid_token" {
				t.Errorf("got %d %s", answer.Status, answer.Raw)
			}
			refused(t, j.h.Post(t, j.h.Token, j.b.Authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {j.tokens.Body["refresh_token"].(string)}})), 400, "invalid_grant")
		})
	}
}
