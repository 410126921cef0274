package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// What discovery says of client authentication and encryption, compared with
// what the server does.

var authMethods = []string{
	"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "client_secret_basic", "client_secret_post", "client_secret_jwt", "none",
}

// tries reports whether a client that registered the method gets in by it.
func tries(t *testing.T, h truth, ca *harness.CA, method string) bool {
	t.Helper()
	b := harness.NewBuyer(t, "buyer-"+method, "ES256", h.Issuer)
	b.Speak(h.profile)
	cert := ca.Issue(t, b.ID)
	changes := []harness.Change{harness.Set("token_endpoint_auth_method", method)}
	switch method {
	case "tls_client_auth":
		changes = append(changes, harness.Set("tls_client_auth_subject_dn", "CN="+b.ID))
	case "self_signed_tls_client_auth":
		cert = harness.SelfSigned(t, nil, b.ID)
		changes = append(changes, harness.Set("jwks", harness.CertificateSet(cert)))
	}
	h.Register(t, b, changes...)
	form := url.Values{"token": {"x"}, "client_id": {b.ID}}
	switch method {
	case "private_key_jwt", "client_secret_jwt":
		b.Authenticated(form)
	case "client_secret_post", "client_secret_basic":
		form.Set("client_secret", "secret")
	}
	return h.As(t, cert).Post(t, h.Introspect, form).Status == http.StatusOK
}

func TestDiscoveryOfAuthentication(t *testing.T) {
	for name, preset := range presets {
		for anchored, ca := range map[string]*harness.CA{"with authorities": harness.NewCA(t, "Trust"), "without": nil} {
			t.Run(name+"/"+anchored, func(t *testing.T) {
				p := preset()
				h := harness.StartMTLS(t, p, nil, func(c *compose.Config) {
					c.PairwiseSalt, c.Keys = harness.Secret, keysFor(t, p)
					if ca != nil {
						c.ClientCAs = ca.Pool()
					}
				})
				issuer := ca
				if issuer == nil {
					issuer = harness.NewCA(t, "Nobody")
				}
				s := truth{Host: h, profile: p, document: discovered(t, h)}
				for _, list := range []string{"token_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported"} {
					s.compare(t, list, authMethods, func(method string) bool { return tries(t, s, issuer, method) })
				}
			})
		}
	}
}

func discovered(t *testing.T, h *harness.Host) harness.Claims {
	t.Helper()
	response, err := h.HTTP.Get(h.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadJSON(t, response).Body
}

var (
	keyEncAlgs     = []string{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "RSA1_5", "dir", "A256KW"}
	contentEncAlgs = []string{"A256GCM", "A128GCM", "A256CBC-HS512", "A128CBC-HS256", "A192GCM", "A192CBC-HS384"}
)

func TestDiscoveryOfEncryption(t *testing.T) {
	for name, preset := range presets {
		t.Run(name, func(t *testing.T) {
			p := preset()
			h := harness.StartHost(t, p, nil, func(c *compose.Config) {
				c.PairwiseSalt = harness.Secret
				c.Keys = encryptingKeys(t, p)
			})
			b := harness.NewBuyer(t, "buyer-a", "ES256", h.Issuer)
			b.Speak(p)
			h.Register(t, b)
			s := truth{Host: h, b: b, profile: p, document: discovered(t, h)}
			s.compare(t, "request_object_encryption_alg_values_supported", keyEncAlgs[:6], func(alg string) bool {
				return s.sends(t, alg, "A128CBC-HS256")
			})
			s.compare(t, "request_object_encryption_enc_values_supported", contentEncAlgs, func(enc string) bool {
				return s.sends(t, "RSA-OAEP-256", enc)
			})
			s.compare(t, "id_token_encryption_alg_values_supported", keyEncAlgs, func(alg string) bool { return s.gets(t, alg, "A128CBC-HS256") })
			s.compare(t, "id_token_encryption_enc_values_supported", contentEncAlgs, func(enc string) bool { return s.gets(t, "RSA-OAEP-256", enc) })
		})
	}
}

// encryptingKeys are the profile's signing keys and one decryption key for
// each of its algorithms.
func encryptingKeys(t *testing.T, p profile.Profile) key.Source {
	t.Helper()
	var keys []any
	for _, alg := range p.SigningAlgs {
		keys = append(keys, harness.NewBuyer(t, "op", string(alg), harness.Issuer).Key)
	}
	for alg, private := range decryption(t) {
		if slices.Contains(p.KeyEncAlgs, alg) {
			keys = append(keys, key.Decryption{ID: "enc-" + string(alg), Alg: alg, Key: private})
		}
	}
	return key.Signing(keys...)
}

// sends reports whether a request object with this encryption is taken. Where
// the server has no key for the alg, one of another alg is used all the same.
func (h truth) sends(t *testing.T, alg, enc string) bool {
	t.Helper()
	if !h.profile.AcceptJWE {
		return false // nothing to encrypt to is published
	}
	kid := "enc-RSA-OAEP-256"
	if h.profile.AcceptsKeyEnc(alg) {
		kid = "enc-" + alg
	} else if alg != "RSA1_5" {
		return false // an EC key is not published either
	}
	object := h.b.Object(h.NewIntent(t, h.b, "once"))
	return h.Approve(t, h.URL(h.b, encrypt(t, published(t, h.Host, kid), alg, enc, object, "JWT"))).Params.Get("code") != ""
}

// gets reports whether a client that registered this encryption gets a code
// with an ID Token.
func (h truth) gets(t *testing.T, alg, enc string) bool {
	t.Helper()
	reader(t, h.Host, h.b, alg, enc, "id_token")
	return h.Approve(t, h.URL(h.b, h.b.Object(h.NewIntent(t, h.b, "once")))).Params.Get("code") != ""
}
