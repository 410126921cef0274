package embed_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	host "github.com/meflso/fosite-meflso/example/embed/after"
	"github.com/meflso/fosite-meflso/test/harness"
)

const bad = http.StatusBadRequest

func TestCodeReplay(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	code, _ := s.authorize(t, b, "repeated")
	tokens := checkTokens(t, s.Redeem(t, b, code))
	checkError(t, s.Redeem(t, b, code), bad, "invalid_grant")
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": false})
	checkError(t, s.refresh(t, b, tokens["refresh_token"]), bad, "invalid_grant")
}

// TestCodeIsBound: none of these attempts uses the code up.
func TestCodeIsBound(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	code, intent := s.authorize(t, b, "once")

	checkError(t, s.Redeem(t, mallory, code), bad, "invalid_grant")
	checkError(t, s.Redeem(t, mallory, code, "redirect_uri", b.Redirect), bad, "invalid_grant")
	checkError(t, s.Redeem(t, mallory, code, "client_id", b.ID), http.StatusUnauthorized, "invalid_client")
	checkError(t, s.Redeem(t, b, code, "redirect_uri", mallory.Redirect), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code, "redirect_uri", ""), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code, "code_verifier", strings.Repeat("v", 43)), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code[:len(code)-2]+"xx"), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code, "grant_type", "urn:unknown"), bad, "unsupported_grant_type")

	tokens := checkTokens(t, s.Redeem(t, b, code))
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": true, "meflso_intent_id": intent})
	checkMembers(t, s.introspect(t, mallory, tokens["access_token"]), harness.Claims{"active": false, "sub": nil})
}

// TestPKCE: a wrong verifier does not open the door for a missing one.
func TestPKCE(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	code, _ := s.authorize(t, b, "once", harness.Set("code_challenge", challenge), harness.Set("code_challenge_method", "S256"))

	checkError(t, s.Redeem(t, b, code, "code_verifier", strings.Repeat("w", 43)), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code, "code_verifier", ""), bad, "invalid_grant")
	checkError(t, s.Redeem(t, b, code, "code_verifier", challenge), bad, "invalid_grant")
	checkTokens(t, s.Redeem(t, b, code, "code_verifier", verifier))
}

