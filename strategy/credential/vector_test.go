package credential_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vectors are presentations with their verdicts, for this and other
// implementations. They have the shapes of the W3C's vc-jose-cose-test-suite:
// an iat that is a text, unknown extensions, claims of 1.1 in 2.0, a media type
// of another use, a bad signature, and an envelope without a credential.
type vectors struct {
	Clock    int64                      `json:"clock"`
	Audience string                     `json:"audience"`
	Anchors  []string                   `json:"anchors"`
	JWKS     map[string]json.RawMessage `json:"jwks"` // by party and relationship
	Status   map[string]string          `json:"status"`
	Cases    []vector                   `json:"cases"`
}

type vector struct {
	Name         string       `json:"name"`
	Identifier   string       `json:"identifier"`
	Presentation string       `json:"presentation"`
	Rule         profile.Rule `json:"rule,omitempty"` // empty: accepted
	Error        string       `json:"error,omitempty"`
}

const vectorFile = "testdata/presentations.json"

func TestVectors(t *testing.T) {
	if *update {
		raw := must(json.MarshalIndent(makeVectors(t), "", "  "))
		if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var v vectors
	if err := json.Unmarshal(must(os.ReadFile(vectorFile)), &v); err != nil || len(v.Cases) == 0 {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.clock.Store(v.Clock)
	w.lists.page = v.Status
	w.verifier.Audience, w.verifier.Policy.Anchors = v.Audience, v.Anchors
	w.verifier.Keys = published(v.JWKS)
	w.verifier.Status = credential.NewStatusLists(credential.StatusConfig{
		Profile: &w.profile, Keys: w.verifier.Keys, Outbound: w.lists, Clock: w.verifier.Clock,
	})
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			_, err := w.verifier.Verify(t.Context(), credential.Request{Presentation: c.Presentation, Identifier: c.Identifier})
			if c.Rule == "" && err != nil {
				t.Error(err)
			} else if c.Rule != "" {
				wantViolation(t, err, c.Rule, c.Error)
			}
		})
	}
}

// published looks a party up as KeySets does, once for each relationship.
type published map[string]json.RawMessage

func (p published) Keys(ctx context.Context, party, kid string, r credential.Relationship) ([]credential.Key, error) {
	set, ok := p[party+" "+string(r)]
	if !ok {
		return nil, errNotPublished
	}
	sets, err := credential.NewKeySets(credential.KeySetsConfig{Sets: map[string]credential.KeySet{party: {JWKS: set}}})
	if err != nil {
		return nil, errors.Join(err, errNotPublished)
	}
	return sets.Keys(ctx, party, kid, credential.AssertionMethod)
}

// seeded is a party whose key and signatures are the same at every run.
func seeded(id, fragment string, seed byte) *credential.Issuer {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return &credential.Issuer{ID: id, Kid: id + "#" + fragment, Alg: "EdDSA", Key: key}
}

func makeVectors(t *testing.T) vectors {
	t.Helper()
	anchor, holder, own := seeded(registry, "k1", 1), seeded(buyer, "sig-1", 2), seeded(buyer, "assert-1", 3)
	v := vectors{
		Clock: now.Unix(), Audience: server, Anchors: []string{registry}, Status: map[string]string{},
		JWKS: map[string]json.RawMessage{
			registry + " assertionMethod": json.RawMessage(jwks(anchor)), buyer + " assertionMethod": json.RawMessage(jwks(own)),
			buyer + " authentication": json.RawMessage(jwks(holder)),
		},
	}
	v1, v2 := v.issue(anchor, credential.V1, position), v.issue(anchor, credential.V2, position)
	change := func(name string, value any) string { return resign(anchor, v2, "vc+jwt", map[string]any{name: value}) }
	v.add("1.1", credential.V1, holder, v1, "")
	for _, c := range []struct {
		name, token string
		rule        profile.Rule
	}{
		{"2.0", v2, ""},
		{"iat-is-text", change("iat", "2010-01-01T19:23:24Z"), ""},
		{"unknown-extensions", change("badExtension", map[string]any{"huh": "what?"}), ""},
		{"vc-claim-in-2.0", change("vc", "oops"), "MEF-D2"},
		{"bad-media-type", resign(anchor, v2, "bad+typ", nil), "MEF-D2"},
		{"bad-signature", tamper(v2), "MEF-R4"},
		{"not-a-credential", "not-a-credential", "MEF-D2"},
		{"urn-uuid", change("id", "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5"), "MEF-R7"},
		{"another-subject", change("credentialSubject.id", registry), "MEF-R5"},
		{"revoked", v.issue(anchor, credential.V2, position+1), "MEF-R8"},
	} {
		v.add(c.name, credential.V2, holder, c.token, c.rule)
	}
	v.add("assertion-key-presents", credential.V2, own, v2, "MEF-R9")
	return v
}

// issue signs the buyer's credential, and publishes a list in which the index
// after position is set.
func (v *vectors) issue(anchor *credential.Issuer, version credential.Version, index uint64) string {
	c := entity(version)
	c.Until, c.Status[0].Index = time.Time{}, index
	c.Status[0].List += "/" + string(version)
	bits := credential.NewBits(0)
	_ = bits.Set(position+1, true)
	v.Status[c.Status[0].List] = must(anchor.StatusList(credential.List{
		Version: version, Type: c.Status[0].Type, URL: c.Status[0].List, Purpose: credential.Revocation, Bits: bits,
	}))
	return must(anchor.Credential(c))
}

func (v *vectors) add(name string, version credential.Version, by *credential.Issuer, token string, rule profile.Rule) {
	c := vector{Name: name, Identifier: buyer, Rule: rule}
	if rule != "" {
		c.Error = isInvalid
	}
	p := presentation(version, token)
	p.ID = "urn:example:" + name
	c.Presentation = must(by.Present(p))
	v.Cases = append(v.Cases, c)
}
