package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// play is one row against one server.
type play struct {
	ctx         context.Context
	target      *Target
	row         *Row
	self, other *Client

	intent          string // lodged by self
	jti, state      string
	nonce, verifier string
	assertionJTI    string

	code, idToken, accessToken, refreshToken, requestURI, pushedObject string

	applicant, secondApplicant *applicant
	sent                       []string // to register, which no refusal repeats

	// again holds, by the names of thens, what must still work.
	again map[string]func() error
	// failed is the first error while a ${name} was filled in.
	failed error
}

// errSkip: the configuration lacks what the row needs.
var errSkip = errors.New("skipped")

// run plays the row; the error says what the server did wrong, or is errSkip.
func (t *Target) run(ctx context.Context, row *Row) error {
	p := t.play(ctx, row)
	if err := p.possible(); err != nil {
		return err
	}
	hits := t.canary.hits.Load()
	if row.Setup.Client == "registered" {
		if err := p.becomeRegistered(); err != nil {
			return fmt.Errorf("before the attack: %w", err)
		}
	}
	got, err := stages[row.Where](p)
	if errors.Is(err, errNoKey) || errors.Is(err, errNoCertificate) {
		return fmt.Errorf("%w: %w", errSkip, err)
	}
	if err != nil {
		return fmt.Errorf("before the attack: %w", err)
	}
	if err := row.Expect.check(p, got); err != nil {
		return err
	}
	if err := p.unchanged(); err != nil {
		return err
	}
	if t.canary.hits.Load() != hits {
		return errors.New("the server fetched a URL that the attacker chose")
	}
	return nil
}

func (t *Target) play(ctx context.Context, row *Row) *play {
	return &play{
		ctx: ctx, target: t, row: row, self: t.a, other: t.b, again: map[string]func() error{},
		jti: rand.Text(), state: "state-" + rand.Text(), nonce: "nonce-" + rand.Text(),
		verifier: rand.Text() + rand.Text(), assertionJTI: rand.Text(),
	}
}

func (p *play) possible() error {
	s := p.row.Setup
	switch {
	case s.Needs == "login" && p.target.Approve.Auto:
		return fmt.Errorf("%w: the server approves by itself", errSkip)
	case s.Client == "tls" && p.target.tls == nil:
		return fmt.Errorf("%w: no tls_client", errSkip)
	case s.Path != "" && s.Path[0] == '/' && p.target.API == "":
		return fmt.Errorf("%w: no api", errSkip)
	case s.Grant == "refresh_token" && !p.target.refreshes():
		return fmt.Errorf("%w: no intent gives refresh tokens", errSkip)
	}
	if s.Client == "registered" || p.row.Where == "register" || p.row.Where == "manage" {
		if err := p.canRegister(); err != nil {
			return err
		}
	}
	if s.Client == "tls" {
		p.self = p.target.tls
	}
	return nil
}

// unchanged plays what the row says must still work.
func (p *play) unchanged() error {
	if p.row.Then == "none" {
		return nil
	}
	again, ok := p.again[p.row.Then]
	if !ok {
		return fmt.Errorf("%s knows no %s", p.row.Where, p.row.Then)
	}
	if err := again(); err != nil {
		return fmt.Errorf("after the refusal, %s: %w", p.row.Then, err)
	}
	return nil
}

// sender is who sends the hostile call.
func (p *play) sender() *Client {
	for _, c := range p.row.does("call") {
		if c.Do == "sender" {
			return p.other
		}
	}
	return p.self
}

// certificate is the one of good requests.
func (p *play) certificate() string {
	switch {
	case p.row.Setup.Certificate != "":
		return p.row.Setup.Certificate
	case p.target.MTLS:
		return "own"
	}
	return "none"
}

var placeholder = regexp.MustCompile(`\$\{[a-zA-Z]+\}`)

// expand fills in the ${names} of a text.
func (p *play) expand(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(name string) string {
		fill, ok := p.names()[name[2:len(name)-1]]
		if !ok {
			p.fail(fmt.Errorf("%s is unknown", name))
			return ""
		}
		value, err := fill()
		p.fail(err)
		return value
	})
}

func (p *play) fail(err error) {
	if p.failed == nil {
		p.failed = err
	}
}

func known(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// names are what a row may write as ${name}. Most are known; some are made when
// they are asked for.
func (p *play) names() map[string]func() (string, error) {
	t := p.target
	names := map[string]func() (string, error){
		"issuer": known(t.Issuer), "authorize": known(t.endpoint("authorization_endpoint")), "token": known(p.at("token_endpoint")),
		"par": known(p.at("pushed_authorization_request_endpoint")), "canary": known(t.canary.url), "canaryPort": known(t.canary.port()),
		"client": known(p.self.ID), "other": known(p.other.ID), "redirect": known(p.self.RedirectURI), "otherRedirect": known(p.other.RedirectURI),
		"kid": known(p.self.keys[0].KeyID), "otherKid": known(p.other.keys[0].KeyID), "scope": known(p.scope()),
		"state": known(p.state), "nonce": known(p.nonce), "jti": known(p.jti), "verifier": known(p.verifier),
		"challenge": known(challenge(p.verifier)), "intentClaim": known(t.Intent.Claim),
		"intent": known(p.intent), "code": known(p.code), "idToken": known(p.idToken), "requestURI": known(p.requestURI),
		"pushedObject": known(p.pushedObject), "api": known(t.API),
		"accessToken": known(p.accessToken), "refreshToken": known(p.refreshToken),
		"secondIntent":  func() (string, error) { return p.lodge(p.self) },
		"foreignIntent": func() (string, error) { return p.lodge(p.other) },
		"object":        func() (string, error) { return p.goodObject(p.self) },
		"foreignObject": func() (string, error) { return p.goodObject(p.other) },
		"assertion":     func() (string, error) { return p.assertionOf(p.self) },
		"otherAssertion": func() (string, error) {
			return p.assertionOf(p.other)
		},
		"foreignRequestURI": func() (string, error) { return p.pushed(p.other) },
		"foreignIDToken":    p.madeUpIDToken,
		"strangerCert":      known(stdBase64(t.stranger.cert)),
	}
	maps.Copy(names, p.partyNames())
	return names
}

func (p *play) at(name string) string { return p.target.at(name, p.certificate()) }

func (p *play) scope() string {
	if p.row.Setup.Scope != "" {
		return p.row.Setup.Scope
	}
	return p.self.Scope
}

// hasJARM tells how the good request wants its answer.
func (p *play) hasJARM() bool { return p.row.Setup.Response == "jarm" }

func (t *Target) refreshes() bool {
	return slices.Contains(t.list("grant_types_supported"), "refresh_token") && (t.Intent.Claim == "" || len(t.Intent.RepeatedBody) > 0)
}
