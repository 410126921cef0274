package profile

import "time"

// The presets ask for exp and nbf in every request object, also where their
// document is silent: FAPI 1.0 Advanced §5.2.2-13 and -17 do.

// MEFLSO is the profile of the draft MEF W128 (October 2021).
func MEFLSO() Profile {
	p := advanced()
	p.Name, p.Version = "mef-lso", "W128-2021"

	p.SigningAlgs, p.EdDSAHash = []Alg{ES256, PS256, EdDSA}, SHA512
	p.RequestObject.RequireIss = true
	p.OuterParams = MatchOuter
	p.ScopeDelimiters = SpaceOrCommaDelimited
	p.ScopeUmbrellas = []string{"quote"}
	p.RequiredScopes = []string{"openid"}

	p.IntentClaim, p.RequireIntent, p.SubjectMode = "meflso_intent_id", true, SubjectIntent
	p.ACRValues = []string{"urn:meflso:sca", "urn:meflso:ca"}
	p.ACRAliases = map[string]string{
		"urn:mef:lso:security:oidc:acr:sca": "urn:meflso:sca",
		"urn:mef:lso:security:oidc:acr:ca":  "urn:meflso:ca",
	}
	p.RequireACRClaim = true

	p.AllowDIDClients = true
	p.EntityCredential, p.RequireCredentialStatus, p.MaxCredentialChain = EntityOptional, true, 3
	p.TTL.StatusMaxAge = 15 * time.Minute
	p.TokenEndpointMTLS, p.SenderConstraint = false, ConstrainIfMTLS
	p.TTL.AccessToken, p.TTL.Intent = 9*time.Minute, 24*time.Hour
	p.Headers = HeaderNames{
		InteractionID: "x-fapi-interaction-id", MemberID: "x-fapi-mef-id", CustomerIP: "x-fapi-buyer-ip-address",
		LastLogin: "x-fapi-buyer-last-logged-time", LastLoginFormat: RFC3339,
	}
	return p
}

// MEFLSO128 is the profile of the published MEF 128 (July 2022): scopes are
// separated by spaces and start with openid, the acr vocabulary is the
// standard's, and Ed25519 is not among its algorithms.
func MEFLSO128() Profile {
	p := MEFLSO()
	p.Name, p.Version = "mef-lso-128", "128-2022"
	p.SigningAlgs, p.EdDSAHash = []Alg{ES256, PS256}, ""
	p.ScopeDelimiters = SpaceDelimited
	p.RequiredScopesFirst = true
	p.ACRValues = []string{"urn:mef:lso:security:oidc:acr:sca", "urn:mef:lso:security:oidc:acr:ca"}
	p.ACRAliases = map[string]string{
		"urn:meflso:sca": "urn:mef:lso:security:oidc:acr:sca",
		"urn:meflso:ca":  "urn:mef:lso:security:oidc:acr:ca",
	}
	return p
}

// FAPI1Advanced is FAPI 1.0 Part 2: Advanced, final (March 2021), without
// intents. The host's own acr values are taken.
func FAPI1Advanced() Profile { return advanced() }

// NZBanking is the NZ Banking Data Security Profile v1.0.0: hybrid flow with
// request objects by value alone, and mutual TLS at the token endpoint for
// every client. Client secrets are off; a profile that lists such a method
// takes it from a client that registered its certificate too.
func NZBanking() Profile {
	p := openBanking()
	p.Name, p.Version = "nz-banking", "1.0.0"
	p.AcceptJWE, p.KeyEncAlgs, p.ContentEncAlgs = false, nil, nil
	p.RequirePKCE = PKCEOptional
	p.ACRValues = []string{"urn:openbanking:nz:sca", "urn:openbanking:nz:ca"}
	p.UnmetEssentialACR = UnmetACRReturnActual
	p.SenderConstraint = ConstrainToClient
	p.Headers.OldLastLogin = "x-fapi-customer-last-logged-time"
	p.Headers.UserAgent, p.Headers.MerchantIP, p.Headers.CustomerACR = "x-customer-user-agent", "x-merchant-ip-address", "x-fapi-customer-acr"
	return p
}

