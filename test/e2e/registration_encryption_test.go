package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// What is for a DID client alone is encrypted to a key under keyAgreement of its
// document, which in turn signs nothing.
func TestRegisteredDIDKeyAgreement(t *testing.T) {
	w := startApplying(t, profile.MEFLSO())
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kid := w.a.ID + "#enc-1"
	publish := func(relationship string) {
		document := harness.Document(w.a.Holder, w.a.Redirect)
		document["verificationMethod"] = append(document["verificationMethod"].([]harness.Claims), harness.Claims{
			"id": kid, "type": "JsonWebKey2020", "controller": w.a.ID, "publicKeyJwk": gojose.JSONWebKey{Key: secret.Public()},
		})
		document[relationship] = []string{kid}
		w.Registry.Publish(t, w.a.Name, document)
	}
	body := func() harness.Claims {
		b := ofDID(t, w)
		b["id_token_encrypted_response_alg"], b["id_token_encrypted_response_enc"] = "ECDH-ES", "A256GCM"
		return b
	}
	t.Run("MEF-D1/none to encrypt to", func(t *testing.T) {
		publish("capabilityInvocation")
		w.refuses(t, w.send(t, body()), "FAPI-8.6.1", badMetadata)
	})
	t.Run("MEF-D1/encrypted to it", func(t *testing.T) {
		publish("keyAgreement")
		w.late.Add(remembered)
		w.takes(t, body())
		in := w.NewIntent(t, w.a.Buyer, "once")
		answer := w.Approve(t, w.URL(w.a.Buyer, w.a.Object(in)))
		object, err := gojose.ParseEncrypted(answer.Params.Get("id_token"))
		if err != nil {
			t.Fatal(err, answer.Params)
		}
		if object.Header.KeyID != kid || object.Header.Algorithm != "ECDH-ES" {
			t.Errorf("header %+v", object.Header)
		}
		text, err := object.Decrypt(secret)
		if err != nil {
			t.Fatal(err)
		}
		want(t, verified(t, w.Host, w.a.Buyer, string(text), "ES256"), harness.Claims{"sub": in, "aud": w.a.ID})

		forger := *w.a.Buyer
		forger.Kid, forger.Key = kid, secret
		refused(t, w.Post(t, w.Token, forger.Authenticated(ownBehalf("quote"))), http.StatusUnauthorized, "invalid_client")
	})
}
