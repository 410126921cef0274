package registration

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleRedirectURI profile.Rule = "MEF-R18"
	ruleHTTPS       profile.Rule = "BASE-5.2.2-20"
	ruleLoopback    profile.Rule = "BASE-7.5-2"
	ruleService     profile.Rule = "MEF-R19"
)

const (
	maxRedirectURIs = 50
	maxURI          = 2048 // bytes
)

// checkRedirectURIs: who has users sent back says where to, among what the
// statement lists.
func (d *draft) checkRedirectURIs(context.Context) error {
	uris := d.reg.Client.RedirectURIs
	if len(uris) == 0 && slices.Contains(d.reg.Client.GrantTypes, "authorization_code") {
		return ruleRedirectURI.Refuse(codeRedirectURI, "A redirect URI is required.")
	}
	if len(uris) > maxRedirectURIs {
		return ruleRedirectURI.Refuse(codeRedirectURI, "There are too many redirect URIs.")
	}
	listed, err := d.claims().texts("redirect_uris")
	if err != nil {
		return ruleStatement.Refuse(codeRedirectURI, "The software statement's redirect URIs are no list of strings.")
	}
	for i, uri := range uris {
		if slices.Contains(uris[:i], uri) {
			return ruleRedirectURI.Refuse(codeRedirectURI, "A redirect URI is there twice.")
		}
		if listed != nil && !slices.Contains(listed, uri) {
			return ruleStatement.Refuse(codeRedirectURI, "A redirect URI is not in the software statement.")
		}
		if err := checkRedirectURI(uri); err != nil {
			return err
		}
	}
	return nil
}

// checkRedirectURI: an https URL that is compared as it is, with a host of its
// own.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || !profile.IsVisible(uri):
		return ruleRedirectURI.Refuse(codeRedirectURI, "A redirect URI is no URL.")
	case u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return ruleHTTPS.Refuse(codeRedirectURI, "A redirect URI is no https URL.")
	case strings.ContainsAny(uri, "#*\\") || u.User != nil:
		return ruleRedirectURI.Refuse(codeRedirectURI, "A redirect URI has a fragment, a wildcard, a backslash or a user.")
	case isLoopback(u.Hostname()):
		return ruleLoopback.Refuse(codeRedirectURI, "A redirect URI is on the user's own machine.")
	}
	return nil
}

// isLoopback knows the names and addresses of the machine itself.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		// No top-level domain begins with a digit; browsers read 127.1 and
		// 0x7f000001 as addresses.
		last := host[strings.LastIndexByte(host, '.')+1:]
		return last == "" || last[0] >= '0' && last[0] <= '9'
	}
	address = address.Unmap()
	return address.IsLoopback() || address.IsUnspecified()
}

// checkServiceEndpoints: the DID document of a DID client lists its redirect
// URIs, byte for byte.
func (d *draft) checkServiceEndpoints(context.Context) error {
	if d.document == nil {
		return nil
	}
	for _, uri := range d.reg.Client.RedirectURIs {
		if !d.document.HasServiceEndpoint(uri, d.ServiceTypes...) {
			return ruleService.Refuse(codeRedirectURI, "A redirect URI is no service endpoint of the client's DID document.")
		}
	}
	return nil
}
