// Package intent keeps the life of an intent: what a Buyer's client lodged with
// the Seller, and what an authorization is bound to (MEF W128 §7.3).
//
//	Pending ──► Authorized ──► (code redeemed) ──► Consumed
//	   │            │
//	   ▼            └─ code expired unredeemed: may be authorized again
//	Rejected
//
// Anything open may become Revoked; an intent past its expiry is as good as
// none. A Seller's API uses three calls:
//
//	in, err := provider.Intents.Create(ctx, client, storage.IntentOnce, details) // POST /quote
//	in, err := provider.Intents.Owned(ctx, client, id)                           // GET /quote/{id}
//	err := provider.Intents.Consume(ctx, grant.IntentID, grant.RequestID)        // POST /quote-submissions
//
// An intent is its client's, and that of a client which acts for it within their
// trust domain. Whoever of them authorized it has its code and its tokens; what
// happens to it is recorded under the client that lodged it.
//
// Every change is a compare-and-set on the stored version; of two at once, one
// wins. A [Register] is safe for concurrent use.
package intent
