package clientauth

import (
	"context"
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
	errOther  = errors.New("clientauth: the certificate or its key is none of the client's")
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
// authenticates by a self-signed one. A certificate that is behind a jwks_uri
// counts for that method alone.
func Identified(m *storage.ClientMetadata) bool {
	return mtls.HasSubject(m) || isSelfSigned(m) || key.NamesCertificate(m.JWKS)
}

func isSelfSigned(m *storage.ClientMetadata) bool {
	return m.TokenEndpointAuthMethod == string(profile.SelfSignedTLSClientAuth)
}

// Registered is nil if the certificate is one of those that Identified knows,
// however the client authenticates (NZ Banking §5.2.2-5, §6.2.1-2). One rule
// decides for each client: of a registered subject, the authorities' own; of
// self_signed_tls_client_auth, where the profile has it, any for a key of the
// client; else the very certificates in its JWK Set. The errors are those of
// Authenticate.
func (c *Certificate) Registered(ctx context.Context, clientID string, m *storage.ClientMetadata, chain []*x509.Certificate) error {
	switch {
	case mtls.HasSubject(m):
		return c.issued(chain, m)
	case isSelfSigned(m) && c.Profile.AuthMethods(profile.SelfSignedTLSClientAuth):
		return c.selfSigned(ctx, clientID, chain, m)
	case key.NamesCertificate(m.JWKS):
		return c.named(chain, m)
	}
	return ruleSubject.InvalidClient(Refused).Because(mtls.ErrRegistration)
}

// Usable returns nil for a certificate to which tokens may be bound, whoever
// issued it: its key is one that the profile takes, and it is in its time. Else
// it is mtls.ErrKey or mtls.ErrExpired. It verifies no signature.
func (c *Certificate) Usable(leaf *x509.Certificate) error {
	if err := mtls.CheckKey(leaf, c.Profile.MinRSABits); err != nil {
		return err
	}
	return mtls.InTime(leaf, c.Clock())
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
	err := mtls.VerifyChain(chain, c.ClientCAs, c.Clock(), c.Profile.MinRSABits)
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
	if err := c.Usable(chain[0]); err != nil {
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

// named: a JWK that has a certificate stands for that one, not for others of
// its key.
func (c *Certificate) named(chain []*x509.Certificate, m *storage.ClientMetadata) error {
	if len(chain) == 0 {
		return ruleSelfSigned.InvalidClient(Refused).Because(mtls.ErrNoChain)
	}
	err := c.Usable(chain[0])
	if err == nil && !key.HasCertificate(m.JWKS, chain[0].Raw) {
		err = errOther
	}
	if err != nil {
		return ruleSelfSigned.InvalidClient(Refused).Because(err)
	}
	return nil
}
