package compose

import (
	"fmt"
	"slices"

	"github.com/meflso/fosite-meflso/handler/token"
	"github.com/meflso/fosite-meflso/strategy/clientauth"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// fillMTLS: without authorities nobody can authenticate by tls_client_auth, and
// so the provider's own copy of the profile does not have it; discovery lists
// what that copy has.
func (c *Config) fillMTLS() {
	if c.Certificates == nil {
		c.Certificates = mtls.FromTLS
	}
	if c.ClientCAs == nil {
		c.Profile.ClientAuthMethods = slices.DeleteFunc(c.Profile.ClientAuthMethods, func(m profile.AuthMethod) bool { return m == profile.TLSClientAuth })
	}
}

// checkMethods: a method that is not there is not left out in silence.
func (c *Config) checkMethods() error {
	if c.Profile.AuthMethods(profile.ClientSecretJWT) {
		return fmt.Errorf("compose: Profile.ClientAuthMethods has %q, which the library does not have: it verifies no HMAC", profile.ClientSecretJWT)
	}
	if len(c.Profile.ClientAuthMethods) == 0 {
		return fmt.Errorf("compose: Profile.ClientAuthMethods leaves no method; %s needs ClientCAs", profile.TLSClientAuth)
	}
	return nil
}

func (c *Config) certificate(keys key.Holder) *clientauth.Certificate {
	return &clientauth.Certificate{Profile: &c.Profile, ClientCAs: c.ClientCAs, Keys: keys, Clock: c.Clock}
}

func (c *Config) holder(certificate *clientauth.Certificate) *token.Holder {
	return &token.Holder{Profile: &c.Profile, Certificates: c.Certificates, Certificate: certificate, Metadata: c.Clients}
}
