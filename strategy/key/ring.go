package key

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// PublishLead is how long a key is published before it signs. It is longer than
// the five minutes for which the JWK Set may be cached, and for which clients
// such as openid-client keep it without asking again.
const PublishLead = 10 * time.Minute

// Ring is the server's signing and decryption keys, ready for use. It is safe
// for concurrent use, while Reload runs too.
type Ring struct {
	source     Source
	profile    *profile.Profile
	clock      func() time.Time
	reload     sync.Mutex // one Reload at a time
	entries    atomic.Pointer[[]entry]
	decrypters atomic.Pointer[[]decryptEntry]
}

// entry is one key with its times.
type entry struct {
	jose.Signer
	public    gojose.JSONWebKey
	notBefore time.Time
	until     time.Time // zero: the source has it still
}

func (e *entry) signs(now time.Time) bool    { return e.until.IsZero() && !now.Before(e.notBefore) }
func (e *entry) verifies(now time.Time) bool { return e.until.IsZero() || now.Before(e.until) }

// NewRing loads the keys of the source and checks each against the profile:
// its algorithm must be accepted there, its type and size must fit, and one
// must sign the profile's preferred algorithm now. A nil clock is time.Now.
func NewRing(ctx context.Context, source Source, p *profile.Profile, clock func() time.Time) (*Ring, error) {
	if source == nil {
		return nil, errors.New("key: no source of keys")
	}
	if clock == nil {
		clock = time.Now
	}
	ring := &Ring{source: source, profile: p, clock: clock}
	ring.entries.Store(&[]entry{})
	return ring, ring.Reload(ctx)
}

// Reload asks the source again and takes over what changed, without a restart:
// a new key is published at once and signs after PublishLead, or after its own
// NotBefore; a key that the source no longer has stops signing at once, and is
// published and verifies until the last ID Token that it signed has expired. A
// decryption key serves at once, and when it is gone is no longer published but
// decrypts what clients may still send. With an error, the keys stay as they
// were.
func (r *Ring) Reload(ctx context.Context) error {
	r.reload.Lock()
	defer r.reload.Unlock()
	keys, err := r.source.SigningKeys(ctx)
	if err != nil {
		return err
	}
	old, now := *r.entries.Load(), r.clock()
	entries, err := r.prepareAll(keys, old, now)
	entries = append(entries, r.retired(old, entries, now)...)
	decrypters, err2 := r.decryption(ctx, entries, now)
	if err := errors.Join(err, r.covers(entries, old, now), err2); err != nil {
		return err
	}
	r.entries.Store(&entries)
	r.decrypters.Store(&decrypters)
	return nil
}

func (r *Ring) prepareAll(keys []Private, old []entry, now time.Time) ([]entry, error) {
	var entries []entry
	var errs []error
	for i, k := range keys {
		signer, jwk, err := prepare(k, r.profile)
		if err == nil && find(entries, signer.ID) != nil {
			err = fmt.Errorf("kid %q is there twice (FAPI-8.9-3)", signer.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("key %d: %w", i, err))
			continue
		}
		entries = append(entries, entry{Signer: *signer, public: *jwk, notBefore: begin(k, find(old, signer.ID), len(old) == 0, now)})
	}
	return entries, errors.Join(errs...)
}

// begin tells from when on a key signs.
func begin(k Private, known *entry, starting bool, now time.Time) time.Time {
	switch {
	case !k.NotBefore.IsZero() || starting:
		return k.NotBefore
	case known != nil && known.until.IsZero():
		return known.notBefore
	}
	return now.Add(PublishLead)
}

// retired are the keys that the source no longer has, while tokens of theirs
// may be about.
func (r *Ring) retired(old, entries []entry, now time.Time) []entry {
	var retired []entry
	for _, e := range old {
		if find(entries, e.ID) != nil || !e.verifies(now) {
			continue
		}
		if e.until.IsZero() {
			e.until = now.Add(r.profile.TTL.IDToken + PublishLead)
		}
		retired = append(retired, e)
	}
	return retired
}

