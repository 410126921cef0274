package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/example/buyer"
	"github.com/meflso/fosite-meflso/example/internal/didweb"
	"github.com/meflso/fosite-meflso/example/registry"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// statusLife is how long anybody believes that a credential holds. It is short,
// so that nobody has to wait here.
const statusLife = time.Second

// newcomer is a client that the Seller has never heard of, and the registry
// that has.
type newcomer struct {
	*party
	registry   *registry.Registry
	base       string // of the registry
	holder     *credential.Issuer
	credential string // its id
	hosts      []*http.Server
}

const newcomerRedirect = "https://tpp.newcomer.example.org/cb"

// newNewcomer starts the registry, and the host of the client's DID document.
func newNewcomer(ctx context.Context, s *server) (_ *newcomer, err error) {
	n := &newcomer{}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	err = n.host(ctx, s, func(base string) (http.Handler, error) {
		config := registry.Config{Base: base, Store: s.path("registry.json"), StatusLife: statusLife}
		var err error
		if n.registry, err = registry.New(config); err != nil {
			return nil, err
		}
		n.base, s.anchors = base, []string{n.registry.DID()}
		return n.registry.Handler(), nil
	})
	if err != nil {
		return nil, err
	}
	return n, n.host(ctx, s, n.identity)
}

// identity makes the client's did:web, and its document.
func (n *newcomer) identity(base string) (http.Handler, error) {
	id, err := didweb.Of(base)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	n.party = &party{id: id, name: "Newcomer Networks", redirect: newcomerRedirect, key: key}
	n.holder = &credential.Issuer{ID: id, Kid: n.kid(), Alg: "ES256", Key: key}
	return buyer.DIDDocument(n.holder, nil, n.redirect)
}

// host serves over TLS, under the URL for which the handler is made.
func (n *newcomer) host(ctx context.Context, s *server, handler func(base string) (http.Handler, error)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	h, err := handler("https://localhost:" + port)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	host := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12},
	}
	n.hosts = append(n.hosts, host)
	go func() { _ = host.ServeTLS(listener, "", "") }() // until close
	return nil
}

func (n *newcomer) close() {
	for _, host := range n.hosts {
		_ = host.Close() // nothing of theirs is kept
	}
}

// registration is the second act.
func (w *world) registration(ctx context.Context) error {
	w.title("Second act: a client that nobody has entered")
	application, err := w.vouch()
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	registrar, kept, err := w.register(ctx, application)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	tokens, submission, err := w.work(ctx)
	if err != nil {
		return fmt.Errorf("after registration: %w", err)
	}
	if err := w.revoke(ctx, tokens, submission); err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	if err := w.leave(ctx, registrar, kept, application); err != nil {
		return fmt.Errorf("after revocation: %w", err)
	}
	return nil
}

// vouch has the registry say what is to be said of the client.
func (w *world) vouch() (buyer.Application, error) {
	n := w.late
	w.heading("A registry vouches for a Buyer")
	w.say("A registry runs at %s; it is %s.", n.base, n.registry.DID())
	w.say("The Seller's only file about it says that it trusts this issuer.")
	statement, err := n.registry.Statement(map[string]any{
		"software_id": "newcomer-tpp", "client_name": n.name, "redirect_uris": []string{n.redirect},
		"org_id": "newcomer", "trust_domain": "newcomer.example.org",
	})
	if err != nil {
		return buyer.Application{}, err
	}
	w.jwt("software statement", statement)
	id, token, err := n.registry.Credential(registry.Entity{
		Subject: n.id, LegalName: n.name + " Inc.", LEI: "5493001KJTIIGC8Y1R12", TrustDomain: "newcomer.example.org",
	})
	if err != nil {
		return buyer.Application{}, err
	}
	n.credential = id
	w.jwt("entity credential", token)
	return buyer.Application{
		Metadata: map[string]any{
			"client_id": n.id, "redirect_uris": []string{n.redirect}, "response_types": []string{"code id_token"},
			"grant_types": []string{"authorization_code", "client_credentials"}, "scope": "openid quote",
		},
		Statement: statement, Holder: n.holder, Credentials: []string{token},
	}, nil
}

