package host

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
)

const schema = `
CREATE TABLE IF NOT EXISTS clients (
	id TEXT PRIMARY KEY, client_secret BLOB, jwks BLOB, settings BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (
	id TEXT PRIMARY KEY, password BLOB NOT NULL, tenant TEXT NOT NULL, acr TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logins (
	cookie TEXT PRIMARY KEY, user_id TEXT NOT NULL, auth_time INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
	kind TEXT NOT NULL, signature TEXT NOT NULL, request_id TEXT NOT NULL,
	active BOOLEAN NOT NULL, request BLOB NOT NULL, PRIMARY KEY (kind, signature));
CREATE INDEX IF NOT EXISTS requests_by_id ON requests (request_id, kind);
CREATE TABLE IF NOT EXISTS assertions (
	jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL);
`

// CreateTables creates the tables that are missing.
func CreateTables(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, schema)
	return err
}

// store keeps all that Fosite asks for in an SQL database.
type store struct{ db *sql.DB }

// The kinds of requests.
const (
	code    = "code"
	access  = "access"
	refresh = "refresh"
	oidc    = "oidc"
	pkce    = "pkce"
)

// request is the JSON form of a fosite.Requester.
type request struct {
	ID              string           `json:"id"`
	RequestedAt     time.Time        `json:"requested_at"`
	Client          string           `json:"client"`
	Scopes          fosite.Arguments `json:"scopes"`
	GrantedScopes   fosite.Arguments `json:"granted_scopes"`
	Audience        fosite.Arguments `json:"audience"`
	GrantedAudience fosite.Arguments `json:"granted_audience"`
	Form            url.Values       `json:"form"`
	Session         json.RawMessage  `json:"session"`
}

func (s *store) insert(ctx context.Context, kind, signature string, r fosite.Requester) error {
	session, err := json.Marshal(r.GetSession())
	if err != nil {
		return err
	}
	row, err := json.Marshal(request{
		ID: r.GetID(), RequestedAt: r.GetRequestedAt(), Client: r.GetClient().GetID(),
		Scopes: r.GetRequestedScopes(), GrantedScopes: r.GetGrantedScopes(),
		Audience: r.GetRequestedAudience(), GrantedAudience: r.GetGrantedAudience(),
		Form: r.GetRequestForm(), Session: session,
	})
	if err != nil {
		return err
	}
	return s.exec(ctx, `INSERT INTO requests (kind, signature, request_id, active, request) VALUES (?, ?, ?, TRUE, ?)`,
		kind, signature, r.GetID(), row)
}

// find reads a request, its session into the given one. It returns the
// request together with inactive if it is no longer active.
func (s *store) find(
	ctx context.Context, kind, signature string, session fosite.Session, inactive error,
) (fosite.Requester, error) {
	var active bool
	var data []byte
	err := s.conn(ctx).
		QueryRowContext(ctx, `SELECT active, request FROM requests WHERE kind = ? AND signature = ?`, kind, signature).
		Scan(&active, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	r, err := s.decode(ctx, data, session)
	if err == nil && !active {
		err = inactive
	}
	return r, err
}

func (s *store) decode(ctx context.Context, data []byte, session fosite.Session) (fosite.Requester, error) {
	var row request
	if err := json.Unmarshal(data, &row); err != nil {
		return nil, err
	}
	if session == nil { // a token is being revoked
		session = blank()
	}
	if err := json.Unmarshal(row.Session, session); err != nil {
		return nil, err
	}
	client, err := s.GetClient(ctx, row.Client)
	if err != nil {
		return nil, err
	}
	return &fosite.Request{
		ID: row.ID, RequestedAt: row.RequestedAt, Client: client,
		RequestedScope: row.Scopes, GrantedScope: row.GrantedScopes,
		RequestedAudience: row.Audience, GrantedAudience: row.GrantedAudience,
		Form: row.Form, Session: session,
	}, nil
}

func (s *store) delete(ctx context.Context, kind, signature string) error {
	return s.exec(ctx, `DELETE FROM requests WHERE kind = ? AND signature = ?`, kind, signature)
}

func (s *store) deactivate(ctx context.Context, kind, signature string) error {
	return s.exec(ctx, `UPDATE requests SET active = FALSE WHERE kind = ? AND signature = ?`, kind, signature)
}

func (s *store) revoke(ctx context.Context, kind, requestID string) error {
	return s.exec(ctx, `UPDATE requests SET active = FALSE WHERE kind = ? AND request_id = ?`, kind, requestID)
}

// Authorization codes.

func (s *store) CreateAuthorizeCodeSession(ctx context.Context, signature string, r fosite.Requester) error {
	return s.insert(ctx, code, signature, r)
}

func (s *store) GetAuthorizeCodeSession(
	ctx context.Context, signature string, session fosite.Session,
) (fosite.Requester, error) {
	return s.find(ctx, code, signature, session, fosite.ErrInvalidatedAuthorizeCode)
}

func (s *store) InvalidateAuthorizeCodeSession(ctx context.Context, signature string) error {
	return s.deactivate(ctx, code, signature)
}

// Access tokens.

func (s *store) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	return s.insert(ctx, access, signature, r)
}

