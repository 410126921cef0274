package credential

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// Version is a version of the Verifiable Credentials Data Model.
type Version string

// The versions, each in its JWT form.
const (
	V1 Version = "1.1" // the credential is the claim vc of a JWT
	V2 Version = "2.0" // the payload is the credential (VC-JOSE-COSE §3.1)
)

var contexts = map[Version]string{
	V1: "https://www.w3.org/2018/credentials/v1",
	V2: "https://www.w3.org/ns/credentials/v2",
}

// form is how a credential or a presentation is wrapped in a JWT.
type form struct {
	claim string   // of version 1.1
	types []string // typ of version 2.0; the second and third are older
	name  string   // the base type
}

var (
	credentialForm   = form{"vc", []string{"vc+jwt", "vc+ld+json+jwt", "vc+ld+jwt"}, "VerifiableCredential"}
	presentationForm = form{"vp", []string{"vp+jwt", "vp+ld+json+jwt", "vp+ld+jwt"}, "VerifiablePresentation"}
)

// document is a credential or a presentation whose signature was not looked
// at. In version 2.0, claims and body are one.
type document struct {
	signed       *jose.Signed
	version      Version
	claims, body jose.Object
	types        []string
}

// parse returns nil if the token is no such document. What is read here tells
// whose keys to look for, and is believed only after verify.
func (f form) parse(token string, limit int) *document {
	signed, err := jose.ParseSigned(token, limit)
	if err != nil {
		return nil
	}
	claims, err := signed.Unverified()
	if err != nil {
		return nil
	}
	d := &document{signed: signed, claims: claims}
	switch {
	case signed.CheckTyp() == nil:
		d.version, d.body = V1, object(claims, f.claim)
	case signed.CheckTyp(f.types...) == nil && !claims.Has("vc") && !claims.Has("vp"):
		d.version, d.body = V2, claims
	}
	if d.types, err = d.body.Strings("type"); err != nil || !slices.Contains(d.types, f.name) || !d.hasContext() {
		return nil
	}
	return d
}

// hasContext: the data model's own context comes first, so that the members
// that are read here mean what they are read as.
func (d *document) hasContext() bool {
	if one, err := d.body.String("@context"); err == nil {
		return one == contexts[d.version]
	}
	list, ok := elements(d.body["@context"])
	if !ok || len(list) == 0 {
		return false
	}
	first, err := jose.Object{"": list[0]}.String("")
	return err == nil && first == contexts[d.version]
}

// object returns the member as an object, or nil, in which nothing is found.
func object(o jose.Object, name string) jose.Object {
	inner, err := jose.ParseObject(o[name])
	if err != nil {
		return nil
	}
	return inner
}

// elements returns the elements of an array; anything else is an array of one,
// and nothing is one of none.
func elements(raw json.RawMessage) ([]json.RawMessage, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}, true
	}
	var list []json.RawMessage
	err := json.Unmarshal(raw, &list)
	return list, err == nil
}

// identifier returns the member, which is a string or an object with an id.
func identifier(o jose.Object, name string) (string, error) {
	if inner := object(o, name); inner != nil {
		return inner.String("id")
	}
	return o.String(name)
}

// same returns the value of what may be said twice, or "" if the two differ
// or one is malformed.
func same(one string, err1 error, other string, err2 error) string {
	switch {
	case err1 != nil || err2 != nil || one != "" && other != "" && one != other:
		return ""
	case one == "":
		return other
	}
	return one
}

// span is the time in which something is valid; a zero end is open.
type span struct{ from, until time.Time }

// span reads both spellings of both ends, and the narrower one of each counts.
func (d *document) span() (span, bool) {
	names := [2]string{"validFrom", "validUntil"}
	if d.version == V1 {
		names = [2]string{"issuanceDate", "expirationDate"}
	}
	nbf, err1 := d.claims.Time("nbf")
	exp, err2 := d.claims.Time("exp")
	from, err3 := dateTime(d.body, names[0])
	until, err4 := dateTime(d.body, names[1])
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return span{}, false
	}
	if nbf.After(from) {
		from = nbf
	}
	if until.IsZero() || !exp.IsZero() && exp.Before(until) {
		until = exp
	}
	return span{from, until}, true
}

var errNoTime = errors.New("credential: a date before all time")

// dateTime reads an xsd:dateTimeStamp, or the zero time if it is absent.
func dateTime(o jose.Object, name string) (time.Time, error) {
	text, err := o.String(name)
	if err != nil || !o.Has(name) {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err == nil && at.IsZero() {
		err = errNoTime // it would read as none
	}
	return at, err
}

func (s span) contains(now time.Time, skew time.Duration) bool {
	return !s.from.After(now.Add(skew)) && (s.until.IsZero() || s.until.After(now.Add(-skew)))
}
