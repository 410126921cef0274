package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/did"
)

// identifierSteps are what identifiers.mjs does, in its order.
var identifierSteps = []string{"web", "web_refused", "key", "jwk", "made"}

// published is a DID whose document is on the site.
type published struct {
	DID      string          `json:"did"`
	Document json.RawMessage `json:"document"`
}

// resolved is a DID with the identifier of its key, and the key's thumbprint
// (RFC 7638).
type resolved struct {
	DID        string `json:"did"`
	Kid        string `json:"kid"`
	Thumbprint string `json:"thumbprint,omitempty"`
}

// TestIdentifiers: for a DID the resolvers of others find what ours finds, and
// ours finds the keys in the DIDs that they made.
func TestIdentifiers(t *testing.T) {
	if testing.Short() {
		t.Skip("installs npm packages")
	}
	s := newSite(t)
	documents, keys := s.documents(), publicKeys(t)
	web := []published{
		s.resolve(t, documents, s.party(t, "", "", "ES256", did.Authentication), "/.well-known/did.json"),
		s.resolve(t, documents, s.party(t, ":buyer:eu", "/buyer/eu", "EdDSA", did.Authentication), "/buyer/eu/did.json"),
		s.resolve(t, documents, s.party(t, ":caf%C3%A9", "/café", "PS256", did.Authentication), "/caf%C3%A9/did.json"),
	}
	s.publish("/thief/did.json", string(web[0].Document))
	for below, want := range map[string]error{":thief": did.ErrInvalid, ":nobody": did.ErrNotFound} {
		t.Run("refused/"+below[1:], func(t *testing.T) {
			_, err := documents.Resolve(t.Context(), parse(t, s.did(below)))
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	ours := s.log()
	got := run(t, install(t), "identifiers.mjs", s.certificate(t), map[string]any{
		"name": "did", "web": web, "refused": []string{s.did(":thief"), s.did(":nobody")},
		"key": vectors(t, documents), "jwk": jwkDIDs(t, documents, keys), "make": keys,
	})
	var made struct{ Key, JWK map[string]resolved }
	wantMade(t, got, "did", identifierSteps, &made)
	t.Run("the same URLs", func(t *testing.T) {
		if theirs := s.log()[len(ours):]; !slices.Equal(sorted(theirs), sorted(ours)) {
			t.Errorf("%q, want %q", theirs, ours)
		}
	})
	// No well-kept package has did:key with RSA. The tests of package did have
	// vectors of it.
	wantKeys(t, documents, made.Key, keys, "Ed25519", "P-256", "P-384", "P-521")
	wantKeys(t, documents, made.JWK, keys, "Ed25519", "P-256", "P-384", "P-521", "RSA")
}

// resolve resolves the party's DID, which has to lead to its key by one request
// for this path.
func (s *site) resolve(t *testing.T, documents *did.Cache, p *party, path string) published {
	t.Helper()
	before := len(s.log())
	if got := find(t, documents, p.ID, p.Kid); got != thumbprint(t, p.Key.Public()) {
		t.Errorf("%s: another key", p.ID)
	}
	if asked := s.log()[before:]; !slices.Equal(asked, []string{s.url(path)}) {
		t.Errorf("%s: asked for %q", p.ID, asked)
	}
	return published{p.ID, json.RawMessage(p.document)}
}

// find returns the thumbprint of the one key that the DID authenticates with.
func find(t *testing.T, documents *did.Cache, id, kid string) string {
	t.Helper()
	keys, err := documents.Keys(t.Context(), parse(t, id), did.Authentication, kid)
	if err != nil || len(keys) != 1 {
		t.Errorf("%.60s: %d keys, %v", id, len(keys), err)
		return ""
	}
	return thumbprint(t, keys[0].Public)
}

// vectors are DIDs that neither side made.
func vectors(t *testing.T, documents *did.Cache) []resolved {
	t.Helper()
	data, err := os.ReadFile("../../strategy/did/testdata/did-key.json")
	must(t, err)
	var file struct{ Accepted []resolved }
	must(t, json.Unmarshal(data, &file))
	var all []resolved
	for _, kind := range []string{"z6Mk", "zDna", "z82L", "z2J9"} { // Ed25519, P-256, P-384, P-521
		before := len(all)
		for _, v := range file.Accepted {
			if text := strings.TrimPrefix(v.DID, "did:key:"); strings.HasPrefix(text, kind) {
				v.Kid = v.DID + "#" + text
				v.Thumbprint = find(t, documents, v.DID, v.Kid)
				all = append(all, v)
			}
		}
		if len(all) == before {
			t.Errorf("no vector of did:key:%s", kind)
		}
	}
	return all
}

// jwkDIDs are made here, as the method says: base64url of the JWK.
func jwkDIDs(t *testing.T, documents *did.Cache, keys map[string]gojose.JSONWebKey) []resolved {
	t.Helper()
	var all []resolved
	for _, key := range keys {
		data, err := key.MarshalJSON()
		must(t, err)
		id := "did:jwk:" + base64.RawURLEncoding.EncodeToString(data)
		all = append(all, resolved{id, id + "#0", find(t, documents, id, id+"#0")})
	}
	return all
}

func wantKeys(t *testing.T, documents *did.Cache, made map[string]resolved, keys map[string]gojose.JSONWebKey, names ...string) {
	t.Helper()
	for _, name := range names {
		method, _, _ := strings.Cut(strings.TrimPrefix(made[name].DID, "did:"), ":")
		t.Run("made/"+method+"/"+name, func(t *testing.T) {
			if find(t, documents, made[name].DID, made[name].Kid) != thumbprint(t, keys[name].Key) {
				t.Errorf("%s has another key", made[name].DID)
			}
		})
	}
	if len(made) != len(names) {
		t.Errorf("%d DIDs, want those of %v", len(made), names)
	}
}

// publicKeys returns a fresh key of each type. They are for signatures alone:
// without a use, did-method-jwk finds no purpose for RSA, where did:jwk has all
// of them.
func publicKeys(t *testing.T) map[string]gojose.JSONWebKey {
	t.Helper()
	keys := map[string]gojose.JSONWebKey{}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		keys[curve.Params().Name] = gojose.JSONWebKey{Key: key.Public(), Use: "sig"}
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	keys["RSA"] = gojose.JSONWebKey{Key: rsaKey.Public(), Use: "sig"}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	keys["Ed25519"] = gojose.JSONWebKey{Key: edwards, Use: "sig"}
	return keys
}

func thumbprint(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	sum, err := (&gojose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

func parse(t *testing.T, text string) did.DID {
	t.Helper()
	id, err := did.Parse(text)
	must(t, err)
	return id
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
