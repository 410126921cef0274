package record

import (
	"encoding/json"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

// intent is the JSON form of a storage.Intent. Its times are in microseconds,
// which is quicker to write and read than text.
type intent struct {
	ID              string              `json:"id"`
	ClientID        string              `json:"client_id"`
	TrustDomain     string              `json:"trust_domain"`
	Delegated       bool                `json:"delegated,omitempty"`
	Kind            storage.IntentKind  `json:"kind"`
	Details         json.RawMessage     `json:"details,omitempty"`
	State           storage.IntentState `json:"state"`
	RequestID       string              `json:"request_id,omitempty"`
	AuthorizedUntil micros              `json:"authorized_until,omitempty"`
	ExchangedAt     micros              `json:"exchanged_at,omitempty"`
	CreatedAt       micros              `json:"created_at"`
	ExpiresAt       micros              `json:"expires_at"`
	EndsAt          micros              `json:"ends_at,omitempty"`
	Version         int64               `json:"version"`
}

// micros is a time in Unix microseconds; 0 is the zero time.
type micros int64

func microsOf(t time.Time) micros {
	if t.IsZero() {
		return 0
	}
	return micros(t.UnixMicro())
}

func (m micros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

// EncodeIntent returns the JSON form of in under the given version, with
// times in UTC and cut to the microsecond.
func EncodeIntent(in *storage.Intent, version int64) ([]byte, error) {
	return json.Marshal(&intent{
		ID: in.ID, ClientID: in.ClientID, TrustDomain: in.TrustDomain, Delegated: in.Delegated, Kind: in.Kind, Details: in.Details,
		State: in.State, RequestID: in.RequestID, AuthorizedUntil: microsOf(in.AuthorizedUntil),
		ExchangedAt: microsOf(in.ExchangedAt), CreatedAt: microsOf(in.CreatedAt), ExpiresAt: microsOf(in.ExpiresAt),
		EndsAt: microsOf(in.EndsAt), Version: version,
	})
}

// CopyIntent returns the intent that DecodeIntent would return, without the
// way through JSON but for the details.
func CopyIntent(in *storage.Intent, version int64) (*storage.Intent, error) {
	out := *in
	out.Version, out.Details = version, nil
	for _, t := range []*time.Time{&out.AuthorizedUntil, &out.ExchangedAt, &out.CreatedAt, &out.ExpiresAt, &out.EndsAt} {
		*t = microsOf(*t).time()
	}
	if len(in.Details) == 0 {
		return &out, nil
	}
	details, err := json.Marshal(in.Details)
	out.Details = details
	return &out, err
}

// DecodeIntent returns the intent that EncodeIntent wrote.
func DecodeIntent(data []byte) (*storage.Intent, error) {
	var i intent
	if err := json.Unmarshal(data, &i); err != nil {
		return nil, err
	}
	return &storage.Intent{
		ID: i.ID, ClientID: i.ClientID, TrustDomain: i.TrustDomain, Delegated: i.Delegated, Kind: i.Kind, Details: i.Details,
		State: i.State, RequestID: i.RequestID, AuthorizedUntil: i.AuthorizedUntil.time(),
		ExchangedAt: i.ExchangedAt.time(), CreatedAt: i.CreatedAt.time(), ExpiresAt: i.ExpiresAt.time(),
		EndsAt: i.EndsAt.time(), Version: i.Version,
	}, nil
}
