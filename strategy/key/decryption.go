package key

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Decryption is a decryption key of the server, to which clients encrypt
// request objects. A key that signs is never one too.
type Decryption struct {
	// ID is the kid; empty means the JWK thumbprint (RFC 7638).
	ID string
	// Alg is the one algorithm that clients use the key with; empty means
	// RSA-OAEP-256 or ECDH-ES, by the key's type.
	Alg profile.KeyEncAlg
	// Key is an *rsa.PrivateKey, *ecdsa.PrivateKey or *ecdh.PrivateKey. Where
	// it is in an HSM, it is a crypto.Decrypter of an RSA key whose Decrypt
	// heeds *rsa.OAEPOptions, or an ecdh.KeyExchanger, which has ECDH. It must
	// be safe for concurrent use. X25519 keys are not understood by all
	// clients: some refuse a whole JWK Set for one.
	Key any
}

// DecryptionSource is a Source that has decryption keys as well, as the one
// that Signing returns. It is asked whenever SigningKeys is.
type DecryptionSource interface {
	DecryptionKeys(ctx context.Context) ([]Decryption, error)
}

// decryptEntry is one decryption key with its end.
type decryptEntry struct {
	*jose.Decrypter
	until time.Time // zero: the source has it still
}

func findDecrypter(entries []decryptEntry, kid string) *decryptEntry {
	for i := range entries {
		if entries[i].ID == kid {
			return &entries[i]
		}
	}
	return nil
}

// decryption asks the source for decryption keys. A new one is published and
// decrypts at once: nobody encrypts to it before it is published.
func (r *Ring) decryption(ctx context.Context, signing []entry, now time.Time) ([]decryptEntry, error) {
	var entries []decryptEntry
	var errs []error
	if source, ok := r.source.(DecryptionSource); ok {
		keys, err := source.DecryptionKeys(ctx)
		if err != nil {
			return nil, err
		}
		for i, k := range keys {
			d, err := prepareDecryption(k, r.profile)
			if err == nil {
				err = apart(d, signing, entries)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("decryption key %d: %w", i, err))
				continue
			}
			entries = append(entries, decryptEntry{Decrypter: d})
		}
	}
	return append(entries, r.retiredDecryption(entries, now)...), errors.Join(errs...)
}

// apart: no kid is there twice, and no key serves both ends, or one's oracle
// would be the other's forger.
func apart(d *jose.Decrypter, signing []entry, entries []decryptEntry) error {
	if find(signing, d.ID) != nil || findDecrypter(entries, d.ID) != nil {
		return fmt.Errorf("kid %q is there twice (FAPI-8.9-3)", d.ID)
	}
	for i := range signing {
		if d.Is(signing[i].Key.Public()) {
			return fmt.Errorf("the key signs too, under the kid %q", signing[i].ID)
		}
	}
	return nil
}

func prepareDecryption(k Decryption, p *profile.Profile) (*jose.Decrypter, error) {
	d, err := jose.NewDecrypter(k.ID, string(k.Alg), k.Key, p.MinRSABits)
	if err != nil {
		return nil, err
	}
	if !p.AcceptsKeyEnc(d.Alg) {
		return nil, fmt.Errorf("alg %q is not among the profile's KeyEncAlgs %v", d.Alg, p.KeyEncAlgs)
	}
	return d, nil
}

// retiredDecryption are the keys that the source no longer has. They are not
// published, but decrypt what was made with a cached JWK Set and is still
// within its life.
func (r *Ring) retiredDecryption(entries []decryptEntry, now time.Time) []decryptEntry {
	var retired []decryptEntry
	for _, e := range r.loadDecryption() {
		if findDecrypter(entries, e.ID) != nil || !e.decrypts(now) {
			continue
		}
		if e.until.IsZero() {
			e.until = now.Add(PublishLead + r.profile.RequestObject.MaxLifetime)
		}
		retired = append(retired, e)
	}
	return retired
}

func (e *decryptEntry) decrypts(now time.Time) bool { return e.until.IsZero() || now.Before(e.until) }

func (r *Ring) loadDecryption() []decryptEntry {
	if entries := r.decrypters.Load(); entries != nil {
		return *entries
	}
	return nil
}

// Decrypter returns the decryption key with this kid, or nil.
func (r *Ring) Decrypter(kid string) *jose.Decrypter {
	e := findDecrypter(r.loadDecryption(), kid)
	if e == nil || !e.decrypts(r.clock()) {
		return nil
	}
	return e.Decrypter
}

// DecryptionAlgs returns the JWE algs for which a key is published, in their
// order; it is empty if clients cannot encrypt to the server.
func (r *Ring) DecryptionAlgs() []string {
	var algs []string
	for _, e := range r.loadDecryption() {
		if e.until.IsZero() && !slices.Contains(algs, e.Alg) {
			algs = append(algs, e.Alg)
		}
	}
	return algs
}
