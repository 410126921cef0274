package compose_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"
	fositecompose "github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

func session() storage.Session { return storage.NewSession() }

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// good is a configuration that New takes.
func good(t testing.TB) compose.Config {
	t.Helper()
	return compose.Config{
		Issuer: "https://op.example", Profile: profile.MEFLSO(), Fosite: &fosite.Config{GlobalSecret: []byte("a secret of thirty-two bytes 0001")},
		Storage: memory.New(memory.Config{NewSession: session}), Keys: key.Signing(ecKey(t)), NewSession: session, Audit: audit.Discard,
	}
}

func TestNewTakesAGoodConfiguration(t *testing.T) {
	if _, err := compose.New(good(t)); err != nil {
		t.Fatal(err)
	}
}

// lossy has a field of a type that swallows it: the embedded MarshalJSON is
// promoted.
type lossy struct {
	*openid.DefaultSession
	storage.Binding
	Time time.Time
}

func (l *lossy) MarshalJSON() ([]byte, error) { return json.Marshal(l.DefaultSession) }

// cloneless has the Clone of the embedded session.
type cloneless struct {
	*openid.DefaultSession
	storage.Binding `json:"lso"`
}

// shallow shares its claims with its clones.
type shallow struct {
	*openid.DefaultSession
	storage.Binding `json:"lso"`
}

func (s *shallow) Clone() fosite.Session { c := *s; return &c }

func TestNewNamesWhatIsWrong(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the point of the test
	if err != nil {
		t.Skipf("this Go makes no 1024-bit keys: %v", err)
	}
	longSecret := []byte("a secret of thirty-two bytes 0001")
	for name, c := range map[string]struct {
		change func(*compose.Config)
		want   string
	}{
		"http issuer":         {func(c *compose.Config) { c.Issuer = "http://op.example" }, "Issuer"},
		"issuer with slash":   {func(c *compose.Config) { c.Issuer = "https://op.example/" }, "Issuer"},
		"issuer as DID":       {func(c *compose.Config) { c.Issuer = "did:web:op.example" }, "Issuer"},
		"zero profile":        {func(c *compose.Config) { c.Profile = profile.Profile{} }, "SigningAlgs is empty"},
		"alg none":            {func(c *compose.Config) { c.Profile.SigningAlgs = append(c.Profile.SigningAlgs, "none") }, `"none"`},
		"alg HS256":           {func(c *compose.Config) { c.Profile.SigningAlgs = []profile.Alg{"HS256"} }, `"HS256"`},
		"code without JARM":   {func(c *compose.Config) { c.Profile.ResponseModes = []string{"fragment"} }, "ResponseTypes"},
		"no keys":             {func(c *compose.Config) { c.Keys = nil }, "Keys is nil"},
		"small key":           {func(c *compose.Config) { c.Keys = key.Signing(ecKey(t), small) }, "too small"},
		"key without its alg": {func(c *compose.Config) { c.Profile.PreferredSigningAlg = profile.PS256 }, "no key signs PS256"},
		"HMAC key":            {func(c *compose.Config) { c.Keys = key.Signing([]byte("secret")) }, "[]uint8"},
		"no storage":          {func(c *compose.Config) { c.Storage = nil }, "oauth2.CoreStorage"},
		"half a storage":      {func(c *compose.Config) { c.Storage = struct{ fosite.Storage }{} }, "oauth2.TokenRevocationStorage"},
		"no records":          {func(c *compose.Config) { c.Storage = struct{ fosite.Storage }{} }, "Records is nil"},
		"no session":          {func(c *compose.Config) { c.NewSession = nil }, "NewSession is nil"},
		"nil session":         {func(c *compose.Config) { c.NewSession = func() storage.Session { return nil } }, "it is nil"},
		"typed nil session":   {func(c *compose.Config) { c.NewSession = func() storage.Session { return (*lossy)(nil) } }, "nil *compose_test.lossy"},
		"empty session":       {func(c *compose.Config) { c.NewSession = func() storage.Session { return &cloneless{} } }, "nil *openid.DefaultSession"},
		"session loses JSON": {func(c *compose.Config) {
			c.NewSession = func() storage.Session { return &lossy{DefaultSession: openid.NewDefaultSession()} }
		}, "JSON into a fresh session loses Binding.IntentID"},
		"session loses Clone": {func(c *compose.Config) {
			c.NewSession = func() storage.Session { return &cloneless{DefaultSession: openid.NewDefaultSession()} }
		}, "Clone"},
		"session is shallow": {func(c *compose.Config) {
			c.NewSession = func() storage.Session { return &shallow{DefaultSession: openid.NewDefaultSession()} }
		}, "shallow"},
		"no Fosite":          {func(c *compose.Config) { c.Fosite = nil }, "Fosite is nil"},
		"short secret":       {func(c *compose.Config) { c.Fosite.GlobalSecret = longSecret[:31] }, "GlobalSecret has 31 bytes"},
		"debug to clients":   {func(c *compose.Config) { c.Fosite.SendDebugMessagesToClients = true }, "SendDebugMessagesToClients"},
		"long code":          {func(c *compose.Config) { c.Fosite.AuthorizeCodeLifespan = time.Hour }, "AuthorizeCodeLifespan 1h0m0s is longer"},
		"long token":         {func(c *compose.Config) { c.Fosite.AccessTokenLifespan = 61 * time.Minute }, "AccessTokenLifespan"},
		"endless refresh":    {func(c *compose.Config) { c.Fosite.RefreshTokenLifespan = -1 }, "RefreshTokenLifespan"},
		"plain PKCE":         {func(c *compose.Config) { c.Fosite.EnablePKCEPlainChallengeMethod = true }, "FAPI-5.2.2-18"},
		"another issuer":     {func(c *compose.Config) { c.Fosite.IDTokenIssuer = "https://other.example" }, "IDTokenIssuer"},
		"own scope strategy": {func(c *compose.Config) { c.Fosite.ScopeStrategy = fosite.HierarchicScopeStrategy }, "ScopeStrategy"},
		"own authentication": {func(c *compose.Config) {
			c.Fosite.ClientAuthenticationStrategy = (&fosite.Fosite{}).DefaultClientAuthenticationStrategy
		}, "ClientAuthenticationStrategy"},
		"duplicate handler": {func(c *compose.Config) {
			c.Factories = []fositecompose.Factory{fositecompose.OAuth2ClientCredentialsGrantFactory}
		}, "second handler of type *oauth2.ClientCredentialsGrantHandler"},
		"handler of nothing": {func(c *compose.Config) {
			c.Factories = []fositecompose.Factory{func(fosite.Configurator, any, any) any { return 7 }}
		}, "int is no handler"},
		"user mode needs salt": {func(c *compose.Config) { c.Profile.SubjectMode = profile.SubjectUser }, "PairwiseSalt"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good(t)
			c.change(&config)
			if _, err := compose.New(config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, got %v", c.want, err)
			}
		})
	}
}

