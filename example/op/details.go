package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// detail is a member of an intent's details, for people to read: a text, or
// parts of its own.
type detail struct {
	Name  string // empty for an element of a list
	Text  string
	Parts []detail
}

// maxNesting is how deep details are shown as lists in lists; what lies deeper
// is shown as it is.
const maxNesting = 6

// kindMember tells the kind of the intent, which the page says elsewhere.
const kindMember = "Kind"

// details renders a JSON object in the order of its members.
func details(object json.RawMessage) []detail {
	parts := partsOf(object, maxNesting)
	kept := parts[:0]
	for _, d := range parts {
		if d.Name != kindMember {
			kept = append(kept, d)
		}
	}
	return kept
}

func partsOf(value json.RawMessage, depth int) []detail {
	decoder := json.NewDecoder(bytes.NewReader(value))
	opening, err := decoder.Token()
	if err != nil {
		return nil
	}
	var parts []detail
	for decoder.More() {
		var d detail
		if opening == json.Delim('{') {
			name, err := decoder.Token()
			if err != nil {
				return parts
			}
			d.Name = label(name.(string))
		}
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return parts
		}
		parts = append(parts, d.fill(raw, depth))
	}
	return parts
}

func (d detail) fill(raw json.RawMessage, depth int) detail {
	switch {
	case raw[0] != '{' && raw[0] != '[':
		d.Text = scalar(raw)
	case depth <= 1:
		d.Text = clean(string(raw))
	default:
		if d.Parts = partsOf(raw, depth-1); len(d.Parts) == 0 {
			d.Text = "none"
		}
	}
	return d
}

func scalar(raw json.RawMessage) string {
	switch string(raw) {
	case "true":
		return "yes"
	case "false":
		return "no"
	case "null":
		return "none"
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw) // a number, in the digits that were sent
	}
	return clean(text)
}

// clean takes out what would let a client make the page say something else:
// control characters and those that turn the direction of writing.
func clean(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
			return -1
		}
		return r
	}, text))
}

// label turns unitPrice and unit_price into Unit price.
func label(name string) string {
	var b strings.Builder
	before := ' '
	for _, r := range clean(name) {
		switch {
		case r == '_' || r == '-':
			r = ' '
		case unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before)):
			b.WriteRune(' ')
		}
		b.WriteRune(r)
		before = r
	}
	words := strings.Fields(b.String())
	for i, word := range words {
		switch {
		case i == 0:
			first, size := utf8.DecodeRuneInString(word)
			words[i] = string(unicode.ToUpper(first)) + word[size:]
		case word != strings.ToUpper(word):
			words[i] = strings.ToLower(word)
		}
	}
	return strings.Join(words, " ")
}
