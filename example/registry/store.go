package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// state is what the file holds.
type state struct {
	Base        string            `json:"base"`
	Key         *ecdsa.PrivateKey `json:"-"`
	PKCS8       []byte            `json:"key"` // the Key, in base64
	Credentials map[string]entry  `json:"credentials"`
}

// entry is a credential under the last part of its id.
type entry struct {
	Token     string `json:"credential"`
	Index     uint64 `json:"index"`
	Revoked   bool   `json:"revoked,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
}

// open reads the file, or begins a new one.
func open(path, base string) (state, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return begin(path, base)
	}
	if err != nil {
		return state{}, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, fmt.Errorf("registry: %s: %w", path, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(s.PKCS8)
	if err != nil {
		return state{}, fmt.Errorf("registry: %s has no key: %w", path, err)
	}
	var ok bool
	if s.Key, ok = key.(*ecdsa.PrivateKey); !ok || s.Key.Curve != elliptic.P256() || s.Credentials == nil {
		return state{}, fmt.Errorf("registry: %s is not a file of this program", path)
	}
	if s.Base != base { // the credentials name the other one
		return state{}, fmt.Errorf("registry: %s belongs to %s", path, s.Base)
	}
	return s, nil
}

func begin(path, base string) (state, error) {
	s := state{Base: base, Credentials: map[string]entry{}}
	var err error
	if s.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return state{}, err
	}
	if s.PKCS8, err = x509.MarshalPKCS8PrivateKey(s.Key); err != nil {
		return state{}, err
	}
	return s, s.save(path)
}

// save replaces the file as a whole, and returns when it is on the disk.
func (s *state) save(path string) (err error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the new name of a file last.
func syncFolder(path string) error {
	folder, err := os.Open(path) // #nosec G304 G703 -- as above
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// change changes a copy of the state, writes it, and only then lets it count.
func (r *Registry) change(do func(*state) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.state
	next.Credentials = maps.Clone(r.state.Credentials)
	if err := do(&next); err != nil {
		return err
	}
	if err := next.save(r.config.Store); err != nil {
		return err
	}
	r.state = next
	return nil
}

func (r *Registry) read(do func(*state) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return do(&r.state)
}

// freeIndex draws an index by lot, so that it does not tell when a credential
// was issued, nor which others were at the time (Bitstring Status List, Privacy Considerations).
// The lists are filled to the half, where every second draw succeeds.
func (s *state) freeIndex() (uint64, error) {
	if len(s.Credentials) >= credential.MinBits/2 {
		return 0, ErrFull
	}
	taken := map[uint64]bool{}
	for _, e := range s.Credentials {
		taken[e.Index] = true
	}
	for {
		drawn, err := rand.Int(rand.Reader, big.NewInt(credential.MinBits))
		if err != nil || !taken[drawn.Uint64()] {
			return drawn.Uint64(), err
		}
	}
}

// fill sets the bits of the credentials that are revoked or suspended.
func (s *state) fill(bits credential.Bits, purpose credential.StatusPurpose) error {
	for _, e := range s.Credentials {
		on := e.Revoked
		if purpose == credential.Suspension {
			on = e.Suspended
		}
		if err := bits.Set(e.Index, on); err != nil {
			return err
		}
	}
	return nil
}
