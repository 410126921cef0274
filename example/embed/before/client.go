package host

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/ory/fosite"
)

// Client is a row of the table clients. It implements fosite.Client.
type Client struct {
	ID string `json:"-"`
	// Secret is the bcrypt hash of the client's secret; a client that has
	// only keys has none.
	Secret []byte `json:"-"`
	// JWKS holds the client's public keys, if it registered any.
	JWKS json.RawMessage `json:"-"`

	RedirectURIs  []string `json:"redirect_uris"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	Scopes        []string `json:"scopes"`
	Audience      []string `json:"audience"`
}

func (c *Client) GetID() string                      { return c.ID }
func (c *Client) GetHashedSecret() []byte            { return c.Secret }
func (c *Client) GetRedirectURIs() []string          { return c.RedirectURIs }
func (c *Client) GetGrantTypes() fosite.Arguments    { return c.GrantTypes }
func (c *Client) GetResponseTypes() fosite.Arguments { return c.ResponseTypes }
func (c *Client) GetScopes() fosite.Arguments        { return c.Scopes }
func (c *Client) GetAudience() fosite.Arguments      { return c.Audience }
func (c *Client) IsPublic() bool                     { return false }

// AddClient registers c.
func AddClient(ctx context.Context, db *sql.DB, c *Client) error {
	settings, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO clients (id, client_secret, jwks, settings) VALUES (?, ?, ?, ?)`,
		c.ID, c.Secret, []byte(c.JWKS), settings)
	return err
}

func (s *store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	c := &Client{ID: id}
	var settings []byte
	err := s.conn(ctx).
		QueryRowContext(ctx, `SELECT client_secret, jwks, settings FROM clients WHERE id = ?`, id).
		Scan(&c.Secret, (*[]byte)(&c.JWKS), &settings)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(settings, c)
}
