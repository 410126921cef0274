package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v3"
)

// Config names the server and what the engine needs to be its clients. Files
// are relative to the configuration's own folder.
type Config struct {
	Issuer  string `json:"issuer"`
	Profile string `json:"profile"`
	// CA is a PEM file with the authorities to trust; without it, the system's.
	CA string `json:"ca"`
	// Clients are two clients, registered alike and in two trust domains.
	Clients []ClientConfig `json:"clients"`
	// TLSClient authenticates by tls_client_auth; rows that need it are left
	// out where there is none.
	TLSClient *ClientConfig `json:"tls_client"`
	// MTLS shows a certificate in each good request of a client.
	MTLS    bool         `json:"mtls"`
	Intent  IntentConfig `json:"intent"`
	Approve Approval     `json:"approve"`
	// Resource is the URL of a protected GET for a token of a user.
	Resource string `json:"resource"`
	// API is the base of the MEF LSO API, where there is one.
	API string `json:"api"`
	// Registration is for a server at which clients register themselves; rows
	// that need it are left out where there is none.
	Registration *RegistrationConfig `json:"registration"`
	// CanaryListen and CanaryURL are where the engine waits for requests that
	// the server must never send. The default is a free loopback port.
	CanaryListen string `json:"canary_listen"`
	CanaryURL    string `json:"canary_url"`

	roots *x509.CertPool
}

// ClientConfig is a registered client.
type ClientConfig struct {
	ID          string          `json:"client_id"`
	RedirectURI string          `json:"redirect_uri"`
	Scope       string          `json:"scope"`
	JWKS        json.RawMessage `json:"jwks"` // private keys; the first signs
	Certificate string          `json:"certificate"`
	Key         string          `json:"key"`
}

// IntentConfig tells how an intent comes about: lodged at a URL with a token
// of the client's own, or taken from a list that somebody made before. Neither
// means a profile without intents.
type IntentConfig struct {
	// Claim is the name of the claim that names an intent.
	Claim string `json:"claim"`
	URL   string `json:"url"`
	Scope string `json:"scope"`
	// Body is posted; RepeatedBody is for an intent that gives refresh tokens.
	Body         json.RawMessage `json:"body"`
	RepeatedBody json.RawMessage `json:"repeated_body"`
	// ID is the path to the id in the answer.
	ID []string `json:"id"`
	// IDs are intents per client_id; each is used once.
	IDs map[string][]string `json:"ids"`
}

// Approval tells how the user approves.
type Approval struct {
	// Auto: the server approves without asking.
	Auto bool `json:"auto"`
	// Username and Password go into the first form that has a password field;
	// Decision is the value of the button of the form after it.
	Username      string `json:"username"`
	Password      string `json:"password"`
	UsernameField string `json:"username_field"`
	Decision      string `json:"decision"`
}

func readConfig(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	c := &Config{}
	if err := decoder.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if c.Issuer == "" || c.Profile == "" || len(c.Clients) != 2 {
		return nil, fmt.Errorf("%s: issuer, profile or one of the two clients is missing", file)
	}
	c.locate(filepath.Dir(file))
	return c, c.readCA()
}

// locate makes the names of files relative to the folder.
func (c *Config) locate(dir string) {
	files := []*string{&c.CA}
	for i := range c.Clients {
		files = append(files, &c.Clients[i].Certificate, &c.Clients[i].Key)
	}
	if c.TLSClient != nil {
		files = append(files, &c.TLSClient.Certificate, &c.TLSClient.Key)
	}
	if c.Registration != nil && c.Registration.Web != nil {
		files = append(files, &c.Registration.Web.Certificate, &c.Registration.Web.Key)
	}
	for _, file := range files {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
}

func (c *Config) readCA() error {
	if c.CA == "" {
		return nil
	}
	data, err := os.ReadFile(c.CA)
	if err != nil {
		return err
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(data) {
		return errors.New(c.CA + " has no certificate")
	}
	return nil
}

// Client is a client with its keys.
type Client struct {
	ClientConfig
	keys []jose.JSONWebKey
	cert *tls.Certificate // nil: it has none
}

func (c ClientConfig) load() (*Client, error) {
	var set jose.JSONWebKeySet
	if len(c.JWKS) > 0 {
		if err := json.Unmarshal(c.JWKS, &set); err != nil {
			return nil, fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	client := &Client{ClientConfig: c, keys: set.Keys}
	if c.Certificate == "" {
		return client, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", c.ID, err)
	}
	client.cert = &pair
	return client, nil
}

// key returns the private key for the algorithm, nil if there is none. RS256
// and PS256 are done with one key.
func (c *Client) key(alg string) *jose.JSONWebKey {
	for i := range c.keys {
		own := c.keys[i].Algorithm
		if alg == "" || own == alg || own == "PS256" && alg == "RS256" || own == "EdDSA" && alg == "Ed25519" {
			return &c.keys[i]
		}
	}
	return nil
}
