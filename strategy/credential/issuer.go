package credential

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// Issuer signs in its own name: a directory its software statements, a registry
// its credentials and status lists, a holder its presentations. It is safe for
// concurrent use if its Key is.
type Issuer struct {
	// ID is its DID or https URL; Kid the identifier of the key, which for a
	// DID is the DID URL of the verification method.
	ID, Kid string
	// Alg is the JWS algorithm, such as ES256.
	Alg string
	Key crypto.Signer
	// Rand is the source of randomness; nil means crypto/rand.
	Rand io.Reader
}

// minIssuerRSABits: an issuer signs nothing that no profile would take.
const minIssuerRSABits = 2048

func (i *Issuer) sign(typ string, claims map[string]any) (string, error) {
	signer := &jose.Signer{ID: i.Kid, Alg: i.Alg, Key: i.Key, Random: i.Rand}
	if i.Rand == nil {
		signer.Random = rand.Reader
	}
	if err := signer.Check(minIssuerRSABits); err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return jose.Sign(signer, typ, payload)
}

// Statement signs a software statement: the claims, with iss.
func (i *Issuer) Statement(claims map[string]any) (string, error) {
	return i.sign("JWT", with(claims, map[string]any{"iss": i.ID}))
}

// with returns a copy of the claims with the others.
func with(claims, others map[string]any) map[string]any {
	all := maps.Clone(claims)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, others)
	return all
}

// Credential is what an Issuer says of a subject.
type Credential struct {
	// Version is the form; empty means V2.
	Version Version
	// ID is an https URL or a DID URL.
	ID string
	// Type is that beside VerifiableCredential; empty means
	// LegalEntityCredential.
	Type string
	// Subject is the identifier of whom the claims are about.
	Subject string
	// Claims are the other members of credentialSubject, such as legalName,
	// lei, trustDomain and mefId.
	Claims map[string]any
	// From and Until bound its validity; a zero time leaves that end open.
	From, Until time.Time
	// Status are its status entries. The Issuer in them is not written: it is
	// the credential's.
	Status []StatusEntry
}

// Credential signs a credential.
func (i *Issuer) Credential(c Credential) (string, error) {
	body := map[string]any{
		"id": c.ID, "type": []string{credentialForm.name, cmp.Or(c.Type, defaultType)},
		"credentialSubject": with(c.Claims, map[string]any{"id": c.Subject}),
	}
	if len(c.Status) > 0 {
		entries := make([]map[string]any, len(c.Status))
		for n, e := range c.Status {
			entries[n] = e.members()
		}
		body["credentialStatus"] = entries
	}
	return i.signVC(c.Version, c.Subject, body, c.From, c.Until)
}

func (e StatusEntry) members() map[string]any {
	index := strconv.FormatUint(e.Index, 10)
	return map[string]any{
		"id": e.List + "#" + index, "type": string(e.Type) + "Entry", "statusPurpose": e.Purpose,
		"statusListIndex": index, "statusListCredential": e.List,
	}
}

// signVC completes the body and wraps it in its version's form.
func (i *Issuer) signVC(v Version, subject string, body map[string]any, from, until time.Time) (string, error) {
	body["issuer"] = i.ID
	v = cmp.Or(v, V2)
	body["@context"] = []string{contexts[v]}
	if v == V2 {
		setTime(body, "validFrom", from, time.RFC3339)
		setTime(body, "validUntil", until, time.RFC3339)
		return i.sign(credentialForm.types[0], body)
	}
	claims := map[string]any{"iss": i.ID, "sub": subject, "jti": body["id"], credentialForm.claim: body}
	setTime(claims, "nbf", from, "")
	setTime(claims, "exp", until, "")
	return i.sign("JWT", claims)
}

// setTime leaves a zero time out; without a layout it writes a NumericDate.
func setTime(o map[string]any, name string, at time.Time, layout string) {
	switch {
	case at.IsZero():
	case layout == "":
		o[name] = at.Unix()
	default:
		o[name] = at.UTC().Format(layout)
	}
}

// List is a status list to be published at URL.
type List struct {
	// Version is the form; empty means V2.
	Version Version
	// Type is the kind; empty means BitstringStatusList.
	Type    StatusType
	URL     string
	Purpose StatusPurpose
	Bits    Bits
	// From and Until bound its validity. TTL is how long a verifier may keep
	// it, in whole milliseconds; 0 leaves it to the verifier.
	From, Until time.Time
	TTL         time.Duration
}

// StatusList signs a list; it is to be served as application/vc+jwt, and in
// version 1.1 as application/jwt.
func (i *Issuer) StatusList(l List) (string, error) {
	encoded, err := l.Bits.Encode()
	if err != nil {
		return "", err
	}
	kind, id := string(cmp.Or(l.Type, BitstringStatusList)), l.URL+"#list"
	if l.Type == StatusList2021 {
		encoded = strings.TrimPrefix(encoded, "u") // it has plain base64, no multibase
	}
	about := map[string]any{"id": id, "type": kind, "statusPurpose": l.Purpose, "encodedList": encoded}
	if l.TTL > 0 {
		about["ttl"] = l.TTL.Milliseconds()
	}
	body := map[string]any{"id": l.URL, "type": []string{credentialForm.name, kind + "Credential"}, "credentialSubject": about}
	return i.signVC(l.Version, id, body, l.From, l.Until)
}

// Presentation is what a holder shows to an authorization server.
type Presentation struct {
	// Version is the form; empty means V2. Credentials in V2 are of V2.
	Version Version
	// Audience is the issuer of the authorization server.
	Audience string
	// Nonce answers a challenge; ID is unique. One of them is needed.
	Nonce, ID string
	// Issued and Expires are at most 5 minutes apart.
	Issued, Expires time.Time
	// Credentials are compact JWS.
	Credentials []string
}

var errNoCredential = errors.New("credential: nothing to present")

// Present signs a presentation as its holder.
func (i *Issuer) Present(p Presentation) (string, error) {
	if len(p.Credentials) == 0 {
		return "", errNoCredential
	}
	claims := map[string]any{"iss": i.ID, "aud": p.Audience}
	setTime(claims, "iat", p.Issued, "")
	setTime(claims, "exp", p.Expires, "")
	for name, text := range map[string]string{"nonce": p.Nonce, "jti": p.ID} {
		if text != "" {
			claims[name] = text
		}
	}
	version := cmp.Or(p.Version, V2)
	body := map[string]any{
		"@context": []string{contexts[version]}, "type": []string{presentationForm.name},
		"holder": i.ID, "verifiableCredential": p.Credentials,
	}
	if version == V1 {
		claims[presentationForm.claim] = body
		return i.sign("JWT", claims)
	}
	maps.Copy(claims, body)
	claims["verifiableCredential"] = envelopes(p.Credentials)
	return i.sign(presentationForm.types[0], claims)
}

func envelopes(credentials []string) []map[string]any {
	list := make([]map[string]any, len(credentials))
	for n, token := range credentials {
		list[n] = map[string]any{
			"@context": contexts[V2], "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt," + token,
		}
	}
	return list
}
