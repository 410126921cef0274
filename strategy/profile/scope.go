package profile

import (
	"slices"
	"strings"
)

// ParseScope reads a scope list in the spellings that p understands and
// returns its tokens without duplicates (MEF W128 §10; RFC 6749 §3.3). An
// operation written "POST /quote" becomes the one token "POST:/quote", and a
// trailing path parameter such as "/{id}" is dropped; that holds only where
// ScopeDelimiters is SpaceOrCommaDelimited.
func (p *Profile) ParseScope(list string) []string {
	if p.ScopeDelimiters != SpaceOrCommaDelimited {
		return unique(strings.Fields(list))
	}
	pieces, commas := strings.Fields(list), strings.Contains(list, ",")
	if commas {
		pieces = strings.Split(list, ",")
	}
	var tokens []string
	for _, piece := range pieces {
		piece = strings.TrimSpace(piece)
		if piece == "" {
			continue
		}
		if n := len(tokens); !commas && n > 0 && isMethod(tokens[n-1]) && strings.HasPrefix(piece, "/") {
			piece, tokens = tokens[n-1]+piece, tokens[:n-1]
		}
		tokens = append(tokens, operation(piece))
	}
	return unique(tokens)
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

func isMethod(s string) bool { return slices.Contains(methods, s) }

// operation turns "GET /quote/{id}" and "GET/quote" into "GET:/quote".
func operation(piece string) string {
	method, path, ok := strings.Cut(piece, "/")
	method = strings.TrimSuffix(strings.TrimSpace(method), ":")
	if !ok || !isMethod(method) {
		return piece
	}
	path = "/" + path
	if i := strings.LastIndex(path, "/{"); i > 0 && strings.HasSuffix(path, "}") {
		path = path[:i]
	}
	return method + ":" + path
}

// Covers reports whether the scope is in the set or under an umbrella of the
// set: where quote is an umbrella, it covers every METHOD:/quote… and
// METHOD:/quote-submissions…. Nothing covers openid, nor what is no scope token
// (RFC 6749 §3.3). It has the form of a
// fosite.ScopeStrategy and, unlike fosite's Arguments, is case-sensitive.
func (p *Profile) Covers(set []string, scope string) bool {
	if !isToken(scope) {
		return false
	}
	if slices.Contains(set, scope) {
		return true
	}
	return slices.ContainsFunc(p.ScopeUmbrellas, func(umbrella string) bool {
		return slices.Contains(set, umbrella) && isBelow(umbrella, scope)
	})
}

func isBelow(umbrella, scope string) bool {
	method, path, ok := strings.Cut(scope, ":/")
	if !ok || !isMethod(method) {
		return false
	}
	if strings.Contains(path, "..") || strings.Contains(path, "%") { // whoever resolves it gets elsewhere
		return false
	}
	resource, _, _ := strings.Cut(path, "/")
	return resource == umbrella || resource == umbrella+"-submissions"
}

// IsVisible reports whether s is visible ASCII, without spaces: an identifier
// that every store and log takes.
func IsVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isToken: RFC 6749 §3.3 leaves out the quote and the backslash as well.
func isToken(scope string) bool {
	return scope != "" && IsVisible(scope) && !strings.ContainsAny(scope, "\"\\")
}

func unique(tokens []string) []string {
	if len(tokens) < 2 {
		return tokens
	}
	seen := make(map[string]bool, len(tokens))
	return slices.DeleteFunc(tokens, func(t string) bool {
		dup := seen[t]
		seen[t] = true
		return dup
	})
}
