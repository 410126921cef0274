package relyingparty_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// A user approves an intent, the Buyer validates the answer and fetches the
// token; then the same with a code that somebody swapped.
func Example() {
	ctx := context.Background()
	seller := startSeller("ES256") // stands for the Seller's server
	defer seller.Close()

	metadata, err := relyingparty.Discover(ctx, seller.Client(), seller.issuer)
	if err != nil {
		panic(err)
	}
	client, err := relyingparty.New(relyingparty.Config{
		ClientID: "c-7f3a9d", RedirectURI: "https://tpp.buyer.example/cb", Issuer: metadata,
		Signer: newKey("ES256"), KeyID: "tpp-sig-1", HTTP: seller.Client(), Clock: seller.clock,
	})
	if err != nil {
		panic(err)
	}

	for _, swapped := range []bool{false, true} {
		_, login, err := client.Begin(ctx, relyingparty.AuthorizationRequest{
			IntentID: "urn:acme:intent:58923", Scopes: []string{"quote"},
		})
		if err != nil {
			panic(err)
		}
		params := seller.approve(login) // what the user's browser comes back with
		if swapped {
			params.Set("code", "a code of the attacker's")
		}
		detached, err := client.Finish(ctx, login, "https://tpp.buyer.example/cb", params, relyingparty.Fragment)
		var abort *relyingparty.Abort
		if errors.As(err, &abort) {
			fmt.Println("aborted:", abort.Reason)
			continue
		}
		tokens, err := client.Exchange(ctx, detached)
		if err != nil {
			panic(err)
		}
		fmt.Println("may submit:", tokens.IntentID)
	}
	// Output:
	// may submit: urn:acme:intent:58923
	// aborted: c_hash
}

// approve answers as a server does whose user approves.
func (s *seller) approve(login *relyingparty.Login) url.Values {
	claims := s.claims(login)
	idToken := s.sign(s.header(), claims)
	s.tokens(200, object{"access_token": access, "token_type": "Bearer", "expires_in": 540, "id_token": idToken})
	return url.Values{"code": {code}, "id_token": {idToken}, "state": {login.State}, "iss": {s.issuer}}
}
