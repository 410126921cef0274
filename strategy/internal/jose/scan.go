package jose

import (
	"encoding/json"
	"slices"
)

// scanner reads one JSON document (RFC 8259) and checks what encoding/json
// does not: that no object, at whatever depth, has two members of one name,
// that nothing nests too deep, and that nothing follows. It keeps positions
// instead of building values, since most of a document is never looked at.
type scanner struct {
	data []byte
	at   int
}

// scanObject returns the members of the document, which must be an object, as
// slices of data.
func scanObject(data []byte) (Object, bool) {
	s := &scanner{data: data}
	s.space()
	var few [fewNames]member // the map is made when its size is known
	found := few[:0]
	if !s.object(0, func(name string, raw []byte) { found = append(found, member{name, raw}) }) {
		return nil, false
	}
	members := make(Object, len(found))
	for _, m := range found {
		members[m.name] = m.raw
	}
	s.space()
	return members, s.at == len(data)
}

type member struct {
	name string
	raw  []byte
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next skips space and takes the byte if it is the next one.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(depth int, member func(name string, raw []byte)) bool {
	if depth > maxDepth || !s.next('{') {
		return false
	}
	if s.next('}') {
		return true
	}
	var seen names
	for {
		name, ok := s.name()
		if !ok || !seen.add(name) || !s.next(':') {
			return false
		}
		s.space()
		start := s.at
		if !s.value(depth + 1) {
			return false
		}
		if member != nil {
			member(name, s.data[start:s.at])
		}
		if s.next('}') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

func (s *scanner) array(depth int) bool {
	if depth > maxDepth || !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth + 1) {
			return false
		}
		if s.next(']') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

func (s *scanner) value(depth int) bool {
	if s.at >= len(s.data) {
		return false
	}
	switch s.data[s.at] {
	case '{':
		return s.object(depth, nil)
	case '[':
		return s.array(depth)
	case '"':
		_, ok := s.text()
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *scanner) literal(word string) bool {
	if len(s.data)-s.at < len(word) || string(s.data[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// number leaves the grammar of numbers to encoding/json.
func (s *scanner) number() bool {
	start := s.at
	for s.at < len(s.data) && isNumeric(s.data[s.at]) {
		s.at++
	}
	return s.at > start && json.Valid(s.data[start:s.at])
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// text takes a string with its quotes. One that has an escape is left to
// encoding/json to judge.
func (s *scanner) text() (raw []byte, ok bool) {
	start, escaped := s.at, false
	for s.at++; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			raw = s.data[start:s.at]
			return raw, !escaped || json.Valid(raw)
		case c == '\\':
			escaped = true
			s.at++
		case c < 0x20:
			return nil, false
		}
	}
	return nil, false
}

// name takes a member's name and undoes its escapes: "\u0061" is "a".
func (s *scanner) name() (string, bool) {
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != '"' {
		return "", false
	}
	raw, ok := s.text()
	if !ok {
		return "", false
	}
	return unquote(raw)
}

func unquote(raw []byte) (string, bool) {
	if !slices.Contains(raw, '\\') {
		return string(raw[1 : len(raw)-1]), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// names is a set of names: an array while there are few, then a map, so that an
// object with many members costs no more than its length.
type names struct {
	few   [fewNames]string
	count int
	many  map[string]struct{}
}

const fewNames = 16

// add returns false if the name is there already.
func (n *names) add(name string) bool {
	if n.many == nil {
		if slices.Contains(n.few[:n.count], name) {
			return false
		}
		if n.count < fewNames {
			n.few[n.count] = name
			n.count++
			return true
		}
		n.many = make(map[string]struct{}, 2*fewNames)
		for _, known := range n.few {
			n.many[known] = struct{}{}
		}
	}
	if _, dup := n.many[name]; dup {
		return false
	}
	n.many[name] = struct{}{}
	return true
}
