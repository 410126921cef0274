package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

// EncodeRegistration returns the JSON form of r: the client, and the rest
// without the version, with times in UTC and cut to the microsecond.
func EncodeRegistration(r *storage.Registration) (client, rest []byte, err error) {
	if client, err = json.Marshal(&r.Client); err != nil {
		return nil, nil, err
	}
	own := *r
	own.Client, own.Version = storage.Client{}, 0
	cut(&own.IssuedAt, &own.UpdatedAt)
	if r.Entity != nil {
		entity := *r.Entity
		cut(&entity.CheckedAt, &entity.NextCheck, &entity.ExpiresAt)
		own.Entity = &entity
	}
	rest, err = json.Marshal(&own)
	return client, rest, err
}

// UniqueHashes returns the hashes of r.Unique, each once and in ascending order,
// or an error where storage.Registrar does not take them.
func UniqueHashes(r *storage.Registration) ([]string, error) {
	switch {
	case len(r.Unique) > storage.MaxUnique:
		return nil, fmt.Errorf("storage: %d unique strings, of which there may be %d", len(r.Unique), storage.MaxUnique)
	case slices.Contains(r.Unique, ""):
		return nil, errors.New("storage: an empty unique string")
	}
	var hashes []string
	for _, text := range r.Unique {
		hashes = append(hashes, Hash(text))
	}
	slices.Sort(hashes)
	return slices.Compact(hashes), nil
}

func cut(times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
}

// DecodeRegistration returns the registration that EncodeRegistration wrote,
// under the given version.
func DecodeRegistration(client, rest []byte, version int64) (*storage.Registration, error) {
	r := &storage.Registration{}
	if err := json.Unmarshal(rest, r); err != nil {
		return nil, err
	}
	r.Client, r.Version = storage.Client{}, version
	return r, json.Unmarshal(client, &r.Client)
}
