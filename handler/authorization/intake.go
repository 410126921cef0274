package authorization

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/jarm"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// Policy decides whether a client may have this intent authorized with these
// scopes at all (MEF W128 §7.3, step 4). The intent is nil where there is none,
// and another client's where this one acts for that (storage.ClientMetadata).
// An error that is no *profile.Violation refuses.
type Policy func(ctx context.Context, client fosite.Client, in *storage.Intent, scopes []string) error

// Endpoint is the authorization endpoint's half of the provider. All fields
// are needed, but Policy. It is safe for concurrent use.
type Endpoint struct {
	Profile  *profile.Profile
	Issuer   string
	Parser   Parser
	Clients  fosite.ClientManager
	Metadata storage.MetadataFunc
	// Documents has the DID documents of clients; nil where they have none.
	Documents *did.Cache
	// ServiceTypes are the types of a DID document's services that may be a
	// redirect URI; none means any.
	ServiceTypes []string
	Verifier     *requestobject.Verifier
	// Standing tells whether the client may still act.
	Standing clientauth.Standing
	Intents  *intent.Register
	Once     storage.Once
	IDToken  *idtoken.Strategy
	JARM     *jarm.Encoder
	Keys     *key.Ring
	Policy   Policy
	Atomic   atomic.Run
	Audit    audit.Sink
	Clock    func() time.Time
	Rand     io.Reader
	// HandleSecret makes the handles of pending authorizations, 32 bytes.
	HandleSecret []byte
	// PairwiseSalt makes the subjects of SubjectUser.
	PairwiseSalt []byte
	// ErrorPage shows errors that must not go to the client.
	ErrorPage ErrorPage
}

// Parser is Fosite's parser of authorization requests.
type Parser interface {
	NewAuthorizeRequest(ctx context.Context, r *http.Request) (fosite.AuthorizeRequester, error)
}

// candidate is a request on its way through the rules.
type candidate struct {
	query    url.Values // everything outside the object
	clientID string
	client   fosite.Client
	metadata *storage.ClientMetadata
	delivery profile.Delivery
	pushing  bool   // it is being pushed: no browser, no redirect
	raw      string // the request object, or the request_uri of a pushed one
	object   *requestobject.Object
	params   url.Values // the object's parameters
	claims   requestobject.Claims
	scopes   []string
	intent   *storage.Intent
	pending  Pending
	redirect *url.URL // set once errors may be redirected
}

type rule func(*Endpoint, context.Context, *candidate) error

// The rules stand in the order in which a request with two defects is judged.

// arrivalRules are for the request that the browser brings. Their errors are
// shown to the user.
var arrivalRules = []rule{(*Endpoint).oneClientID, (*Endpoint).knownClient, (*Endpoint).oneDelivery, (*Endpoint).noDuplicates}

// objectRules are for the request object, whichever way it comes.
var objectRules = []rule{
	// Errors of these are shown to the user.
	(*Endpoint).openObject, (*Endpoint).goodStanding, (*Endpoint).redirectURI,
	// Errors of these go to the client.
	(*Endpoint).objectTimes, (*Endpoint).notReplayed, (*Endpoint).readParams,
	(*Endpoint).responseType, (*Endpoint).registeredResponseType, (*Endpoint).responseMode,
	(*Endpoint).outerResponseType, (*Endpoint).outerParams,
	(*Endpoint).scopesPresent, (*Endpoint).scopesRegistered, (*Endpoint).nonce, (*Endpoint).state, (*Endpoint).pkce,
	(*Endpoint).namesIntent, (*Endpoint).ownIntent, (*Endpoint).policy,
	(*Endpoint).acrVocabulary, (*Endpoint).prompt, (*Endpoint).maxAge, (*Endpoint).idTokenHint,
	(*Endpoint).signable,
}

// resumeRules are asked again of a pending authorization: what may have changed
// since.
var resumeRules = []rule{
	(*Endpoint).knownClient, (*Endpoint).goodStanding, (*Endpoint).stillRegistered, (*Endpoint).scopesRegistered, (*Endpoint).ownIntent,
	(*Endpoint).policy, (*Endpoint).maxAge, (*Endpoint).signable,
}

