package resource

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Customer is what the client says of its user and of itself in the headers of
// the profile. Nothing of it is proved. A header that was not sent, or cannot
// be read, is the zero value.
type Customer struct {
	LastLogin      time.Time
	IP, MerchantIP netip.Addr
	// UserAgent, ACR and MemberID are printable text of at most 512 bytes.
	UserAgent, ACR, MemberID string
}

const ruleCustomer profile.Rule = "BASE-6.2.1-13"

const maxText = 512

// interaction never reflects what is not a UUID (FAPI 1.0 Baseline §6.2.1-11).
func (g *Guard) interaction(r *http.Request) string {
	sent := r.Header.Get(g.Profile.Headers.InteractionID)
	if _, err := uuid.Parse(sent); err == nil && len(sent) == 36 {
		return sent
	}
	id, err := uuid.NewRandomFromReader(g.Rand)
	if err != nil {
		return uuid.Nil.String()
	}
	return id.String()
}

// customer reads the headers. One that cannot be read is an audit event, beside
// that of the request, and never an error (FAPI 1.0 Baseline §6.2.1-13).
func (g *Guard) customer(r *http.Request, event audit.Event) Customer {
	names := g.Profile.Headers
	var c Customer
	read := func(name string, into func(string) bool) {
		value := ""
		if name != "" {
			value = strings.TrimSpace(r.Header.Get(name))
		}
		if value == "" || len(r.Header.Values(name)) == 1 && len(value) <= maxText && into(value) {
			return
		}
		event.Action, event.Outcome, event.Rule, event.Detail = audit.HeaderIgnored, audit.Refused, ruleCustomer, name
		g.Audit.Record(r.Context(), event)
	}
	login := func(value string) (ok bool) {
		c.LastLogin, ok = parseTime(value, names.LastLoginFormat)
		return ok
	}
	read(names.OldLastLogin, login)
	read(names.LastLogin, login)
	read(names.CustomerIP, address(&c.IP))
	read(names.MerchantIP, address(&c.MerchantIP))
	read(names.UserAgent, text(&c.UserAgent))
	read(names.CustomerACR, text(&c.ACR))
	read(names.MemberID, text(&c.MemberID))
	return c
}

func address(into *netip.Addr) func(string) bool {
	return func(value string) bool {
		parsed, err := netip.ParseAddr(value)
		if err != nil || parsed.Zone() != "" {
			return false
		}
		*into = parsed
		return true
	}
}

func text(into *string) func(string) bool {
	return func(value string) bool {
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
			return false
		}
		*into = value
		return true
	}
}

// parseTime reads a time; one of RFC 3339 without offset is UTC, as the
// examples of MEF W128 have it.
func parseTime(value string, format profile.TimeFormat) (time.Time, bool) {
	if format != profile.RFC3339 {
		t, err := http.ParseTime(value)
		return t.UTC(), err == nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
