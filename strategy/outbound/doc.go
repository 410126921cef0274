// Package outbound is the one HTTP client for URLs that somebody else chose: a
// client's jwks_uri, a did:web document, a status list. It gets one small
// document from a public https address, or it refuses.
//
//	client := outbound.New(outbound.Config{})
//	doc, err := client.Get(ctx, "https://buyer.example/jwks.json", "application/jwk-set+json", "application/json")
//	switch {
//	case errors.Is(err, outbound.ErrRefused):
//		// the URL or the address behind its name is against the policy
//	case err != nil:
//		// the other side did not deliver; ask again later
//	}
//
// The zero [Config] permits https on port 443 at public addresses. An address
// is checked when it is dialled, after the name was resolved, so that a name
// cannot change its mind in between. [Config.AllowPrefixes] opens a private
// network; [InsecureLoopback] opens this machine, for development.
//
// Deliberately absent: redirects, retries, proxies, cookies, credentials in
// the URL, compression, HTTP/2, connections kept open. Each is a way for the
// author of the URL to reach or hold more than one document.
package outbound
