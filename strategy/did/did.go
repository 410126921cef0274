package did

import "strings"

const (
	maxDID = 2048 // bytes: a did:jwk of an RSA key with 8192 bits has 1900
	maxURL = 4096 // bytes: a did:key says its key twice in a DID URL
)

// DID is a decentralized identifier (DID Core §3.1). The zero value is none;
// any other came from Parse and is well-formed. DIDs compare with ==, byte by
// byte.
type DID struct{ text string }

// Parse reads a DID of at most 2048 bytes without path, query or fragment, or
// returns ErrInvalid.
func Parse(text string) (DID, error) {
	method, id, ok := strings.Cut(strings.TrimPrefix(text, scheme), ":")
	switch {
	case len(text) > maxDID || !strings.HasPrefix(text, scheme) || !ok:
		return DID{}, invalid("not a DID of at most 2048 bytes")
	case method == "" || strings.ContainsFunc(method, notMethodChar):
		return DID{}, invalid("the name of the method is not of a-z and 0-9")
	case !isMadeOf(id, ":") || id == "" || id[len(id)-1] == ':':
		return DID{}, invalid("the identifier is empty or has a character that it may not have")
	}
	return DID{text}, nil
}

const scheme = "did:"

// String returns the DID as it was read, "" for the zero value.
func (d DID) String() string { return d.text }

// Method returns the name of its method, such as "web".
func (d DID) Method() string {
	method, _, _ := strings.Cut(strings.TrimPrefix(d.text, scheme), ":")
	return method
}

// identifier is what follows the method.
func (d DID) identifier() string {
	_, id, _ := strings.Cut(strings.TrimPrefix(d.text, scheme), ":")
	return id
}

// URL resolves a reference that a document of this DID makes: an absolute DID
// URL, or a path, query or fragment of this one (DID Core §3.2.2). The error
// is ErrInvalid.
func (d DID) URL(reference string) (URL, error) {
	if reference != "" && strings.ContainsRune("/?#", rune(reference[0])) {
		reference = d.text + reference
	}
	return ParseURL(reference)
}

// URL is a DID URL (DID Core §3.2): a DID with an optional path, query and
// fragment. The zero value is none; any other is well-formed.
type URL struct {
	did                         DID
	text, path, query, fragment string
}

// ParseURL reads an absolute DID URL of at most 4096 bytes, or returns
// ErrInvalid.
func ParseURL(text string) (URL, error) {
	if len(text) > maxURL {
		return URL{}, invalid("the DID URL is longer than 4096 bytes")
	}
	u := URL{text: text}
	rest, fragment, _ := strings.Cut(text, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		rest, u.path = rest[:slash], rest[slash:]
	}
	u.query, u.fragment = query, fragment
	var err error
	if u.did, err = Parse(rest); err != nil {
		return URL{}, err
	}
	if !isMadeOf(u.path, pathChars) || !isMadeOf(query, pathChars+"?") || !isMadeOf(fragment, pathChars+"?") {
		return URL{}, invalid("the DID URL has a character that it may not have")
	}
	return u, nil
}

// pathChars are the characters of a path beside those of a DID (RFC 3986 §3.3).
const pathChars = "/:@~!$&'()*+,;="

// DID returns the DID that the URL begins with.
func (u URL) DID() DID { return u.did }

// Path returns the path with its first slash, or "".
func (u URL) Path() string { return u.path }

// Query returns what is between ? and #.
func (u URL) Query() string { return u.query }

// Fragment returns what follows #.
func (u URL) Fragment() string { return u.fragment }

// String returns the URL as it was read.
func (u URL) String() string { return u.text }

func notMethodChar(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

// isMadeOf reports whether the text consists of the characters that DIDs are
// made of, whole percent escapes, and the others.
func isMadeOf(text, others string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isAlphanumeric(c) || c == '.' || c == '-' || c == '_':
		case c == '%':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return false
			}
			i += 2
		case strings.IndexByte(others, c) < 0:
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
