package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// registerClients stores the clients of the file, all or, where one is wrong,
// none.
func registerClients(ctx context.Context, db *database, path string) error {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	clients, err := parseClients(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, client := range clients {
		if err := db.PutClient(ctx, client); err != nil {
			return err
		}
	}
	return nil
}

func parseClients(data []byte) ([]*storage.Client, error) {
	var clients []*storage.Client
	if err := json.Unmarshal(data, &clients); err != nil {
		return nil, fmt.Errorf("want a JSON array of clients: %w", err)
	}
	var errs []error
	seen := map[string]bool{}
	for i, client := range clients {
		if client == nil || client.ID == "" || seen[client.ID] {
			errs = append(errs, fmt.Errorf("client %d: the client_id is missing or there twice", i))
			continue
		}
		seen[client.ID] = true
		for _, check := range clientRules {
			if err := check(client); err != nil {
				errs = append(errs, fmt.Errorf("client %q: %w", client.ID, err))
			}
		}
	}
	return clients, errors.Join(errs...)
}

// clientRules are what a client must satisfy to be registered.
var clientRules = []func(*storage.Client) error{checkID, checkAuthMethod, checkKeys, checkRedirects}

func checkID(c *storage.Client) error {
	for _, r := range c.ID {
		if r < 0x20 || r > 0x7e {
			return errors.New("client_id has characters other than printable ASCII (RFC 6749 appendix A.1)")
		}
	}
	return nil
}

func checkAuthMethod(c *storage.Client) error {
	if m := c.TokenEndpointAuthMethod; m != "" && m != string(profile.PrivateKeyJWT) {
		return fmt.Errorf("token_endpoint_auth_method %q is not private_key_jwt", m)
	}
	return nil
}

func checkKeys(c *storage.Client) error {
	byValue := len(c.JWKS) > 0 && !bytes.Equal(c.JWKS, []byte("null"))
	switch {
	case byValue && c.JWKSURI != "":
		return errors.New("both jwks and jwks_uri are set (RFC 7591 §2)")
	case byValue:
		return checkJWKS(c.JWKS)
	case c.JWKSURI == "":
		return errors.New("neither jwks nor jwks_uri is set")
	}
	if u, err := url.Parse(c.JWKSURI); err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment != "" || u.User != nil {
		return errors.New("jwks_uri is no https URL")
	}
	return nil
}

func checkJWKS(raw json.RawMessage) error {
	var members struct {
		Keys []map[string]any `json:"keys"`
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal(raw, &members) != nil || json.Unmarshal(raw, &set) != nil || len(set.Keys) == 0 {
		return errors.New("jwks is no JWK Set with a key")
	}
	for _, key := range members.Keys {
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, ok := key[name]; ok {
				return errors.New("jwks holds a private key; give the public half, and make a new key")
			}
		}
	}
	return nil
}

func checkRedirects(c *storage.Client) error {
	for _, raw := range c.RedirectURIs {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(raw, "#") {
			return fmt.Errorf("redirect_uri %q is no https URL without fragment", raw)
		}
	}
	return nil
}
