package authorization

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Guard is the first Fosite handler of the authorization endpoint. Everything
// that can be refused is refused before anything is taken.
type Guard struct{ *Endpoint }

var _ fosite.AuthorizeEndpointHandler = (*Guard)(nil)

const (
	ruleIntake  profile.Rule = "FAPI-5.2.2-10"
	ruleConsent profile.Rule = "BASE-5.2.2-12"
	ruleUnmet   profile.Rule = "MEF-D6"
)

// HandleAuthorizeEndpointRequest compares the host's decision with the
// request, fixes the claims of the ID Tokens in the host's session, and takes
// the pending authorization, the request object and the intent.
func (g *Guard) HandleAuthorizeEndpointRequest(ctx context.Context, ar fosite.AuthorizeRequester, _ fosite.AuthorizeResponder) error {
	request, ok := ar.(*Request)
	if !ok {
		return ruleIntake.InvalidRequest("The request did not come through the provider's NewAuthorizeRequest.")
	}
	session, err := storage.SessionOf(ar.GetSession())
	if err != nil {
		return profile.ServerError("The session cannot be used.", err)
	}
	acr, err := g.checkDecision(request, session)
	if err != nil {
		return err
	}
	if err := g.fix(ctx, request, session, acr); err != nil {
		return err
	}
	dropJudged(request)
	return g.take(ctx, request)
}

func (g *Guard) checkDecision(request *Request, session storage.Session) (acr string, err error) {
	if err := checkGranted(request); err != nil {
		return "", err
	}
	if userOf(session) == "" {
		return "", profile.ServerError("The session has no subject.", errors.New("authorization: set Subject or Claims.Subject in the session"))
	}
	if err := g.checkLogin(request, session.IDTokenClaims().AuthTime); err != nil {
		return "", err
	}
	return g.checkACR(request, session.IDTokenClaims().AuthenticationContextClassReference)
}

// checkGranted: the host grants of what was asked, and openid if it was;
// without openid Fosite would answer without ID Token.
func checkGranted(request *Request) error {
	for _, scope := range request.GetGrantedScopes() {
		if !slices.Contains(request.GetRequestedScopes(), scope) {
			return profile.ServerError("A scope was granted that was not requested.", nil)
		}
	}
	if slices.Contains(request.GetRequestedScopes(), "openid") && !slices.Contains(request.GetGrantedScopes(), "openid") {
		return ruleConsent.AccessDenied("The scope openid was not granted.")
	}
	return nil
}

func userOf(session storage.Session) string {
	if subject := session.GetSubject(); subject != "" {
		return subject
	}
	return session.IDTokenClaims().Subject
}

// maxAhead is how far the host's clock may run ahead of ours.
const maxAhead = 5 * time.Second

func (g *Guard) checkLogin(request *Request, authTime time.Time) error {
	p := &request.pending
	if authTime.After(g.Clock().Add(maxAhead)) {
		return profile.ServerError("The login is in the future.", nil)
	}
	asked := p.MaxAge != nil || p.wantsLogin() || request.claims.IDToken["auth_time"].Essential
	if authTime.IsZero() && asked {
		return profile.ServerError("The session has no auth_time, which the client asked for.", errors.New("authorization: set Claims.AuthTime in the session"))
	}
	if !authTime.IsZero() && p.NeedsLogin(authTime) {
		return ruleMaxAge.Refuse("login_required", "The user's login is too long ago.")
	}
	if slices.Contains(p.Prompt, "none") && !authTime.IsZero() && authTime.Truncate(time.Second).After(p.RequestedAt) {
		return rulePrompt.Refuse("login_required", "The user logged in though prompt was none.")
	}
	return nil
}

// checkACR returns the class that the ID Token shows: the best one asked for
// that the login reached, in the words it was asked in; else the one reached.
func (g *Guard) checkACR(request *Request, reached string) (string, error) {
	own, ok := g.Profile.ACR(reached)
	if !ok && (reached != "" || g.Profile.RequireACRClaim) {
		return "", profile.ServerError("The session has no acr of the profile.", fmt.Errorf("authorization: set Claims.AuthenticationContextClassReference in the session to one of the profile's ACRValues %v", g.Profile.ACRValues))
	}
	for _, asked := range request.pending.ACR {
		if g.meets(own, asked) {
			return asked, nil
		}
	}
	if request.pending.EssentialACR && g.Profile.UnmetEssentialACR == profile.UnmetACRError {
		return "", ruleUnmet.Refuse("unmet_authentication_requirements", "The login did not reach the acr that is essential to the client.")
	}
	return g.inWordsOf(request.pending.ACR, own), nil
}

