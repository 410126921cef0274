package e2e

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/ory/fosite"
	"golang.org/x/crypto/bcrypt"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// The NZ profile knows the client of the TLS session.
func TestNZClientOfTheSession(t *testing.T) {
	s := secure(t, profile.NZBanking(), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	for name, cert := range map[string]tls.Certificate{
		"NZ-5.2.2-5c/another client's": s.ca.Issue(t, "buyer-b"), "NZ-5.2.2-5c/another authority's": harness.NewCA(t, "Trust").Issue(t, "buyer-a"),
	} {
		t.Run(name, func(t *testing.T) {
			client, form := s.As(t, cert), s.b.Authenticated(ownBehalf("quote"))
			refused(t, client.Post(t, client.Token, form), 401, "invalid_client")
			own := s.As(t, s.cert)
			s.bound(t, own.Post(t, own.Token, form), s.cert) // the assertion was not used up
		})
	}
}

// C-15: the methods are those of the profile.
func TestMethodsOfTheProfile(t *testing.T) {
	method, jwks := harness.Set("token_endpoint_auth_method", "self_signed_tls_client_auth"), harness.SelfSigned(t, nil, "x")
	s := secure(t, profile.NZBanking(), method, harness.Set("jwks", harness.CertificateSet(jwks)))
	t.Run("C-15/self_signed_tls_client_auth is not in NZ", func(t *testing.T) {
		client := s.As(t, jwks)
		refused(t, client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote"))), 401, "invalid_client")
	})
	s.Register(t, s.b, harness.Set("token_endpoint_auth_method", "tls_client_auth"), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
	client := s.As(t, s.cert)
	t.Run("NZ-5.2.2-5a/tls_client_auth", func(t *testing.T) {
		r := client.Post(t, client.Token, withTLS(s.b.ID, ownBehalf("quote")))
		if r.Status != 200 {
			t.Error(r.Raw)
		}
	})
	for _, name := range []string{"client_secret_post", "client_secret_basic", "client_secret_jwt", "none"} {
		t.Run("FAPI-5.2.2-14/"+name, func(t *testing.T) {
			s.Register(t, s.b, harness.Set("token_endpoint_auth_method", name), harness.Set("tls_client_auth_subject_dn", "CN=buyer-a"))
			form := withTLS(s.b.ID, ownBehalf("quote"))
			refused(t, client.Post(t, client.Token, form), 401, "invalid_client")
			form.Set("client_secret", "secret")
			refused(t, client.Post(t, client.Token, form), 401, "invalid_client")
			refused(t, client.Post(t, client.Token, s.b.Authenticated(ownBehalf("quote"))), 401, "invalid_client")
		})
	}
}

// New refuses a profile whose methods it does not have.
func TestMethodsThatAreNotThere(t *testing.T) {
	p := profile.NZBanking()
	p.ClientAuthMethods = append(p.ClientAuthMethods, profile.ClientSecretJWT)
	if _, err := compose.New(compose.Config{Profile: p}); err == nil || !strings.Contains(err.Error(), "client_secret_jwt") {
		t.Errorf("got %v", err)
	}
	p = profile.FAPI1Advanced()
	p.ClientAuthMethods = []profile.AuthMethod{profile.TLSClientAuth}
	if _, err := compose.New(compose.Config{Profile: p}); err == nil || !strings.Contains(err.Error(), "ClientCAs") {
		t.Errorf("got %v", err)
	}
}

// secretClients gives each client a secret.
type secretClients struct {
	*memory.Store
	hash []byte
}

type secretClient struct {
	*storage.Client
	hash []byte
}

func (c *secretClient) GetHashedSecret() []byte { return c.hash }

func (s *secretClients) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	client, err := s.Store.GetClient(ctx, id)
	if err != nil {
		return nil, err
	}
	return &secretClient{client.(*storage.Client), s.hash}, nil
}

func TestNZClientSecret(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("s3cret:with+signs"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p, ca := profile.NZBanking(), harness.NewCA(t, "Trust")
	p.ClientAuthMethods = append(p.ClientAuthMethods, profile.ClientSecretBasic, profile.ClientSecretPost)
	h := harness.StartMTLS(t, p, &secretClients{memory.New(memory.Config{NewSession: harness.NewSession}), hash}, func(c *compose.Config) { c.ClientCAs = ca.Pool() })
	dn := harness.Set("tls_client_auth_subject_dn", "CN=buyer-a")
	post, basic := harness.NewBuyer(t, "buyer-post", "ES256", h.Issuer), harness.NewBuyer(t, "buyer-basic", "ES256", h.Issuer)
	bare := harness.NewBuyer(t, "buyer-bare", "ES256", h.Issuer)
	h.Register(t, post, dn, harness.Set("token_endpoint_auth_method", "client_secret_post"))
	h.Register(t, basic, dn, harness.Set("token_endpoint_auth_method", "client_secret_basic"))
	h.Register(t, bare, harness.Set("token_endpoint_auth_method", "client_secret_post"))
	form := func(id, secret string) url.Values {
		f := withTLS(id, ownBehalf("quote"))
		f.Set("client_secret", secret)
		return f
	}
	header := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	own, other := h.As(t, ca.Issue(t, "buyer-a")), h.As(t, ca.Issue(t, "buyer-b"))
	if r := own.Post(t, own.Token, form(post.ID, "s3cret:with+signs")); r.Status != 200 {
		t.Errorf("post: %s", r.Raw)
	}
	if r := sendForm(t, own, ownBehalf("quote"), "Authorization", header(basic.ID, "s3cret:with+signs")); r.Status != 200 {
		t.Errorf("basic: %s", r.Raw)
	}
	refused(t, other.Post(t, other.Token, form(post.ID, "s3cret:with+signs")), 401, "invalid_client")
	refused(t, h.Post(t, h.Token, form(post.ID, "s3cret:with+signs")), 401, "invalid_client")
	refused(t, own.Post(t, own.Token, form(post.ID, "wrong")), 401, "invalid_client")
	refused(t, own.Post(t, own.Token, form(post.ID, "")), 401, "invalid_client")
	refused(t, own.Post(t, own.Token, form(basic.ID, "s3cret:with+signs")), 401, "invalid_client")
	refused(t, own.Post(t, own.Token, form(bare.ID, "s3cret:with+signs")), 401, "invalid_client")
	for _, r := range []harness.Response{
		sendForm(t, other, ownBehalf("quote"), "Authorization", header(basic.ID, "s3cret:with+signs")),
		sendForm(t, own, ownBehalf("quote"), "Authorization", header(basic.ID, "wrong")),
		sendForm(t, own, ownBehalf("quote"), "Authorization", header("nobody", "s3cret:with+signs")),
		sendForm(t, own, ownBehalf("quote"), "Authorization", "Basic !"),
	} {
		if r.Status != 401 || r.Body["error"] != "invalid_client" || r.Header.Get("WWW-Authenticate") != "Basic" {
			t.Errorf("got %d %s %v", r.Status, r.Raw, r.Header)
		}
	}
	refused(t, sendForm(t, own, form(post.ID, "s3cret:with+signs"), "Authorization", header(post.ID, "s3cret:with+signs")), 400, "invalid_request")
}
