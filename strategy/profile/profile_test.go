package profile_test

import (
	"fmt"
	"log"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/profile"
)

func Example() {
	p := profile.MEFLSO()
	p.AllowRS256 = true // old partners
	p.TTL.Code = 30 * time.Second
	if err := p.Validate(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Algs())
	p.TTL.Code = time.Hour
	fmt.Println(p.Validate())
	// Output:
	// [ES256 PS256 EdDSA Ed25519 RS256]
	// profile "mef-lso": TTL.Code 1h0m0s is not within 10 min (MEF-10.3.3.1)
}

var presets = map[string]func() profile.Profile{
	"MEFLSO": profile.MEFLSO, "MEFLSO128": profile.MEFLSO128, "FAPI1Advanced": profile.FAPI1Advanced,
	"NZBanking": profile.NZBanking, "UKOpenBanking": profile.UKOpenBanking,
}

func TestPresetsValidate(t *testing.T) {
	for name, preset := range presets {
		p := preset()
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One copy's lists are not another's.
func TestPresetsShareNothing(t *testing.T) {
	for name, preset := range presets {
		p, aliases := preset(), len(preset().ACRAliases)
		p.SigningAlgs[0], p.ResponseModes[0], p.ClientAuthMethods[0] = "x", "x", "x"
		if len(p.ACRValues) > 0 {
			p.ACRValues[0], p.RequiredScopes[0] = "x", "x"
		}
		clear(p.ACRAliases)
		if q := preset(); q.Validate() != nil || len(q.ACRAliases) != aliases {
			t.Errorf("%s: a change of one copy is in the next", name)
		}
	}
}

func TestPresetsDiffer(t *testing.T) {
	draft, final := profile.MEFLSO(), profile.MEFLSO128()
	for _, c := range []struct {
		name         string
		draft, final any
	}{
		{"Name", draft.Name, final.Name},
		{"Version", draft.Version, final.Version},
		{"SigningAlgs", fmt.Sprint(draft.SigningAlgs), fmt.Sprint(final.SigningAlgs)},
		{"ScopeDelimiters", draft.ScopeDelimiters, final.ScopeDelimiters},
		{"RequiredScopesFirst", draft.RequiredScopesFirst, final.RequiredScopesFirst},
		{"ACRValues", draft.ACRValues[0], final.ACRValues[0]},
	} {
		if c.draft == c.final {
			t.Errorf("%s is %v in both", c.name, c.draft)
		}
	}
}

func TestValidateNamesEveryContradiction(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*profile.Profile)
		want   string
		more   int // contradictions that follow from it
	}{
		{"no name", func(p *profile.Profile) { p.Name = "" }, "Name is empty", 0},
		{"no algorithms", func(p *profile.Profile) { p.SigningAlgs = []profile.Alg{} }, "SigningAlgs is empty", 1},
		{"FAPI-8.6-1 RS256 listed", func(p *profile.Profile) { p.SigningAlgs = append(p.SigningAlgs, profile.RS256) }, "RS256 in SigningAlgs", 0},
		{"MEF-R51 none listed", func(p *profile.Profile) { p.SigningAlgs = append(p.SigningAlgs, "none") }, `SigningAlgs has "none"`, 0},
		{"MEF-R39 HS256 listed", func(p *profile.Profile) { p.SigningAlgs = append(p.SigningAlgs, "HS256") }, `SigningAlgs has "HS256"`, 0},
		{"Ed25519 listed", func(p *profile.Profile) { p.SigningAlgs = append(p.SigningAlgs, profile.Ed25519) }, `SigningAlgs has "Ed25519"`, 0},
		{"preferred not listed", func(p *profile.Profile) { p.PreferredSigningAlg = profile.ES384 }, `PreferredSigningAlg "ES384"`, 0},
		{"preferred RS256", func(p *profile.Profile) { p.AllowRS256, p.PreferredSigningAlg = true, profile.RS256 }, `PreferredSigningAlg "RS256"`, 0},
		{"no preferred", func(p *profile.Profile) { p.PreferredSigningAlg = "" }, `PreferredSigningAlg ""`, 0},
		{"BASE-5.2.2-5 small RSA", func(p *profile.Profile) { p.MinRSABits = 2047 }, "MinRSABits is 2047", 0},
		{"digest", func(p *profile.Profile) { p.EdDSAHash = "sha-256" }, `EdDSAHash "sha-256"`, 0},
		{"FAPI-5.2.2-2 code without JARM", func(p *profile.Profile) { p.ResponseModes = []string{"fragment"} }, "ResponseTypes has code", 0},
		{"hybrid without fragment", func(p *profile.Profile) { p.ResponseModes = []string{"jwt"} }, "ResponseModes lacks fragment", 0},
		{"FAPI-5.2.2-2 response mode", func(p *profile.Profile) { p.ResponseModes = append(p.ResponseModes, "form_post") }, "ResponseModes", 0},
		{"FAPI-8.6.1-1 RSA1_5", func(p *profile.Profile) { p.KeyEncAlgs = append(p.KeyEncAlgs, "RSA1_5") }, `KeyEncAlgs has "RSA1_5"`, 0},
		{"dir", func(p *profile.Profile) { p.KeyEncAlgs = append(p.KeyEncAlgs, "dir") }, `KeyEncAlgs has "dir"`, 0},
		{"MEF-R53 enc", func(p *profile.Profile) { p.ContentEncAlgs = append(p.ContentEncAlgs, "A256CTR") }, `ContentEncAlgs has "A256CTR"`, 0},
		{"algorithms without JWE", func(p *profile.Profile) { p.AcceptJWE = false }, "AcceptJWE is false", 0},
		{"JWE without algorithms", func(p *profile.Profile) { p.KeyEncAlgs = nil }, "AcceptJWE is true", 0},
		{"FAPI-5.2.2-18 PAR without PKCE", func(p *profile.Profile) { p.RequirePKCE = profile.PKCEOptional }, "RequirePKCE is optional", 0},
		{"FAPI-5.2.2-16 public clients", func(p *profile.Profile) { p.ClientAuthMethods = append(p.ClientAuthMethods, "none") }, `ClientAuthMethods has "none"`, 0},
		{"no constraint", func(p *profile.Profile) { p.SenderConstraint = "" }, "SenderConstraint", 0},
		{"bound without certificate", func(p *profile.Profile) { p.SenderConstraint = profile.ConstrainAlways }, "TokenEndpointMTLS", 0},
		{"JARM for ever", func(p *profile.Profile) { p.TTL.JARM = 11 * time.Minute }, "TTL.JARM 11m", 0},
		{"PAR for ever", func(p *profile.Profile) { p.TTL.PARRequestURI = 11 * time.Minute }, "TTL.PARRequestURI 11m", 0},
		{"bound token without life", func(p *profile.Profile) { p.TTL.BoundAccessToken = 0 }, "TTL.BoundAccessToken is missing", 0},
		{"NZ-5.2.2-9 user without acr", func(p *profile.Profile) { p.SubjectMode, p.RequireACRClaim = profile.SubjectUser, false }, "SubjectMode is user", 0},
		{"interaction id", func(p *profile.Profile) { p.Headers.InteractionID = "" }, "Headers.InteractionID is empty", 0},
		{"a token in front", func(p *profile.Profile) { p.ResponseTypes = append(p.ResponseTypes, "code id_token token") }, "ResponseTypes", 0},
		{"no response type", func(p *profile.Profile) { p.ResponseTypes = nil }, "ResponseTypes", 0},
		{"query", func(p *profile.Profile) { p.ResponseModes = append(p.ResponseModes, "query") }, "ResponseModes", 0},
		{"by reference", func(p *profile.Profile) { p.RequestDelivery = []profile.Delivery{"url"} }, "RequestDelivery", 0},
		{"outer", func(p *profile.Profile) { p.OuterParams = "merge" }, `OuterParams "merge"`, 0},
		{"BASE-5.2.2.2-1 nonce", func(p *profile.Profile) { p.RequireNonce = false }, "RequireNonce is false", 0},
		{"PKCE", func(p *profile.Profile) { p.RequirePKCE = "never" }, `RequirePKCE "never"`, 0},
		{"delimiters", func(p *profile.Profile) { p.ScopeDelimiters = "," }, `ScopeDelimiters ","`, 0},
		{"MEF-R21 openid", func(p *profile.Profile) { p.RequiredScopes = []string{"quote"} }, "RequiredScopes lacks openid", 0},
		{"openid as umbrella", func(p *profile.Profile) { p.ScopeUmbrellas = []string{"quote", "openid"} }, "ScopeUmbrellas has openid", 0},
		{"FAPI-5.2.2-13 lifetime", func(p *profile.Profile) { p.RequestObject.MaxLifetime = time.Hour + 1 }, "RequestObject.MaxLifetime 1h", 0},
		{"no lifetime", func(p *profile.Profile) { p.RequestObject.MaxLifetime = 0 }, "RequestObject.MaxLifetime 0s", 0},
		{"FAPI-5.2.2-17 age", func(p *profile.Profile) { p.RequestObject.MaxNbfAge = time.Hour + 1 }, "RequestObject.MaxNbfAge 1h", 0},
		{"skew", func(p *profile.Profile) { p.RequestObject.Skew = time.Minute + 1 }, "RequestObject.Skew 1m", 0},
		{"negative skew", func(p *profile.Profile) { p.RequestObject.Skew = -1 }, "RequestObject.Skew -1ns", 0},
		{"MEF-R26 no claim", func(p *profile.Profile) { p.IntentClaim = "" }, "RequireIntent is set but IntentClaim is empty", 0},
		{"subject", func(p *profile.Profile) { p.SubjectMode = "email" }, `SubjectMode "email"`, 0},
		{"intent as subject", func(p *profile.Profile) { p.RequireIntent = false }, "SubjectMode is intent", 1},
		{"MEF-R38 no acr", func(p *profile.Profile) { p.ACRValues, p.ACRAliases = nil, nil }, "ACRValues is empty", 0},
		{"alias of nothing", func(p *profile.Profile) { p.ACRAliases["a"] = "b" }, `ACRAliases maps "a" to "b"`, 0},
		{"unmet acr", func(p *profile.Profile) { p.UnmetEssentialACR = "ignore" }, `UnmetEssentialACR "ignore"`, 0},
		{"FAPI-5.2.2-14 secret", func(p *profile.Profile) { p.ClientAuthMethods = append(p.ClientAuthMethods, "client_secret_basic") }, "ClientAuthMethods", 0},
		{"no client authentication", func(p *profile.Profile) { p.ClientAuthMethods = nil }, "ClientAuthMethods", 0},
		{"MEF-R4 entities", func(p *profile.Profile) { p.EntityCredential = "perhaps" }, `EntityCredential "perhaps"`, 0},
		{"rules for no entities", func(p *profile.Profile) { p.EntityCredential = profile.EntityOff }, "RequireCredentialStatus, ResolveCredentialID", 0},
		{"MEF-R6 chain", func(p *profile.Profile) { p.MaxCredentialChain = 0 }, "MaxCredentialChain is 0", 0},
		{"MEF-R8 status", func(p *profile.Profile) { p.TTL.StatusMaxAge = time.Hour + 1 }, "TTL.StatusMaxAge 1h", 0},
		{"MEF-10.3.3.1 code", func(p *profile.Profile) { p.TTL.Code = 10*time.Minute + 1 }, "TTL.Code 10m", 0},
		{"no code", func(p *profile.Profile) { p.TTL.Code = 0 }, "TTL.Code 0s", 0},
		{"BASE-5.2.2-21 access token", func(p *profile.Profile) { p.TTL.AccessToken = 10 * time.Minute }, "TTL.AccessToken 10m", 0},
		{"ID Token", func(p *profile.Profile) { p.TTL.IDToken = time.Minute - 1 }, "TTL.IDToken 59", 0},
		{"refresh token", func(p *profile.Profile) { p.TTL.RefreshToken = 0 }, "TTL.RefreshToken is missing", 0},
		{"assertion", func(p *profile.Profile) { p.TTL.Assertion = time.Hour + 1 }, "TTL.Assertion 1h", 0},
		{"intent", func(p *profile.Profile) { p.TTL.Intent = 0 }, "TTL.Intent is missing", 0},
		{"session", func(p *profile.Profile) { p.TTL.AuthorizeSession = time.Second }, "TTL.AuthorizeSession 1s", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := profile.MEFLSO()
			c.change(&p)
			err := p.Validate()
			if err == nil {
				t.Fatal("validates")
			}
			if text := err.Error(); strings.Count(text, "\n") > c.more || !strings.Contains(text, ": "+c.want) {
				t.Errorf("got %q, want %q and %d more", text, c.want, c.more)
			}
		})
	}
}

