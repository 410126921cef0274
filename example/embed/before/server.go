// Package host is an OpenID provider built on Fosite, as many teams run one:
// own clients, own session, own SQL store, own login and consent pages. New
// makes it; CreateTables, AddClient and AddUser fill its database.
package host

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/token/jwt"
)

// Server is the provider with its pages. The team's own APIs look at tokens
// through its Provider.
type Server struct {
	Provider fosite.OAuth2Provider
	store    *store
}

// New returns the provider of the given issuer, an https URL. It signs ID
// tokens with signingKey, a private key or *jose.JSONWebKey, and codes and
// tokens with secret, which has 32 bytes or more.
func New(issuer string, db *sql.DB, signingKey any, secret []byte) (*Server, error) {
	if len(secret) < 32 {
		return nil, errors.New("the secret has fewer than 32 bytes")
	}
	store := &store{db: db}
	config := &fosite.Config{
		GlobalSecret:          secret,
		IDTokenIssuer:         issuer,
		TokenURL:              issuer + "/oauth2/token",
		AuthorizeCodeLifespan: time.Minute,
		AccessTokenLifespan:   9 * time.Minute,
	}
	keys := func(context.Context) (any, error) { return signingKey, nil }
	provider := compose.Compose(
		config,
		store,
		&compose.CommonStrategy{
			CoreStrategy:               compose.NewOAuth2HMACStrategy(config),
			OpenIDConnectTokenStrategy: compose.NewOpenIDConnectStrategy(keys, config),
			Signer:                     &jwt.DefaultSigner{GetPrivateKey: keys},
		},
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OpenIDConnectExplicitFactory,
		compose.OpenIDConnectHybridFactory,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OpenIDConnectRefreshFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2TokenRevocationFactory,
		compose.OAuth2PKCEFactory,
	)
	return &Server{Provider: provider, store: store}, nil
}

// Storage is the server's own storage, to look at what it promises.
func (s *Server) Storage() any { return s.store }

// Handler routes the pages and the endpoints.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/login", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.login)))
	mux.HandleFunc("/oauth2/auth", s.authorize)
	mux.HandleFunc("/oauth2/token", s.token)
	mux.HandleFunc("/oauth2/introspect", s.introspect)
	return mux
}

// authorize is visited up to three times with the same request: before the
// login, after it, and with the user's decision.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.Provider.NewAuthorizeRequest(ctx, r)
	if err != nil {
		s.Provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	here := r.URL.String()
	user := s.store.userOf(r)
	if user == nil {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(here), http.StatusSeeOther)
		return
	}
	switch decisionOf(r, user) {
	case "approve":
		s.approve(w, r, ar, user)
	case "decline":
		s.Provider.WriteAuthorizeError(ctx, w, ar, fosite.ErrAccessDenied)
	default:
		page := map[string]any{"Client": ar.GetClient(), "Scopes": ar.GetRequestedScopes(), "User": user, "Here": here}
		render(w, consentPage, page)
	}
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request, ar fosite.AuthorizeRequester, user *User) {
	ctx := r.Context()
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	resp, err := s.Provider.NewAuthorizeResponse(ctx, ar, sessionFor(user))
	if err != nil {
		s.Provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	s.Provider.WriteAuthorizeResponse(ctx, w, ar, resp)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.Provider.NewAccessRequest(ctx, r, blank())
	if err != nil {
		s.Provider.WriteAccessError(ctx, w, ar, err)
		return
	}
	if ar.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range ar.GetRequestedScopes() {
			ar.GrantScope(scope)
		}
	}
	resp, err := s.Provider.NewAccessResponse(ctx, ar)
	if err != nil {
		s.Provider.WriteAccessError(ctx, w, ar, err)
		return
	}
	s.Provider.WriteAccessResponse(ctx, w, ar, resp)
}

func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	resp, err := s.Provider.NewIntrospectionRequest(ctx, r, blank())
	if err != nil {
		s.Provider.WriteIntrospectionError(ctx, w, err)
		return
	}
	s.Provider.WriteIntrospectionResponse(ctx, w, resp)
}
