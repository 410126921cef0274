// Package jarm makes JWT-secured authorization responses (JARM; FAPI 1.0
// Advanced §5.2.2.2): the parameters of an answer, success or error, as the
// claims of a JWT that the server signs for one client, and encrypts where the
// client registered for it.
//
//	encoder := &jarm.Encoder{Profile: &p, Issuer: issuer, Keys: ring, Encrypter: encrypter, Clock: time.Now}
//	response, err := encoder.Encode(ctx, client.GetID(), metadata, url.Values{"code": {code}, "state": {state}})
package jarm

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Encoder encodes responses. It is safe for concurrent use.
type Encoder struct {
	Profile *profile.Profile
	Issuer  string
	Keys    *key.Ring
	// Encrypter may be nil where no response is ever encrypted.
	Encrypter *key.Encrypter
	Clock     func() time.Time
}

// Encode returns the JWT for the parameter response (JARM §2.1). Its exp is
// the profile's TTL.JARM from now.
func (e *Encoder) Encode(ctx context.Context, clientID string, m *storage.ClientMetadata, params url.Values) (string, error) {
	alg, err := e.Alg(m)
	if err != nil {
		return "", err
	}
	claims := make(map[string]any, len(params)+3)
	for name := range params {
		claims[name] = params.Get(name)
	}
	claims["iss"], claims["aud"] = e.Issuer, clientID
	claims["exp"] = e.Clock().Add(e.Profile.TTL.JARM).Unix()
	response, err := e.Keys.Sign(alg, claims)
	if err != nil {
		return "", profile.ServerError("The authorization response could not be signed.", err)
	}
	response, err = e.Encrypter.Encrypt(ctx, key.Authorization, clientID, m, response)
	if err != nil {
		return "", profile.ServerError("The authorization response could not be encrypted.", err)
	}
	return response, nil
}

// Alg returns the algorithm of the client's responses: the registered
// authorization_signed_response_alg, else the profile's preferred one. It is an
// error if no key signs it.
func (e *Encoder) Alg(m *storage.ClientMetadata) (string, error) {
	alg := m.AuthorizationSignedResponseAlg
	if alg == "" {
		alg = string(e.Profile.PreferredSigningAlg)
	}
	if !e.Profile.AcceptsAlg(alg, "") || e.Keys.For(alg) == nil {
		return "", profile.ServerError("The server has no key for the client's response algorithm.", errors.New("jarm: no key for "+alg))
	}
	return alg, nil
}

// Mode is where the parameter response goes.
type Mode string

// The modes, each with the parameter response alone.
const (
	Query    Mode = "query"
	Fragment Mode = "fragment"
	FormPost Mode = "form_post"
)

// ModeOf returns where the response goes for a response_mode of JARM, and
// whether it is one: jwt is the query for a code, and the fragment where a
// token comes in front (JARM §2.3).
func ModeOf(responseMode, responseType string) (Mode, bool) {
	switch responseMode {
	case "query.jwt":
		return Query, true
	case "fragment.jwt":
		return Fragment, true
	case "form_post.jwt":
		return FormPost, true
	case "jwt":
		if HasTokens(responseType) {
			return Fragment, true
		}
		return Query, true
	}
	return "", false
}

// HasTokens reports whether an answer to this response_type brings a token
// through the browser.
func HasTokens(responseType string) bool {
	types := strings.Fields(responseType)
	return slices.Contains(types, "id_token") || slices.Contains(types, "token")
}
