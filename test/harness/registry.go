package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// Registry is a directory of software and a registry of legal entities, with
// the web on which they and their Buyers publish.
type Registry struct {
	*Web
	// Directory signs software statements under an https URL, Issuer
	// credentials and status lists under a DID.
	Directory, Issuer *credential.Issuer
	Now               func() time.Time

	credentials int
	bits        credential.Bits
}

const (
	statusPath = "/status/1"
	jwksPath   = "/jwks"
	// LEI is one with the right check digits: the example of ISO 17442.
	LEI = "5493001KJTIIGC8Y1R12"
)

// StartRegistry starts one that keeps its status list for a second.
func StartRegistry(t testing.TB) *Registry { return NewRegistry(t, StartWeb(t)) }

// NewRegistry publishes one on the web.
func NewRegistry(t testing.TB, web *Web) *Registry {
	t.Helper()
	r := &Registry{Web: web, Now: time.Now, bits: credential.NewBits(0)}
	r.Directory = Party(t, web.Base, "dir-1")
	r.Issuer = Party(t, web.DID(t, "registry"), "")
	r.Put(jwksPath, "application/jwk-set+json", JWKS(r.Directory))
	r.Publish(t, "registry", Document(r.Issuer))
	r.PublishStatus(t)
	return r
}

// Party makes somebody who signs with a new key, under the kid or, for a DID,
// its key #sig-1.
func Party(t testing.TB, id, kid string) *credential.Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if kid == "" {
		kid = id + "#sig-1"
	}
	return &credential.Issuer{ID: id, Kid: kid, Alg: "ES256", Key: key}
}

// JWKS is the party's JWK Set.
func JWKS(p *credential.Issuer) json.RawMessage {
	data, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: p.Key.Public(), KeyID: p.Kid, Use: "sig"}}})
	if err != nil {
		panic(err)
	}
	return data
}

// Document is the party's DID document, with its key for both relationships
// and the URIs as its service.
func Document(p *credential.Issuer, uris ...string) Claims {
	return Claims{
		"@context": []string{"https://www.w3.org/ns/did/v1"}, "id": p.ID,
		"verificationMethod": []Claims{{
			"id": p.Kid, "type": "JsonWebKey2020", "controller": p.ID, "publicKeyJwk": gojose.JSONWebKey{Key: p.Key.Public()},
		}},
		"authentication": []string{p.Kid}, "assertionMethod": []string{p.Kid},
		"service": []Claims{{"id": "#oauth", "type": "OAuth2RedirectURI", "serviceEndpoint": uris}},
	}
}

// Publish publishes a DID document.
func (r *Registry) Publish(t testing.TB, name string, document Claims) {
	t.Helper()
	r.Put("/"+name+"/did.json", "application/did+json", encode(document))
}

// PublishStatus publishes the status list as it is now.
func (r *Registry) PublishStatus(t testing.TB, changes ...func(*credential.List)) {
	t.Helper()
	list := credential.List{URL: r.Base + statusPath, Purpose: credential.Revocation, Bits: r.bits, From: r.Now().Add(-time.Hour), TTL: time.Second}
	for _, change := range changes {
		change(&list)
	}
	token, err := r.Issuer.StatusList(list)
	if err != nil {
		t.Fatal(err)
	}
	r.Put(statusPath, "application/vc+jwt", []byte(token))
}

// HideStatus takes the status list down.
func (r *Registry) HideStatus() { r.Handle(statusPath, nil) }

// Revoke sets or clears the bit of a credential.
func (r *Registry) Revoke(t testing.TB, index uint64, revoked bool) {
	t.Helper()
	if err := r.bits.Set(index, revoked); err != nil {
		t.Fatal(err)
	}
	r.PublishStatus(t)
}

// Trust makes a server accept both issuers, and reach them.
func (r *Registry) Trust(c *compose.Config) {
	c.Outbound = outbound.InsecureLoopback()
	c.Outbound.RootCAs = r.Roots
	c.Registration = &compose.Registration{
		Directories: []string{r.Directory.ID}, IssuerKeys: map[string]credential.KeySet{r.Directory.ID: {JWKSURI: r.Base + jwksPath}},
		Credentials: credential.Policy{Anchors: []string{r.Issuer.ID}},
	}
}

