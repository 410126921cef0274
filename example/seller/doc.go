// Package seller is an example of a Seller's quote API behind the provider's
// resource guard. A Buyer's client asks for a quote with its own token; the
// user authorizes that very quote at the provider; the client submits it with
// the token that this gave.
//
//	POST /quote                    scope POST:/quote             lodges an intent
//	GET  /quote/{id}               scope GET:/quote
//	POST /quote-submissions        scope POST:/quote-submissions uses the intent up
//	GET  /quote-submissions/{id}   scope GET:/quote-submissions
//
// Bodies are plain JSON, {"Data":{…}}; errors are those of the MEF LSO APIs.
//
// The one thing to copy with care is submit: the intent is consumed in the
// transaction that stores the outcome, so that of two submissions at once one
// is stored and the other refused. Over two stores the intent goes first: a
// failure then costs the user a new approval, and nobody gets a second submission.
package seller
