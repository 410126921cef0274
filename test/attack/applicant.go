package main

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// applicant is somebody who wants to register, new for each row: under a
// did:web with a credential, or with a JWK Set.
type applicant struct {
	*Client         // ID is the DID, or what the server gave it
	holder  *Client // presents the credential; nil if there is none
	name    string
	jti     string // of the presentation
	nonce   string // that the presentation answers, "" if none

	// What was signed about it, once that was.
	statement, credential string

	token, uri string // of the registration
}

// The kinds of applicant, by the names that rows use.
const (
	byDID   = "did"    // its client_id is a did:web
	byKeys  = "keys"   // it has a JWK Set and shows no credential
	byProxy = "holder" // it has a JWK Set and shows the credential of a did:jwk
)

// kind is what the row wants, else the best that the configuration has.
func (p *play) kind() string {
	d := p.target.directory
	switch {
	case p.row.Setup.Applicant != "":
		return p.row.Setup.Applicant
	case d.registry != nil && d.web != nil:
		return byDID
	}
	return byKeys
}

// canRegister tells what the configuration lacks for the row.
func (p *play) canRegister() error {
	d, s := p.target.directory, p.row.Setup
	switch {
	case d == nil:
		return fmt.Errorf("%w: no registration", errSkip)
	case p.kind() != byKeys && d.registry == nil:
		return fmt.Errorf("%w: no registry", errSkip)
	case p.kind() == byKeys && (p.row.isAbout("credential", "presentation", "status", "document") || s.Challenge):
		return fmt.Errorf("%w: who has no DID presents nothing", errSkip)
	case p.kind() == byDID && d.web == nil, s.Status != "" && d.web == nil, s.Needs == "web" && d.web == nil:
		return fmt.Errorf("%w: no web", errSkip)
	case s.Needs == "no-web" && d.web != nil:
		return fmt.Errorf("%w: the server may fetch from this machine", errSkip)
	}
	return nil
}

func newECKey(kid string) (jose.JSONWebKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: "ES256", Use: "sig"}, err
}

// newApplicant makes one of the row's kind and publishes its document.
func (p *play) newApplicant() (*applicant, error) {
	a := &applicant{name: strings.ToLower(rand.Text()), jti: "urn:uuid:" + rand.Text()}
	key, err := newECKey(a.name + "-1")
	if err != nil {
		return nil, err
	}
	a.Client = &Client{
		ClientConfig: ClientConfig{RedirectURI: "https://" + a.name + ".example.org/cb", Scope: cmp.Or(p.target.Registration.Scope, p.target.a.Scope)},
		keys:         []jose.JSONWebKey{key}, cert: p.target.a.cert,
	}
	p.setTraps(a)
	switch p.kind() {
	case byDID:
		err = p.takeDID(a)
	case byProxy:
		err = a.takeHolder()
	}
	if err == nil && p.row.Setup.Challenge {
		a.nonce, err = p.askChallenge()
	}
	return a, err
}

// setTraps publishes, below the applicant's name, what a server may fetch and
// must not believe.
func (p *play) setTraps(a *applicant) {
	w := p.target.directory.web
	if w == nil {
		return
	}
	keys := encode(publicKeys(a.Client))
	w.put("/"+a.name+"/jwks", "application/jwk-set+json", keys)
	w.put("/"+a.name+"/jwks.html", "text/html", keys)
	for _, file := range []string{"/jwks", "/did.json"} {
		w.set("/"+a.name+"/away"+file, page{location: p.target.canary.url + file})
		w.set("/"+a.name+"/large"+file, page{mediaType: "application/json", body: keys, large: true})
	}
}

// takeDID names the applicant after its document, which has the good redirect
// URI and the row's, so that only what a row is about speaks against it.
func (p *play) takeDID(a *applicant) (err error) {
	w := p.target.directory.web
	if a.ID, err = didOf(w.base, a.name); err != nil {
		return err
	}
	a.keys[0].KeyID = a.ID + "#sig-1"
	a.holder = a.Client
	document := documentOf(a.Client, append([]string{a.RedirectURI}, p.row.Setup.Redirects...)...)
	for _, c := range p.row.does("document") {
		if err := p.edit(document, c); err != nil {
			return err
		}
	}
	w.publish(a.ID, document)
	return nil
}

// takeHolder gives the applicant a DID that needs no document, for its
// presentations alone.
func (a *applicant) takeHolder() error {
	key, err := newECKey("")
	if err != nil {
		return err
	}
	did, err := didJWK(&key)
	key.KeyID = did + "#0"
	a.holder = &Client{ClientConfig: ClientConfig{ID: did}, keys: []jose.JSONWebKey{key}}
	return err
}

// isDID tells that the client_id is the applicant's own choice.
func (a *applicant) isDID() bool { return a.holder == a.Client }

func (a *applicant) statusPath(version string) string { return "/status/" + a.name + version }

const statusIndex = 4711

// statusURL is on the engine's web, or where nobody is.
func (p *play) statusURL(a *applicant, version string) string {
	if w := p.target.directory.web; w != nil {
		return w.base + a.statusPath(version)
	}
	return "https://registry.example" + a.statusPath(version)
}

