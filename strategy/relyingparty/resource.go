package relyingparty

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Customer is what a client tells the Seller's API of its user and of itself,
// in the headers that the profile has a name for (FAPI 1.0 Baseline §6.2.2).
// The zero value of a field sends nothing.
type Customer struct {
	// LastLogin is when the user last logged in at the client.
	LastLogin time.Time
	// IP is the user's address. Send neither it nor LastLogin where the user
	// is not at this client (FAPI-CIBA).
	IP, MerchantIP netip.Addr
	// UserAgent, ACR and MemberID are printable ASCII of at most 512 bytes.
	UserAgent, ACR, MemberID string
}

const maxHeader = 512

// Call sends a request to the Seller's API: the access token in the header
// Authorization, a fresh interaction id unless the request has one, the headers
// of customer, and the client certificate of Config.HTTP, to which the token
// may be bound. The request is not changed; that of the answer has the
// interaction id, which the Seller repeats. Redirects are not followed, for the
// token is this Seller's; the caller closes the body.
func (c *Client) Call(request *http.Request, tokens *Tokens, customer Customer) (*http.Response, error) {
	switch {
	case request.URL.Scheme != "https": // FAPI 1.0 Advanced §8.5
		return nil, errors.New("relyingparty: a token goes over https alone")
	case tokens == nil || tokens.AccessToken == "":
		return nil, errors.New("relyingparty: there is no access token")
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	if err := c.interaction(request.Header); err != nil {
		return nil, err
	}
	if err := customer.write(request.Header, &c.config.Profile.Headers); err != nil {
		return nil, err
	}
	return c.http.client.Do(request) //nolint:gosec // where to is the caller's decision
}

// interaction sees to a UUID, which is all that this header may be (FAPI 1.0
// Baseline §6.2.2-5).
func (c *Client) interaction(header http.Header) error {
	name := c.config.Profile.Headers.InteractionID
	if sent := header.Get(name); sent != "" {
		if _, err := uuid.Parse(sent); err != nil || len(sent) != len(uuid.Nil.String()) {
			return fmt.Errorf("relyingparty: %s is no UUID", name)
		}
		return nil
	}
	id, err := uuid.NewRandomFromReader(c.config.Rand)
	if err != nil {
		return fmt.Errorf("relyingparty: no randomness: %w", err)
	}
	header.Set(name, id.String())
	return nil
}

func (c *Customer) write(header http.Header, names *profile.HeaderNames) error {
	for _, h := range []struct{ name, value string }{
		{names.LastLogin, formatTime(c.LastLogin, names.LastLoginFormat)},
		{names.CustomerIP, formatAddress(c.IP)},
		{names.MerchantIP, formatAddress(c.MerchantIP)},
		{names.UserAgent, c.UserAgent},
		{names.CustomerACR, c.ACR},
		{names.MemberID, c.MemberID},
	} {
		if h.name == "" || h.value == "" {
			continue
		}
		if strings.ContainsFunc(h.value, isUnprintable) || len(h.value) > maxHeader {
			return fmt.Errorf("relyingparty: %s is no printable text of at most %d bytes", h.name, maxHeader)
		}
		header.Set(h.name, h.value)
	}
	return nil
}

func formatTime(at time.Time, format profile.TimeFormat) string {
	switch {
	case at.IsZero():
		return ""
	case format == profile.RFC3339:
		return at.UTC().Format(time.RFC3339)
	}
	return at.UTC().Format(http.TimeFormat)
}

// formatAddress leaves the zone out, which says something of this machine alone.
func formatAddress(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.Unmap().WithZone("").String()
}