// covers: the preferred algorithm signs now, and so does each that signed
// before, since clients and discovery rely on it.
func (r *Ring) covers(entries, old []entry, now time.Time) error {
	preferred := string(r.profile.PreferredSigningAlg)
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.signs(now) && sameAlg(e.Alg, preferred) }) {
		return fmt.Errorf("no key signs %s, the profile's PreferredSigningAlg; give such a key, or prefer the algorithm of one that signs (beside others, a new key does after %v)", preferred, PublishLead)
	}
	var needed []string
	for _, e := range old {
		if e.signs(now) && !slices.Contains(needed, e.Alg) {
			needed = append(needed, e.Alg)
		}
	}
	var errs []error
	for _, alg := range needed {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.signs(now) && sameAlg(e.Alg, alg) }) {
			errs = append(errs, fmt.Errorf("no key signs %s now; a new key needs one of that algorithm beside it for %v", alg, PublishLead))
		}
	}
	return errors.Join(errs...)
}

func sameAlg(a, b string) bool {
	return profile.Alg(a).Canonical() == profile.Alg(b).Canonical()
}

func find(entries []entry, kid string) *entry {
	for i := range entries {
		if entries[i].ID == kid {
			return &entries[i]
		}
	}
	return nil
}

// For returns the key that signs with this alg now, or nil. Its Alg is the
// name that was asked for, Ed25519 or EdDSA.
func (r *Ring) For(alg string) *jose.Signer {
	now := r.clock()
	for _, e := range *r.entries.Load() {
		if e.signs(now) && sameAlg(e.Alg, alg) {
			signer := e.Signer
			signer.Alg = alg
			return &signer
		}
	}
	return nil
}

// Algs returns the algorithms that the keys sign with now, in their order.
func (r *Ring) Algs() []string {
	var algs []string
	now := r.clock()
	for _, e := range *r.entries.Load() {
		if e.signs(now) && !slices.Contains(algs, e.Alg) {
			algs = append(algs, e.Alg)
		}
	}
	return algs
}

// JWKS returns the public keys as a JWK Set document (RFC 7517 §5): those that
// sign, those that will, and those that did while their tokens live; then those
// that clients encrypt to, with use enc.
func (r *Ring) JWKS() ([]byte, error) {
	keys := []json.Marshaler{}
	now := r.clock()
	for _, e := range *r.entries.Load() {
		if e.verifies(now) {
			keys = append(keys, e.public)
		}
	}
	for _, e := range r.loadDecryption() {
		if e.until.IsZero() {
			keys = append(keys, e.JWK())
		}
	}
	return json.Marshal(map[string][]json.Marshaler{"keys": keys})
}

// Sign signs the claims as a JWT with the key for alg, which must be one of
// Algs.
func (r *Ring) Sign(alg string, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return r.SignPayload(alg, payload)
}

// SignPayload is Sign for claims that are JSON already.
func (r *Ring) SignPayload(alg string, payload []byte) (string, error) {
	signer := r.For(alg)
	if signer == nil {
		return "", fmt.Errorf("key: no key signs %s", alg)
	}
	return jose.Sign(signer, "JWT", payload)
}

// maxOwnToken bounds a token of ours that comes back, in bytes.
const maxOwnToken = 16 << 10

// SubjectOf returns the subject of an ID Token of our own for this client, an
// id_token_hint: its signature, issuer and audience are checked, its expiry is
// not (OpenID Connect Core §3.1.2.1).
func (r *Ring) SubjectOf(idToken, issuer, clientID string) (string, error) {
	signed, err := jose.ParseSigned(idToken, maxOwnToken)
	if err != nil {
		return "", err
	}
	e := find(*r.entries.Load(), signed.Kid)
	if e == nil || !e.verifies(r.clock()) {
		return "", ErrNoKey
	}
	own := jose.Key{ID: e.ID, Alg: e.Alg, Public: e.Key.Public()}
	claims, err := signed.Verify([]jose.Key{own}, 0)
	if err != nil {
		return "", err
	}
	if iss, err := claims.String("iss"); err != nil || iss != issuer {
		return "", errors.New("key: the ID Token has another issuer")
	}
	if aud, err := claims.Strings("aud"); err != nil || !slices.Contains(aud, clientID) {
		return "", errors.New("key: the ID Token is another client's")
	}
	// Of the JWTs that the server signs, only ID Tokens have an expiry and a
	// subject.
	if !claims.Has("exp") || !claims.Has("iat") {
		return "", errors.New("key: the JWT is no ID Token")
	}
	sub, err := claims.String("sub")
	if err != nil || sub == "" {
		return "", errors.New("key: the ID Token has no sub")
	}
	return sub, nil
}