// register registers the client with both.
func (w *world) register(ctx context.Context, a buyer.Application) (*buyer.Registrar, *buyer.Registration, error) {
	w.heading("The client registers itself")
	client := &http.Client{Transport: w.server.transport()}
	registrar, err := buyer.FindRegistrar(ctx, client, w.server.issuer)
	if err != nil {
		return nil, nil, err
	}
	w.say("GET %s/challenge", registrar.Endpoint)
	w.say("POST %s with the statement and, in answer to the challenge, a presentation", registrar.Endpoint)
	kept, err := registrar.Register(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	w.ok("201: the client_id is the client's own DID, %s", kept.ClientID)
	if err := w.expect(string(kept.Metadata["client_name"]) == `"`+w.late.name+`"`, "its name is the statement's"); err != nil {
		return nil, nil, err
	}
	err = w.expect(string(kept.Metadata["legal_entity_name"]) == `"`+w.late.name+` Inc."`, "its legal entity is the credential's")
	if err != nil {
		return nil, nil, err
	}
	a.Statement = ""
	_, err = registrar.Register(ctx, a)
	var refusal *buyer.RegistrationError
	if !errors.As(err, &refusal) {
		return nil, nil, unexpected("a registration without statement was not refused", err)
	}
	return registrar, kept, w.expect(refusal.Code == "invalid_software_statement", "without a statement it is refused: "+refusal.Code)
}

// work has a user approve a quote of the client, and returns the tokens and the
// submission that came of it.
func (w *world) work(ctx context.Context) (*relyingparty.Tokens, string, error) {
	w.heading("It works as any other")
	if err := w.late.connect(ctx, w.server); err != nil {
		return nil, "", err
	}
	link, login, err := w.begin(ctx, w.late.party)
	if err != nil {
		return nil, "", err
	}
	w.jwt("client_assertion", w.late.wire.lastAssertion())
	fragment, err := w.approve(ctx, w.late.party, link, "alice", false)
	if err != nil {
		return nil, "", err
	}
	tokens, err := w.late.buyer.Return(ctx, login, w.late.redirect, fragment)
	if err != nil {
		return nil, "", err
	}
	w.ok("alice approves its quote: access token %s", short(tokens.AccessToken))
	submission, err := w.late.buyer.Submit(ctx, tokens, map[string]any{"Remark": "as agreed"})
	if err != nil {
		return nil, "", err
	}
	if _, err = w.late.buyer.API.Submission(ctx, tokens.AccessToken, submission.ID); err != nil {
		return nil, "", err
	}
	w.ok("it submits the quote, and reads submission %s", submission.ID)
	return tokens, submission.ID, nil
}

// revoke takes the credential back; then nothing works any more.
func (w *world) revoke(ctx context.Context, tokens *relyingparty.Tokens, submission string) error {
	w.heading("The registry takes its word back")
	link, _, err := w.begin(ctx, w.late.party)
	if err != nil {
		return err
	}
	if err := w.late.registry.Revoke(w.late.credential); err != nil {
		return err
	}
	w.say("The registry sets one bit of its status list. The Seller looks at it every %v.", statusLife)
	if err := w.refusedAtToken(ctx); err != nil {
		return err
	}
	if err := w.refusedAtAuthorize(ctx, link); err != nil {
		return err
	}
	_, err = w.late.buyer.API.Submission(ctx, tokens.AccessToken, submission)
	var refusal *buyer.Error
	if !errors.As(err, &refusal) {
		return unexpected("the quote API takes a token of the client", err)
	}
	return w.expect(refusal.Status == http.StatusUnauthorized, fmt.Sprintf("quote API: %d %s, for the token that worked before", refusal.Status, refusal.Code))
}

// patience is how long the Seller has to notice.
const patience = 10 * statusLife

func (w *world) refusedAtToken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := w.late.buyer.Client.ClientCredentials(ctx, []string{"POST:/quote"})
		var refusal *relyingparty.OAuthError
		if errors.As(err, &refusal) {
			return w.expect(refusal.Code == "invalid_client", "token endpoint: "+refusal.Code)
		}
		if err != nil {
			return unexpected("the token endpoint does not notice", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(statusLife / 4):
		}
	}
}

func (w *world) refusedAtAuthorize(ctx context.Context, link string) error {
	b := newBrowser(w.server.transport(), w.late.redirect)
	defer b.client.CloseIdleConnections()
	shown, err := b.open(ctx, link)
	if err != nil {
		return err
	}
	if shown.fragment != nil || !strings.Contains(shown.text(), "unauthorized_client") {
		return fmt.Errorf("want an error page with unauthorized_client, got status %d, %v", shown.status, shown.fragment)
	}
	return w.expect(shown.status >= http.StatusBadRequest, "authorization endpoint: an error page with unauthorized_client, and no redirect")
}

// leave: the client may still end its registration, and gets no other.
func (w *world) leave(ctx context.Context, r *buyer.Registrar, kept *buyer.Registration, a buyer.Application) error {
	_, err := r.Register(ctx, a)
	var refusal *buyer.RegistrationError
	if !errors.As(err, &refusal) {
		return unexpected("it can register once more", err)
	}
	if err := w.expect(refusal.Code == "invalid_software_statement", "registration endpoint: "+refusal.Code+", "+refusal.Description); err != nil {
		return err
	}
	if err := r.Remove(ctx, kept); err != nil {
		return err
	}
	w.ok("the client removes its registration")
	return nil
}
