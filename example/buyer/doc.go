// Package buyer is an example of a Buyer's program: the Seller's quote API on
// one side, package relyingparty on the other, and little between them.
//
//	b := &buyer.Buyer{Client: client, API: &buyer.API{Base: "https://api.seller.example", HTTP: httpClient}}
//	quote, err := b.Ask(ctx, map[string]any{"Product": "Access E-Line"})
//	url, login, err := b.Authorize(ctx, quote.ID) // send the user there, keep login in the session
//	tokens, err := b.Return(ctx, login, callbackURL, params)
//	submission, err := b.Submit(ctx, tokens, map[string]any{"Remark": "as agreed"})
//
// A client comes to be at a Seller with what a directory and a registry say of
// it (package registry is an example of both):
//
//	registrar, err := buyer.FindRegistrar(ctx, httpClient, "https://as.seller.example")
//	registration, err := registrar.Register(ctx, buyer.Application{
//		Metadata: metadata, Statement: statement, Holder: holder, Credentials: []string{credential},
//	})
//	... // keep the registration; its token is a secret
//
// The id that Submit sends comes from the ID Token that Return validated, not
// from what the Buyer remembered.
package buyer
