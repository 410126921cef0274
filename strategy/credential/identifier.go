package credential

import (
	"net/url"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// maxIdentifier bounds an identifier of a party or a credential, in bytes.
const maxIdentifier = 1024

// isDID accepts the syntax of DID Core §3.1.
func isDID(s string) bool {
	rest, ok := strings.CutPrefix(s, "did:")
	method, id, found := strings.Cut(rest, ":")
	return ok && found && len(s) <= maxIdentifier && method != "" && id != "" && !strings.HasSuffix(id, ":") &&
		!strings.ContainsFunc(method, notMethod) && !strings.ContainsFunc(id, notIDChar)
}

func notMethod(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

func notIDChar(r rune) bool {
	return notMethod(r) && (r < 'A' || r > 'Z') && !strings.ContainsRune(".-_:%", r)
}

// isDIDURL accepts a DID with a path, a query or a fragment, or none of them
// (DID Core §3.2).
func isDIDURL(s string) bool {
	did := s
	if at := strings.IndexAny(s, "/?#"); at >= 0 {
		did = s[:at]
	}
	return isDID(did) && len(s) <= maxIdentifier && profile.IsVisible(s)
}

// isHTTPS accepts an absolute https URL.
func isHTTPS(s string) bool {
	if len(s) > maxIdentifier || !profile.IsVisible(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// isParty accepts what may issue or hold a credential: its keys can be found.
func isParty(s string) bool {
	return isDID(s) || isHTTPS(s) && !strings.Contains(s, "#")
}

// ownKid reports whether the kid is one of the signer's. Of a DID it is a DID
// URL of that very DID; of any other issuer it may be a plain name, but no
// identifier of somebody else.
func ownKid(signer, kid string) bool {
	fragment, own := strings.CutPrefix(kid, signer+"#")
	if own {
		return fragment != ""
	}
	return !isDID(signer) && !strings.HasPrefix(kid, "did:") && !strings.Contains(kid, "#") && !strings.Contains(kid, "://")
}
