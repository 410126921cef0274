package did

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// vector is an entry of testdata; each file names its source.
type vector struct {
	DID           string          `json:"did"`
	PublicKeyJWK  json.RawMessage `json:"publicKeyJwk"`
	Relationships []Relationship  `json:"relationships"`
	URL           string          `json:"url"`
}

func readVectors(t testing.TB, name string, refused any) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	file := struct {
		Accepted []vector `json:"accepted"`
		Refused  any      `json:"refused"`
	}{Refused: refused}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Accepted) == 0 {
		t.Fatal(err)
	}
	return file.Accepted
}

func mustParse(t testing.TB, text string) DID {
	t.Helper()
	id, err := Parse(text)
	if err != nil {
		t.Fatalf("%.60s: %v", text, err)
	}
	return id
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// wantVectors resolves each DID to exactly the key and relationships it has.
func wantVectors(t *testing.T, resolver Resolver, vectors []vector, fragment func(id string) string) {
	t.Helper()
	for _, v := range vectors {
		doc, err := resolver.Resolve(t.Context(), mustParse(t, v.DID))
		if err != nil {
			t.Errorf("%.60s: %v", v.DID, err)
			continue
		}
		object, err := jose.ParseObject(v.PublicKeyJWK)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := parseJWK(object, v.DID+fragment(v.DID))
		if !ok {
			t.Fatalf("%.60s: the vector has no key", v.DID)
		}
		for _, r := range []Relationship{Authentication, AssertionMethod, KeyAgreement} {
			wanted := strings.Contains(joined(v.Relationships), string(r))
			keys := doc.Keys(r, v.DID+fragment(v.DID))
			switch {
			case wanted != (len(keys) == 1):
				t.Errorf("%.60s: %s: %d keys", v.DID, r, len(keys))
			case wanted && !equal(keys[0], want):
				t.Errorf("%.60s: %s: another key than the vector's", v.DID, r)
			}
		}
	}
}

func joined(rs []Relationship) (all string) {
	for _, r := range rs {
		all += string(r) + " "
	}
	return all
}

func TestKeyMethodVectors(t *testing.T) {
	var refused []vector
	accepted := readVectors(t, "did-key.json", &refused)
	wantVectors(t, KeyMethod{}, accepted, func(id string) string { return "#" + strings.TrimPrefix(id, "did:key:") })
	for _, v := range refused {
		_, err := KeyMethod{}.Resolve(t.Context(), mustParse(t, v.DID))
		wantError(t, err, ErrInvalid)
	}
	if len(accepted) != 18 || len(refused) != 12 {
		t.Errorf("%d and %d vectors", len(accepted), len(refused))
	}
}

func TestJWKMethodVectors(t *testing.T) {
	wantVectors(t, JWKMethod{}, readVectors(t, "did-jwk.json", nil), func(string) string { return "#0" })
}

func TestWebMethodVectors(t *testing.T) {
	var refused []string
	for _, v := range readVectors(t, "did-web.json", &refused) {
		if got, err := (WebMethod{}).url(mustParse(t, v.DID)); err != nil || got != v.URL {
			t.Errorf("%s: %s, %v", v.DID, got, err)
		}
	}
	for _, text := range refused {
		id, err := Parse(text)
		if err == nil {
			_, err = WebMethod{}.url(id)
		}
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if len(refused) < 40 {
		t.Errorf("%d vectors are refused", len(refused))
	}
}

// A resolver that gets a DID of another method says so.
func TestOtherMethods(t *testing.T) {
	for name, resolver := range map[string]Resolver{
		"web": WebMethod{}, "key": KeyMethod{}, "jwk": JWKMethod{}, "mux": Mux{"ion": nil, "web": WebMethod{}},
	} {
		for _, id := range []DID{mustParse(t, "did:ion:buyer"), {}} {
			if _, err := resolver.Resolve(t.Context(), id); !errors.Is(err, ErrMethod) {
				t.Errorf("%s: %q: %v", name, id, err)
			}
		}
	}
	doc, err := Mux{"jwk": JWKMethod{}}.Resolve(t.Context(), mustParse(t, readVectors(t, "did-jwk.json", nil)[0].DID))
	if err != nil || doc.ID().Method() != "jwk" {
		t.Error(err)
	}
}
