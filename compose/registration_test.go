package compose_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	directory = "https://directory.lso.example"
	registry  = "did:web:registry.example"
)

// registering is a configuration with registration that New takes.
func registering(t testing.TB) compose.Config {
	t.Helper()
	c := good(t)
	c.Registration = &compose.Registration{
		Directories: []string{directory}, IssuerKeys: map[string]credential.KeySet{directory: {JWKSURI: directory + "/jwks"}},
		Credentials: credential.Policy{Anchors: []string{registry}},
	}
	return c
}

func admitAll(context.Context, *http.Request, string) error { return nil }

func acceptAll(context.Context, credential.Binding) (bool, error) { return true, nil }

func entityOff(c *compose.Config) {
	p := &c.Profile
	p.EntityCredential, p.RequireCredentialStatus, p.MaxCredentialChain, p.TTL.StatusMaxAge = profile.EntityOff, false, 0, 0
}

// bare takes the directories away.
func bare(c *compose.Config) { c.Registration.Directories, c.Registration.IssuerKeys = nil, nil }

func TestNewTakesRegistration(t *testing.T) {
	for name, change := range map[string]func(*compose.Config){
		"as it is": func(*compose.Config) {},
		"another store for the clients": func(c *compose.Config) {
			c.Registration.Clients = memory.New(memory.Config{NewSession: session})
		},
		"whom Admit lets in": func(c *compose.Config) {
			bare(c)
			c.Registration.StatementOptional, c.Registration.Admit = true, admitAll
		},
		"who shows a credential": func(c *compose.Config) {
			bare(c)
			c.Registration.StatementOptional, c.Profile.EntityCredential = true, profile.EntityRequired
		},
		"who issues his own credential": func(c *compose.Config) {
			c.Profile.EntityCredential = profile.EntityRequired
			c.Registration.Credentials = credential.Policy{AcceptSelfIssued: acceptAll}
		},
		"no anchors where credentials are optional": func(c *compose.Config) { c.Registration.Credentials.Anchors = nil },
		"no credentials": func(c *compose.Config) {
			entityOff(c)
			c.Registration.Credentials.Anchors = nil
		},
		"a directory that is a DID": func(c *compose.Config) {
			c.Registration.Directories, c.Registration.IssuerKeys = []string{registry}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := registering(t)
			change(&config)
			if _, err := compose.New(config); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewNamesWhatIsWrongWithRegistration(t *testing.T) {
	const own = "Credentials has MaxChain, StatusOptional or StatusMaxAge; they are the profile's MaxCredentialChain, RequireCredentialStatus and TTL.StatusMaxAge"
	for name, c := range map[string]struct {
		change func(*compose.Config)
		want   string
	}{
		"a storage that keeps no clients": {func(c *compose.Config) { c.Storage = struct{ fosite.Storage }{} },
			"Clients is nil and Storage does not implement storage.Registrar"},
		"open to anybody": {func(c *compose.Config) { c.Registration.StatementOptional = true },
			"StatementOptional without Admit would let anybody register; give Admit, or let the profile's EntityCredential be required"},
		"open to nobody":             {bare, "Directories is empty, so that no software statement would be accepted"},
		"the profile's chain":        {func(c *compose.Config) { c.Registration.Credentials.MaxChain = 1 }, own},
		"the profile's status":       {func(c *compose.Config) { c.Registration.Credentials.StatusOptional = true }, own},
		"the profile's age":          {func(c *compose.Config) { c.Registration.Credentials.StatusMaxAge = time.Minute }, own},
		"anchors of no use":          {entityOff, "Credentials has Anchors, but the profile's EntityCredential is off"},
		"required and never trusted": {neverTrusted, "Credentials has no Anchors, but the profile's EntityCredential is required"},
		"a directory without keys": {func(c *compose.Config) { c.Registration.IssuerKeys = nil },
			`IssuerKeys must have the keys of "` + directory + `", unless it is a DID`},
		"an anchor without keys": {func(c *compose.Config) { c.Registration.Credentials.Anchors = []string{"https://registry.example"} },
			`IssuerKeys must have the keys of "https://registry.example", unless it is a DID`},
		"keys of a DID beside its document": {func(c *compose.Config) { c.Registration.IssuerKeys[registry] = c.Registration.IssuerKeys[directory] },
			`IssuerKeys must have the keys of "` + registry + `", unless it is a DID`},
		"keys in two places": {keysOf(credential.KeySet{JWKSURI: directory + "/jwks", JWKS: json.RawMessage(`{"keys":[]}`)}),
			`IssuerKeys: credential: issuer "` + directory + `" has not one of jwks and jwks_uri`},
		"keys in no place":         {keysOf(credential.KeySet{}), `has not one of jwks and jwks_uri`},
		"keys that cannot be read": {keysOf(credential.KeySet{JWKS: json.RawMessage(`<html>`)}), `IssuerKeys: credential: issuer "` + directory + `": `},
	} {
		t.Run(name, func(t *testing.T) {
			config := registering(t)
			c.change(&config)
			if _, err := compose.New(config); err == nil || !strings.Contains(err.Error(), "compose: Registration.") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, got %v", c.want, err)
			}
		})
	}
}

func neverTrusted(c *compose.Config) {
	c.Profile.EntityCredential, c.Registration.Credentials.Anchors = profile.EntityRequired, nil
}

func keysOf(set credential.KeySet) func(*compose.Config) {
	return func(c *compose.Config) { c.Registration.IssuerKeys = map[string]credential.KeySet{directory: set} }
}

// The whole of it at once, a line each.
func TestNewListsAllThatIsWrongWithRegistration(t *testing.T) {
	config := registering(t)
	neverTrusted(&config)
	config.Registration.Credentials.MaxChain, config.Registration.IssuerKeys = 1, nil
	_, err := compose.New(config)
	if err == nil || strings.Count(err.Error(), "compose: Registration.") != 3 {
		t.Errorf("got %v", err)
	}
}

// The provider has a copy of its own.
func TestNewLeavesTheHostsRegistrationAlone(t *testing.T) {
	config := registering(t)
	if _, err := compose.New(config); err != nil {
		t.Fatal(err)
	}
	if r := config.Registration; r.Clients != nil || r.Credentials.MaxChain != 0 || r.Credentials.Onboarded != nil {
		t.Errorf("the host's configuration became %+v", r)
	}
}
