package relyingparty

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// Metadata is what a relying party needs of a discovery document (OpenID
// Connect Discovery §3).
type Metadata struct {
	Issuer                string          `json:"issuer"`
	AuthorizationEndpoint string          `json:"authorization_endpoint"`
	TokenEndpoint         string          `json:"token_endpoint"`
	PAREndpoint           string          `json:"pushed_authorization_request_endpoint"`
	JWKSURI               string          `json:"jwks_uri"`
	Aliases               EndpointAliases `json:"mtls_endpoint_aliases"`
	// ResponseIss tells that every answer has an iss parameter (RFC 9207 §3).
	ResponseIss bool `json:"authorization_response_iss_parameter_supported"`
}

// EndpointAliases are the endpoints that ask for a client certificate
// (RFC 8705 §5).
type EndpointAliases struct {
	TokenEndpoint string `json:"token_endpoint"`
	PAREndpoint   string `json:"pushed_authorization_request_endpoint"`
}

const ruleMetadata profile.Rule = "BASE-5.2.3-11"

// Discover fetches the metadata of the issuer, through client as Config.HTTP
// says. The document must name this very issuer, and https endpoints alone;
// otherwise the error is an *Abort.
func Discover(ctx context.Context, client *http.Client, issuer string) (*Metadata, error) {
	u, err := url.Parse(issuer)
	if err != nil || !isHTTPS(issuer) || u.RawQuery != "" {
		return nil, abort(ReasonIss, ruleMetadata, "the issuer is no https URL without query and fragment")
	}
	doc, err := newTransport(client).Get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", "application/json")
	if err != nil {
		return nil, fmt.Errorf("relyingparty: discovery: %w", err)
	}
	// The gate refuses duplicate members, which two readers would read
	// differently; and it takes member names exactly.
	object, err := jose.ParseObject(doc.Body)
	if err != nil {
		return nil, abort(ReasonMetadata, ruleMetadata, "the discovery document is no JSON object").because(err)
	}
	metadata, err := readMetadata(object)
	if err != nil {
		return nil, abort(ReasonMetadata, ruleMetadata, "a member of the discovery document has the wrong type").because(err)
	}
	if err := metadata.check(issuer); err != nil {
		return nil, err
	}
	return metadata, nil
}

func readMetadata(object jose.Object) (*Metadata, error) {
	m := &Metadata{}
	for name, value := range map[string]any{
		"issuer": &m.Issuer, "authorization_endpoint": &m.AuthorizationEndpoint, "token_endpoint": &m.TokenEndpoint,
		"pushed_authorization_request_endpoint": &m.PAREndpoint, "jwks_uri": &m.JWKSURI, "mtls_endpoint_aliases": &m.Aliases,
		"authorization_response_iss_parameter_supported": &m.ResponseIss,
	} {
		if raw, there := object[name]; there {
			if err := json.Unmarshal(raw, value); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *Metadata) check(issuer string) error {
	if m.Issuer != issuer || !isHTTPS(m.Issuer) {
		return abort(ReasonIss, ruleMetadata, "the discovery document is another issuer's")
	}
	for name, endpoint := range map[string]string{
		"authorization_endpoint": m.AuthorizationEndpoint, "token_endpoint": m.TokenEndpoint, "jwks_uri": m.JWKSURI,
	} {
		if !isHTTPS(endpoint) {
			return abort(ReasonMetadata, ruleMetadata, name+" is no https URL")
		}
	}
	for name, endpoint := range map[string]string{
		"pushed_authorization_request_endpoint": m.PAREndpoint, "the alias of token_endpoint": m.Aliases.TokenEndpoint,
		"the alias of pushed_authorization_request_endpoint": m.Aliases.PAREndpoint,
	} {
		if endpoint != "" && !isHTTPS(endpoint) {
			return abort(ReasonMetadata, ruleMetadata, name+" is no https URL")
		}
	}
	return nil
}
