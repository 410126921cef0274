package buyer

import (
	"context"
	"net/url"
	"time"

	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// Buyer orders quotes from one Seller. It is safe for concurrent use.
type Buyer struct {
	Client *relyingparty.Client
	API    *API
	// ACR is the authentication context class that a user must log in with;
	// empty takes what the Seller does.
	ACR string
	// MaxAge is how long ago that may have been; 0 means any time.
	MaxAge time.Duration
}

// The scopes of the quote API. quote covers all of them; a Buyer that keeps to
// these asks for no more than it needs.
const (
	createQuote     = "POST:/quote"
	readQuote       = "GET:/quote"
	createSubmitted = "POST:/quote-submissions"
	readSubmitted   = "GET:/quote-submissions"
)

// Ask lodges a quote with a token of the client's own. Data says what for; the
// user sees it before approving.
func (b *Buyer) Ask(ctx context.Context, data map[string]any) (*Quote, error) {
	tokens, err := b.Client.ClientCredentials(ctx, []string{createQuote, readQuote})
	if err != nil {
		return nil, err
	}
	return b.API.CreateQuote(ctx, tokens.AccessToken, data)
}

// Authorize returns where to send the user who approves the quote, and the
// login to keep in the browser's session.
func (b *Buyer) Authorize(ctx context.Context, quoteID string) (string, *relyingparty.Login, error) {
	request := relyingparty.AuthorizationRequest{IntentID: quoteID, Scopes: []string{createSubmitted, readSubmitted}, MaxAge: b.MaxAge}
	if b.ACR != "" {
		request.ACR, request.EssentialACR = []string{b.ACR}, true
	}
	return b.Client.Begin(ctx, request)
}

// Return validates what the user came back with and fetches the token. After
// an error the login is spent: Authorize again, for the same quote.
func (b *Buyer) Return(ctx context.Context, login *relyingparty.Login, callback string, fragment url.Values) (*relyingparty.Tokens, error) {
	detached, err := b.Client.Finish(ctx, login, callback, fragment, relyingparty.Fragment)
	if err != nil {
		return nil, err
	}
	return b.Client.Exchange(ctx, detached)
}

// Submit submits the quote that the tokens were issued for.
func (b *Buyer) Submit(ctx context.Context, tokens *relyingparty.Tokens, data map[string]any) (*Submission, error) {
	return b.API.Submit(ctx, tokens.AccessToken, tokens.IntentID, data)
}
