// Package token is the token endpoint's half of the provider and what depends
// on the tokens: introspection (RFC 7662), revocation (RFC 7009), UserInfo.
// compose.New puts it together; a host's token route stays as it is:
//
//	request, err := provider.NewAccessRequest(ctx, r, session)
//	...
//	response, err := provider.NewAccessResponse(ctx, request)
//
// [ClientAuth] replaces Fosite's client authentication. [Bind] is the last
// Fosite handler of the token endpoint: it refuses a code or refresh token that
// another provider made, that lacks its PKCE verifier, or whose intent is not
// in the hands of this authorization. [Endpoint] wraps Fosite's two calls: what
// may be used once is claimed in the same transaction in which the tokens are
// stored, so that a process which dies in between changed nothing. [View] is
// the host's storage as Fosite's own handlers see it.
//
// [Holder] checks that a bound token comes with its certificate, for UserInfo
// and for a resource server.
//
// Deliberately absent: client_secret_jwt, public clients, JWT access tokens,
// the grants password and implicit.
package token