// meets: ACRValues has the strongest first, and a stronger login meets a weaker
// wish. Where the profile has no order, only the same one does.
func (g *Guard) meets(own, asked string) bool {
	wanted, _ := g.Profile.ACR(asked)
	level := slices.Index(g.Profile.ACRValues, own)
	if level < 0 {
		return own == wanted
	}
	return slices.Index(g.Profile.ACRValues, wanted) >= level
}

// inWordsOf names the class in the vocabulary that the client used.
func (g *Guard) inWordsOf(asked []string, own string) string {
	if len(asked) == 0 || slices.Contains(g.Profile.ACRValues, asked[0]) {
		return own
	}
	for alias, target := range g.Profile.ACRAliases {
		if target == own {
			return alias
		}
	}
	return own
}

// fix overwrites every claim that the profile decides.
func (g *Guard) fix(ctx context.Context, request *Request, session storage.Session, acr string) error {
	alg, err := g.IDToken.Alg(ctx, request.GetClient())
	if err != nil {
		return err
	}
	form := request.record.Params // not the request's form: that one is changed below
	claims := session.IDTokenClaims()
	subject := g.subject(request, userOf(session))
	if hint := form.Get("id_token_hint"); hint != "" && g.Profile.SubjectMode == profile.SubjectUser && hint != subject {
		return ruleHint.Refuse("login_required", "The user is not the one of the id_token_hint.")
	}
	claims.Subject, claims.Issuer, claims.Nonce = subject, g.Issuer, form.Get("nonce")
	claims.AuthenticationContextClassReference = acr
	claims.AuthTime = claims.AuthTime.Truncate(time.Second)
	claims.Audience, claims.JTI, claims.CodeHash, claims.AccessTokenHash = nil, "", "", ""
	claims.ExpiresAt, claims.IssuedAt, claims.RequestedAt = time.Time{}, time.Time{}, time.Time{}
	binding := storage.Binding{Issuer: g.Issuer, CodeChallenge: form.Get("code_challenge"), RequestedClaims: []byte(form.Get("claims"))}
	if request.GetState() != "" {
		binding.SHash = idtoken.LeftHalf(alg, request.GetState(), g.Profile.EdDSAHash)
	}
	if in := request.pending.Intent; in != nil {
		binding.IntentClaim, binding.IntentID = g.Profile.IntentClaim, in.ID
	}
	*session.LSOBinding() = binding
	return nil
}

func (g *Guard) subject(request *Request, user string) string {
	if g.Profile.SubjectMode == profile.SubjectIntent {
		return request.pending.Intent.ID
	}
	return idtoken.Pairwise(g.PairwiseSalt, request.pending.Client.Domain(request.GetClient().GetID()), user)
}

// dropJudged takes out of the form what was judged here: Fosite's handlers
// would judge it again, with other clocks and errors.
func dropJudged(request *Request) {
	for _, name := range []string{"prompt", "max_age", "id_token_hint", "acr_values", "claims", "code_challenge", "code_challenge_method"} {
		request.GetRequestForm().Del(name)
	}
}

// take uses up what an authorization may have once, each by one atomic
// statement. In the provider's transaction, a failure gives all of it back.
func (g *Guard) take(ctx context.Context, request *Request) error {
	if err := g.takePending(ctx, request); err != nil {
		return err
	}
	if in := request.pending.Intent; in != nil {
		// A second more than the code, whose expiry Fosite rounds.
		return g.Intents.Authorize(ctx, in, request.GetID(), g.Clock().Add(g.Profile.TTL.Code+time.Second))
	}
	return nil
}

// takePending uses up the pending authorization and its request object.
func (e *Endpoint) takePending(ctx context.Context, request *Request) error {
	key := pendingKey(request.pending.Handle)
	kept, err := e.Once.TakeOnce(ctx, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return rulePending.InvalidRequest("The authorization is over or has expired.")
	case err != nil:
		return profile.Unavailable(err)
	}
	atomic.OnFailure(ctx, func(ctx context.Context) error {
		return e.Once.PutOnce(ctx, key, kept, request.record.Expires)
	})
	return e.useObject(ctx, &request.record)
}

// used is the refusal of what completed an authorization already.
func (r *record) used() error {
	if strings.HasPrefix(r.ReplayKey, usedPrefix) {
		return errPushed
	}
	return errReplay
}

func (e *Endpoint) useObject(ctx context.Context, kept *record) error {
	key := kept.ReplayKey
	if key == "" {
		return nil
	}
	err := e.Once.UseOnce(ctx, key, kept.ObjectExpires)
	switch {
	case errors.Is(err, storage.ErrUsed):
		return kept.used()
	case err != nil:
		return profile.Unavailable(err)
	}
	atomic.OnFailure(ctx, func(ctx context.Context) error {
		if _, err := e.Once.TakeOnce(ctx, key); !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		return nil // it has expired
	})
	return nil
}