// UKOpenBanking is the UK Open Banking security profile in the form that
// banks serve today, on FAPI 1.0 Advanced.
func UKOpenBanking() Profile {
	p := openBanking()
	p.Name, p.Version = "uk-ob", "1.1.2+3.1.10"
	p.SigningAlgs, p.PreferredSigningAlg = []Alg{PS256, ES256}, PS256
	p.KeyEncAlgs = []KeyEncAlg{RSAOAEP256, RSAOAEP}
	p.ContentEncAlgs = []ContentEncAlg{A256GCM, A128GCM, A128CBCHS256}
	p.ACRValues = []string{"urn:openbanking:psd2:sca", "urn:openbanking:psd2:ca"}
	p.TTL.Assertion = 30 * time.Minute
	p.Headers.UserAgent = "x-customer-user-agent"
	return p
}

// openBanking is what the two banking profiles have in common.
func openBanking() Profile {
	p := advanced()
	p.ResponseTypes, p.ResponseModes = []string{"code id_token"}, []string{"fragment"}
	p.RequestDelivery = []Delivery{DeliverByValue}
	p.RequestObject.RequireIss = true
	p.RequiredScopes = []string{"openid"}
	p.IntentClaim, p.RequireIntent, p.SubjectMode = "openbanking_intent_id", true, SubjectIntent
	p.ClientAuthMethods = []AuthMethod{TLSClientAuth, PrivateKeyJWT}
	p.TTL.Intent = 24 * time.Hour
	return p
}

// advanced is FAPI 1.0 Advanced; the other profiles say where they differ.
func advanced() Profile {
	return Profile{
		Name:    "fapi1-advanced",
		Version: "final-2021",

		SigningAlgs:         []Alg{ES256, PS256},
		PreferredSigningAlg: ES256,
		MinRSABits:          2048,
		AcceptJWE:           true,
		KeyEncAlgs:          []KeyEncAlg{RSAOAEP256, RSAOAEP, ECDHES, ECDHESA128KW, ECDHESA256KW},
		ContentEncAlgs:      []ContentEncAlg{A256GCM, A128GCM, A256CBCHS512, A128CBCHS256},

		ResponseTypes:   []string{"code id_token", "code"},
		ResponseModes:   []string{"fragment", "jwt"},
		RequestDelivery: []Delivery{DeliverByValue, DeliverByPAR},
		RequestObject: RequestObjectRules{
			ReplayCheck: true,
			MaxLifetime: time.Hour,
			MaxNbfAge:   time.Hour,
			Skew:        30 * time.Second,
		},
		OuterParams:     IgnoreOuter,
		RequireNonce:    true,
		RequirePKCE:     PKCEWithPAR,
		ScopeDelimiters: SpaceDelimited,

		SubjectMode:       SubjectUser,
		UnmetEssentialACR: UnmetACRError,

		ClientAuthMethods: []AuthMethod{PrivateKeyJWT, TLSClientAuth, SelfSignedTLSClientAuth},
		EntityCredential:  EntityOff,
		TokenEndpointMTLS: true,
		SenderConstraint:  ConstrainAlways,
		RefreshTokens:     true,
		TTL: Lifetimes{
			Code:             time.Minute,
			IDToken:          5 * time.Minute,
			AccessToken:      9 * time.Minute,
			BoundAccessToken: time.Hour,
			RefreshToken:     90 * 24 * time.Hour,
			Assertion:        5 * time.Minute,
			JARM:             5 * time.Minute,
			PARRequestURI:    time.Minute,
			AuthorizeSession: 10 * time.Minute,
		},
		Headers: HeaderNames{
			InteractionID: "x-fapi-interaction-id", CustomerIP: "x-fapi-customer-ip-address",
			LastLogin: "x-fapi-auth-date", LastLoginFormat: HTTPDate,
		},
	}
}
