// Package openbanking is an example of a bank's account API behind the
// provider's resource guard, for the profiles of open banking. A third party
// lodges a consent with its own token; the user authorizes that very consent at
// the provider; the token that this gave reads the accounts.
//
//	POST /open-banking/v3.1/aisp/account-access-consents       lodges an intent
//	GET  /open-banking/v3.1/aisp/account-access-consents/{id}
//	GET  /open-banking/v3.1/aisp/accounts                      wants a user's token
//
// All of them want the scope accounts. Bodies and errors have the form of the
// Open Banking Read/Write API 3.1, of which this is a small part; a refusal of
// the guard has the body of the guard.
//
// The one thing to copy with care is accounts: the guard lets a token read as
// long as it lives, and what it may read is for the API to say. It asks the
// register whether the consent still stands, and the consent for what it
// permits.
package openbanking
