// Package authorization is the corridor that an authorization request walks
// through, from the query of the browser to the answer in the fragment
// (requirements of MEF W128 §7.5.1, FAPI 1.0 Advanced §5.2.2).
//
//	Intake     the query, the request object, the rules in their order, the intent
//	           → a *Request, kept as a pending authorization under a handle
//	(the host logs its user in and asks for consent, over many HTTP requests,
//	 and comes back with the query pending=HANDLE)
//	Guard      first Fosite handler: refuses what did not come through Intake,
//	           compares login and consent with what was asked, fixes the claims,
//	           takes what may be used once
//	Finisher   last Fosite handler: the parameters of the answer
//	Writer     errors: to the client only behind a verified object, else a page
//
// compose.New puts these together. A host's authorize handler sees them as two
// calls and one value:
//
//	ar, err := provider.NewAuthorizeRequest(ctx, r)
//	...
//	pending := authorization.Of(ar) // handle, client, intent, wanted acr: for the pages
//	...
//	response, err := provider.NewAuthorizeResponse(ctx, ar, session)
//
// The handle is no credential: it selects a pending authorization, and the
// host's login cookie and CSRF token protect the decision.
//
// Deliberately absent: fetching a request_uri, front-channel access tokens,
// remembered consent. Fosite's own parser never sees a request object.
package authorization
