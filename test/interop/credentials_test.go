package interop

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// credentialSteps are what credentials.mjs does, in its order.
var credentialSteps = []string{
	"v1_credential", "v1_presentation", "v2_credential", "v2_presentation", "bitstring_status_list", "status_list_2021", "statement", "made",
}

const (
	seller      = "https://as.seller.example"
	directoryID = "https://directory.example"
	challenge   = "n-0S6_WzA2Mj"
	revoked     = 94567
	free        = revoked - 1
)

// made is what credentials.mjs signed, by case, and by version or path.
type made struct {
	Presentations map[credential.Version]map[string]string
	Lists         map[string]string
	Statements    map[string]string
}

const (
	notByHolder = "MEF-R9: invalid_software_statement: The entity presentation is not signed by its holder"
	notByIssuer = "MEF-R4: invalid_software_statement: A credential is not signed by its issuer"
	notBySender = "RFC7591-2.3: invalid_software_statement: The software statement is not signed by its issuer"
)

// refusals are what is said to the cases of a presentation.
var refusals = map[string]string{
	"another_audience":       "MEF-R9: invalid_software_statement: The entity presentation is for another audience.",
	"another_nonce":          "MEF-R9: invalid_software_statement: The entity presentation has been used before, or answers no open challenge.",
	"expired":                "MEF-R9: invalid_software_statement: The entity presentation's exp is missing, past",
	"key_of_another_purpose": notByHolder, "changed_header": notByHolder, "changed_payload": notByHolder, "changed_signature": notByHolder,
	"expired_credential": "MEF-R4: invalid_software_statement: A credential has expired",
	"forged_credential":  notByIssuer, "changed_credential": notByIssuer,
	"revoked_credential": "MEF-R8: invalid_software_statement: Entity credential: status revoked.",
}

// statementRefusals are the same for a software statement.
var statementRefusals = map[string]string{
	"expired": "RFC7591-2.3: invalid_software_statement: The software statement has expired.",
	"forged":  notBySender, "changed_header": notBySender, "changed_payload": notBySender, "changed_signature": notBySender,
}

// TestCredentials has the packages of others verify what credential.Issuer
// signs, and credential.Verifier what they sign. did-jwt has no PS256.
func TestCredentials(t *testing.T) {
	if testing.Short() {
		t.Skip("installs npm packages")
	}
	folder := install(t)
	for _, alg := range []string{"ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			w := newWorld(t, alg)
			var m made
			wantMade(t, run(t, folder, "credentials.mjs", w.certificate(t), w.instructions(t)), alg, credentialSteps, &m)
			for path, list := range m.Lists {
				w.publish(path, list)
			}
			for _, version := range []credential.Version{credential.V1, credential.V2} {
				t.Run(string(version), func(t *testing.T) { w.wantPresentations(t, m.Presentations[version]) })
			}
			t.Run("statements", func(t *testing.T) { w.wantStatements(t, m.Statements) })
		})
	}
}

// world is a registry, a buyer and a directory, whom a server knows.
type world struct {
	*site
	alg                        string
	profile                    profile.Profile
	keys                       credential.Keys
	registry, buyer, directory *credential.Issuer
	challenges                 sync.Map
}

func newWorld(t *testing.T, alg string) *world {
	t.Helper()
	w := &world{site: newSite(t), alg: alg, profile: profile.MEFLSO()}
	w.registry = w.party(t, "", "", alg, did.AssertionMethod).Issuer
	w.buyer = w.party(t, ":buyer", "/buyer", alg, did.Authentication).Issuer
	w.directory = &credential.Issuer{ID: directoryID, Kid: "sig-1", Alg: alg, Key: harness.NewBuyer(t, "", alg, "").Key}
	set, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: w.directory.Key.Public(), KeyID: "sig-1"}}})
	must(t, err)
	w.keys, err = credential.NewKeySets(credential.KeySetsConfig{
		Sets: map[string]credential.KeySet{directoryID: {JWKS: set}}, Others: credential.Documents{Cache: w.documents()},
	})
	must(t, err)
	return w
}

// verifier is of a server with one open challenge.
func (w *world) verifier() *credential.Verifier {
	w.challenges.Store(challenge, true)
	return &credential.Verifier{
		Profile: &w.profile, Audience: seller, Keys: w.keys, Clock: time.Now,
		Policy: credential.Policy{Anchors: []string{w.registry.ID}, RequireNonce: true},
		Status: credential.NewStatusLists(credential.StatusConfig{Profile: &w.profile, Keys: w.keys, Outbound: w.site}),
		TakeNonce: func(_ context.Context, nonce string) (bool, error) {
			_, open := w.challenges.LoadAndDelete(nonce)
			return open, nil
		},
	}
}

// wantPresentations: each bad one is refused for what is bad about it, and the
// good one is accepted once.
func (w *world) wantPresentations(t *testing.T, vps map[string]string) {
	t.Helper()
	v := w.verifier()
	verify := func(name string) (credential.Binding, error) {
		return v.Verify(t.Context(), credential.Request{Presentation: vps[name], Identifier: w.buyer.ID})
	}
	wantRefusals(t, vps, refusals, func(name string) error {
		_, err := verify(name)
		return err
	})
	t.Run("good", func(t *testing.T) {
		b, err := verify("good")
		if err != nil || b.Holder != w.buyer.ID || b.Anchor != w.registry.ID || b.LegalName != "Buyer Inc." || len(b.Status) != 1 {
			t.Errorf("got %+v, %v", b, err)
		}
		_, err = verify("good")
		wantRefusal(t, err, refusals["another_nonce"])
	})
}

func (w *world) wantStatements(t *testing.T, statements map[string]string) {
	t.Helper()
	v := &credential.Statements{Profile: &w.profile, Anchors: []string{directoryID}, Keys: w.keys, Clock: time.Now}
	wantRefusals(t, statements, statementRefusals, func(name string) error {
		_, err := v.Verify(t.Context(), statements[name])
		return err
	})
	t.Run("good", func(t *testing.T) {
		s, err := v.Verify(t.Context(), statements["good"])
		if err != nil || s.SoftwareID != "software-2" || s.Alg != w.alg {
			t.Errorf("got %+v, %v", s, err)
		}
	})
}

// wantRefusals: there is a token for each of the cases, and a good one.
func wantRefusals(t *testing.T, tokens, refusals map[string]string, verify func(name string) error) {
	t.Helper()
	for name, why := range refusals {
		t.Run(name, func(t *testing.T) {
			if tokens[name] == "" {
				t.Fatal("the program made none")
			}
			wantRefusal(t, verify(name), why)
		})
	}
	if len(tokens) != len(refusals)+1 {
		t.Errorf("%d tokens, want %d", len(tokens), len(refusals)+1)
	}
}

func wantRefusal(t *testing.T, err error, why string) {
	t.Helper()
	var v *profile.Violation
	if !errors.As(err, &v) || !strings.HasPrefix(err.Error(), why) {
		t.Errorf("got %v, want %s", err, why)
	}
}