// Statement signs a software statement about the buyer.
func (r *Registry) Statement(t testing.TB, b *Buyer, changes ...Change) string {
	t.Helper()
	r.credentials++
	now := r.Now()
	claims := Claims{
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprint("statement-", r.credentials),
		"software_id": "software-of-" + b.ID, "org_id": "org-of-" + b.ID, "client_name": "Buyer", "redirect_uris": []string{b.Redirect},
		"trust_domain": "buyer.example",
	}
	apply(claims, changes)
	token, err := r.Directory.Statement(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func apply(claims Claims, changes []Change) {
	for _, change := range changes {
		change(nil, claims)
	}
}

// Entity is a credential of the legal entity of the subject, with a bit of its
// own in the status list, which is the second result.
func (r *Registry) Entity(subject string) (credential.Credential, uint64) {
	r.credentials++
	index := uint64(1000 + r.credentials)
	return credential.Credential{
		ID: fmt.Sprintf("%s/credentials/%d", r.Base, r.credentials), Subject: subject,
		Claims: Claims{"legalName": "Buyer Inc.", "lei": LEI, "trustDomain": "buyer.example", "mefId": "mef/2021/011"},
		From:   r.Now().Add(-time.Hour), Until: r.Now().Add(24 * time.Hour),
		Status: []credential.StatusEntry{{
			Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: r.Base + statusPath, Index: index,
		}},
	}, index
}

// Applicant is a Buyer with a DID who wants to register.
type Applicant struct {
	*Buyer
	// Holder signs as the Buyer. Name is where its document is; Index is the
	// bit of its credential.
	Holder     *credential.Issuer
	Name       string
	Index      uint64
	Credential string
	// Token and URI are of its registration.
	Token, URI string
}

// NewApplicant makes one with a published document and a credential.
func (r *Registry) NewApplicant(t testing.TB, name, issuer string) *Applicant {
	t.Helper()
	holder := Party(t, r.DID(t, name), "")
	a := &Applicant{Holder: holder, Name: name, Buyer: &Buyer{
		ID: holder.ID, Kid: holder.Kid, Alg: holder.Alg, Key: holder.Key, Redirect: "https://" + name + ".example.org/cb",
		Issuer: issuer, Now: r.Now, IntentClaim: "meflso_intent_id", Scope: "openid quote",
	}}
	r.Publish(t, name, Document(holder, a.Redirect))
	entity, index := r.Entity(holder.ID)
	a.Index = index
	var err error
	if a.Credential, err = r.Issuer.Credential(entity); err != nil {
		t.Fatal(err)
	}
	return a
}

// Present signs a presentation of the credentials, by default the applicant's
// own, for one use.
func (a *Applicant) Present(t testing.TB, credentials ...string) string {
	t.Helper()
	return a.PresentAs(t, func(p *credential.Presentation) {
		if len(credentials) > 0 {
			p.Credentials = credentials
		}
	})
}

// PresentAs is Present with the presentation changed before it is signed.
func (a *Applicant) PresentAs(t testing.TB, change func(*credential.Presentation)) string {
	t.Helper()
	now := a.Now()
	p := credential.Presentation{
		Audience: a.Issuer, ID: "urn:uuid:" + rand.Text(), Issued: now, Expires: now.Add(4 * time.Minute), Credentials: []string{a.Credential},
	}
	change(&p)
	token, err := a.Holder.Present(p)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Application is what the applicant sends to register, with a statement and a
// presentation.
func (r *Registry) Application(t testing.TB, a *Applicant, changes ...Change) Claims {
	t.Helper()
	body := a.Metadata()
	delete(body, "jwks")
	body["software_statement"], body["lso_entity_presentation"] = r.Statement(t, a.Buyer), a.Present(t)
	apply(body, changes)
	return body
}

// Registered registers the applicant at the server.
func (r *Registry) Registered(t testing.TB, g *Target, a *Applicant, changes ...Change) Response {
	t.Helper()
	answer := g.Send(t, http.MethodPost, g.Registration, "", r.Application(t, a, changes...))
	if answer.Status != http.StatusCreated {
		t.Fatalf("registration: %d %s", answer.Status, answer.Raw)
	}
	a.Token, _ = answer.Body["registration_access_token"].(string)
	a.URI, _ = answer.Body["registration_client_uri"].(string)
	return answer
}

// Send sends a JSON body, or none, with a bearer token, or none.
func (g *Target) Send(t testing.TB, method, address, token string, body Claims) Response {
	t.Helper()
	var data []byte
	if body != nil {
		data = encode(body)
	}
	return g.SendRaw(t, method, address, token, "application/json", data)
}
