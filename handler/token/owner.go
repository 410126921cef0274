package token

import (
	"context"
	"errors"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	fositestorage "github.com/ory/fosite/storage"
)

// tokenStorage is what Fosite's own handlers want of the host's storage.
type tokenStorage interface {
	oauth2.CoreStorage
	oauth2.TokenRevocationStorage
}

// View returns the host's storage as Fosite's own handlers see it. The storage
// itself stays as it is for everybody else, and is transactional here if it is
// so there; one that lacks a port is returned unchanged.
//
// A used code or refresh token of another client does not exist: Fosite takes
// the tokens of a reused one back before it compares the client, so that any
// client could revoke another's with half of a spent code.
//
// A code is read once: Fosite reads it a second time to issue the tokens, over
// the session that the first reading gave. And its session is the OpenID
// Connect session: the guard fixed in it all that the ID Token has, so that
// nothing is stored twice.
func View(storage any) any {
	store, ok := storage.(tokenStorage)
	if !ok {
		return storage
	}
	if tx, ok := storage.(fositestorage.Transactional); ok {
		return struct {
			view
			fositestorage.Transactional
		}{view{store}, tx}
	}
	return view{store}
}

type view struct{ tokenStorage }

var _ openid.OpenIDConnectRequestStorage = view{}

// GetAuthorizeCodeSession is the host's, or what it gave before in this request.
func (v view) GetAuthorizeCodeSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	f := foundIn(ctx)
	if f.code != nil && f.signature == signature {
		return f.code, nil
	}
	request, err := v.tokenStorage.GetAuthorizeCodeSession(ctx, signature, session)
	if err == nil {
		f.signature, f.code = signature, request
	}
	return f.hide(request, err, fosite.ErrInvalidatedAuthorizeCode)
}

// GetRefreshTokenSession is the host's.
func (v view) GetRefreshTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	request, err := v.tokenStorage.GetRefreshTokenSession(ctx, signature, session)
	return foundIn(ctx).hide(request, err, fosite.ErrInactiveToken)
}

// CreateOpenIDConnectSession stores nothing: the code's session is stored.
func (v view) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error { return nil }

// GetOpenIDConnectSession returns the code's.
func (v view) GetOpenIDConnectSession(ctx context.Context, _ string, _ fosite.Requester) (fosite.Requester, error) {
	if f := foundIn(ctx); f.code != nil {
		return f.code, nil
	}
	return nil, openid.ErrNoSessionFound
}

// DeleteOpenIDConnectSession has nothing to delete.
func (v view) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// hide makes a used code or token of another client than the authenticated one
// not found.
func (f *found) hide(request fosite.Requester, err, used error) (fosite.Requester, error) {
	if !errors.Is(err, used) || f.client == nil || request == nil || request.GetClient() == nil {
		return request, err
	}
	if request.GetClient().GetID() != f.client.GetID() {
		return nil, fosite.ErrNotFound
	}
	return request, err
}
