package relyingparty

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/key"
)

// Delivery is the part of the callback URL in which the parameters came.
type Delivery string

// The deliveries.
const (
	Fragment Delivery = "fragment"
	Query    Delivery = "query"
)

// Detached is an authorization response that passed every rule: its ID Token
// was the detached signature over its code and state, or the whole response
// was signed (JARM). It holds the code, and Exchange sends it. After a signed
// response its other fields are empty: the ID Token comes with the Tokens.
type Detached struct {
	// IntentID is the intent that the user authorised, from the ID Token.
	IntentID string
	// Subject is the sub claim, which the token endpoint's ID Token repeats.
	Subject string
	// ACR is how the user logged in, and AuthTime when; it is zero if the
	// Seller did not say.
	ACR      string
	AuthTime time.Time

	login Login
	code  string
	sent  atomic.Bool
}

// answer is what the rules look at.
type answer struct {
	login *Login
	now   time.Time

	// The authorization response; delivery is empty for an answer of the token
	// endpoint.
	redirectURI string
	params      url.Values
	delivery    Delivery
	spent       error

	// The JWT that the rules look at, and what came with it.
	expected               *expected
	raw, code, accessToken string
	signed                 *jose.Signed
	keys                   []key.Public
	claims                 jose.Object // of a JARM response not verified before checkSignature

	// front is the authorization response, once it passed. A refreshed token
	// has the subject of its predecessor there.
	front     *Detached
	refreshed bool
}

// rule is one check. Its error is an *Abort.
type rule func(*Client, context.Context, *answer) error

// responseRules are the validation of the authorization response, in order
// (FAPI 1.0 Advanced §5.2.3.1, OpenID Connect Core §3.3.2.8–3.3.2.12).
var responseRules = []rule{
	(*Client).checkRedirectURI,
	(*Client).checkDelivery,
	(*Client).checkState,
	(*Client).checkError,
	(*Client).checkAccessToken,
	(*Client).checkPresent,
	(*Client).checkAlg,
	(*Client).findKey,
	(*Client).checkSignature,
	(*Client).checkIssParameter,
	(*Client).checkIss,
	(*Client).checkAud,
	(*Client).checkAzp,
	(*Client).checkExp,
	(*Client).checkIat,
	(*Client).checkNonce,
	(*Client).checkCodeHash,
	(*Client).checkStateHash,
	(*Client).checkTokenHash,
	(*Client).checkIntent,
	(*Client).checkACR,
	(*Client).checkAuthTime,
	(*Client).checkSub,
}

// tokenRules are the validation of the token endpoint's ID Token (OpenID
// Connect Core §3.3.3.6–3.3.3.7, MEF W128 R31 and R37).
var tokenRules = []rule{
	(*Client).checkAlg,
	(*Client).findKey,
	(*Client).checkSignature,
	(*Client).checkIss,
	(*Client).checkAud,
	(*Client).checkAzp,
	(*Client).checkExp,
	(*Client).checkIat,
	(*Client).checkNonce,
	(*Client).checkCodeHash,
	(*Client).checkStateHash,
	(*Client).checkTokenHash,
	(*Client).checkIntent,
	(*Client).checkAuthTime,
	(*Client).checkSameUser,
}

// firstTokenRules are the validation of the first ID Token there is, after a
// signed response (OpenID Connect Core §3.1.3.7).
var firstTokenRules = []rule{
	(*Client).checkAlg,
	(*Client).findKey,
	(*Client).checkSignature,
	(*Client).checkIss,
	(*Client).checkAud,
	(*Client).checkAzp,
	(*Client).checkExp,
	(*Client).checkIat,
	(*Client).checkNonce,
	(*Client).checkCodeHash,
	(*Client).checkStateHash,
	(*Client).checkTokenHash,
	(*Client).checkIntent,
	(*Client).checkACR,
	(*Client).checkAuthTime,
	(*Client).checkSub,
}

func (c *Client) apply(ctx context.Context, rules []rule, a *answer) error {
	for _, check := range rules {
		if err := check(c, ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// Finish validates the answer to a login: redirectURI is the URL at which it
// arrived, without its parameters, and params are those of the fragment, which
// a page there posts to the server, or, with JARM, those of the query. The
// error is an *Abort; the login is spent either way. The caller drops it from
// the session.
func (c *Client) Finish(ctx context.Context, login *Login, redirectURI string, params url.Values, delivery Delivery) (*Detached, error) {
	if login == nil || login.State == "" || login.Nonce == "" {
		return nil, abort(ReasonState, ruleState, "the browser session has no login")
	}
	a := &answer{
		login: login, now: c.config.Clock(), redirectURI: redirectURI, params: params, delivery: delivery,
		expected: c.idToken(), raw: params.Get("id_token"), code: params.Get("code"), accessToken: params.Get("access_token"),
	}
	rules := responseRules
	if login.JARM {
		rules, a.expected, a.raw, a.code = jarmRules, c.response(), params.Get("response"), ""
	}
	a.spent = c.spend(ctx, login)
	if err := c.apply(ctx, rules, a); err != nil {
		return nil, err
	}
	return a.detached(), nil
}

// detached is called after all rules passed, so that the members have their
// types. A signed response has none of them.
func (a *answer) detached() *Detached {
	d := &Detached{login: *a.login, code: a.code}
	if a.login.JARM {
		return d
	}
	d.IntentID = a.login.IntentID
	d.Subject, _ = a.claims.String("sub")
	d.ACR, _ = a.claims.String("acr")
	d.AuthTime, _ = a.claims.Time("auth_time")
	return d
}
