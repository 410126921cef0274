package profile

import "time"

// Profile is the set of rules that a server enforces. It is a value: copy a
// preset and change fields before the server starts; it is never changed after.
type Profile struct {
	// Name and Version are those of the profile's document.
	Name, Version string

	// SigningAlgs are the JWS algorithms accepted in request objects and
	// client assertions. "EdDSA" includes the header value "Ed25519"
	// (RFC 9864). RS256 is added by AllowRS256 alone.
	SigningAlgs []Alg
	// PreferredSigningAlg is what the server signs with for a client that
	// registered nothing else.
	PreferredSigningAlg Alg
	// AllowRS256 also accepts RSASSA-PKCS1-v1_5 with SHA-256, which FAPI 1.0
	// Advanced §8.6 forbids and the examples of MEF W128 use.
	AllowRS256 bool
	// EdDSAHash is the digest behind c_hash, s_hash and at_hash when the ID
	// Token is signed with EdDSA.
	EdDSAHash Hash
	// MinRSABits is the smallest RSA modulus accepted.
	MinRSABits int
	// AcceptJWE takes request objects that are a JWS inside a JWE, and
	// encrypts answers to clients that registered for it. KeyEncAlgs and
	// ContentEncAlgs are the alg and enc values of both.
	AcceptJWE      bool
	KeyEncAlgs     []KeyEncAlg
	ContentEncAlgs []ContentEncAlg

	// ResponseTypes that may be asked for.
	ResponseTypes []string
	// ResponseModes that may be asked for; they are exactly what discovery
	// lists. Those that end in jwt are JARM's; response type code needs one.
	ResponseModes []string
	// RequestDelivery lists the ways in which a request object may come.
	RequestDelivery []Delivery
	// RequestObject holds the rules for the object itself.
	RequestObject RequestObjectRules
	// OuterParams tells what happens to parameters outside the object.
	OuterParams OuterParams
	// RequireNonce and RequireState refuse an object without the parameter.
	RequireNonce, RequireState bool
	// RequirePKCE tells when a code_challenge must be sent. One that is sent
	// must be S256 always, and its verifier is then mandatory.
	RequirePKCE PKCE
	// ScopeDelimiters tells which spellings of a scope list are understood.
	ScopeDelimiters ScopeDelimiters
	// ScopeUmbrellas are registered scopes that cover the operations below
	// the path of the same name: quote covers POST:/quote.
	ScopeUmbrellas []string
	// RequiredScopes must be in every authorization request;
	// RequiredScopesFirst wants them in front as well.
	RequiredScopes      []string
	RequiredScopesFirst bool

	// IntentClaim is the name of the claim that carries the intent id; empty
	// where the profile has no intents.
	IntentClaim string
	// RequireIntent refuses authorization requests without an intent.
	RequireIntent bool
	// SubjectMode tells what the sub claim is.
	SubjectMode SubjectMode
	// ACRValues are the authentication context classes, strongest first. With
	// none, the host's own are taken as they are, and none is stronger.
	ACRValues []string
	// ACRAliases maps another vocabulary to ACRValues; an answer is given in
	// the vocabulary that was asked for.
	ACRAliases map[string]string
	// RequireACRClaim wants an acr in every ID Token, and so of every login.
	RequireACRClaim bool
	// UnmetEssentialACR tells what becomes of a request whose essential acr
	// value could not be reached.
	UnmetEssentialACR UnmetACR

	// ClientAuthMethods are the client authentication methods.
	ClientAuthMethods []AuthMethod
	// AllowDIDClients takes clients whose client_id is a DID: their keys are in
	// the DID document, and their redirect_uri is a service endpoint there
	// (MEF W128 D1, R19).
	AllowDIDClients bool
	// EntityCredential tells whether a client that registers must present a
	// verifiable credential of its legal entity (MEF W128 R4).
	EntityCredential EntityRule
	// RequireCredentialStatus refuses a credential that could not be revoked,
	// unless its subject issued it itself. ResolveCredentialID refuses one whose
	// identifier leads nowhere (MEF W128 R7, R8). MaxCredentialChain bounds how
	// many credentials lead from that of the client to one that an accepted
	// issuer issued, both counted (MEF W128 R6).
	RequireCredentialStatus, ResolveCredentialID bool
	MaxCredentialChain                           int
	// TokenEndpointMTLS refuses calls of the token endpoint without a client
	// certificate, however the client authenticates.
	TokenEndpointMTLS bool
	// SenderConstraint tells which access tokens are bound to the client's
	// certificate (RFC 8705 §3).
	SenderConstraint SenderConstraint
	// RefreshTokens issues refresh tokens: to intents of kind repeated, and
	// where there is no intent.
	RefreshTokens bool
	// TTL holds the lifetimes.
	TTL Lifetimes

	// Headers are the names of the headers at the resource server.
	Headers HeaderNames
}

