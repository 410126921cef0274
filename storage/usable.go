package storage

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/ory/fosite"
)

// ErrSession is a session that the library cannot work with: nil, a nil
// pointer, one with a nil embedded session, or one without a Binding.
var ErrSession = errors.New("storage: unusable session")

// SessionOf returns the session as a Session, or an error that says what the
// host has to mend and wraps ErrSession. It never panics.
func SessionOf(session fosite.Session) (Session, error) {
	if session == nil {
		return nil, fmt.Errorf("%w: it is nil", ErrSession)
	}
	bound, ok := session.(Session)
	if !ok {
		return nil, fmt.Errorf("%w: %T does not embed storage.Binding beside *openid.DefaultSession", ErrSession, session)
	}
	if field := nilInside(reflect.ValueOf(session)); field != "" {
		return nil, fmt.Errorf("%w: %T has a nil %s", ErrSession, session, field)
	}
	return bound, nil
}

// nilInside names the nil that a method promoted from v would follow: v itself,
// or a pointer or an interface embedded in it.
func nilInside(v reflect.Value) string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return v.Type().String()
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, i := range embeddedIn(v.Type()) {
		if name := nilInside(v.Field(i)); name != "" {
			return name
		}
	}
	return ""
}

var embedded sync.Map // reflect.Type → []int

// embeddedIn returns which fields of the struct type are embedded; sessions
// are of few types and come often.
func embeddedIn(t reflect.Type) []int {
	if known, ok := embedded.Load(t); ok {
		return known.([]int)
	}
	var fields []int
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			fields = append(fields, i)
		}
	}
	embedded.Store(t, fields)
	return fields
}
