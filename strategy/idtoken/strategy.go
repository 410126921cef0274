// Package idtoken makes ID Tokens: the detached signature of the authorization
// response and the token endpoint's (OpenID Connect Core §2 and §3.3; FAPI 1.0
// Advanced §5.2.2.1; MEF W128 Table 3).
//
//	strategy := &idtoken.Strategy{Profile: &p, Issuer: issuer, Keys: ring, Metadata: metadata, Clock: time.Now}
//
// It replaces Fosite's own strategy, which takes every hash with the wrong
// digest for EdDSA, invents an auth_time, and carries the claims of one token
// into the next. The claims are built anew for each token from what the guard
// fixed in the session at authorization.
package idtoken

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Strategy signs ID Tokens with the server's keys. It is safe for concurrent
// use.
type Strategy struct {
	Profile  *profile.Profile
	Issuer   string
	Keys     *key.Ring
	Metadata storage.MetadataFunc
	// Encrypter may be nil where no ID Token is ever encrypted.
	Encrypter *key.Encrypter
	Clock     func() time.Time
}

var _ openid.OpenIDConnectTokenStrategy = (*Strategy)(nil)

// GenerateIDToken signs the token that belongs to the response being made:
// Fosite puts the response into the context. The lifespan is at most the
// profile's.
func (s *Strategy) GenerateIDToken(ctx context.Context, lifespan time.Duration, requester fosite.Requester) (string, error) {
	session, err := storage.SessionOf(requester.GetSession())
	if err != nil {
		return "", profile.ServerError("The session cannot be used.", err)
	}
	client := requester.GetClient()
	metadata, err := s.Metadata(ctx, client)
	if err != nil {
		return "", profile.ServerError("The client's metadata cannot be read.", err)
	}
	alg, err := s.alg(metadata)
	if err != nil {
		return "", err
	}
	claims := s.base(session, requester, lifespan)
	s.bind(ctx, claims, session, alg, requester)
	token, err := s.sign(alg, claims)
	if err != nil {
		return "", profile.ServerError("The ID Token could not be signed.", err)
	}
	// Encrypted after it was signed, in both places (FAPI 1.0 Advanced
	// §5.2.2.1-3).
	token, err = s.Encrypter.Encrypt(ctx, key.IDToken, client.GetID(), metadata, token)
	if err != nil {
		return "", profile.ServerError("The ID Token could not be encrypted.", err)
	}
	return token, nil
}

func (s *Strategy) sign(alg string, c *claims) (string, error) {
	payload, err := c.encode()
	if err != nil {
		return "", err
	}
	return s.Keys.SignPayload(alg, payload)
}

// Alg returns the algorithm of ID Tokens for the client: the registered one,
// else the profile's preferred one. It is an error if no key signs it.
func (s *Strategy) Alg(ctx context.Context, client fosite.Client) (string, error) {
	metadata, err := s.Metadata(ctx, client)
	if err != nil {
		return "", profile.ServerError("The client's metadata cannot be read.", err)
	}
	return s.alg(metadata)
}

func (s *Strategy) alg(metadata *storage.ClientMetadata) (string, error) {
	alg := metadata.IDTokenSignedResponseAlg
	if alg == "" {
		alg = string(s.Profile.PreferredSigningAlg)
	}
	if !s.Profile.AcceptsAlg(alg, "") || s.Keys.For(alg) == nil {
		return "", profile.ServerError("The server has no key for the client's ID Token algorithm.", errors.New("idtoken: no key for "+alg))
	}
	return alg, nil
}

// base has the claims that every ID Token of the authorization shares.
func (s *Strategy) base(session storage.Session, requester fosite.Requester, lifespan time.Duration) *claims {
	now := s.Clock()
	if limit := s.Profile.TTL.IDToken; lifespan <= 0 || lifespan > limit { // a client's own lifespan
		lifespan = limit
	}
	fixed := session.IDTokenClaims()
	c := &claims{
		Issuer: s.Issuer, Subject: fixed.Subject, Audience: requester.GetClient().GetID(),
		IssuedAt: now.Unix(), Expires: now.Add(lifespan).Unix(),
		ACR: fixed.AuthenticationContextClassReference, AMR: fixed.AuthenticationMethodsReferences,
	}
	if !fixed.AuthTime.IsZero() {
		c.AuthTime = fixed.AuthTime.Unix()
	}
	if binding := session.LSOBinding(); binding.IntentID != "" {
		c.intentClaim, c.intentID = binding.IntentClaim, binding.IntentID
	}
	return c
}

// bind adds the claims that tie the token to the response that it comes with.
func (s *Strategy) bind(ctx context.Context, c *claims, session storage.Session, alg string, requester fosite.Requester) {
	half := func(value string) string { return LeftHalf(alg, value, s.Profile.EdDSAHash) }
	if response, ok := ctx.Value(fosite.AuthorizeResponseContextKey).(fosite.AuthorizeResponder); ok {
		c.CodeHash, c.StateHash = half(response.GetCode()), session.LSOBinding().SHash
	}
	// No claim of the host's in the front channel: it may be personal
	// (FAPI 1.0 Advanced §5.2.2.1-6).
	if response, ok := ctx.Value(fosite.AccessResponseContextKey).(fosite.AccessResponder); ok {
		c.AccessTokenHash = half(response.GetAccessToken())
		c.add(session.IDTokenClaims().Extra, s.Profile.IntentClaim)
	}
	if !isRefresh(requester) {
		c.Nonce = session.IDTokenClaims().Nonce
	}
}

// isRefresh: the form would be the client's to choose.
func isRefresh(requester fosite.Requester) bool {
	access, ok := requester.(fosite.AccessRequester)
	return ok && access.GetGrantTypes().ExactOne("refresh_token")
}
