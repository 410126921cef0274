package seller

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

// Submission is a quote that was submitted.
type Submission struct {
	ID      string          `json:"id"`
	QuoteID string          `json:"quote_id"`
	Status  string          `json:"status"`
	Data    json.RawMessage `json:"data"` // as the Buyer sent it
}

// Submissions keeps submissions. Implementations are safe for concurrent use.
type Submissions interface {
	Put(ctx context.Context, s *Submission) error
	// Get returns the submission, or storage.ErrNotFound. The id may be
	// anything that a caller put into a URL.
	Get(ctx context.Context, id string) (*Submission, error)
}

// InRecords keeps submissions among the provider's own records, in the same
// transactions. A Seller with a database of orders has a table for them.
func InRecords(once storage.Once) Submissions { return inRecords{once} }

type inRecords struct{ once storage.Once }

const (
	prefix = "seller-submission:"
	kept   = 10 * 365 * 24 * time.Hour
)

// wellFormed is what rand.Text makes.
var wellFormed = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func (s inRecords) Put(ctx context.Context, submission *Submission) error {
	data, err := json.Marshal(submission)
	if err != nil {
		return err
	}
	return s.once.PutOnce(ctx, prefix+submission.ID, data, time.Now().Add(kept))
}

func (s inRecords) Get(ctx context.Context, id string) (*Submission, error) {
	if !wellFormed.MatchString(id) {
		return nil, storage.ErrNotFound
	}
	data, err := s.once.GetOnce(ctx, prefix+id)
	if err != nil {
		return nil, err
	}
	submission := &Submission{}
	return submission, json.Unmarshal(data, submission)
}
