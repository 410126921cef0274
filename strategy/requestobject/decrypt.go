package requestobject

import (
	"errors"
	"slices"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The rules of an encrypted object, a JWS inside a JWE (RFC 9101 §6.1, MEF
// W128 §8.4). Requirements that speak of the signature hold for the JWS inside.
const (
	ruleJWEHeader profile.Rule = "MEF-R49" // alg, enc and kid are there
	ruleKeyEnc    profile.Rule = "MEF-R50"
	ruleRSA15     profile.Rule = "FAPI-8.6.1-1"
	ruleOwnKey    profile.Rule = "MEF-R52"
	ruleEnc       profile.Rule = "MEF-R54"
	ruleEncKnown  profile.Rule = "MEF-R55"
	ruleCty       profile.Rule = "C-09"
	ruleDecrypt   profile.Rule = "RFC7516-5.2"
	ruleEncrypted profile.Rule = "FAPI-9"
)

// parse returns the JWS that the object is, or that is in it. A client that
// registered an encryption for which the server has a key must use it: what
// would lie open in the browser was meant to be closed.
func (v *Verifier) parse(raw string, m *storage.ClientMetadata) (*jose.Signed, error) {
	decrypts := v.Profile.AcceptJWE && v.Own != nil
	if decrypts && len(raw) <= MaxBytes && jose.IsEncrypted(raw) {
		return v.decrypt(raw, m)
	}
	signed, err := jose.ParseSigned(raw, MaxBytes)
	if err != nil {
		return nil, refuseForm(err)
	}
	if alg := m.RequestObjectEncryptionAlg; decrypts && alg != "" && slices.Contains(v.Own.DecryptionAlgs(), alg) {
		return nil, ruleEncrypted.InvalidRequestObject("The request object is not encrypted, as the client registered.")
	}
	return signed, nil
}

// decrypt looks at all of the header before a private key is used. Whatever
// goes wrong then is one answer.
func (v *Verifier) decrypt(raw string, m *storage.ClientMetadata) (*jose.Signed, error) {
	encrypted, err := jose.ParseEncrypted(raw, MaxBytes)
	if err != nil {
		return nil, refuseEncrypted(encrypted, err)
	}
	if err := v.checkEncryption(encrypted, m); err != nil {
		return nil, err
	}
	own := v.Own.Decrypter(encrypted.Kid)
	if own == nil {
		return nil, ruleOwnKey.InvalidRequestObject("The request object is not encrypted to a key of the server.")
	}
	signed, err := encrypted.Decrypt(own)
	if errors.Is(err, jose.ErrDecrypt) {
		return nil, ruleDecrypt.InvalidRequestObject("The request object cannot be decrypted.").Because(err)
	}
	if err != nil {
		return nil, refuseForm(err)
	}
	return signed, nil
}

func (v *Verifier) checkEncryption(e *jose.Encrypted, m *storage.ClientMetadata) error {
	alg, enc := m.RequestObjectEncryptionAlg, m.RequestObjectEncryptionEnc
	if !v.Profile.AcceptsKeyEnc(e.Alg) || alg != "" && alg != e.Alg {
		return refuseEncrypted(e, jose.ErrAlg)
	}
	if !v.Profile.AcceptsContentEnc(e.Enc) || enc != "" && enc != e.Enc {
		return refuseEncrypted(e, jose.ErrEnc)
	}
	return nil
}

// refuseEncrypted maps what the gate found to the rule that says so. e is nil
// where the form was wrong.
func refuseEncrypted(e *jose.Encrypted, err error) error {
	rule, text := ruleJWS, "The request object is neither a JWS nor a JWE in compact serialization."
	switch {
	case errors.Is(err, jose.ErrHeader):
		rule, text = ruleHeader, "The request object's header has a member that is not accepted."
	case errors.Is(err, jose.ErrAlg):
		rule, text = ruleOfKeyEnc(e.Alg), "The request object's encryption alg is missing or not accepted from this client."
	case errors.Is(err, jose.ErrEnc) && e.Enc == "":
		rule, text = ruleEnc, "The request object's enc is missing."
	case errors.Is(err, jose.ErrEnc):
		rule, text = ruleEncKnown, "The request object's enc is not accepted from this client."
	case errors.Is(err, jose.ErrKid):
		rule, text = ruleJWEHeader, "The request object's encryption header has no kid."
	case errors.Is(err, jose.ErrCty):
		rule, text = ruleCty, "The request object's encryption header has no cty JWT."
	}
	return rule.InvalidRequestObject(text).Because(err)
}

// ruleOfKeyEnc names the requirement that the key management breaks.
func ruleOfKeyEnc(alg string) profile.Rule {
	switch alg {
	case "":
		return ruleJWEHeader
	case "none":
		return ruleNone
	case "RSA1_5":
		return ruleRSA15
	}
	return ruleKeyEnc
}
