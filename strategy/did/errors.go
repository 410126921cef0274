package did

import (
	"errors"
	"fmt"
)

// The final answers about a DID (DID Resolution §10). Every other error of a
// Resolver means that the document cannot be had now.
var (
	// ErrInvalid is something that is no DID, or a DID or document that breaks
	// a rule of its method or of this package.
	ErrInvalid = errors.New("did: invalid")
	// ErrNotFound means that the DID has no document.
	ErrNotFound = errors.New("did: not found")
	// ErrDeactivated means that its owner has given the DID up.
	ErrDeactivated = errors.New("did: deactivated")
	// ErrMethod means that the resolver does not know the DID's method.
	ErrMethod = errors.New("did: method not supported")
)

// ErrNoKey means that the document is there and has no usable key of that name
// for that purpose.
var ErrNoKey = errors.New("did: no key of this relationship has this kid")

// IsFinal reports whether a resolver's error is an answer rather than the lack
// of one: asking again, or using what was known before, is no help.
func IsFinal(err error) bool {
	for _, final := range []error{ErrInvalid, ErrNotFound, ErrDeactivated, ErrMethod} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }

// statusOf returns the HTTP status that an error of a Getter tells, or 0.
func statusOf(err error) int {
	var told interface{ StatusCode() int }
	if errors.As(err, &told) {
		return told.StatusCode()
	}
	return 0
}