func TestNewListsEverythingAtOnce(t *testing.T) {
	_, err := compose.New(compose.Config{})
	if err == nil {
		t.Fatal("the zero Config was taken")
	}
	for _, want := range []string{"Issuer", "profile", "Keys", "Fosite", "Storage", "Records", "NewSession"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

func TestNewLeavesTheHostsConfigurationAlone(t *testing.T) {
	config := good(t)
	host := *config.Fosite
	config.Fosite.AuthorizeCodeLifespan = 10 * time.Second
	if _, err := compose.New(config); err != nil {
		t.Fatal(err)
	}
	if len(config.Fosite.AuthorizeEndpointHandlers) != 0 || config.Fosite.ScopeStrategy != nil || config.Fosite.IDTokenIssuer != host.IDTokenIssuer {
		t.Errorf("the host's configuration became %+v", config.Fosite)
	}
}

// Sessions that a host hands in by mistake give an error, never a panic.
func TestUnusableSessions(t *testing.T) {
	provider, err := compose.New(good(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]fosite.Session{
		"nil": nil, "typed nil": (*storage.DefaultSession)(nil), "nothing embedded": &storage.DefaultSession{}, "no binding": openid.NewDefaultSession(),
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/oauth2/token", strings.NewReader("grant_type=client_credentials"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request, err := provider.NewAccessRequest(t.Context(), r, s)
			wantServerError(t, err)
			provider.WriteAccessError(t.Context(), httptest.NewRecorder(), request, err)
			_, _, err = provider.IntrospectToken(t.Context(), "token", fosite.AccessToken, s)
			wantServerError(t, err)
		})
	}
}

func wantServerError(t *testing.T, err error) {
	t.Helper()
	if fosite.ErrorToRFC6749Error(err).ErrorField != "server_error" || !strings.Contains(err.Error(), "session") {
		t.Errorf("got %v", err)
	}
}

// A request that did not come through the intake is refused by the guard, and
// by the token endpoint.
func TestForeignRequestersAreRefused(t *testing.T) {
	provider, err := compose.New(good(t))
	if err != nil {
		t.Fatal(err)
	}
	ar := fosite.NewAuthorizeRequest()
	ar.ResponseTypes = fosite.Arguments{"code", "id_token"}
	if _, err := provider.NewAuthorizeResponse(t.Context(), ar, storage.NewSession()); err == nil {
		t.Error("the guard let a foreign request through")
	}
	if _, err := provider.NewAccessResponse(t.Context(), fosite.NewAccessRequest(storage.NewSession())); err == nil {
		t.Error("the token endpoint let a foreign request through")
	}
	if _, err := provider.NewPushedAuthorizeRequest(t.Context(), httptest.NewRequest(http.MethodPost, "/par", nil)); err == nil {
		t.Error("Fosite's pushed requests are open")
	}
	for _, requester := range []fosite.AuthorizeRequester{nil, (*fosite.AuthorizeRequest)(nil)} {
		recorder := httptest.NewRecorder()
		provider.WriteAuthorizeError(t.Context(), recorder, requester, context.Canceled)
		if recorder.Code != http.StatusInternalServerError {
			t.Errorf("an error without requester: %d", recorder.Code)
		}
	}
}

func Example() {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	provider, err := compose.New(compose.Config{
		Issuer:     "https://op.example",
		Profile:    profile.MEFLSO(),
		Fosite:     &fosite.Config{GlobalSecret: []byte("thirty-two bytes of your own here")},
		Storage:    memory.New(memory.Config{NewSession: session}),
		Keys:       key.Signing(signer),
		NewSession: session,
	})
	if err != nil {
		panic(err) // names everything that is missing or contradictory
	}
	recorder := httptest.NewRecorder()
	provider.Endpoints().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	fmt.Println(recorder.Code)
	// Output: 200
}

// A host that returns one session for everybody would bind one client's tokens
// to another's intent.
func TestNewSessionIsNewEachTime(t *testing.T) {
	shared := storage.NewSession()
	config := good(t)
	config.NewSession = func() storage.Session { return shared }
	if _, err := compose.New(config); err == nil || !strings.Contains(err.Error(), "same session twice") {
		t.Errorf("got %v", err)
	}
}
