package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// The good requests, from which the attacks are made.

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return b64.EncodeToString(sum[:])
}

func stdBase64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func (c *Client) signer() signer { return signer{key: c.keys[0].Key, alg: c.keys[0].Algorithm} }

func (c *Client) header() *members {
	return object("alg", c.keys[0].Algorithm, "kid", c.keys[0].KeyID)
}

// objectDraft is a good request object of the client.
func (p *play) objectDraft(c *Client, intent string) *draft {
	now := time.Now().Unix()
	payload := object(
		"iss", c.ID, "aud", p.target.Issuer, "iat", now, "nbf", now, "exp", now+300, "jti", p.jti,
		"response_type", "code id_token", "client_id", c.ID, "redirect_uri", c.RedirectURI,
		"scope", p.scope(), "state", p.state, "nonce", p.nonce,
	)
	if p.hasJARM() {
		payload.set("response_type", encode("code"))
		payload.set("response_mode", encode("jwt"))
	}
	if claim := p.target.Intent.Claim; claim != "" {
		payload.set("claims", encode(map[string]any{"id_token": map[string]any{claim: map[string]any{"value": intent, "essential": true}}}))
	}
	if !p.row.Setup.NoPKCE {
		payload.set("code_challenge", encode(challenge(p.verifier)))
		payload.set("code_challenge_method", encode("S256"))
	}
	return &draft{header: c.header(), payload: payload, signer: c.signer()}
}

// goodObject is a good object with a jti of its own; for another client, of an
// intent of its own.
func (p *play) goodObject(c *Client) (string, error) {
	intent := p.intent
	if c != p.self {
		var err error
		if intent, err = p.lodge(c); err != nil {
			return "", err
		}
	}
	d := p.objectDraft(c, intent)
	d.payload.set("jti", encode(rand.Text()))
	return d.compact()
}

func (p *play) assertionDraft(c *Client, jti string) *draft {
	now := time.Now().Unix()
	return &draft{header: c.header(), signer: c.signer(), payload: object(
		"iss", c.ID, "sub", c.ID, "aud", p.target.Issuer, "iat", now, "exp", now+60, "jti", jti,
	)}
}

func (p *play) assertionOf(c *Client) (string, error) {
	return p.assertionDraft(c, rand.Text()).compact()
}

// authenticate adds to the form what proves the client.
func (p *play) authenticate(form *pairs, c *Client, assertion string) {
	if c == p.target.tls && c != nil {
		form.set("client_id", c.ID)
		return
	}
	form.set("client_assertion_type", assertionType)
	form.set("client_assertion", assertion)
}

// good posts a form of the client that nobody changed.
func (p *play) good(c *Client, address string, form pairs) (*outcome, error) {
	assertion := ""
	if c != p.target.tls {
		var err error
		if assertion, err = p.assertionOf(c); err != nil {
			return nil, err
		}
	}
	p.authenticate(&form, c, assertion)
	return p.send(c, p.certificate(), formCall(address, form))
}

// lodge makes an intent of the client, "" where the profile has none.
func (p *play) lodge(c *Client) (string, error) {
	in := &p.target.Intent
	if in.Claim == "" {
		return "", nil
	}
	if in.URL == "" {
		return p.target.nextIntent(c)
	}
	token, err := p.ownToken(c, in.Scope)
	if err != nil {
		return "", err
	}
	body := in.Body
	if p.row.Setup.Grant == "refresh_token" {
		body = in.RepeatedBody
	}
	got, err := p.send(c, p.certificate(), &call{
		method: http.MethodPost, url: in.URL, body: string(body),
		header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}},
	})
	if err != nil {
		return "", err
	}
	id := follow(got.json, in.ID)
	if id == "" {
		return "", fmt.Errorf("lodging an intent: %s", got)
	}
	return id, nil
}

// follow follows a path into a JSON object.
func follow(object map[string]any, path []string) string {
	var at any = object
	for _, name := range path {
		members, _ := at.(map[string]any)
		at = members[name]
	}
	return text(at)
}

// nextIntent takes the next one of the list in the configuration.
func (t *Target) nextIntent(c *Client) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list, at := t.Intent.IDs[c.ID], t.used[c.ID]
	if at >= len(list) {
		return "", fmt.Errorf("the list of %s has no intent left after %d", c.ID, at)
	}
	t.used[c.ID]++
	return list[at], nil
}

// ownToken is an access token of the client itself.
func (p *play) ownToken(c *Client, scope string) (string, error) {
	form := pairs{{"grant_type", "client_credentials"}, {"scope", scope}}
	got, err := p.good(c, p.at("token_endpoint"), form)
	if err != nil {
		return "", err
	}
	if token := text(got.json["access_token"]); token != "" {
		return token, nil
	}
	return "", fmt.Errorf("client_credentials: %s", got)
}

// madeUpIDToken is an ID Token of this server, but for the key.
func (p *play) madeUpIDToken() (string, error) {
	now := time.Now().Unix()
	kid := "unknown"
	if len(p.target.jwks.Keys) > 0 {
		kid = p.target.jwks.Keys[0].KeyID
	}
	d := &draft{
		header: object("alg", "ES256", "kid", kid), signer: signer{key: p.target.stranger.key, alg: "ES256"},
		payload: object("iss", p.target.Issuer, "sub", "alice", "aud", p.self.ID, "iat", now, "exp", now+300),
	}
	return d.compact()
}

// apiBody is the body of the row's call with its ${names} filled in.
func (p *play) apiBody() (string, error) {
	if len(p.row.Setup.Body) == 0 {
		return "", nil
	}
	value, err := p.value(p.row.Setup.Body)
	return encode(value), err
}
