package credential_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	server   = "https://as.seller.example"
	buyer    = "did:web:tpp.buyer.example"
	registry = "did:web:registry.example"
	agency   = "did:web:agency.example" // accredited by the registry
	listURL  = "https://registry.example/status/3"
	position = 94567
)

var now = time.Unix(1790000000, 0).UTC()

// world has the parties, their published keys and a server that knows them.
type world struct {
	keys     keyring
	lists    *pages
	used     sync.Map
	clock    atomic.Int64
	profile  profile.Profile
	verifier *credential.Verifier
	statuses *credential.StatusLists
}

// keyring publishes keys by owner and relationship.
type keyring struct {
	mu      *sync.Mutex
	keys    map[string][]credential.Key
	lookups map[string]int
}

var errNotPublished = errors.New("no such key")

func (k keyring) Keys(_ context.Context, party, kid string, r credential.Relationship) ([]credential.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lookups[party]++
	for _, key := range k.keys[party+" "+string(r)] {
		if key.ID == kid {
			return []credential.Key{key}, nil
		}
	}
	return nil, errNotPublished
}

func (k keyring) publish(i *credential.Issuer, rs ...credential.Relationship) {
	for _, r := range rs {
		at := i.ID + " " + string(r)
		k.keys[at] = append(k.keys[at], credential.Key{ID: i.Kid, Public: i.Key.Public()})
	}
}

// pages is the web.
type pages struct {
	mu   sync.Mutex
	page map[string]string
	gets int
	age  *time.Duration // the max-age of all; nil for none
}

func (p *pages) Get(_ context.Context, url string, _ ...string) (*outbound.Document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gets++
	if body, ok := p.page[url]; ok {
		doc := &outbound.Document{Body: []byte(body)}
		if p.age != nil {
			doc.MaxAge, doc.HasMaxAge = *p.age, true
		}
		return doc, nil
	}
	return nil, errNotFound
}

var errNotFound = errors.New("status 404, want 200")

func (p *pages) put(url, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.page[url] = body
}

var fixed = struct {
	sync.Mutex
	keys map[string]crypto.Signer
}{keys: map[string]crypto.Signer{}}

// party is an issuer or holder; one name has one key throughout.
func party(id, fragment string) *credential.Issuer {
	fixed.Lock()
	defer fixed.Unlock()
	kid := id + "#" + fragment
	if fixed.keys[kid] == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		fixed.keys[kid] = key
	}
	return &credential.Issuer{ID: id, Kid: kid, Alg: "ES256", Key: fixed.keys[kid]}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{profile: profile.MEFLSO(), lists: &pages{page: map[string]string{}}}
	w.keys = keyring{&sync.Mutex{}, map[string][]credential.Key{}, map[string]int{}}
	w.clock.Store(now.Unix())
	clock := func() time.Time { return time.Unix(w.clock.Load(), 0).UTC() }
	w.keys.publish(party(buyer, "sig-1"), credential.Authentication)
	w.keys.publish(party(buyer, "assert-1"), credential.AssertionMethod)
	w.keys.publish(party(registry, "k1"), credential.AssertionMethod)
	w.keys.publish(party(agency, "k1"), credential.AssertionMethod)
	w.statuses = credential.NewStatusLists(credential.StatusConfig{
		Profile: &w.profile, Keys: w.keys, Outbound: w.lists, Clock: clock,
		Delegates: map[string][]string{registry: {"did:web:delegate.example"}},
	})
	w.verifier = &credential.Verifier{
		Profile: &w.profile, Audience: server, Keys: w.keys, Status: w.statuses, Clock: clock,
		Policy: credential.Policy{Anchors: []string{registry}},
		UseOnce: func(_ context.Context, key string, _ time.Time) (bool, error) {
			_, used := w.used.LoadOrStore(key, true)
			return !used, nil
		},
	}
	w.publishList(nil)
	return w
}

// publishList serves the registry's list with the bits set.
func (w *world) publishList(change func(*credential.List), set ...uint64) {
	l := credential.List{URL: listURL, Purpose: credential.Revocation, Bits: credential.NewBits(0)}
	for _, index := range set {
		if err := l.Bits.Set(index, true); err != nil {
			panic(err)
		}
	}
	if change != nil {
		change(&l)
	}
	w.lists.put(listURL, must(party(registry, "k1").StatusList(l)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// entity is the buyer's credential, by the registry.
func entity(v credential.Version) credential.Credential {
	kind := credential.BitstringStatusList
	if v == credential.V1 {
		kind = credential.StatusList2021
	}
	return credential.Credential{
		Version: v, ID: "https://registry.example/credentials/4711", Subject: buyer,
		Claims: map[string]any{
			"legalName": "Buyer Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "buyer.example", "mefId": "mef/2021/011",
		},
		From: now.Add(-time.Hour), Until: now.Add(24 * time.Hour),
		Status: []credential.StatusEntry{{Type: kind, Purpose: credential.Revocation, List: listURL, Index: position}},
	}
}

func presentation(v credential.Version, credentials ...string) credential.Presentation {
	return credential.Presentation{
		Version: v, Audience: server, ID: "urn:uuid:" + rand.Text(), Issued: now, Expires: now.Add(5 * time.Minute),
		Credentials: credentials,
	}
}

// present signs the credentials as the buyer's, of whatever version.
func present(v credential.Version, credentials ...string) credential.Request {
	vp := must(party(buyer, "sig-1").Present(presentation(v, credentials...)))
	return credential.Request{Presentation: vp, Identifier: buyer, TrustDomain: "buyer.example"}
}

// resign signs a token anew with changed claims; nil takes a claim away.
func resign(i *credential.Issuer, token, typ string, change map[string]any) string {
	claims := claimsOf(token)
	for name, value := range change {
		if at, inner, nested := strings.Cut(name, "."); nested {
			body := maps.Clone(claims[at].(map[string]any))
			set(body, inner, value)
			claims[at] = body
			continue
		}
		set(claims, name, value)
	}
	signer := &jose.Signer{ID: i.Kid, Alg: i.Alg, Key: i.Key, Random: rand.Reader}
	return must(jose.Sign(signer, typ, must(json.Marshal(claims))))
}

func set(o map[string]any, name string, value any) {
	if delete(o, name); value != nil {
		o[name] = value
	}
}

func claimsOf(token string) map[string]any {
	object := must(must(jose.ParseSigned(token, 1<<21)).Unverified())
	claims := map[string]any{}
	for name, raw := range object {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			panic(err)
		}
		claims[name] = value
	}
	return claims
}

// wantViolation: the error is a refusal under this rule with this code.
func wantViolation(t testing.TB, err error, rule profile.Rule, code string) {
	t.Helper()
	var v *profile.Violation
	if !errors.As(err, &v) || v.Rule != rule || v.OAuth.ErrorField != code {
		t.Fatalf("got %v, want %s: %s", err, rule, code)
	}
	if want := map[string]int{"invalid_client": 401, "temporarily_unavailable": 503, "server_error": 500}[code]; want != 0 {
		if v.OAuth.CodeField != want {
			t.Errorf("status %d, want %d", v.OAuth.CodeField, want)
		}
	} else if v.OAuth.CodeField != 400 {
		t.Errorf("status %d, want 400", v.OAuth.CodeField)
	}
}
