package token

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/audit"
)

// Revocation is the revocation endpoint's half of the provider (RFC 7009). It
// is safe for concurrent use.
type Revocation struct {
	Inner fosite.OAuth2Provider
	Audit audit.Sink
	Clock func() time.Time
}

// NewRevocationRequest revokes a token of the client that authenticates, and
// with it all tokens of the same authorization. A token of another client
// stays as it is, and the client is not told. A client's own token is found by
// its signature, whichever provider over the storage made it.
func (v *Revocation) NewRevocationRequest(ctx context.Context, r *http.Request) error {
	token, err := readToken(r)
	if err != nil {
		audit.Judge(ctx, v.Audit, audit.Event{Time: v.Clock(), Action: audit.Revocation}, err)
		return err
	}
	f := &found{}
	err = v.Inner.NewRevocationRequest(context.WithValue(ctx, foundKey{}, f), r)
	event := audit.Event{Time: v.Clock(), Action: audit.Revocation, TokenHash: audit.Hash(token)}
	if f.client != nil {
		event.Client = f.client.GetID()
	}
	audit.Judge(ctx, v.Audit, event, err)
	return err
}

func readToken(r *http.Request) (string, error) {
	form, err := ReadForm(r)
	if err != nil {
		return "", err
	}
	token := form.Get("token")
	if token == "" || len(token) > maxToken {
		return "", ruleForm.InvalidRequest("The parameter token is missing or too long.")
	}
	return token, nil
}

// WriteRevocationResponse answers 200 with no body where the token is revoked
// or is not the client's, and an error where the client must try again: 503
// when the storage failed.
func (v *Revocation) WriteRevocationResponse(_ context.Context, rw http.ResponseWriter, err error) {
	if err == nil || isForeign(err) {
		rw.Header().Set("Cache-Control", "no-store")
		rw.WriteHeader(http.StatusOK)
		return
	}
	WriteError(rw, err)
}

func isForeign(err error) bool {
	return errors.Is(err, fosite.ErrUnauthorizedClient)
}