func (e *Endpoint) judge(ctx context.Context, c *candidate, rules []rule) error {
	for _, check := range rules {
		if err := check(e, ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// NewAuthorizeRequest judges an authorization request, or brings a pending one
// back. The requester is usable for WriteAuthorizeError even with an error.
func (e *Endpoint) NewAuthorizeRequest(ctx context.Context, r *http.Request) (_ fosite.AuthorizeRequester, err error) {
	ctx, s := span.Start(ctx, "authorization.Endpoint.NewAuthorizeRequest")
	defer span.End(s, &err)
	c := &candidate{}
	request, err := e.newAuthorizeRequest(ctx, c, r)
	e.audit(ctx, audit.AuthorizationRequest, c, err)
	if err != nil {
		return e.failed(c), err
	}
	return request, nil
}

func (e *Endpoint) newAuthorizeRequest(ctx context.Context, c *candidate, r *http.Request) (request *Request, err error) {
	if c.query, err = readQuery(r); err != nil {
		return nil, err
	}
	if c.query.Has(pendingParam) {
		return e.resume(ctx, c)
	}
	if err := e.judge(ctx, c, arrivalRules); err != nil {
		return nil, err
	}
	if c.delivery == profile.DeliverByPAR {
		return e.admitPushed(ctx, c)
	}
	return e.admit(ctx, c)
}

func (e *Endpoint) admit(ctx context.Context, c *candidate) (*Request, error) {
	if err := e.judge(ctx, c, objectRules); err != nil {
		return nil, err
	}
	return e.keep(ctx, c, func() (*record, error) { return e.newRecord(c) })
}

func (e *Endpoint) audit(ctx context.Context, action audit.Action, c *candidate, err error) {
	event := audit.Event{Time: e.Clock(), Action: action}
	if c.client != nil {
		event.Client = c.client.GetID()
	}
	if c.intent != nil {
		event.Intent = c.intent.ID
	}
	if c.object != nil {
		audit.Weak(ctx, e.Audit, event.Time, c.object.Alg, event.Client, "request object")
	}
	audit.Judge(ctx, e.Audit, event, err)
}

// failed is a requester for the error writer: with a redirect_uri only if it
// proved to be the client's inside a verified object.
func (e *Endpoint) failed(c *candidate) *fosite.AuthorizeRequest {
	ar := fosite.NewAuthorizeRequest()
	if c.redirect == nil {
		return ar
	}
	ar.Client, ar.RedirectURI = c.client, c.redirect
	state, responseType, mode := c.params.Get("state"), c.params.Get("response_type"), c.params.Get("response_mode")
	if c.params == nil {
		state, responseType, mode = c.object.ErrorParams()
	}
	if isPrintable(state) {
		ar.State = state
	}
	ar.ResponseTypes = strings.Fields(responseType)
	ar.ResponseMode = e.errorMode(responseType, mode, c.metadata)
	return ar
}

// parse hands the verified parameters to Fosite's own parser, in a request
// that has nothing else.
func (e *Endpoint) parse(ctx context.Context, client fosite.Client, params url.Values) (*fosite.AuthorizeRequest, error) {
	form := maps.Clone(params)
	state := form.Get("state")
	// Fosite demands a state; the profile does not.
	form.Set("state", "none-was-sent")
	// The modes are ours: Fosite grants any but the default only to clients
	// of a type of its own.
	mode := form.Get("response_mode")
	form.Del("response_mode")
	ctx = context.WithValue(ctx, clientKey{}, client)
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}, Body: http.NoBody, Form: form, PostForm: form}).WithContext(ctx)
	requester, err := e.Parser.NewAuthorizeRequest(ctx, r)
	ar, ok := requester.(*fosite.AuthorizeRequest)
	if err != nil || !ok {
		return nil, ruleParse.InvalidRequest("The authorization request is malformed.").Because(err)
	}
	if profile.IsJWTMode(mode) {
		ar.ResponseMode = fosite.ResponseModeType(mode)
	}
	ar.State = state
	ar.Form.Del("state")
	if state != "" {
		ar.Form.Set("state", state)
	}
	return ar, nil
}

const ruleParse profile.Rule = "RFC6749-4.1.1"
