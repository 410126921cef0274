package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/authorization"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Bind is the last Fosite handler of the token endpoint. It takes nothing and
// changes nothing but the request's session; Endpoint claims what it found.
type Bind struct {
	Profile  *profile.Profile
	Issuer   string
	Intents  *intent.Register
	Metadata storage.MetadataFunc
	Policy   authorization.Policy
	// Certificate tells which certificates are registered for a client.
	Certificate *clientauth.Certificate
	Clock       func() time.Time
}

var _ fosite.TokenEndpointHandler = (*Bind)(nil)

const (
	ruleForeign   profile.Rule = "MEF-R58"
	ruleMoreScope profile.Rule = "RFC6749-6"
	ruleCodeLife  profile.Rule = "MEF-10.3.3.1"
	rulePKCE      profile.Rule = "RFC7636-4.6"
	ruleOwnBehalf profile.Rule = "MEF-10.2.2.2"
	rulePolicy    profile.Rule = "MEF-7.3-4"
	ruleBound     profile.Rule = "FAPI-5.2.2-5"
)

// CanSkipClientAuth returns false.
func (b *Bind) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest returns true for the three grants of the profile.
func (b *Bind) CanHandleTokenEndpointRequest(_ context.Context, request fosite.AccessRequester) bool {
	grants := request.GetGrantTypes()
	return grants.ExactOne("authorization_code") || grants.ExactOne("client_credentials") || grants.ExactOne("refresh_token")
}

// PopulateTokenEndpointResponse has nothing to add.
func (b *Bind) PopulateTokenEndpointResponse(context.Context, fosite.AccessRequester, fosite.AccessResponder) error {
	return fosite.ErrUnknownRequest
}

// HandleTokenEndpointRequest checks what the grant is bound to. Where Fosite
// expects a handler to say that it served the grant, it says no, so that a
// grant which no other handler served stays refused.
func (b *Bind) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	session, err := storage.SessionOf(request.GetSession())
	if err != nil {
		return profile.ServerError("The session cannot be used.", err)
	}
	switch {
	case request.GetGrantTypes().ExactOne("client_credentials"):
		err = b.ownBehalf(request, session)
	case request.GetGrantTypes().ExactOne("authorization_code"):
		err = b.code(ctx, request, session)
	default:
		err = b.refresh(ctx, request, session)
	}
	if err == nil {
		err = b.constrain(ctx, request.GetClient(), session.LSOBinding())
	}
	if err != nil {
		return err
	}
	b.shorten(session)
	return fosite.ErrUnknownRequest
}

const needsCertificate = "The tokens are bound to a client certificate, which the request does not have."

// constrain binds the tokens to the certificate of this request, if it has one.
// What was bound once is never given out unbound, nor to somebody else's
// certificate.
func (b *Bind) constrain(ctx context.Context, client fosite.Client, binding *storage.Binding) error {
	f := foundIn(ctx)
	if len(f.chain) > 0 {
		if err := b.Certificate.Usable(f.chain[0]); err != nil {
			return ruleBound.InvalidRequest("The client certificate cannot be used.").Because(err)
		}
		if err := b.sameHolder(ctx, client, binding, f.chain); err != nil {
			return err
		}
		binding.Confirmation = mtls.Thumbprint(f.chain[0])
		return nil
	}
	if b.Profile.BindsAll() || binding.Confirmation != "" {
		return ruleBound.InvalidRequest(needsCertificate)
	}
	metadata, err := b.metadata(ctx, client)
	if err != nil {
		return err
	}
	if metadata.CertificateBoundAccessTokens {
		return ruleBound.InvalidRequest(needsCertificate)
	}
	return nil
}

// sameHolder: a refresh comes with the certificate of before, or with a renewed
// one that is registered for the client.
func (b *Bind) sameHolder(ctx context.Context, client fosite.Client, binding *storage.Binding, chain []*x509.Certificate) error {
	if binding.Confirmation == "" || mtls.Confirms(chain[0], binding.Confirmation) {
		return nil
	}
	metadata, err := b.metadata(ctx, client)
	if err != nil {
		return err
	}
	err = errNotRegistered
	if clientauth.Identified(metadata) {
		err = b.Certificate.Registered(ctx, client.GetID(), metadata, chain)
	}
	if err != nil {
		return ruleBound.InvalidGrant("The refresh token is bound to another certificate.").Because(err)
	}
	return nil
}

// metadata are the client's, as its authentication saw them.
func (b *Bind) metadata(ctx context.Context, client fosite.Client) (*storage.ClientMetadata, error) {
	if f := foundIn(ctx); f.metadata != nil {
		return f.metadata, nil
	}
	metadata, err := b.Metadata(ctx, client)
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	return metadata, nil
}

