package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// atToken redeems a code or a refresh token, or asks for a client's own token.
func atToken(p *play) (*outcome, error) {
	form, err := p.grant()
	if err != nil {
		return nil, err
	}
	p.again["same-code"] = func() error { return p.redeemAgain(form, rand.Text()) }
	p.again["same-token"] = p.again["same-code"]
	p.again["same-assertion"] = func() error { return p.redeemAgain(form, p.assertionJTI) }
	if p.row.Setup.First {
		if err := p.redeemAgain(form, p.assertionJTI); err != nil {
			return nil, err
		}
	}
	if err := p.spoilClient(); err != nil {
		return nil, err
	}
	if p.row.Setup.Times > 1 {
		return p.redeemAtOnce(form)
	}
	return p.submit("token_endpoint", form, p.assertionJTI)
}

// redeemAtOnce signs an assertion for each call before the first is sent; they
// have a jti of their own unless the row sets one.
func (p *play) redeemAtOnce(form pairs) (*outcome, error) {
	calls := make(chan *call, p.row.Setup.Times)
	for range p.row.Setup.Times {
		request, err := p.hostile("token_endpoint", form, rand.Text())
		if err != nil {
			return nil, err
		}
		calls <- request
	}
	return p.atOnce(func() (*outcome, error) { return p.send(p.self, p.certificate(), <-calls) })
}

// grant makes what the row's grant lives on, and the good form for it.
func (p *play) grant() (pairs, error) {
	if p.row.Setup.Grant == "client_credentials" {
		scope := p.row.Setup.Scope
		if scope == "" {
			scope = p.ownScope()
		}
		return pairs{{"grant_type", "client_credentials"}, {"scope", scope}}, nil
	}
	var err error
	if p.intent, err = p.lodge(p.self); err != nil {
		return nil, err
	}
	if p.code, err = p.approve(p.jti); err != nil {
		return nil, err
	}
	form := p.codeForm()
	if p.row.Setup.Grant != "refresh_token" {
		return form, nil
	}
	if err := p.redeem(form); err != nil {
		return nil, err
	}
	if p.refreshToken == "" {
		return nil, fmt.Errorf("a good redemption gave no refresh token")
	}
	return pairs{{"grant_type", "refresh_token"}, {"refresh_token", p.refreshToken}}, nil
}

// ownScope is the client's scope without openid, which is for users alone.
func (p *play) ownScope() string {
	var own []string
	for _, scope := range strings.Fields(p.self.Scope) {
		if scope != "openid" {
			own = append(own, scope)
		}
	}
	return strings.Join(own, " ")
}

func (p *play) codeForm() pairs {
	form := pairs{{"grant_type", "authorization_code"}, {"code", p.code}, {"redirect_uri", p.self.RedirectURI}}
	if !p.row.Setup.NoPKCE {
		form = append(form, [2]string{"code_verifier", p.verifier})
	}
	return form
}

// redeem sends the good form and keeps the tokens.
func (p *play) redeem(form pairs) error {
	got, err := p.good(p.self, p.at("token_endpoint"), form)
	if err != nil {
		return err
	}
	if p.accessToken = text(got.json["access_token"]); p.accessToken == "" {
		return fmt.Errorf("a good token request: %s", got)
	}
	p.idToken, p.refreshToken = text(got.json["id_token"]), text(got.json["refresh_token"])
	return nil
}

// redeemAgain is the good token request with an assertion of this jti.
func (p *play) redeemAgain(form pairs, jti string) error {
	assertion, err := p.assertionDraft(p.self, jti).compact()
	if err != nil {
		return err
	}
	form = append(pairs{}, form...)
	p.authenticate(&form, p.self, assertion)
	got, err := p.send(p.self, p.certificate(), formCall(p.at("token_endpoint"), form))
	if err != nil {
		return err
	}
	if got.status != http.StatusOK || text(got.json["access_token"]) == "" {
		return fmt.Errorf("a good token request: %s", got)
	}
	return nil
}

// obtain gets the access token that the row is about, and does to it what the
// setup says.
func (p *play) obtain() error {
	form, err := p.grant()
	if err != nil {
		return err
	}
	if err := p.redeem(form); err != nil {
		return err
	}
	switch p.row.Setup.Spoil {
	case "reuse": // of the code or refresh token that gave it
		if p.redeemAgain(form, rand.Text()) == nil {
			return errors.New("it was redeemed twice")
		}
	case "revoke":
		return p.revoke(p.self)
	case "revoke-by-other":
		return p.revoke(p.other)
	}
	return p.spoilClient()
}

func (p *play) revoke(by *Client) error {
	got, err := p.good(by, p.at("revocation_endpoint"), pairs{{"token", p.accessToken}})
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("revocation: %s", got)
	}
	return err
}

// atIntrospection asks about a token, or goes with it to another endpoint for
// clients that the row's path names.
func atIntrospection(p *play) (*outcome, error) {
	if err := p.obtain(); err != nil {
		return nil, err
	}
	form := pairs{{"token", p.accessToken}}
	p.again["same-token"] = func() error {
		got, err := p.good(p.self, p.at("introspection_endpoint"), form)
		if err == nil && got.json["active"] != true {
			err = fmt.Errorf("a good introspection: %s", got)
		}
		return err
	}
	endpoint := "introspection_endpoint"
	if p.row.Setup.Path != "" {
		endpoint = p.row.Setup.Path
	}
	return p.submit(endpoint, form, p.assertionJTI)
}
