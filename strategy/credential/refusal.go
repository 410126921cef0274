package credential

import (
	"errors"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// The error codes of a refused registration (RFC 7591 §3.2.2).
const (
	// CodeInvalid: the statement, the presentation or a credential is not
	// valid, or cannot be shown to be.
	CodeInvalid = "invalid_software_statement"
	// CodeUnapproved: all is well formed, and this server does not accept who
	// stands behind it.
	CodeUnapproved = "unapproved_software_statement"
)

const (
	ruleStatement profile.Rule = "RFC7591-2.3"   // the statement is valid
	ruleDirectory profile.Rule = "RFC7591-3.2.2" // its issuer is accepted
	ruleEntity    profile.Rule = "MEF-R4"        // signed, verifiable, of a legal entity
	ruleSubject   profile.Rule = "MEF-R5"
	ruleIssuer    profile.Rule = "MEF-R6"
	ruleID        profile.Rule = "MEF-R7"
	ruleStatus    profile.Rule = "MEF-R8"
	ruleHolder    profile.Rule = "MEF-R9"
	ruleOnboarded profile.Rule = "MEF-R10"
	ruleForm      profile.Rule = "MEF-D2"
	ruleRevocable profile.Rule = "C-16"
	ruleAlg       profile.Rule = "MEF-R43"
	ruleDomain    profile.Rule = "MEF-R58"
	ruleLEI       profile.Rule = "ISO17442-1"
	ruleUse       profile.Rule = "RFC8725-3.12" // each use of a JWT has rules of its own
)

func invalid(rule profile.Rule, description string) *profile.Violation {
	return rule.Refuse(CodeInvalid, description)
}

func unapproved(rule profile.Rule, description string) *profile.Violation {
	return rule.Refuse(CodeUnapproved, description)
}

// Why a signature was not believed; for logs alone.
var (
	errAlg = errors.New("credential: the profile does not accept the algorithm")
	errKid = errors.New("credential: the kid is not one of the signer's own")
)

// refuseSignature names the rule that the signature of something breaks.
// Nobody is told whether the key was unknown, elsewhere or wrong.
func refuseSignature(rule profile.Rule, description string, err error) *profile.Violation {
	if errors.Is(err, errAlg) || errors.Is(err, jose.ErrAlg) {
		rule = ruleAlg
	}
	return invalid(rule, description).Because(err)
}