// TestAssertions: a client that does not prove itself gets nothing, and uses
// nothing up.
func TestAssertions(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	code, _ := s.authorize(t, b, "once")
	redeem := func(assertion string, extra ...string) harness.Response {
		fields := b.Authenticated(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {b.Redirect}})
		fields.Set("client_assertion", assertion)
		for i := 0; i+1 < len(extra); i += 2 {
			fields.Set(extra[i], extra[i+1])
		}
		return s.Post(t, s.Token, fields)
	}
	jti := harness.Set("jti", "the-jti-of-all-refused-ones")
	for name, changes := range map[string][]harness.Change{
		"aud of another server": {harness.Set("aud", "https://other.example.com")},
		"aud of the old issuer": {harness.Set("aud", oldIssuer)},
		"aud is authorize":      {harness.Set("aud", s.Authorize)},
		"aud missing":           {harness.Set("aud", nil)},
		"alg RS256":             {harness.Header("alg", "RS256")},
		"alg HS256":             {harness.Header("alg", "HS256")},
		"alg none":              {harness.Header("alg", "none")},
		"kid of no key":         {harness.Header("kid", mallory.Kid)},
		"iss of another":        {harness.Set("iss", mallory.ID)},
		"sub of another":        {harness.Set("sub", mallory.ID)},
		"sub missing":           {harness.Set("sub", nil)},
		"expired":               {harness.In("exp", -time.Minute)},
		"exp in an hour":        {harness.In("exp", time.Hour)},
		"exp zero":              {harness.Set("exp", 0)},
		"exp missing":           {harness.Set("exp", nil)},
		"nbf ahead":             {harness.In("nbf", time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			checkError(t, redeem(b.Assertion(append([]harness.Change{jti}, changes...)...)), http.StatusUnauthorized, "invalid_client")
		})
	}
	t.Run("jti missing", func(t *testing.T) {
		checkError(t, redeem(b.Assertion(harness.Set("jti", nil))), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("key of another", func(t *testing.T) {
		forged := *mallory
		forged.ID, forged.Kid = b.ID, b.Kid
		checkError(t, redeem(forged.Assertion(jti)), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("client_id of another", func(t *testing.T) {
		checkError(t, redeem(b.Assertion(jti), "client_id", mallory.ID), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("a request object", func(t *testing.T) {
		checkError(t, redeem(b.Object(s.NewIntent(t, b, "once"))), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("a secret beside it", func(t *testing.T) {
		checkError(t, redeem(b.Assertion(jti), "client_secret", "guess"), bad, "invalid_request")
	})
	t.Run("unknown client", func(t *testing.T) {
		checkError(t, redeem(harness.NewBuyer(t, "nobody", "ES256", issuer).Assertion()), http.StatusUnauthorized, "invalid_client")
	})
	checkTokens(t, redeem(b.Assertion(jti)))
}

func TestAssertionReplay(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	fields := b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}})
	tokens := checkTokens(t, s.Post(t, s.Token, fields))
	checkError(t, s.Post(t, s.Token, fields), http.StatusUnauthorized, "invalid_client")
	fields.Set("token", tokens["access_token"].(string))
	checkError(t, s.Post(t, s.Introspect, fields), http.StatusUnauthorized, "invalid_client")
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": true})
}

func TestTokenForms(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	twice := b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote", "openid"}})
	checkError(t, s.Post(t, s.Token, twice), bad, "invalid_request")
	openID := b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"openid quote"}})
	checkError(t, s.Post(t, s.Token, openID), bad, "invalid_scope")
	scope := b.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}})
	checkError(t, s.Post(t, s.Token, scope), bad, "invalid_scope")
	response, err := s.HTTP.Get(s.Token + "?" + b.Authenticated(url.Values{"grant_type": {"client_credentials"}}).Encode())
	must(t, err)
	checkError(t, harness.ReadJSON(t, response), http.StatusMethodNotAllowed, "invalid_request")
}

func TestRefreshIsBound(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	code, intent := s.authorize(t, b, "repeated")
	tokens := checkTokens(t, s.Redeem(t, b, code))
	checkError(t, s.refresh(t, mallory, tokens["refresh_token"]), bad, "invalid_grant")
	tokens = checkTokens(t, s.refresh(t, b, tokens["refresh_token"]))

	must(t, s.server.Provider.Intents.Revoke(t.Context(), intent))
	checkError(t, s.refresh(t, b, tokens["refresh_token"]), bad, "invalid_grant")
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": false})
}

// TestRevocation goes through the host's store, which is asked without a
// session then.
func TestRevocation(t *testing.T) {
	s := start(t)
	b, mallory := s.buyer(t, "buyer-a", "ES256"), s.buyer(t, "mallory", "ES256")
	tokens := s.tokens(t, b, "repeated")
	revoke := func(b *harness.Buyer) harness.Response {
		return s.Post(t, s.Revoke, b.Authenticated(url.Values{"token": {tokens["refresh_token"].(string)}}))
	}
	if r := revoke(mallory); r.Status != http.StatusOK || r.Raw != "" {
		t.Errorf("another client's revocation: %d %s", r.Status, r.Raw)
	}
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": true})
	if r := revoke(b); r.Status != http.StatusOK || r.Raw != "" {
		t.Errorf("revocation: %d %s", r.Status, r.Raw)
	}
	checkMembers(t, s.introspect(t, b, tokens["access_token"]), harness.Claims{"active": false})
	checkError(t, s.refresh(t, b, tokens["refresh_token"]), bad, "invalid_grant")
}

// TestExpiredCode: the host's store does not know when a code expires.
func TestExpiredCode(t *testing.T) {
	s := start(t)
	b := s.buyer(t, "buyer-a", "ES256")
	code, intent := s.authorize(t, b, "once")
	past := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	_, err := s.db.Exec(`UPDATE requests SET request = CAST(
		json_set(CAST(request AS TEXT), '$.session.expires_at.authorize_code', ?) AS BLOB)`, past)
	must(t, err)
	checkError(t, s.Redeem(t, b, code), bad, "invalid_grant")
	s.checkState(t, b, intent, "Authorized")
}

// TestClientWithoutKeys: a client of old, which has a secret alone, gets
// nothing here.
func TestClientWithoutKeys(t *testing.T) {
	s := start(t)
	b := harness.NewBuyer(t, "secret-only", "ES256", issuer)
	c := client(b)
	c.JWKS, c.Secret = nil, hash(t, "buyer-secret")
	must(t, host.AddClient(t.Context(), s.db, c))
	fields := url.Values{"grant_type": {"client_credentials"}, "client_id": {b.ID}, "client_secret": {"buyer-secret"}}
	checkError(t, s.Post(t, s.Token, fields), http.StatusUnauthorized, "invalid_client")
	checkError(t, s.Post(t, s.Token, b.Authenticated(url.Values{"grant_type": {"client_credentials"}})), http.StatusUnauthorized, "invalid_client")
	checkPage(t, s.Approve(t, s.URL(b, b.Object(s.NewIntent(t, b, "once")))), "invalid_request_object")
}