// RequestObjectRules are the rules for the times and the use of an object.
type RequestObjectRules struct {
	// RequireIss refuses an object without iss. An iss that is there must be
	// the client_id always.
	RequireIss bool
	// ReplayCheck lets a jti complete one authorization only.
	ReplayCheck bool
	// MaxLifetime bounds exp - nbf, MaxNbfAge bounds now - nbf.
	MaxLifetime, MaxNbfAge time.Duration
	// Skew is how far the clocks of the parties may differ.
	Skew time.Duration
}

// Lifetimes are how long things live.
type Lifetimes struct {
	Code        time.Duration // authorization code; at most 10 min
	IDToken     time.Duration
	AccessToken time.Duration // without sender constraint; below 10 min
	// BoundAccessToken is the life of an access token that is bound to a
	// certificate.
	BoundAccessToken time.Duration
	RefreshToken     time.Duration
	// Assertion is the longest life of a client assertion, exp - iat, and
	// how far ahead its exp may lie.
	Assertion time.Duration
	// JARM is the life of a JWT-secured authorization response; at most 10 min.
	JARM time.Duration
	// PARRequestURI is how long a pushed request waits for its user to
	// appear; 5 to 600 s.
	PARRequestURI time.Duration
	// Intent is how long an intent waits for its authorization.
	Intent time.Duration
	// StatusMaxAge is how long the status of a credential is believed before it
	// is looked at again; at most an hour.
	StatusMaxAge time.Duration
	// AuthorizeSession is how long the user has for login and consent.
	AuthorizeSession time.Duration
}

// Alg is a JWS algorithm of the IANA registry.
type Alg string

// The algorithms that the library can verify.
const (
	ES256 Alg = "ES256"
	ES384 Alg = "ES384"
	ES512 Alg = "ES512"
	PS256 Alg = "PS256"
	PS384 Alg = "PS384"
	PS512 Alg = "PS512"
	RS256 Alg = "RS256"
	EdDSA Alg = "EdDSA"
	// Ed25519 is RFC 9864's name for the EdDSA algorithm over Ed25519.
	Ed25519 Alg = "Ed25519"
)

// EntityRule tells whether a client shows who its legal entity is.
type EntityRule string

// The rules for entity presentations.
const (
	EntityOff      EntityRule = "off" // one that is sent is ignored
	EntityOptional EntityRule = "optional"
	EntityRequired EntityRule = "required"
)

// Hash is a digest for EdDSA's left-half hashes.
type Hash string

// The digests.
const (
	SHA512  Hash = "sha-512"
	SHA3256 Hash = "sha3-256"
)

// Delivery is a way in which a request object comes.
type Delivery string

// The ways. A request_uri that points to a place on the network is never one.
const (
	DeliverByValue Delivery = "value" // the parameter request
	DeliverByPAR   Delivery = "par"   // a pushed authorization request (RFC 9126)
)

// OuterParams tells what happens to parameters outside the request object.
type OuterParams string

// The rules for outer parameters. Both demand an outer client_id, and that an
// outer response_type equals the inner one.
const (
	// IgnoreOuter takes no notice of them (FAPI 1.0 Advanced §5.2.2-10).
	IgnoreOuter OuterParams = "ignore"
	// MatchOuter wants them equal to the inner ones (MEF W128 R14).
	MatchOuter OuterParams = "must-match"
)

// PKCE tells when a code_challenge must be sent.
type PKCE string