// The zero Profile permits nothing, and everything that it lacks is named at
// once.
func TestZeroProfile(t *testing.T) {
	var p profile.Profile
	err := p.Validate()
	if err == nil {
		t.Fatal("validates")
	}
	if n := strings.Count(err.Error(), "\n") + 1; n < 20 {
		t.Errorf("names %d contradictions only: %v", n, err)
	}
	if p.AcceptsAlg("ES256", "") || p.AcceptsAlg("", "") || p.Delivers(profile.DeliverByValue) || p.AuthMethods(profile.PrivateKeyJWT) {
		t.Error("permits something")
	}
}

func TestRefreshTokensOffNeedNoLifetime(t *testing.T) {
	p := profile.MEFLSO()
	p.RefreshTokens, p.TTL.RefreshToken = false, 0
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestAcceptsAlg(t *testing.T) {
	draft, final, old := profile.MEFLSO(), profile.MEFLSO128(), profile.MEFLSO()
	old.AllowRS256 = true
	for _, c := range []struct {
		name            string
		p               *profile.Profile
		alg, registered string
		want            bool
	}{
		{"ES256", &draft, "ES256", "", true},
		{"PS256", &draft, "PS256", "", true},
		{"RFC9864 Ed25519", &draft, "Ed25519", "", true},
		{"EdDSA", &draft, "EdDSA", "", true},
		{"128 EdDSA", &final, "EdDSA", "", false},
		{"128 Ed25519", &final, "Ed25519", "Ed25519", false},
		{"FAPI-8.6-1 RS256", &draft, "RS256", "", false},
		{"FAPI-8.6-1 RS256 registered", &draft, "RS256", "RS256", false},
		{"RS256 allowed", &old, "RS256", "", true},
		{"MEF-R51 none", &old, "none", "", false},
		{"none registered", &old, "none", "none", false},
		{"MEF-R39 HS256", &old, "HS256", "HS256", false},
		{"not in the profile", &draft, "ES384", "", false},
		{"in the wrong case", &draft, "es256", "", false},
		{"nothing", &draft, "", "", false},
		{"registered the same", &draft, "PS256", "PS256", true},
		{"registered another", &draft, "ES256", "PS256", false},
		{"registered EdDSA", &draft, "Ed25519", "EdDSA", true},
		{"registered Ed25519", &draft, "EdDSA", "Ed25519", true},
		{"registered none", &draft, "ES256", "none", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.AcceptsAlg(c.alg, c.registered); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if want := []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256"}; !slices.Equal(old.Algs(), want) {
		t.Errorf("got %v, want %v", old.Algs(), want)
	}
}

// C-06: both vocabularies are understood.
func TestACR(t *testing.T) {
	const sca, ca = "urn:meflso:sca", "urn:meflso:ca"
	const sca128, ca128 = "urn:mef:lso:security:oidc:acr:sca", "urn:mef:lso:security:oidc:acr:ca"
	draft, final := profile.MEFLSO(), profile.MEFLSO128()
	for _, c := range []struct {
		p           *profile.Profile
		value, want string
		ok          bool
	}{
		{&draft, sca, sca, true}, {&draft, ca, ca, true}, {&draft, sca128, sca, true}, {&draft, ca128, ca, true},
		{&final, sca128, sca128, true}, {&final, ca128, ca128, true}, {&final, sca, sca128, true}, {&final, ca, ca128, true},
		{&draft, "", "", false}, {&draft, "URN:MEFLSO:SCA", "URN:MEFLSO:SCA", false}, {&final, "urn:other", "urn:other", false},
	} {
		if got, ok := c.p.ACR(c.value); got != c.want || ok != c.ok {
			t.Errorf("%s, %q: got %q, %v, want %q, %v", c.p.Name, c.value, got, ok, c.want, c.ok)
		}
	}
}
