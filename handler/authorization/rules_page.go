package authorization

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The rules whose breach is shown to the user: nothing proves yet that the
// client sent the request, so nothing goes to its redirect_uri.

const (
	ruleClientID    profile.Rule = "MEF-R16"
	ruleObject      profile.Rule = "MEF-R23"
	ruleDelivery    profile.Rule = "FAPI-5.2.2-1"
	ruleRedirect    profile.Rule = "MEF-R17"
	ruleRegistered  profile.Rule = "MEF-R18"
	ruleHTTPS       profile.Rule = "BASE-5.2.2-20"
	rulePublic      profile.Rule = "FAPI-5.2.2-16"
	rulePushOnly    profile.Rule = "RFC9126-6"
	ruleService     profile.Rule = "MEF-R19"
	maxClientID                  = 512
	maxRedirectSize              = 4 << 10
)

// oneClientID: exactly one client_id outside the object tells whose keys to
// look for.
func (e *Endpoint) oneClientID(_ context.Context, c *candidate) error {
	ids := c.query["client_id"]
	if len(ids) != 1 || ids[0] == "" || len(ids[0]) > maxClientID || !profile.IsVisible(ids[0]) {
		return ruleClientID.InvalidRequest("The request needs exactly one client_id.")
	}
	c.clientID = ids[0]
	return nil
}

// knownClient: an unknown and a suspended client get the same answer.
func (e *Endpoint) knownClient(ctx context.Context, c *candidate) error {
	client, err := e.Clients.GetClient(ctx, c.clientID)
	if errors.Is(err, fosite.ErrNotFound) {
		return refusedClient.Because(err)
	}
	if err != nil {
		return profile.Unavailable(err)
	}
	metadata, err := e.Metadata(ctx, client)
	if err != nil {
		return profile.Unavailable(err)
	}
	if metadata.Suspended {
		return refusedClient
	}
	if client.IsPublic() {
		return rulePublic.UnauthorizedClient("The client is not registered or not allowed here.")
	}
	c.client, c.metadata = client, metadata
	return nil
}

// goodStanding: one that is not any more gets the same answer too.
func (e *Endpoint) goodStanding(ctx context.Context, c *candidate) error {
	err := e.Standing.Check(ctx, c.client)
	if errors.Is(err, fosite.ErrInvalidClient) {
		return refusedClient.Because(err)
	}
	return err
}

var refusedClient = ruleClientID.UnauthorizedClient("The client is not registered or not allowed here.")

// oneDelivery: the object comes in one way, and that way is allowed to the
// client. A request_uri is one of ours, never a place on the network.
func (e *Endpoint) oneDelivery(_ context.Context, c *candidate) error {
	value, reference := c.query.Get("request"), c.query.Get("request_uri")
	switch {
	case reference != "" && !e.Profile.Delivers(profile.DeliverByPAR):
		return ruleDelivery.Refuse("request_uri_not_supported", "A request_uri is not supported.")
	case value != "" && reference != "":
		return ruleObject.InvalidRequest("The request has both request and request_uri.")
	case reference != "" && !strings.HasPrefix(reference, requestURIPrefix):
		return ruleDelivery.Refuse("request_uri_not_supported", "A request_uri of this kind is not supported.")
	case reference != "":
		c.delivery, c.raw = profile.DeliverByPAR, reference
		return nil
	case value == "":
		return ruleObject.InvalidRequest("The request has no request object.")
	case !e.Profile.Delivers(profile.DeliverByValue):
		return ruleDelivery.Refuse("request_not_supported", "A request object by value is not supported.")
	case c.metadata.RequirePushedAuthorizationRequests:
		return rulePushOnly.InvalidRequest("The client is registered to push its requests.")
	}
	c.delivery, c.raw = profile.DeliverByValue, value
	return nil
}

func (e *Endpoint) noDuplicates(_ context.Context, c *candidate) error {
	for _, values := range c.query {
		if len(values) > 1 {
			return ruleForm.InvalidRequest("A parameter is there more than once.")
		}
	}
	return nil
}

func (e *Endpoint) openObject(ctx context.Context, c *candidate) error {
	object, err := e.Verifier.Open(ctx, c.raw, c.client.GetID(), c.metadata)
	if err != nil {
		return err
	}
	c.object = object
	return nil
}

// redirectURI: byte for byte one that is registered, and https. From here on
// errors go to the client.
func (e *Endpoint) redirectURI(ctx context.Context, c *candidate) error {
	raw := c.object.RedirectURI()
	if raw == "" || len(raw) > maxRedirectSize {
		return ruleRedirect.InvalidRequest("The request object has no redirect_uri.")
	}
	if !slices.Contains(c.client.GetRedirectURIs(), raw) {
		return ruleRegistered.InvalidRequest("The redirect_uri is not registered.")
	}
	uri, err := url.Parse(raw)
	if err != nil || uri.Scheme != "https" || uri.Host == "" || uri.Fragment != "" || !fosite.IsValidRedirectURI(uri) {
		return ruleHTTPS.InvalidRequest("The redirect_uri is not an https URL without fragment.")
	}
	if err := e.serviceEndpoint(ctx, c.clientID, raw); err != nil {
		return err
	}
	c.redirect = uri
	return nil
}

// serviceEndpoint: the redirect_uri of a client whose identifier is a DID is a
// service endpoint of its document, now as well as at registration.
func (e *Endpoint) serviceEndpoint(ctx context.Context, clientID, redirectURI string) error {
	if e.Documents == nil || !strings.HasPrefix(clientID, "did:") {
		return nil
	}
	is := false
	id, err := did.Parse(clientID)
	if err == nil {
		is, err = e.Documents.HasServiceEndpoint(ctx, id, redirectURI, e.ServiceTypes...)
	}
	if err != nil || !is {
		return ruleService.InvalidRequest("The redirect_uri is no service endpoint of the client's DID document.").Because(err)
	}
	return nil
}
