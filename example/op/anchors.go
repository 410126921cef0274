package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// anchor is an issuer whose software statements and credentials are trusted. In
// the file, a DID may stand for itself, as a plain string.
type anchor struct {
	Issuer  string          `json:"issuer"`
	JWKS    json.RawMessage `json:"jwks"`
	JWKSURI string          `json:"jwks_uri"`
}

// UnmarshalJSON takes both forms.
func (a *anchor) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte{'"'}) {
		return json.Unmarshal(data, &a.Issuer)
	}
	type plain anchor
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*plain)(a))
}

// loadTrustAnchors returns nil where there is no file.
func loadTrustAnchors(o *options) (*compose.Registration, error) {
	if o.trustAnchors == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.trustAnchors)
	if err != nil {
		return nil, err
	}
	registration, err := parseTrustAnchors(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.trustAnchors, err)
	}
	if o.profile.EntityCredential != profile.EntityOff {
		registration.Credentials.Anchors = registration.Directories
	}
	return registration, nil
}

// parseTrustAnchors leaves to the library what an issuer must have.
func parseTrustAnchors(data []byte) (*compose.Registration, error) {
	var anchors []anchor
	if err := json.Unmarshal(data, &anchors); err != nil {
		return nil, fmt.Errorf("want a JSON array of issuers: %w", err)
	}
	registration := &compose.Registration{IssuerKeys: map[string]credential.KeySet{}}
	for _, a := range anchors {
		if a.Issuer == "" {
			return nil, errors.New("an issuer has no name")
		}
		registration.Directories = append(registration.Directories, a.Issuer)
		if len(a.JWKS) > 0 || a.JWKSURI != "" {
			registration.IssuerKeys[a.Issuer] = credential.KeySet{JWKS: a.JWKS, JWKSURI: a.JWKSURI}
		}
	}
	return registration, nil
}
