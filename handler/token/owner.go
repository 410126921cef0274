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
	openid.OpenIDConnectRequestStorage
}

// OnlyOwner returns the host's storage as Fosite's own handlers see it: a used
// code or refresh token of another client is one that does not exist. Fosite
// takes the tokens of a reused one back before it compares the client, so that
// any client could revoke another's with half of a spent code.
//
// The storage itself stays as it is for everybody else; it is transactional
// here if it is so there. A storage that lacks a port is returned unchanged.
func OnlyOwner(storage any) any {
	store, ok := storage.(tokenStorage)
	if !ok {
		return storage
	}
	if tx, ok := storage.(fositestorage.Transactional); ok {
		return struct {
			owned
			fositestorage.Transactional
		}{owned{store}, tx}
	}
	return owned{store}
}

type owned struct{ tokenStorage }

// GetAuthorizeCodeSession is the host's.
func (o owned) GetAuthorizeCodeSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	request, err := o.tokenStorage.GetAuthorizeCodeSession(ctx, signature, session)
	return hide(ctx, request, err, fosite.ErrInvalidatedAuthorizeCode)
}

// GetRefreshTokenSession is the host's.
func (o owned) GetRefreshTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	request, err := o.tokenStorage.GetRefreshTokenSession(ctx, signature, session)
	return hide(ctx, request, err, fosite.ErrInactiveToken)
}

// hide makes a used code or token of another client than the authenticated one
// not found.
func hide(ctx context.Context, request fosite.Requester, err, used error) (fosite.Requester, error) {
	f, authenticated := ctx.Value(foundKey{}).(*found)
	if !errors.Is(err, used) || !authenticated || f.client == nil || request == nil || request.GetClient() == nil {
		return request, err
	}
	if request.GetClient().GetID() != f.client.GetID() {
		return nil, fosite.ErrNotFound
	}
	return request, err
}
