package record

import (
	"encoding/json"
	"time"

	"github.com/meflso/fosite-meflso/storage"
)

// EncodeIntent returns the JSON form of intent under the given version, with
// times in UTC and cut to the microsecond.
func EncodeIntent(intent *storage.Intent, version int64) ([]byte, error) {
	c := *intent
	c.Version = version
	for _, t := range []*time.Time{&c.AuthorizedUntil, &c.ExchangedAt, &c.CreatedAt, &c.ExpiresAt} {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	return json.Marshal(&c)
}

// DecodeIntent returns the intent that EncodeIntent wrote.
func DecodeIntent(data []byte) (*storage.Intent, error) {
	intent := &storage.Intent{}
	if err := json.Unmarshal(data, intent); err != nil {
		return nil, err
	}
	return intent, nil
}