// shorten holds the lifetimes to the profile's. Fosite gives a client with
// lifespans of its own those, and a lifespan of -1 no end.
func (b *Bind) shorten(session storage.Session) {
	now, access := b.Clock().UTC(), b.Profile.TTL.AccessToken
	if session.LSOBinding().Confirmation != "" {
		access = b.Profile.TTL.BoundAccessToken
	}
	for token, ttl := range map[fosite.TokenType]time.Duration{
		fosite.AccessToken: access, fosite.RefreshToken: b.Profile.TTL.RefreshToken,
	} {
		latest := now.Add(ttl)
		if until := session.GetExpiresAt(token); until.IsZero() || until.After(latest) {
			session.SetExpiresAt(token, latest)
		}
	}
}

// ownBehalf: the subject is the client itself, and there is no user to
// identify.
func (b *Bind) ownBehalf(request fosite.AccessRequester, session storage.Session) error {
	if slices.Contains(request.GetRequestedScopes(), "openid") {
		return ruleOwnBehalf.InvalidScope("The scope openid needs a user.")
	}
	id := request.GetClient().GetID()
	session.IDTokenClaims().Subject = id
	if s, ok := session.(interface{ SetSubject(string) }); ok {
		s.SetSubject(id)
	}
	*session.LSOBinding() = storage.Binding{Issuer: b.Issuer}
	return nil
}

func (b *Bind) code(ctx context.Context, request fosite.AccessRequester, session storage.Session) error {
	binding := session.LSOBinding()
	if binding.Issuer != b.Issuer {
		return ruleForeign.InvalidGrant("The code is not valid.")
	}
	// A store need not know when a code expires.
	if !b.Clock().Before(session.GetExpiresAt(fosite.AuthorizeCode)) {
		return ruleCodeLife.InvalidGrant("The code has expired.")
	}
	if err := checkVerifier(binding.CodeChallenge, request.GetRequestForm().Get("code_verifier")); err != nil {
		return err
	}
	if binding.IntentID == "" {
		return b.policy(ctx, request, nil)
	}
	in, err := b.Intents.Redeemable(ctx, binding.IntentID, request.GetID())
	if err != nil {
		return err
	}
	return b.accept(ctx, request, in)
}

func (b *Bind) refresh(ctx context.Context, request fosite.AccessRequester, session storage.Session) error {
	binding := session.LSOBinding()
	if binding.Issuer != b.Issuer {
		return ruleForeign.InvalidGrant("The refresh token is not valid.")
	}
	// Fosite grants what was granted before, whatever is asked.
	for _, scope := range b.Profile.ParseScope(request.GetRequestForm().Get("scope")) {
		if !slices.Contains(request.GetGrantedScopes(), scope) {
			return ruleMoreScope.InvalidScope("A scope was not granted before.")
		}
	}
	if binding.IntentID == "" {
		return b.policy(ctx, request, nil)
	}
	in, err := b.Intents.Refreshable(ctx, binding.IntentID, request.GetID())
	if err != nil {
		return err
	}
	return b.accept(ctx, request, in)
}

// accept checks that the client may still use the intent, and the policy, and
// notes the intent for the response.
func (b *Bind) accept(ctx context.Context, request fosite.AccessRequester, in *storage.Intent) error {
	client := request.GetClient()
	metadata, err := b.metadata(ctx, client)
	if err != nil {
		return err
	}
	may, err := b.Intents.MayUse(ctx, in, client, metadata)
	if err != nil {
		return err
	}
	if !may {
		return ruleForeign.InvalidGrant("The intent is of another client or trust domain.")
	}
	foundIn(ctx).intent = in
	return b.policy(ctx, request, in)
}

func (b *Bind) policy(ctx context.Context, request fosite.AccessRequester, in *storage.Intent) error {
	return authorization.ApplyPolicy(ctx, b.Policy, request.GetClient(), in, request.GetRequestedScopes(), rulePolicy.UnauthorizedClient)
}

// checkVerifier is RFC 7636 §4.6 for S256. A verifier without a challenge is
// refused too: somebody dropped the challenge on the way.
func checkVerifier(challenge, verifier string) error {
	if challenge == "" && verifier == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(verifier))
	computed := base64.RawURLEncoding.EncodeToString(sum[:])
	if challenge == "" || len(verifier) < 43 || len(verifier) > 128 || subtle.ConstantTimeCompare([]byte(computed), []byte(challenge)) != 1 {
		return rulePKCE.InvalidGrant("The code_verifier does not fit the code_challenge.")
	}
	return nil
}