func (s *store) GetAccessTokenSession(
	ctx context.Context, signature string, session fosite.Session,
) (fosite.Requester, error) {
	return s.find(ctx, access, signature, session, fosite.ErrInactiveToken)
}

func (s *store) DeleteAccessTokenSession(ctx context.Context, signature string) error {
	return s.delete(ctx, access, signature)
}

func (s *store) RevokeAccessToken(ctx context.Context, requestID string) error {
	return s.revoke(ctx, access, requestID)
}

// Refresh tokens.

func (s *store) CreateRefreshTokenSession(ctx context.Context, signature, _ string, r fosite.Requester) error {
	return s.insert(ctx, refresh, signature, r)
}

func (s *store) GetRefreshTokenSession(
	ctx context.Context, signature string, session fosite.Session,
) (fosite.Requester, error) {
	return s.find(ctx, refresh, signature, session, fosite.ErrInactiveToken)
}

func (s *store) DeleteRefreshTokenSession(ctx context.Context, signature string) error {
	return s.delete(ctx, refresh, signature)
}

func (s *store) RotateRefreshToken(ctx context.Context, _, signature string) error {
	return s.deactivate(ctx, refresh, signature)
}

func (s *store) RevokeRefreshToken(ctx context.Context, requestID string) error {
	return s.revoke(ctx, refresh, requestID)
}

// OpenID Connect requests. Fosite names them by the whole code; its last part
// is enough of a key, and is of no use to a thief.

func (s *store) CreateOpenIDConnectSession(ctx context.Context, authorizeCode string, r fosite.Requester) error {
	return s.insert(ctx, oidc, signatureOf(authorizeCode), r)
}

func (s *store) GetOpenIDConnectSession(
	ctx context.Context, authorizeCode string, r fosite.Requester,
) (fosite.Requester, error) {
	found, err := s.find(ctx, oidc, signatureOf(authorizeCode), r.GetSession(), fosite.ErrInactiveToken)
	if errors.Is(err, fosite.ErrNotFound) {
		err = openid.ErrNoSessionFound
	}
	return found, err
}

func (s *store) DeleteOpenIDConnectSession(ctx context.Context, authorizeCode string) error {
	return s.delete(ctx, oidc, signatureOf(authorizeCode))
}

func signatureOf(authorizeCode string) string {
	return authorizeCode[strings.LastIndex(authorizeCode, ".")+1:]
}

// Proof keys (RFC 7636).

func (s *store) CreatePKCERequestSession(ctx context.Context, signature string, r fosite.Requester) error {
	return s.insert(ctx, pkce, signature, r)
}

func (s *store) GetPKCERequestSession(
	ctx context.Context, signature string, session fosite.Session,
) (fosite.Requester, error) {
	return s.find(ctx, pkce, signature, session, fosite.ErrInactiveToken)
}

func (s *store) DeletePKCERequestSession(ctx context.Context, signature string) error {
	return s.delete(ctx, pkce, signature)
}

// Client assertions.

func (s *store) ClientAssertionJWTValid(ctx context.Context, jti string) error {
	var expiresAt int64
	err := s.conn(ctx).QueryRowContext(ctx, `SELECT expires_at FROM assertions WHERE jti = ?`, jti).Scan(&expiresAt)
	if err == nil && expiresAt > time.Now().Unix() {
		return fosite.ErrJTIKnown
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func (s *store) SetClientAssertionJWT(ctx context.Context, jti string, expiresAt time.Time) error {
	if err := s.ClientAssertionJWTValid(ctx, jti); err != nil {
		return err
	}
	return s.exec(ctx, `INSERT OR REPLACE INTO assertions (jti, expires_at) VALUES (?, ?)`, jti, expiresAt.Unix())
}

// Transactions. They travel in the context and do not nest.

type txKey struct{}

// conn is what *sql.DB and *sql.Tx have in common.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *store) conn(ctx context.Context) conn {
	if tx, ok := ctx.Value(txKey{}).(*sql.Tx); ok {
		return tx
	}
	return s.db
}

func (s *store) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.conn(ctx).ExecContext(ctx, query, args...)
	return err
}

var (
	errOpenTX = errors.New("a transaction is open already")
	errNoTX   = errors.New("no transaction is open")
)

func (s *store) BeginTX(ctx context.Context) (context.Context, error) {
	if _, ok := ctx.Value(txKey{}).(*sql.Tx); ok {
		return ctx, errOpenTX
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, txKey{}, tx), nil
}

func (s *store) Commit(ctx context.Context) error {
	if tx, ok := ctx.Value(txKey{}).(*sql.Tx); ok {
		return tx.Commit()
	}
	return errNoTX
}

func (s *store) Rollback(ctx context.Context) error {
	if tx, ok := ctx.Value(txKey{}).(*sql.Tx); ok {
		return tx.Rollback()
	}
	return errNoTX
}
