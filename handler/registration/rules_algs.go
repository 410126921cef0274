package registration

import (
	"context"
	"slices"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleAlg        profile.Rule = "FAPI-8.6"
	ruleEncryption profile.Rule = "FAPI-8.6.1"
)

// checkSigningAlgs: what the client signs with is what the profile accepts, and
// what it wants signed with is what the server has a key for.
func (d *draft) checkSigningAlgs(context.Context) error {
	m := &d.reg.Client.ClientMetadata
	for _, alg := range []string{m.TokenEndpointAuthSigningAlg, m.RequestObjectSigningAlg} {
		if alg != "" && !d.Profile.AcceptsAlg(alg, "") {
			return invalid(ruleAlg, "A signature algorithm is not accepted.")
		}
	}
	own := d.Profile.Algs()
	if d.SigningAlgs != nil {
		own = d.SigningAlgs()
	}
	for _, alg := range []string{m.IDTokenSignedResponseAlg, m.AuthorizationSignedResponseAlg, m.UserInfoSignedResponseAlg} {
		signs := func(one string) bool { return profile.Alg(one).Canonical() == profile.Alg(alg).Canonical() }
		if alg != "" && !slices.ContainsFunc(own, signs) {
			return invalid(ruleAlg, "The server does not sign with a wanted algorithm.")
		}
	}
	return nil
}

// checkEncryption: the profile has the algorithms, and the client the keys to
// which its answers are encrypted.
func (d *draft) checkEncryption(context.Context) error {
	m := &d.reg.Client.ClientMetadata
	if err := (&key.Encrypter{Profile: d.Profile}).Check(m); err != nil {
		return invalid(ruleEncryption, "An encryption of the answers is not supported.").Because(err)
	}
	alg, enc := m.RequestObjectEncryptionAlg, m.RequestObjectEncryptionEnc
	switch {
	case alg == "" && enc == "":
	case !d.Profile.AcceptJWE || !d.Profile.AcceptsKeyEnc(alg) || enc != "" && !d.Profile.AcceptsContentEnc(enc):
		return invalid(ruleEncryption, "The encryption of request objects is not supported.")
	}
	for _, alg := range []string{m.IDTokenEncryptedResponseAlg, m.AuthorizationEncryptedResponseAlg, m.UserInfoEncryptedResponseAlg} {
		fits := func(k key.Public) bool { return k.FitsEncryption(alg, d.Profile.MinRSABits) }
		if alg != "" && !slices.ContainsFunc(d.keys, fits) {
			return invalid(ruleEncryption, "The client has no key for an encryption of its answers.")
		}
	}
	return nil
}
