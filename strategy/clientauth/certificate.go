package clientauth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Certificate verifies the client certificates of tls_client_auth and
// self_signed_tls_client_auth (RFC 8705 §2). It is safe for concurrent use.
type Certificate struct {
	Profile *profile.Profile
	// ClientCAs are the authorities whose certificates tls_client_auth takes;
	// with nil it takes none.
	ClientCAs *x509.CertPool
	Keys      key.Holder
	Clock     func() time.Time
}

const (
	ruleTLS        profile.Rule = "RFC8705-2.1"
	ruleSubject    profile.Rule = "RFC8705-2.1.2"
	ruleSelfSigned profile.Rule = "RFC8705-2.2"
)

// Refused is what every client is told whose certificate or secret does not
// prove it, the same for a client that does not exist.
const Refused = "The client is not registered or not allowed here."

var (
	errMethod = errors.New("clientauth: not a method with a certificate")
	errOther  = errors.New("clientauth: the certificate's key is none of the client's")
	errKey    = errors.New("clientauth: the certificate's RSA key is too small")
)

// Authenticate verifies by the one method that the certificate, leaf first, is
// the client's. Every error is a *profile.Violation with invalid_client and
// the text Refused; its cause tells operators more.
func (c *Certificate) Authenticate(ctx context.Context, method profile.AuthMethod, clientID string, m *storage.ClientMetadata, chain []*x509.Certificate) error {
	switch method {
	case profile.TLSClientAuth:
		return c.issued(chain, m)
	case profile.SelfSignedTLSClientAuth:
		return c.selfSigned(ctx, clientID, chain, m)
	}
	return ruleMethod.InvalidClient(Refused).Because(errMethod)
}

// Identified reports whether certificates of this client are known: it
// registered their subject, a certificate in its JWK Set, or that it
// authenticates by a self-signed one.
func Identified(m *storage.ClientMetadata) bool { return mtls.HasSubject(m) || ownKeys(m) }

// ownKeys: the keys in the client's JWK Set are those of its certificates. An
// x5c that is behind a jwks_uri is looked at for the method alone.
func ownKeys(m *storage.ClientMetadata) bool {
	return m.TokenEndpointAuthMethod == string(profile.SelfSignedTLSClientAuth) || key.NamesCertificate(m.JWKS)
}

// Registered is nil if the certificate is one of those that Identified knows,
// however the client authenticates (NZ Banking §5.2.2-5, §6.2.1-2). Its errors
// are those of Authenticate.
func (c *Certificate) Registered(ctx context.Context, clientID string, m *storage.ClientMetadata, chain []*x509.Certificate) error {
	err := error(ruleSubject.InvalidClient(Refused).Because(mtls.ErrRegistration))
	if mtls.HasSubject(m) {
		err = c.issued(chain, m)
	}
	if err != nil && ownKeys(m) {
		err = c.selfSigned(ctx, clientID, chain, m)
	}
	return err
}

// issued compares the subject before it verifies the chain, which costs
// signatures.
func (c *Certificate) issued(chain []*x509.Certificate, m *storage.ClientMetadata) error {
	if len(chain) == 0 {
		return ruleTLS.InvalidClient(Refused).Because(mtls.ErrNoChain)
	}
	if err := mtls.MatchSubject(chain[0], m); err != nil {
		return ruleSubject.InvalidClient(Refused).Because(err)
	}
	err := errors.Join(c.checkKey(chain[0]), mtls.VerifyChain(chain, c.ClientCAs, c.Clock()))
	if err != nil {
		return ruleTLS.InvalidClient(Refused).Because(err)
	}
	return nil
}

// selfSigned compares the keys, so that a certificate which was renewed for the
// same key needs no new registration. The handshake proved the key; what the
// certificate says of itself counts no further than that it is in its time.
func (c *Certificate) selfSigned(ctx context.Context, clientID string, chain []*x509.Certificate, m *storage.ClientMetadata) error {
	if len(chain) == 0 {
		return ruleSelfSigned.InvalidClient(Refused).Because(mtls.ErrNoChain)
	}
	if err := errors.Join(c.checkKey(chain[0]), mtls.InTime(chain[0], c.Clock())); err != nil {
		return ruleSelfSigned.InvalidClient(Refused).Because(err)
	}
	holds, err := c.Keys.Holds(ctx, clientID, m, chain[0].PublicKey)
	if err == nil && !holds {
		err = errOther
	}
	if err != nil {
		return ruleSelfSigned.InvalidClient(Refused).Because(err)
	}
	return nil
}

func (c *Certificate) checkKey(cert *x509.Certificate) error {
	if public, ok := cert.PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() < c.Profile.MinRSABits {
		return errKey
	}
	return nil
}
