package relyingparty_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
)

// seen keeps the last request.
type seen struct{ request *http.Request }

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.request = r
	return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"https://evil.example"}}, Body: http.NoBody, Request: r}, nil
}

var (
	tokens   = &relyingparty.Tokens{AccessToken: access}
	customer = relyingparty.Customer{
		LastLogin: time.Date(2026, 6, 13, 13, 36, 9, 0, time.FixedZone("", 7200)), IP: netip.MustParseAddr("::ffff:104.25.212.99"),
		MerchantIP: netip.MustParseAddr("2001:db8::1"), UserAgent: "Mozilla/5.0", ACR: "urn:x", MemberID: "mef/2021/011",
	}
)

func apiClient(t *testing.T, p profile.Profile, change func(*relyingparty.Config)) (*relyingparty.Client, *seen) {
	t.Helper()
	s, api := newSeller(t, "ES256"), &seen{}
	return s.client(t, func(config *relyingparty.Config) {
		config.Profile, config.HTTP = &p, &http.Client{Transport: api}
		if change != nil {
			change(config)
		}
	}), api
}

func TestCall(t *testing.T) {
	for id, test := range map[string]struct {
		profile profile.Profile
		headers map[string]string
	}{
		"FAPI-6.2.2-0": {profile.FAPI1Advanced(), map[string]string{
			"x-fapi-auth-date": "Sat, 13 Jun 2026 11:36:09 GMT", "x-fapi-customer-ip-address": "104.25.212.99", "x-customer-user-agent": "",
		}},
		"NZ-6.2.2-2": {profile.NZBanking(), map[string]string{
			"x-fapi-auth-date": "Sat, 13 Jun 2026 11:36:09 GMT", "x-merchant-ip-address": "2001:db8::1", "x-customer-user-agent": "Mozilla/5.0",
			"x-fapi-customer-acr": "urn:x", "x-fapi-customer-last-logged-time": "",
		}},
		"MEF-10.2.2.2": {profile.MEFLSO(), map[string]string{
			"x-fapi-buyer-last-logged-time": "2026-06-13T11:36:09Z", "x-fapi-buyer-ip-address": "104.25.212.99", "x-fapi-mef-id": "mef/2021/011",
		}},
	} {
		t.Run(id, func(t *testing.T) {
			c, api := apiClient(t, test.profile, nil)
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.seller.example/resource", nil)
			response, err := c.Call(request, tokens, customer)
			if err != nil || response.StatusCode != 307 {
				t.Fatal(response, err)
			}
			header := api.request.Header
			if header.Get("Authorization") != "Bearer "+access || len(request.Header) != 0 {
				t.Errorf("%v, %v", header, request.Header)
			}
			if sent := header.Get("x-fapi-interaction-id"); uuid.Validate(sent) != nil {
				t.Errorf("interaction id %q", sent)
			}
			for name, want := range test.headers {
				if header.Get(name) != want {
					t.Errorf("%s: %q, want %q", name, header.Get(name), want)
				}
			}
		})
	}
}

func TestCallSendsNothingUnknown(t *testing.T) {
	c, api := apiClient(t, profile.NZBanking(), nil)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.seller.example/resource", nil)
	const own = "93bac548-d2de-4546-b106-880a5018460d"
	request.Header.Set("x-fapi-interaction-id", own)
	response, err := c.Call(request, tokens, relyingparty.Customer{})
	if err != nil || len(api.request.Header) != 2 || response.Request.Header.Get("x-fapi-interaction-id") != own {
		t.Error(err, api.request.Header)
	}
}

func TestCallRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		url, id  string
		tokens   *relyingparty.Tokens
		customer relyingparty.Customer
		dry      bool
	}{
		"http":               {url: "http://api.seller.example/"},
		"no token":           {tokens: &relyingparty.Tokens{}},
		"nil":                {},
		"no UUID":            {tokens: tokens, id: "5"},
		"UUID in braces":     {tokens: tokens, id: "{93bac548-d2de-4546-b106-880a5018460d}"},
		"line break":         {tokens: tokens, customer: relyingparty.Customer{UserAgent: "a\r\nb"}},
		"long":               {tokens: tokens, customer: relyingparty.Customer{UserAgent: strings.Repeat("a", 513)}},
		"without randomness": {tokens: tokens, dry: true},
	} {
		c, api := apiClient(t, profile.NZBanking(), func(config *relyingparty.Config) {
			if test.dry {
				config.Rand = iotest.ErrReader(errors.New("dry"))
			}
		})
		if test.url == "" {
			test.url = "https://api.seller.example/"
		}
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
		if test.id != "" {
			request.Header.Set("x-fapi-interaction-id", test.id)
		}
		if _, err := c.Call(request, test.tokens, test.customer); err == nil || api.request != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
