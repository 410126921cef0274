package relyingparty_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"net/url"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// The request object goes to a key that the Seller publishes for encryption.
func TestEncryptedRequest(t *testing.T) {
	s := newSeller(t, "ES256")
	rs, ec := rsaKey(t), ecKey(t)
	s.encKeys = []gojose.JSONWebKey{
		{Key: rs.Public(), KeyID: "as-enc-rsa", Use: "enc", Algorithm: "RSA-OAEP-256"}, {Key: ec.Public(), KeyID: "as-enc-ec", Use: "enc"},
	}
	for _, test := range []struct {
		alg profile.KeyEncAlg
		enc profile.ContentEncAlg
		kid string
		key any
	}{{profile.RSAOAEP256, profile.A256GCM, "as-enc-rsa", rs}, {profile.ECDHES, "", "as-enc-ec", ec}} {
		for _, par := range []bool{false, true} {
			c := s.client(t, func(config *relyingparty.Config) {
				config.RequestEncryption, config.PAR = relyingparty.Encryption{Alg: test.alg, Enc: test.enc}, par
			})
			link, _, err := c.Begin(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(link)
			raw := u.Query().Get("request")
			if par {
				raw = s.pushed[len(s.pushed)-1].Get("request")
			}
			token, err := gojose.ParseEncrypted(raw)
			if err != nil {
				t.Fatal(err)
			}
			inner, err := token.Decrypt(test.key)
			if err != nil || token.Header.KeyID != test.kid || token.Header.ExtraHeaders["cty"] != "JWT" {
				t.Fatal(token.Header, err)
			}
			if _, payload := decodeJWT(t, string(inner)); payload["client_id"] != clientID {
				t.Errorf("%v", payload)
			}
		}
	}
	s.encKeys = nil
	c := s.client(t, func(config *relyingparty.Config) { config.RequestEncryption.Alg = profile.RSAOAEP })
	if link, _, err := c.Begin(t.Context(), request); err == nil || link != "" {
		t.Error("without a key of the Seller's:", link, err)
	}
}

func TestNewRefusesKeys(t *testing.T) {
	s := newSeller(t, "ES256")
	own, small := rsaKey(t), ecKey(t)
	x, _ := ecdh.X25519().GenerateKey(rand.Reader)
	for name, change := range map[string]func(*relyingparty.Config){
		"no key": func(c *relyingparty.Config) { c.IDTokenEncryption = encryption },
		"key of another": func(c *relyingparty.Config) {
			c.ResponseEncryption, c.Decryption = encryption, []key.Decryption{{Key: small}}
		},
		"signs too":      func(c *relyingparty.Config) { c.Signer, c.Decryption = small, []key.Decryption{{Key: small}} },
		"kid twice":      func(c *relyingparty.Config) { c.Decryption = []key.Decryption{{ID: "e", Key: own}, {ID: "e", Key: x}} },
		"kid of signer":  func(c *relyingparty.Config) { c.Decryption = []key.Decryption{{ID: "tpp-sig-1", Key: own}} },
		"no private key": func(c *relyingparty.Config) { c.Decryption = []key.Decryption{{Key: own.Public()}} },
		"RSA1_5":         func(c *relyingparty.Config) { c.RequestEncryption.Alg = "RSA1_5" },
		"enc alone":      func(c *relyingparty.Config) { c.RequestEncryption.Enc = profile.A256GCM },
		"A192GCM": func(c *relyingparty.Config) {
			c.RequestEncryption = relyingparty.Encryption{Alg: profile.RSAOAEP, Enc: "A192GCM"}
		},
		"profile without": func(c *relyingparty.Config) {
			c.Profile, c.RequestEncryption = new(profile.NZBanking()), encryption
		},
	} {
		if _, err := tryClient(t, s, change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
