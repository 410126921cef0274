package seller

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/meflso/fosite-meflso/handler/resource"
	"github.com/meflso/fosite-meflso/storage"
)

// received is the one status that this example knows.
const received = "Received"

// submit takes a quote that its user has authorized.
func (a *api) submit(rw http.ResponseWriter, r *http.Request) error {
	data, err := readData(rw, r)
	if err != nil {
		return err
	}
	id, err := data.text("QuoteId")
	if err != nil {
		return err
	}
	grant := resource.Of(r.Context())
	if id != grant.IntentID {
		return &fault{http.StatusForbidden, item{Code: "accessDenied", Reason: "The token was issued for another quote."}}
	}
	s := &Submission{ID: rand.Text(), QuoteID: id, Status: received, Data: data.raw}
	err = a.Atomic(r.Context(), func(ctx context.Context) error {
		if err := a.Intents.Consume(ctx, grant.IntentID, grant.RequestID); err != nil {
			return err
		}
		return a.Submissions.Put(ctx, s)
	})
	if err != nil {
		return err
	}
	rw.Header().Set("Location", a.Base+"/quote-submissions/"+s.ID)
	return writeSubmission(rw, http.StatusCreated, s)
}

// readSubmission: a submission belongs to whom its quote belongs to.
func (a *api) readSubmission(rw http.ResponseWriter, r *http.Request) error {
	s, err := a.Submissions.Get(r.Context(), r.PathValue("id"))
	if errors.Is(err, storage.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	if _, err := a.Intents.Owned(r.Context(), resource.Of(r.Context()).Client, s.QuoteID); err != nil {
		return orNotFound(err)
	}
	return writeSubmission(rw, http.StatusOK, s)
}

func writeSubmission(rw http.ResponseWriter, status int, s *Submission) error {
	body := map[string]any{}
	if err := unmarshalRaw(s.Data, body); err != nil {
		return err
	}
	body["QuoteSubmissionId"], body["QuoteId"], body["Status"] = s.ID, s.QuoteID, s.Status
	resource.WriteJSON(rw, status, map[string]any{"Data": body})
	return nil
}
