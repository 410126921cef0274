package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// registerClients stores the clients of the file, all or, where one is wrong,
// none.
func registerClients(ctx context.Context, db *database, o *options) error {
	data, err := os.ReadFile(o.clients)
	if err != nil {
		return err
	}
	clients, err := parseClients(data, o.authMethods())
	if err != nil {
		return fmt.Errorf("%s: %w", o.clients, err)
	}
	for _, client := range clients {
		if err := db.PutClient(ctx, client); err != nil {
			return err
		}
	}
	return nil
}

// authMethods are how clients may authenticate.
func (o *options) authMethods() []profile.AuthMethod {
	return slices.DeleteFunc(slices.Clone(o.profile.ClientAuthMethods), func(m profile.AuthMethod) bool {
		return m == profile.TLSClientAuth && o.clientCA == ""
	})
}

func parseClients(data []byte, methods []profile.AuthMethod) ([]*storage.Client, error) {
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
		for _, err := range []error{checkID(client), checkAuthMethod(client, methods), checkSubject(client), checkKeys(client), checkRedirects(client)} {
			if err != nil {
				errs = append(errs, fmt.Errorf("client %q: %w", client.ID, err))
			}
		}
	}
	return clients, errors.Join(errs...)
}

func checkID(c *storage.Client) error {
	for _, r := range c.ID {
		if r < 0x20 || r > 0x7e {
			return errors.New("client_id has characters other than printable ASCII (RFC 6749 appendix A.1)")
		}
	}
	return nil
}

func checkAuthMethod(c *storage.Client, methods []profile.AuthMethod) error {
	if m := authMethod(c); !slices.Contains(methods, m) {
		return fmt.Errorf("token_endpoint_auth_method %q is none of %v (tls_client_auth needs -client-ca)", m, methods)
	}
	return nil
}

// authMethod: the library takes private_key_jwt where nothing is registered.
func authMethod(c *storage.Client) profile.AuthMethod {
	if c.TokenEndpointAuthMethod == "" {
		return profile.PrivateKeyJWT
	}
	return profile.AuthMethod(c.TokenEndpointAuthMethod)
}

// checkSubject compares with a certificate of nobody, so that the only thing
// that can be wrong is the registration.
func checkSubject(c *storage.Client) error {
	if authMethod(c) != profile.TLSClientAuth && !mtls.HasSubject(&c.ClientMetadata) {
		return nil
	}
	if err := mtls.MatchSubject(&x509.Certificate{}, &c.ClientMetadata); errors.Is(err, mtls.ErrRegistration) {
		return err
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
