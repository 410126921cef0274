// Package buyer is an example of a Buyer's program: the Seller's quote API on
// one side, package relyingparty on the other, and little between them.
//
//	b := &buyer.Buyer{Client: client, API: &buyer.API{Base: "https://api.seller.example", HTTP: httpClient}}
//	quote, err := b.Ask(ctx, map[string]any{"Product": "Access E-Line"})
//	url, login, err := b.Authorize(ctx, quote.ID) // send the user there, keep login in the session
//	tokens, err := b.Return(ctx, login, callbackURL, params)
//	submission, err := b.Submit(ctx, tokens, map[string]any{"Remark": "as agreed"})
//
// The id that Submit sends comes from the ID Token that Return validated, not
// from what the Buyer remembered.
package buyer
