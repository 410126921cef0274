package intent_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/handler/intent"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// A Seller's API lodges an intent for a Buyer's client and acts on it once.
// Where the server is made by compose.New, the register is its Intents.
func Example() {
	p := profile.MEFLSO()
	store := memory.New(memory.Config{})
	register := &intent.Register{
		Profile: &p, Intents: store, Tokens: store, Audit: audit.Discard, Clock: time.Now, Rand: rand.Reader,
		Metadata: func(_ context.Context, c fosite.Client) (*storage.ClientMetadata, error) {
			return c.(*storage.Client).LSOMetadata(), nil
		},
	}
	ctx, client := context.Background(), &storage.Client{ID: "buyer"}

	// POST /quote
	in, err := register.Create(ctx, client, storage.IntentOnce, json.RawMessage(`{"product":"access E-Line"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(register.State(in))

	// What the authorization and the token endpoint do.
	const requestID = "1"
	if err := register.Authorize(ctx, in, requestID, time.Now().Add(p.TTL.Code)); err != nil {
		fmt.Println(err)
		return
	}
	in, err = register.Redeemable(ctx, in.ID, requestID)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := register.Exchange(ctx, in); err != nil {
		fmt.Println(err)
		return
	}

	// POST /quote-submissions, twice
	fmt.Println(register.Consume(ctx, in.ID, requestID))
	fmt.Println(register.Consume(ctx, in.ID, requestID))
	// Output:
	// Pending
	// <nil>
	// MEF-7.3-4: access_denied: The token may not act on this intent any more.
}

// locked makes a sink of the tests safe for concurrent use.
type locked struct {
	mu   sync.Mutex
	sink audit.Sink
}

func (l *locked) Record(ctx context.Context, e audit.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink.Record(ctx, e)
}
