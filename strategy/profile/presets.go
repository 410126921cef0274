package profile

import "time"

// MEFLSO is the profile of the draft MEF W128 (October 2021).
func MEFLSO() Profile {
	return Profile{
		Name:    "mef-lso",
		Version: "W128-2021",

		SigningAlgs:         []Alg{ES256, PS256, EdDSA},
		PreferredSigningAlg: ES256,
		EdDSAHash:           SHA512,
		MinRSABits:          2048,

		ResponseTypes:   []string{"code id_token"},
		ResponseModes:   []string{"fragment"},
		RequestDelivery: []Delivery{DeliverByValue},
		RequestObject: RequestObjectRules{
			RequireIss:  true,
			ReplayCheck: true,
			MaxLifetime: time.Hour,
			MaxNbfAge:   time.Hour,
			Skew:        30 * time.Second,
		},
		OuterParams:     MatchOuter,
		RequireNonce:    true,
		RequirePKCE:     PKCEWithPAR,
		ScopeDelimiters: SpaceOrCommaDelimited,
		ScopeUmbrellas:  []string{"quote"},
		RequiredScopes:  []string{"openid"},

		IntentClaim:   "meflso_intent_id",
		RequireIntent: true,
		SubjectMode:   SubjectIntent,
		ACRValues:     []string{"urn:meflso:sca", "urn:meflso:ca"},
		ACRAliases: map[string]string{
			"urn:mef:lso:security:oidc:acr:sca": "urn:meflso:sca",
			"urn:mef:lso:security:oidc:acr:ca":  "urn:meflso:ca",
		},
		UnmetEssentialACR: UnmetACRError,

		ClientAuthMethods: []AuthMethod{PrivateKeyJWT},
		RefreshTokens:     true,
		TTL: Lifetimes{
			Code:             time.Minute,
			IDToken:          5 * time.Minute,
			AccessToken:      9 * time.Minute,
			RefreshToken:     90 * 24 * time.Hour,
			Assertion:        5 * time.Minute,
			Intent:           24 * time.Hour,
			AuthorizeSession: 10 * time.Minute,
		},
	}
}

// MEFLSO128 is the profile of the published MEF 128 (July 2022): scopes are
// separated by spaces and start with openid, the acr vocabulary is the
// standard's, and Ed25519 is not among its algorithms.
func MEFLSO128() Profile {
	p := MEFLSO()
	p.Name, p.Version = "mef-lso-128", "128-2022"
	p.SigningAlgs = []Alg{ES256, PS256}
	p.ScopeDelimiters = SpaceDelimited
	p.RequiredScopesFirst = true
	p.ACRValues = []string{"urn:mef:lso:security:oidc:acr:sca", "urn:mef:lso:security:oidc:acr:ca"}
	p.ACRAliases = map[string]string{
		"urn:meflso:sca": "urn:mef:lso:security:oidc:acr:sca",
		"urn:meflso:ca":  "urn:mef:lso:security:oidc:acr:ca",
	}
	return p
}
