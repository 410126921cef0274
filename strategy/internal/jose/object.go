package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object is a JSON object whose member names are exact and unique.
// encoding/json alone would let "EXP" stand for "exp" and the last of two
// members win; an attacker chooses which of two parsers sees what.
type Object map[string]json.RawMessage

// ErrMember is a member of the wrong JSON type.
var ErrMember = errors.New("jose: a member has the wrong type")

// maxDepth bounds how deep arrays and objects nest.
const maxDepth = 20

// ParseObject reads one JSON object, or returns ErrPayload.
func ParseObject(data []byte) (Object, error) {
	var object Object
	if !utf8.Valid(data) || checkUnique(data) != nil || json.Unmarshal(data, &object) != nil || object == nil {
		return nil, ErrPayload
	}
	return object, nil
}

// checkUnique reads the document once and refuses duplicate members at every
// depth, too much depth, and anything behind the first value.
func checkUnique(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return ErrPayload
	}
	return nil
}

func checkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil || depth > maxDepth {
		return ErrPayload
	}
	switch token {
	case json.Delim('{'):
		return checkMembers(dec, depth)
	case json.Delim('['):
		for dec.More() {
			if err := checkValue(dec, depth+1); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	return err
}

func checkMembers(dec *json.Decoder, depth int) error {
	seen := map[string]struct{}{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if _, dup := seen[name]; dup {
			return ErrPayload
		}
		seen[name] = struct{}{}
		if err := checkValue(dec, depth+1); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// String returns the member as a string, "" if it is absent, or ErrMember.
func (o Object) String(name string) (string, error) {
	raw, there := o[name]
	if !there {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", ErrMember
	}
	return *s, nil
}

// Strings returns the member as a list: a string is a list of one, as in the
// aud claim (RFC 7519 §4.1.3).
func (o Object) Strings(name string) ([]string, error) {
	if one, err := o.String(name); err == nil {
		if one == "" {
			return nil, nil
		}
		return []string{one}, nil
	}
	var many []*string
	if json.Unmarshal(o[name], &many) != nil || many == nil {
		return nil, ErrMember
	}
	list := make([]string, len(many))
	for i, s := range many {
		if s == nil {
			return nil, ErrMember
		}
		list[i] = *s
	}
	return list, nil
}

// maxDate is the end of the year 9999, in Unix seconds.
const maxDate = 253402300799

// Time returns the member as a NumericDate (RFC 7519 §2), whole seconds, the
// zero time if it is absent, or ErrMember: a string, zero or a negative number
// is no date here.
func (o Object) Time(name string) (time.Time, error) {
	raw, there := o[name]
	if !there {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(seconds >= 1 && seconds <= maxDate) {
		return time.Time{}, ErrMember
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

// Has reports whether the member is there, null included.
func (o Object) Has(name string) bool {
	_, there := o[name]
	return there
}
