package jose

import (
	"encoding/json"
	"errors"
	"slices"
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

// ParseObject reads one JSON object, or returns ErrPayload. The members are
// slices of data.
func ParseObject(data []byte) (Object, error) {
	if !utf8.Valid(data) {
		return nil, ErrPayload
	}
	object, ok := scanObject(data)
	if !ok {
		return nil, ErrPayload
	}
	return object, nil
}

// String returns the member as a string, "" if it is absent, or ErrMember.
func (o Object) String(name string) (string, error) {
	raw, there := o[name]
	if !there {
		return "", nil
	}
	if raw[0] != '"' {
		return "", ErrMember
	}
	text, ok := unquote(raw)
	if !ok {
		return "", ErrMember
	}
	return text, nil
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

func (o Object) hasAny(names []string) bool { return slices.ContainsFunc(names, o.Has) }
