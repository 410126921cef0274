package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/idtoken"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// check names everything that is missing or contradictory, so that a team
// mends it in one go.
func (c *Config) check() error {
	errs := []error{checkBase("Issuer", c.Issuer), c.Paths.check(), c.Profile.Validate(), c.checkKeys(), c.checkSubject(), c.checkMethods(), c.checkRegistration()}
	if c.MTLSBase != "" {
		errs = append(errs, checkBase("MTLSBase", c.MTLSBase))
	}
	if c.Fosite == nil {
		errs = append(errs, errors.New("compose: Fosite is nil; give the server's *fosite.Config, at least with a GlobalSecret"))
	} else {
		errs = append(errs, contradictions(c.Fosite, c.Issuer, &c.Profile)...)
	}
	errs = append(errs, checkStorage(c.Storage)...)
	if c.Records == nil {
		errs = append(errs, errors.New("compose: Records is nil and Storage does not implement storage.Records; give storage/sql.NewRecords over your *sql.DB, or implement its seven methods"))
	}
	errs = append(errs, checkSession(c.NewSession)...)
	return errors.Join(errs...)
}

func checkBase(field, base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(base, "/") {
		return fmt.Errorf("compose: %s %q is not an https URL without query, fragment and trailing slash (OIDC Discovery 3)", field, base)
	}
	return nil
}

func (c *Config) checkKeys() error {
	if c.Keys == nil {
		return errors.New("compose: Keys is nil; give key.Signing(privateKey)")
	}
	return nil
}

func (c *Config) checkSubject() error {
	if c.Profile.SubjectMode == profile.SubjectUser && len(c.PairwiseSalt) < idtoken.MinSaltBytes {
		return fmt.Errorf("compose: PairwiseSalt has %d bytes, want %d: the profile's SubjectMode is user (MEF-R30)", len(c.PairwiseSalt), idtoken.MinSaltBytes)
	}
	return nil
}

// checkStorage lists the ports that the host's storage lacks.
func checkStorage(store any) []error {
	var errs []error
	lacks := func(ok bool, port string) {
		if !ok {
			errs = append(errs, fmt.Errorf("compose: Storage %T does not implement %s", store, port))
		}
	}
	_, ok := store.(fosite.Storage)
	lacks(ok, "fosite.Storage")
	_, ok = store.(oauth2.CoreStorage)
	lacks(ok, "oauth2.CoreStorage")
	_, ok = store.(oauth2.TokenRevocationStorage)
	lacks(ok, "oauth2.TokenRevocationStorage")
	return errs
}

// checkSession sends a filled session through what storages and Fosite do to
// it, and names what got lost on the way.
func checkSession(newSession func() storage.Session) []error {
	if newSession == nil {
		return []error{errors.New("compose: NewSession is nil; return an empty session of your own type, or storage.NewSession()")}
	}
	blank := func() (storage.Session, error) { return storage.SessionOf(newSession()) }
	session, err := blank()
	if err != nil {
		return []error{fmt.Errorf("compose: NewSession: %w", err)}
	}
	fill(session)
	if again, err := blank(); err == nil && again.LSOBinding().Issuer != "" {
		return []error{errors.New("compose: NewSession returns the same session twice; return a new one each time")}
	}
	data, err := json.Marshal(session)
	if err != nil {
		return []error{fmt.Errorf("compose: NewSession: the session has no JSON form: %w", err)}
	}
	fresh, err := blank()
	if err != nil {
		return []error{fmt.Errorf("compose: NewSession: %w", err)}
	}
	var errs []error
	for _, way := range []struct {
		name string
		into storage.Session
	}{{"JSON into a fresh session", fresh}, {"JSON over the session itself", session}} {
		if err := json.Unmarshal(data, way.into); err != nil {
			errs = append(errs, fmt.Errorf("compose: NewSession: %s: %w", way.name, err))
		}
		errs = append(errs, compare(way.name, way.into)...)
	}
	clone, err := storage.SessionOf(session.Clone())
	if err != nil {
		return append(errs, fmt.Errorf("compose: NewSession: Clone: %w; give the session type a Clone of its own", err))
	}
	return append(append(errs, compare("Clone", clone)...), checkDeep(session, clone)...)
}

var probeTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fill sets every field of the binding and some of the OpenID Connect session.
func fill(session storage.Session) {
	binding := reflect.ValueOf(session.LSOBinding()).Elem()
	for i := range binding.NumField() {
		if f := binding.Field(i); f.Kind() == reflect.String {
			f.SetString("probe " + binding.Type().Field(i).Name)
		} else {
			f.SetBytes([]byte(`{"probe":true}`))
		}
	}
	session.IDTokenClaims().Subject = "probe"
	session.SetExpiresAt(fosite.AccessToken, probeTime)
}

func compare(way string, got storage.Session) []error {
	want := storage.NewSession()
	fill(want)
	var errs []error
	lost := func(field string) {
		errs = append(errs, fmt.Errorf("compose: NewSession: %s loses %s; does %T promote MarshalJSON, UnmarshalJSON or Clone of an embedded type?", way, field, got))
	}
	a, b := reflect.ValueOf(want.LSOBinding()).Elem(), reflect.ValueOf(got.LSOBinding()).Elem()
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			lost("Binding." + a.Type().Field(i).Name)
		}
	}
	if got.IDTokenClaims().Subject != "probe" {
		lost("the ID Token claims")
	}
	if !got.GetExpiresAt(fosite.AccessToken).Equal(probeTime) {
		lost("the expiry times")
	}
	return errs
}

// checkDeep: a refreshed session must not write into the one it came from.
func checkDeep(session, clone storage.Session) []error {
	clone.IDTokenClaims().Subject = "changed"
	clone.SetExpiresAt(fosite.AccessToken, time.Time{})
	clone.LSOBinding().IntentID = "changed"
	if len(compare("", session)) > 0 {
		return []error{fmt.Errorf("compose: NewSession: Clone of %T is shallow: a change of the clone shows in the original", session)}
	}
	return nil
}