const (
	hour      = 3600 // seconds
	contextV2 = "https://www.w3.org/ns/credentials/v2"
)

func at(seconds int64) string {
	return time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(time.RFC3339)
}

// partyDraft is something that the party signs, with the typ header.
func partyDraft(c *Client, typ string, payload *members) *draft {
	d := &draft{header: c.header(), payload: payload, signer: c.signer(), by: c}
	d.header.set("typ", encode(typ))
	return d
}

// statementDraft is a good software statement about the applicant.
func (p *play) statementDraft(a *applicant, uris ...string) *draft {
	d, now := p.target.directory, time.Now().Unix()
	return partyDraft(d.issuer, "JWT", object(
		"iss", d.issuer.ID, "iat", now, "exp", now+hour, "jti", "statement-"+a.name, "software_id", "software-"+a.name,
		"org_id", "org-"+a.name, "client_name", "Applicant", "redirect_uris", uris, "trust_domain", "applicant.example",
	))
}

// credentialDraft is a good credential of the applicant's legal entity. What is
// hostile has another version, so that the good one is never refused because
// the other was seen.
func (p *play) credentialDraft(a *applicant, version string) *draft {
	registry, list := p.target.directory.registry, p.statusURL(a, version)
	index := fmt.Sprint(statusIndex)
	return partyDraft(registry, "vc+jwt", object(
		"@context", []string{contextV2}, "id", "https://registry.example/credentials/"+a.name+version,
		"type", []string{"VerifiableCredential", "LegalEntityCredential"}, "issuer", registry.ID,
		"credentialSubject", map[string]any{
			"id": a.holder.ID, "legalName": "Applicant Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "applicant.example",
		},
		"validFrom", at(-hour), "validUntil", at(hour),
		"credentialStatus", map[string]any{
			"id": list + "#" + index, "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
			"statusListIndex": index, "statusListCredential": list,
		},
	))
}

// presentationDraft is a good presentation of the credential, for one use.
func (p *play) presentationDraft(a *applicant, credential string) *draft {
	now := time.Now().Unix()
	envelope := map[string]any{"@context": contextV2, "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt," + credential}
	d := partyDraft(a.holder, "vp+jwt", object(
		"iss", a.holder.ID, "aud", p.target.Issuer, "iat", now, "exp", now+240, "jti", a.jti,
		"@context", []string{contextV2}, "type", []string{"VerifiablePresentation"}, "holder", a.holder.ID,
		"verifiableCredential", []any{envelope},
	))
	if a.nonce != "" {
		d.payload.set("nonce", encode(a.nonce))
	}
	return d
}

// statusDraft is a status list, which lives for a second. Revoked sets the bit
// of the applicant's credential.
func (p *play) statusDraft(a *applicant, version string, revoked bool) *draft {
	list, bits := p.statusURL(a, version), make([]byte, 16<<10)
	if revoked {
		bits[statusIndex/8] |= 1 << (7 - statusIndex%8)
	}
	registry := p.target.directory.registry
	return partyDraft(registry, "vc+jwt", object(
		"@context", []string{contextV2}, "id", list, "type", []string{"VerifiableCredential", "BitstringStatusListCredential"},
		"issuer", registry.ID, "validFrom", at(-hour), "validUntil", at(hour),
		"credentialSubject", map[string]any{
			"id": list + "#list", "type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": packed(bytes.NewReader(bits)), "ttl": 1000,
		},
	))
}

// packed is what a status list has in it.
func packed(bits io.Reader) string { return "u" + b64.EncodeToString(zipped(bits)) }

// bodyOf is a good registration of the applicant.
func (a *applicant) bodyOf(statement string, uris ...string) *members {
	body := object(
		"redirect_uris", uris, "response_types", []string{"code id_token"}, "scope", a.Scope,
		"grant_types", []string{"authorization_code", "client_credentials"}, "token_endpoint_auth_method", "private_key_jwt",
		"software_statement", statement,
	)
	if a.isDID() {
		body.set("client_id", encode(a.ID))
	} else {
		body.set("jwks", encode(publicKeys(a.Client)))
	}
	return body
}

// signedDraft is the registration as a JWT of the applicant's own.
func (p *play) signedDraft(a *applicant, body *members) *draft {
	now := time.Now().Unix()
	d := partyDraft(a.Client, "JWT", object("iss", a.ID, "aud", p.target.Issuer, "iat", now, "exp", now+300, "jti", rand.Text()))
	if !a.isDID() {
		d.payload.set("iss", encode("software-"+a.name))
	}
	d.payload.list = append(d.payload.list, body.list...)
	return d
}

// stringsIn are the strings of a JSON value that somebody would know again.
func stringsIn(data []byte) (found []string) {
	var value any
	if json.Unmarshal(data, &value) != nil {
		return nil
	}
	var look func(any)
	look = func(value any) {
		switch value := value.(type) {
		case string:
			if len(value) >= 8 && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz_ ") != "" {
				found = append(found, value)
			}
		case []any:
			for _, one := range value {
				look(one)
			}
		case map[string]any:
			for _, one := range value {
				look(one)
			}
		}
	}
	look(value)
	return found
}
