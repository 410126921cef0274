package registry

import (
	"strings"
	"unicode"

	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/did"
)

// InputError tells the operator what the registry does not vouch for.
type InputError string

func (e InputError) Error() string { return string(e) }

// Entity is what the registry says of a legal entity.
type Entity struct {
	// Subject is the DID of its client.
	Subject string `json:"subject"`
	// LegalName is shown to users; LEI is its Legal Entity Identifier.
	LegalName string `json:"legalName"`
	LEI       string `json:"lei"`
	// TrustDomain and MEFID may be empty.
	TrustDomain string `json:"trustDomain"`
	MEFID       string `json:"mefId"`
}

const maxText = 256 // bytes of a name; verifiers take no more

func (e *Entity) check() error {
	if _, err := did.Parse(e.Subject); err != nil {
		return InputError("The subject is no DID.")
	}
	if strings.TrimSpace(e.LegalName) == "" || !credential.ValidLEI(e.LEI) {
		return InputError("There is no legalName, or the lei is not a Legal Entity Identifier (ISO 17442).")
	}
	for _, text := range []string{e.LegalName, e.TrustDomain, e.MEFID} {
		if len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return InputError("A member is longer than 256 bytes, or not printable.")
		}
	}
	return nil
}

// checkStatement: the statement says which software it is about, and the
// registry alone says who states it and when.
func checkStatement(claims map[string]any) error {
	for _, name := range []string{"iss", "iat", "nbf", "exp", "jti"} {
		if _, there := claims[name]; there {
			return InputError("The registry sets " + name + " itself.")
		}
	}
	if id, ok := claims["software_id"].(string); !ok || id == "" {
		return InputError("There is no software_id.")
	}
	if claims["jwks"] != nil && claims["jwks_uri"] != nil {
		return InputError("There is both a jwks and a jwks_uri (RFC 7591 §2).")
	}
	return nil
}