// The rules for PKCE.
const (
	PKCEOptional PKCE = "optional"
	PKCEWithPAR  PKCE = "par" // with a pushed request, FAPI 1.0 Advanced §5.2.2-18
	PKCEAlways   PKCE = "always"
)

// ScopeDelimiters tells which spellings of a scope list are understood.
type ScopeDelimiters string

// The spellings.
const (
	SpaceDelimited        ScopeDelimiters = "space"
	SpaceOrCommaDelimited ScopeDelimiters = "space+comma"
)

// SubjectMode tells what the sub claim is.
type SubjectMode string

// The modes.
const (
	SubjectIntent SubjectMode = "intent" // the intent id
	SubjectUser   SubjectMode = "user"   // a pairwise pseudonym of the user
)

// UnmetACR tells what becomes of a request whose essential acr is not met.
type UnmetACR string

// The outcomes.
const (
	UnmetACRError        UnmetACR = "error"
	UnmetACRReturnActual UnmetACR = "return-actual"
)

// AuthMethod is a client authentication method.
type AuthMethod string

// The methods. Those with a client secret are in no preset: FAPI 1.0 Advanced
// §5.2.2-14 forbids them. The NZ profile takes them of a client whose
// certificate is registered too.
const (
	PrivateKeyJWT           AuthMethod = "private_key_jwt"             // RFC 7523, OpenID Connect Core §9
	TLSClientAuth           AuthMethod = "tls_client_auth"             // RFC 8705 §2.1
	SelfSignedTLSClientAuth AuthMethod = "self_signed_tls_client_auth" // RFC 8705 §2.2
	ClientSecretJWT         AuthMethod = "client_secret_jwt"
	ClientSecretBasic       AuthMethod = "client_secret_basic"
	ClientSecretPost        AuthMethod = "client_secret_post"
)

// SenderConstraint tells which access tokens are bound to a certificate.
type SenderConstraint string

// The constraints.
const (
	// ConstrainIfMTLS binds the tokens of a client that presents a
	// certificate, and all of one that registered
	// tls_client_certificate_bound_access_tokens.
	ConstrainIfMTLS SenderConstraint = "if-mtls"
	// ConstrainAlways issues no other tokens (FAPI 1.0 Advanced §5.2.2-5).
	ConstrainAlways SenderConstraint = "required"
	// ConstrainToClient also binds all, but takes any certificate that is
	// registered for the token's client (NZ Banking §6.2.1-2).
	ConstrainToClient SenderConstraint = "mtls-client"
)

// KeyEncAlg is a JWE key management algorithm (RFC 7518 §4.1).
type KeyEncAlg string

// The algorithms that the library has. RSA1_5, dir and PBES2 are none.
const (
	RSAOAEP256   KeyEncAlg = "RSA-OAEP-256"
	RSAOAEP      KeyEncAlg = "RSA-OAEP"
	ECDHES       KeyEncAlg = "ECDH-ES"
	ECDHESA128KW KeyEncAlg = "ECDH-ES+A128KW"
	ECDHESA256KW KeyEncAlg = "ECDH-ES+A256KW"
)

// ContentEncAlg is a JWE content encryption algorithm (RFC 7518 §5.1).
type ContentEncAlg string

// The algorithms that the library has.
const (
	A256GCM      ContentEncAlg = "A256GCM"
	A128GCM      ContentEncAlg = "A128GCM"
	A256CBCHS512 ContentEncAlg = "A256CBC-HS512"
	A128CBCHS256 ContentEncAlg = "A128CBC-HS256"
)

// HeaderNames are the headers between a client and the resource server. An
// empty name is a header that the profile does not have.
type HeaderNames struct {
	InteractionID string // a UUID, echoed
	LastLogin     string // when the user last logged in at the client
	CustomerIP    string
	UserAgent     string
	MerchantIP    string
	CustomerACR   string
	MemberID      string
	// LastLoginFormat is the form of LastLogin.
	LastLoginFormat TimeFormat
	// OldLastLogin is a former name of LastLogin that is still read.
	OldLastLogin string
}

// TimeFormat is the form of a time in a header.
type TimeFormat string

// The forms.
const (
	HTTPDate TimeFormat = "http-date" // RFC 9110 §5.6.7
	RFC3339  TimeFormat = "rfc3339"   // without an offset it is UTC
)
