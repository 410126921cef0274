package authorization

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

// requestURIPrefix is that of the references to pushed requests (RFC 9126
// §2.2); 32 random bytes follow.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

const (
	rulePush       profile.Rule = "RFC9126-2.1"
	rulePushed     profile.Rule = "RFC9126-4"
	ruleSupportPAR profile.Rule = "FAPI-5.2.2-11"
)

var errPushed = rulePushed.Refuse("invalid_request_uri", "The request_uri is unknown, used, expired, or another client's.")

// Pushed is a pushed authorization request that passed every rule. It is not
// stored yet.
type Pushed struct {
	*fosite.AuthorizeRequest
	record *record
}

// Push judges a request object that an authenticated client pushed, as the
// authorization endpoint judges one that comes by value; parameters beside it
// do not count. Every error is a *profile.Violation. Nothing is stored.
func (e *Endpoint) Push(ctx context.Context, client fosite.Client, form url.Values) (_ *Pushed, err error) {
	ctx, s := span.Start(ctx, "authorization.Endpoint.Push")
	defer span.End(s, &err)
	c := &candidate{client: client, clientID: client.GetID(), raw: form.Get("request"), delivery: profile.DeliverByPAR, pushing: true}
	pushed, err := e.push(ctx, c, form)
	e.audit(ctx, audit.PushedRequest, c, err)
	return pushed, err
}

func (e *Endpoint) push(ctx context.Context, c *candidate, form url.Values) (*Pushed, error) {
	switch {
	case !e.Profile.Delivers(profile.DeliverByPAR):
		return nil, ruleSupportPAR.InvalidRequest("Pushed authorization requests are not supported.")
	case form.Has("request_uri"):
		return nil, rulePush.InvalidRequest("A pushed request has no request_uri.")
	case c.raw == "":
		return nil, ruleObject.InvalidRequest("The request has no request object.")
	}
	metadata, err := e.Metadata(ctx, c.client)
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	c.metadata = metadata
	if err := e.judge(ctx, c, objectRules); err != nil {
		return nil, err
	}
	kept, err := e.newRecord(c)
	if err != nil {
		return nil, err
	}
	ar, err := e.parse(ctx, c.client, c.params)
	if err != nil {
		return nil, err
	}
	ar.SetID(kept.ID)
	return &Pushed{AuthorizeRequest: ar, record: kept}, nil
}

// StorePushed stores what Push found good, and uses up its request object. The
// reference is usable once, by the client, until the lifetime is over.
func (e *Endpoint) StorePushed(ctx context.Context, pushed *Pushed) (requestURI string, lifetime time.Duration, err error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(e.Rand, random); err != nil {
		return "", 0, profile.ServerError("No random numbers.", err)
	}
	requestURI, lifetime = requestURIPrefix+base64.RawURLEncoding.EncodeToString(random), e.Profile.TTL.PARRequestURI
	kept := *pushed.record
	object := kept
	kept.ReplayKey, kept.Expires = usedKey(requestURI), e.Clock().Add(lifetime)
	err = e.Atomic(ctx, func(ctx context.Context) error {
		if err := e.useObject(ctx, &object); err != nil {
			return err
		}
		return e.put(ctx, pushedKey(requestURI), &kept)
	})
	return requestURI, lifetime, err
}

func pushedKey(requestURI string) string { return "par:" + hash(requestURI) }

// usedKey is used up when the authorization completes. Until then the user may
// load the page again; afterwards the reference is dead, also for a second
// browser that opened it in the meantime.
func usedKey(requestURI string) string { return usedPrefix + hash(requestURI) }

const usedPrefix = "par-used:"

// admitPushed makes a pushed request pending when its user appears. No
// parameter of the browser's but client_id and request_uri is looked at.
func (e *Endpoint) admitPushed(ctx context.Context, c *candidate) (*Request, error) {
	pushed, err := e.loadRecord(ctx, pushedKey(c.raw))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, errPushed.Because(err)
	}
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	if pushed.ClientID != c.clientID {
		return nil, errPushed
	}
	if err := e.unused(ctx, pushed.ReplayKey, pushed.used()); err != nil {
		return nil, err
	}
	if err := e.judgeAgain(ctx, c, pushed); err != nil {
		return nil, err
	}
	return e.keep(ctx, c, func() (*record, error) { return e.appeared(pushed), nil })
}

// appeared gives the user the usual time, from now.
func (e *Endpoint) appeared(pushed *record) *record {
	r := *pushed
	r.RequestedAt = e.Clock().UTC().Truncate(time.Second)
	r.Expires = r.RequestedAt.Add(e.Profile.TTL.AuthorizeSession)
	// The reference itself may outlive the pending authorization.
	r.ObjectExpires = r.Expires.Add(e.Profile.TTL.PARRequestURI + time.Minute)
	return &r
}
