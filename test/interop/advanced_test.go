package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/test/harness"
)

// advancedSteps are what advanced.mjs does, in its order.
var advancedSteps = []string{
	"discovery", "metadata", "client_credentials", "no_certificate_refused", "pushed_request", "bad_push_refused", "signed_response",
	"request_uri_is_spent", "answers_refused", "code", "resource", "userinfo", "refresh",
	"refresh_with_another_certificate_refused", "introspection", "revocation", "inactive", "wrong_verifier_refused", "second_exchange_refused", "error_in_signed_response", "encrypted_request", "hybrid",
}

// bank is a client of FAPI 1.0 Advanced: with a certificate, and perhaps with
// a key that answers are encrypted to.
type bank struct {
	*harness.Buyer
	method      string
	certificate tls.Certificate
	enc         *gojose.JSONWebKey
	contentEnc  string
	// named registers the subject of the certificate also where another thing
	// authenticates the client, as NZ Banking wants it.
	named bool
}

// newBanks returns one client of each way to authenticate, and of each way to
// encrypt.
func newBanks(t *testing.T, ca *harness.CA) []*bank {
	t.Helper()
	var all []*bank
	for _, b := range []struct{ id, alg, method, keyEnc, contentEnc string }{
		{"tls-plain", "PS256", "tls_client_auth", "", ""},
		{"tls-rsa", "ES256", "tls_client_auth", "RSA-OAEP-256", "A256GCM"},
		{"jwt-plain", "ES256", "private_key_jwt", "", ""},
		{"jwt-ec", "PS256", "private_key_jwt", "ECDH-ES", "A128CBC-HS256"},
		{"jwt-rsa-cbc", "ES256", "private_key_jwt", "RSA-OAEP-256", "A256CBC-HS512"},
		{"self-signed-wrap", "ES256", "self_signed_tls_client_auth", "ECDH-ES+A256KW", "A128GCM"},
	} {
		made := &bank{Buyer: harness.NewBuyer(t, b.id, b.alg, ""), method: b.method, contentEnc: b.contentEnc}
		made.Scope, made.certificate = "openid accounts", ca.Issue(t, b.id)
		if b.method == "self_signed_tls_client_auth" {
			made.certificate = harness.SelfSigned(t, nil, b.id)
		}
		if b.keyEnc != "" {
			made.enc = &gojose.JSONWebKey{Key: newKey(t, b.keyEnc), KeyID: b.id + "-enc", Algorithm: b.keyEnc, Use: "enc"}
		}
		all = append(all, made)
	}
	return all
}

func newKey(t *testing.T, keyEnc string) crypto.PrivateKey {
	t.Helper()
	if keyEnc == "RSA-OAEP-256" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(t, err)
		return key
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func (b *bank) registration() harness.Claims {
	client := registration(b.Buyer)
	client["response_types"] = []string{"code id_token", "code"}
	client["token_endpoint_auth_method"], client["authorization_signed_response_alg"] = b.method, b.Alg
	client["tls_client_certificate_bound_access_tokens"] = true
	keys := client["jwks"].(gojose.JSONWebKeySet).Keys
	if b.named || b.method == "tls_client_auth" {
		client["tls_client_auth_subject_dn"] = "CN=" + b.ID
	}
	switch b.method {
	case "tls_client_auth":
		delete(client, "token_endpoint_auth_signing_alg")
	case "self_signed_tls_client_auth":
		delete(client, "token_endpoint_auth_signing_alg")
		leaf := b.certificate.Leaf
		keys = append(keys, gojose.JSONWebKey{Key: leaf.PublicKey, KeyID: b.ID + "-tls", Use: "sig", Certificates: []*x509.Certificate{leaf}})
	}
	if b.enc != nil {
		keys = append(keys, b.enc.Public())
		for _, answer := range []string{"id_token", "authorization"} {
			client[answer+"_encrypted_response_alg"] = b.enc.Algorithm
			if b.contentEnc != "A128CBC-HS256" { // which an alg alone means
				client[answer+"_encrypted_response_enc"] = b.contentEnc
			}
		}
	}
	client["jwks"] = gojose.JSONWebKeySet{Keys: keys}
	return client
}

func (b *bank) instructions(t *testing.T, op *harness.OP, other tls.Certificate) map[string]any {
	t.Helper()
	all := instructions(op, b.Buyer)
	all["name"], all["method"] = b.ID, b.method
	all["certificate"], all["other"] = inPEM(t, b.certificate), inPEM(t, other)
	all["thumbprint"] = mtls.Thumbprint(b.certificate.Leaf)
	if b.enc != nil {
		all["encryption"] = map[string]any{"alg": b.enc.Algorithm, "enc": b.contentEnc, "jwk": b.enc}
	}
	return all
}

func inPEM(t *testing.T, certificate tls.Certificate) map[string]string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	must(t, err)
	return map[string]string{
		"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})),
		"key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

// startOP starts the server with the profile and these clients.
func startOP(t *testing.T, profile string, ca *harness.CA, banks []*bank) *harness.OP {
	t.Helper()
	file := filepath.Join(t.TempDir(), "client-ca.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw}), 0o600))
	var clients []harness.Claims
	for _, b := range banks {
		clients = append(clients, b.registration())
	}
	return harness.StartOP(t, clients, "-store", "memory", "-auto-approve", "alice", "-profile", profile, "-client-ca", file)
}

// TestAdvanced runs openid-client with a client of each kind.
func TestAdvanced(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	folder := install(t)
	ca := harness.NewCA(t, "Clients")
	banks := newBanks(t, ca)
	op := startOP(t, "fapi1-advanced", ca, banks)
	certificate := certificateOf(t, op)
	for _, b := range banks {
		t.Run(b.ID, func(t *testing.T) {
			play(t, folder, "advanced.mjs", certificate, b.instructions(t, op, ca.Issue(t, "somebody else")), advancedSteps)
		})
	}
}
