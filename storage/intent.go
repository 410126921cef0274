package storage

import (
	"encoding/json"
	"time"
)

// IntentKind tells how often an authorized intent may be acted on
// (MEF W128 §7.3, step 4).
type IntentKind string

// The kinds of intent.
const (
	// IntentOnce is consumed by one submission and gets no refresh token.
	IntentOnce IntentKind = "once"
	// IntentRepeated stays authorized until it expires and is refreshed.
	IntentRepeated IntentKind = "repeated"
)

// IntentState is where an intent is in its life.
type IntentState string

// The states of an intent. Pending and Authorized are open, the others final.
const (
	IntentPending    IntentState = "Pending"
	IntentAuthorized IntentState = "Authorized"
	IntentConsumed   IntentState = "Consumed"
	IntentRejected   IntentState = "Rejected"
	IntentRevoked    IntentState = "Revoked"
)

// Intent is what a Buyer's client lodged with the Seller before it asks for
// authorization: a quote, an order. Times are UTC with a precision of one
// microsecond; a zero time is one that did not come yet.
type Intent struct {
	ID          string `json:"id"`
	ClientID    string `json:"client_id"`
	TrustDomain string `json:"trust_domain"`
	// Delegated tells that its client acted for another when it lodged the
	// intent. Nobody acts for that client in turn.
	Delegated bool       `json:"delegated,omitempty"`
	Kind      IntentKind `json:"kind"`
	// Details is the JSON object that the Seller wants shown at consent.
	Details json.RawMessage `json:"details,omitempty"`
	State   IntentState     `json:"state"`
	// RequestID is the authorization that holds the intent.
	RequestID string `json:"request_id,omitempty"`
	// AuthorizedUntil is when the code of that authorization expires. An
	// intent that is Authorized, not exchanged and past this time may be
	// authorized again.
	AuthorizedUntil time.Time `json:"authorized_until,omitzero"`
	// ExchangedAt is when the code was redeemed.
	ExchangedAt time.Time `json:"exchanged_at,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	// EndsAt bounds ExpiresAt, whatever moves that; zero means that nothing
	// does.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// Version counts the changes; SwapIntent compares it.
	Version int64 `json:"version"`
}

// Clone returns a copy that shares nothing with i.
func (i *Intent) Clone() *Intent {
	c := *i
	c.Details = append(json.RawMessage(nil), i.Details...)
	return &c
}
