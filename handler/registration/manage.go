package registration

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/span"
)

const (
	ruleAdmit  profile.Rule = "RFC7591-3"
	ruleBearer profile.Rule = "RFC7592-2"
	ruleRemove profile.Rule = "RFC7592-2.3"
)

// Manage serves the client configuration endpoint (RFC 7592 §2): GET, PUT and
// DELETE by the client whose id is the path value client_id.
func (e *Endpoint) Manage(rw http.ResponseWriter, r *http.Request) {
	if !allowed(rw, r, http.MethodGet, http.MethodPut, http.MethodDelete) {
		return
	}
	serve := map[string]struct {
		action string
		do     func(*http.Request) (*credentials, error)
	}{
		http.MethodGet: {"read", e.authenticate}, http.MethodPut: {"update", e.update}, http.MethodDelete: {"remove", e.remove},
	}[r.Method]
	c, err := serve.do(r)
	e.record(r.Context(), serve.action, c, err)
	switch {
	case err != nil:
		writeError(rw, err)
	case r.Method == http.MethodDelete:
		rw.Header().Set("Cache-Control", "no-store")
		rw.WriteHeader(http.StatusNoContent)
	default:
		e.write(rw, http.StatusOK, c)
	}
}

// unauthorized is one answer for every token that does not fit, whether or not
// there is such a client.
func unauthorized(rule profile.Rule, cause error) *profile.Violation {
	refusal := rule.Refuse("invalid_token", "The access token is not valid for this.").Because(cause)
	refusal.OAuth.CodeField = http.StatusUnauthorized
	return refusal
}

// bearer returns the access token of the header, the only place for it.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return ""
	}
	return token
}

func (e *Endpoint) admit(ctx context.Context, r *http.Request) error {
	if e.Admit == nil {
		return nil
	}
	err := e.Admit(ctx, r, bearer(r))
	var violation *profile.Violation
	if err == nil || errors.As(err, &violation) {
		return err
	}
	return unauthorized(ruleAdmit, err)
}

// authenticate finds the registration by its id and the token for it.
func (e *Endpoint) authenticate(r *http.Request) (*credentials, error) {
	stored, err := e.Clients.GetRegistration(r.Context(), r.PathValue("client_id"))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, profile.Unavailable(err)
	}
	token := bearer(r)
	want := audit.Hash("\x00") // no token is that: an unknown client costs the same
	if err == nil {
		want = stored.TokenHash
	}
	if same := subtle.ConstantTimeCompare([]byte(audit.Hash(token)), []byte(want)) == 1; !same || err != nil || token == "" {
		return nil, unauthorized(ruleBearer, err)
	}
	return &credentials{Registration: stored, token: token}, nil
}

// update replaces the metadata by what the client sent, and keeps what is not
// the client's to say (RFC 7592 §2.2).
func (e *Endpoint) update(r *http.Request) (_ *credentials, err error) {
	ctx, s := span.Start(r.Context(), "registration.Endpoint.Update")
	defer span.End(s, &err)
	c, err := e.authenticate(r)
	if err != nil {
		return nil, err
	}
	if c.Client.Suspended {
		return c, invalid(ruleUpdate, "The client is suspended.")
	}
	d, err := e.read(r, c.Registration)
	if err == nil {
		err = d.judge(ctx)
	}
	if err != nil {
		return c, err
	}
	d.reg.UpdatedAt = e.now()
	if err := d.store(ctx, e.Clients.ReplaceClient); err != nil {
		return c, err
	}
	return &credentials{d.reg, c.token, d.algs}, nil
}

func (e *Endpoint) remove(r *http.Request) (*credentials, error) {
	c, err := e.authenticate(r)
	if err != nil {
		return nil, err
	}
	if err := e.settle(r.Context(), c); err != nil {
		return c, err
	}
	err = e.Clients.RemoveClient(r.Context(), c.Client.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound): // by another request of the client just now
		return nil, unauthorized(ruleRemove, err)
	case err != nil:
		return c, profile.Unavailable(err)
	}
	return c, nil
}

// settle: a client whose credential was revoked is suspended before it goes, so
// that it leaves behind what is unique to it. Every other answer is no reason to
// keep it.
func (e *Endpoint) settle(ctx context.Context, c *credentials) error {
	revoked := e.Standing.Check(ctx, &c.Client)
	if !errors.Is(revoked, credential.ErrRevoked) {
		return nil
	}
	now, err := e.Clients.GetRegistration(ctx, c.Client.ID)
	if err == nil && now.Client.Suspended || errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return profile.Unavailable(errors.Join(revoked, err))
}
