// Package relyingparty is the Buyer's half: it builds the signed request that
// sends a user to the Seller, keeps what must be remembered until the user
// comes back, validates the answer, and fetches the tokens. Nothing on the
// Seller's side imports it.
//
//	metadata, err := relyingparty.Discover(ctx, nil, "https://as.seller.example")
//	client, err := relyingparty.New(relyingparty.Config{
//		ClientID: "c-7f3a9d", RedirectURI: "https://tpp.buyer.example/cb", Issuer: metadata,
//		Signer: key, KeyID: "tpp-sig-1",
//	})
//
//	// POST /quote with a token of the client's own returned the intent id.
//	url, login, err := client.Begin(ctx, relyingparty.AuthorizationRequest{IntentID: id, Scopes: []string{"quote"}})
//	// Keep login in the browser session and send the user to url. A page at the
//	// redirect URI posts the fragment back:
//	detached, err := client.Finish(ctx, login, callbackURL, params, relyingparty.Fragment)
//	tokens, err := client.Exchange(ctx, detached)
//	// tokens.IntentID goes into POST /quote-submissions.
//
// Finish runs one list of rules in one order; the first that is broken ends it
// with an *Abort. A Detached is made by Finish alone and holds the code where
// nobody else reaches it: no code is sent before its answer passed every rule.
//
// A Seller of FAPI 1.0 Advanced that takes pushed requests and answers them
// with signed responses, to clients that authenticate by their certificate:
//
//	p := profile.FAPI1Advanced()
//	client, err := relyingparty.New(relyingparty.Config{
//		…, Profile: &p, PAR: true, JARM: true, AuthMethod: profile.TLSClientAuth, HTTP: withCertificate,
//	})
//	url, login, err := client.Begin(ctx, relyingparty.AuthorizationRequest{Scopes: []string{"accounts"}})
//	detached, err := client.Finish(ctx, login, callbackURL, r.URL.Query(), relyingparty.Query)
//	tokens, err := client.Exchange(ctx, detached)
//	response, err := client.Call(request, tokens, relyingparty.Customer{IP: address})
//
// Use a redirect URI of its own for each Seller (FAPI 1.0 Baseline §5.2.3-3).
//
// Deliberately absent: client secrets, codes that neither an ID Token nor a
// signed response vouches for, a fallback from encrypted to plain answers, and
// any storage of sessions, which is the caller's.
package relyingparty
