package token

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// way is how a request proves its client, as far as it shows in the request.
type way int

const (
	byCertificate way = iota // a certificate, and nothing else
	byAssertion
	byBasic
	byPost
)

// is reports whether this is the way of the method.
func (w way) is(method profile.AuthMethod) bool {
	switch method {
	case profile.PrivateKeyJWT:
		return w == byAssertion
	case profile.TLSClientAuth, profile.SelfSignedTLSClientAuth:
		return w == byCertificate
	case profile.ClientSecretBasic:
		return w == byBasic
	case profile.ClientSecretPost:
		return w == byPost
	}
	return false
}

// attempt is what a request brings to prove its client.
type attempt struct {
	way       way
	method    profile.AuthMethod // as far as it is known; for the audit event
	clientID  string
	assertion *clientauth.Presented
	secret    string
	chain     []*x509.Certificate
}

// read finds the one credential beside the certificate (RFC 6749 §2.3).
func (at *attempt) read(r *http.Request, form url.Values) error {
	assertion := form.Has("client_assertion") || form.Has("client_assertion_type")
	post, basic := form.Has("client_secret"), len(r.Header.Values("Authorization")) > 0
	if assertion && (post || basic) || post && basic {
		return ruleMethod.InvalidRequest("The request uses more than one way of client authentication.")
	}
	at.clientID = form.Get("client_id")
	switch {
	case assertion:
		at.way, at.method = byAssertion, profile.PrivateKeyJWT
		return at.readAssertion(form)
	case basic:
		at.way, at.method = byBasic, profile.ClientSecretBasic
		return at.readBasic(r)
	case post:
		at.way, at.method, at.secret = byPost, profile.ClientSecretPost, form.Get("client_secret")
	}
	if at.clientID == "" {
		return ruleMethod.InvalidClient("The request has no client authentication.")
	}
	return nil
}

func (at *attempt) readAssertion(form url.Values) (err error) {
	if form.Get("client_assertion") == "" || form.Get("client_assertion_type") != clientauth.AssertionType {
		return ruleMethod.InvalidClient("The client_assertion is missing or its client_assertion_type is not the one of a JWT.")
	}
	if at.assertion, err = clientauth.Present(form.Get("client_assertion")); err != nil {
		return err
	}
	if at.clientID != "" && at.clientID != at.assertion.ClientID {
		return ruleMismatch.InvalidClient("The client_id is not the one in the client assertion.")
	}
	at.clientID = at.assertion.ClientID
	return nil
}

// readBasic: both parts are form-encoded before they are joined (RFC 6749
// §2.3.1).
func (at *attempt) readBasic(r *http.Request) error {
	user, password, ok := r.BasicAuth()
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	if !ok || idErr != nil || secretErr != nil || id == "" || len(r.Header.Values("Authorization")) > 1 {
		return ruleBasic.InvalidClient("The Authorization header is not that of a client.")
	}
	if at.clientID != "" && at.clientID != id {
		return ruleMismatch.InvalidClient("The client_id is not the one in the Authorization header.")
	}
	at.clientID, at.secret = id, secret
	return nil
}

const (
	ruleBasic  profile.Rule = "RFC6749-2.3.1"
	ruleHeader profile.Rule = "RFC9440-2"
	// maxSecret bounds a client secret, in bytes.
	maxSecret = 512
)

var errSecret = errors.New("token: the client secret is not the client's")

// compareSecret compares with the client's hash, and those that it had before
// where the client keeps them.
func (a *ClientAuth) compareSecret(ctx context.Context, client fosite.Client, secret string) error {
	hashes := [][]byte{client.GetHashedSecret()}
	if rotating, ok := client.(fosite.ClientWithSecretRotation); ok {
		hashes = append(hashes, rotating.GetRotatedHashes()...)
	}
	if secret != "" && len(secret) <= maxSecret && a.Secrets != nil {
		for _, hash := range hashes {
			if len(hash) > 0 && a.Secrets.Compare(ctx, hash, []byte(secret)) == nil {
				return nil
			}
		}
	}
	return ruleBasic.InvalidClient(clientauth.Refused).Because(errSecret)
}

// chainOf asks the source, or the TLS connection where there is none. A header
// that cannot be read is a fault of the request.
func chainOf(source mtls.Source, r *http.Request) ([]*x509.Certificate, error) {
	if source == nil {
		source = mtls.FromTLS
	}
	chain, err := source.Chain(r)
	if err != nil {
		return nil, ruleHeader.InvalidRequest("The client certificate cannot be read.").Because(err)
	}
	return chain, nil
}
