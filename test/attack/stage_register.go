package main

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// hostile is the version of what the row has changed, see credentialDraft.
const hostile = "-hostile"

// atRegister sends the registration of a new client.
func atRegister(p *play) (*outcome, error) {
	if err := p.prepareApplicant(); err != nil {
		return nil, err
	}
	p.again["same-application"] = func() error { return p.register(p.applicant) }
	p.again["others-application"] = func() error {
		other, err := p.second(false)
		if err != nil {
			return err
		}
		return p.register(other)
	}
	if p.row.Setup.First {
		if err := p.registerFirst(); err != nil {
			return nil, err
		}
	}
	if p.row.Setup.Times > 1 {
		return p.registerAtOnce()
	}
	request, err := p.hostileApplication()
	if err != nil {
		return nil, err
	}
	return p.send(p.self, p.certificate(), request)
}

// prepareApplicant makes the applicant, with the status list of what is good.
func (p *play) prepareApplicant() (err error) {
	if p.applicant, err = p.newApplicant(); err != nil {
		return err
	}
	return p.publishStatus(p.applicant, "", false)
}

// publishStatus publishes a good list, where the engine can.
func (p *play) publishStatus(a *applicant, version string, revoked bool) error {
	w := p.target.directory.web
	if a.holder == nil || w == nil {
		return nil
	}
	token, err := p.statusDraft(a, version, revoked).compact()
	w.put(a.statusPath(version), "application/vc+jwt", token)
	return err
}

// application is a good registration of the applicant.
func (p *play) application(a *applicant) (*members, error) {
	statement, err := p.statementOf(a)
	if err != nil {
		return nil, err
	}
	body := a.bodyOf(statement, a.RedirectURI)
	if a.holder == nil {
		return body, nil
	}
	presentation, err := p.presentationOf(a)
	body.set("lso_entity_presentation", encode(presentation))
	return body, err
}

// statementOf is the good one of the applicant, always the same.
func (p *play) statementOf(a *applicant) (statement string, err error) {
	if a.statement == "" {
		a.statement, err = p.statementDraft(a, a.RedirectURI).compact()
	}
	return a.statement, err
}

// credentialOf is the good one of the applicant, always the same: a server
// does not take two under one identifier.
func (p *play) credentialOf(a *applicant) (credential string, err error) {
	if a.holder == nil {
		return "", errNoKey
	}
	if a.credential == "" {
		a.credential, err = p.credentialDraft(a, "").compact()
	}
	return a.credential, err
}

func (p *play) presentationOf(a *applicant) (string, error) {
	credential, err := p.credentialOf(a)
	if err != nil {
		return "", err
	}
	return p.presentationDraft(a, credential).compact()
}

func jsonCall(address string, body *members) *call {
	return &call{
		method: http.MethodPost, url: address, body: string(body.bytes()), header: http.Header{"Content-Type": {"application/json"}},
	}
}

// register registers the applicant well.
func (p *play) register(a *applicant) error {
	body, err := p.application(a)
	if err != nil {
		return err
	}
	got, err := p.send(p.self, p.certificate(), jsonCall(p.at("registration_endpoint"), body))
	if err != nil {
		return err
	}
	a.token, a.uri = text(got.json["registration_access_token"]), text(got.json["registration_client_uri"])
	if got.status != http.StatusCreated || a.token == "" || a.uri == "" {
		return fmt.Errorf("a good registration: %s", got)
	}
	p.target.keep(a.token)
	a.ID = text(got.json["client_id"])
	return nil
}

// hostileApplication is the registration with all of the row's changes.
func (p *play) hostileApplication() (*call, error) {
	body, err := p.hostileBody()
	if err != nil {
		return nil, err
	}
	if err := p.presentHostile(body); err != nil {
		return nil, err
	}
	return p.wrap(p.at("registration_endpoint"), body)
}

// hostileReplacement is the same by one who is registered, and presents nothing
// again.
func (p *play) hostileReplacement() (*call, error) {
	body, err := p.hostileBody()
	if err != nil {
		return nil, err
	}
	body.set("client_id", encode(p.applicant.ID))
	return p.wrap(p.applicant.uri, body)
}

// hostileBody has what the row changes in the statement.
func (p *play) hostileBody() (*members, error) {
	a, uris := p.applicant, p.row.Setup.Redirects
	if len(uris) == 0 {
		uris = []string{a.RedirectURI}
		if !p.row.isAbout("statement") && !p.row.Setup.Signed {
			statement, err := p.statementOf(a)
			return a.bodyOf(statement, uris...), err
		}
	}
	statement, err := p.make("statement", p.hostileStatement(a, uris))
	return a.bodyOf(statement, uris...), err
}

// wrap does the row's changes on the body and the HTTP request.
func (p *play) wrap(address string, body *members) (*call, error) {
	for _, c := range p.row.does("body") {
		if err := p.edit(body, c); err != nil {
			return nil, err
		}
	}
	request := jsonCall(address, body)
	p.sent = append(p.sent, stringsIn([]byte(request.body))...)
	if p.row.Where == "manage" {
		request.method = http.MethodPut
		request.header.Set("Authorization", "Bearer "+p.applicant.token)
	}
	if p.row.Setup.Signed {
		var err error
		request.header.Set("Content-Type", "application/jwt")
		if request.body, err = p.make("signed", p.signedDraft(p.applicant, body)); err != nil {
			return nil, err
		}
	}
	return request, p.distort(request)
}

// hostileStatement has the keys of an applicant who signs its registration and
// is known by nothing else.
func (p *play) hostileStatement(a *applicant, uris []string) *draft {
	d := p.statementDraft(a, uris...)
	if p.row.Setup.Signed && !a.isDID() {
		d.payload.set("jwks", encode(publicKeys(a.Client)))
	}
	return d
}

// presentHostile adds the presentation with the row's changes in it.
func (p *play) presentHostile(body *members) error {
	a := p.applicant
	if a.holder == nil {
		return nil
	}
	credential, err := p.credentialOf(a)
	if p.changesCredential() {
		credential, err = p.hostileCredential(a)
	}
	if err != nil {
		return err
	}
	presentation, err := p.make("presentation", p.presentationDraft(a, credential))
	body.set("lso_entity_presentation", encode(presentation))
	return err
}

func (p *play) changesCredential() bool {
	s := p.row.Setup
	return s.Spoil != "" || s.Status != "" || p.row.isAbout("credential", "status")
}

func (p *play) hostileCredential(a *applicant) (string, error) {
	if err := p.publishHostile(a); err != nil {
		return "", err
	}
	return p.make("credential", p.credentialDraft(a, hostile))
}

// publishHostile publishes the status list with the row's changes, or what the
// row has in its place.
func (p *play) publishHostile(a *applicant) error {
	w := p.target.directory.web
	if w == nil {
		return nil
	}
	token, err := p.make("status", p.statusDraft(a, hostile, p.row.Setup.Spoil == "revoke-credential"))
	if err != nil {
		return err
	}
	switch path := a.statusPath(hostile); p.row.Setup.Status {
	case "":
		w.put(path, "application/vc+jwt", token)
	case "html":
		w.put(path, "text/html", token)
	case "missing":
	case "elsewhere":
		w.set(path, page{location: p.target.canary.url + "/status"})
	case "large":
		w.set(path, page{mediaType: "application/vc+jwt", body: token, large: true})
	case "bomb":
		return p.publishBomb(a)
	default:
		return fmt.Errorf("status %q is unknown", p.row.Setup.Status)
	}
	return nil
}

// bombBytes are what a list of a few hundred kB unpacks to.
const bombBytes = 128 << 20

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// publishBomb publishes a list that is signed well and unpacks to far too much.
func (p *play) publishBomb(a *applicant) error {
	d := p.statusDraft(a, hostile, false)
	d.payload.set("credentialSubject", encode(map[string]any{
		"id": p.statusURL(a, hostile) + "#list", "type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": packed(io.LimitReader(zeros{}, bombBytes)),
	}))
	token, err := d.compact()
	p.target.directory.web.put(a.statusPath(hostile), "application/vc+jwt", token)
	return err
}

// registerAtOnce signs everything for each call before the first is sent.
func (p *play) registerAtOnce() (*outcome, error) {
	calls := make(chan *call, p.row.Setup.Times)
	for range p.row.Setup.Times {
		request, err := p.hostileApplication()
		if err != nil {
			return nil, err
		}
		calls <- request
	}
	return p.atOnce(func() (*outcome, error) { return p.send(p.self, p.certificate(), <-calls) })
}

// becomeRegistered makes the client of the row one that registered itself.
func (p *play) becomeRegistered() error {
	if err := p.prepareApplicant(); err != nil {
		return err
	}
	if err := p.register(p.applicant); err != nil {
		return err
	}
	p.self = p.applicant.Client
	return nil
}

// statusLife is how long, at least, the answer of a status list that lives for
// a second may still be believed.
const statusLife = 2 * time.Second

// spoilClient does to the registered client what the row says, after all that
// it needed to be good for.
func (p *play) spoilClient() error {
	switch p.row.Setup.Spoil {
	case "remove":
		return p.remove(p.applicant)
	case "revoke-credential":
		if err := p.publishStatus(p.applicant, "", true); err != nil {
			return err
		}
		time.Sleep(statusLife)
	}
	return nil
}

// askChallenge gets a nonce for a presentation.
func (p *play) askChallenge() (string, error) {
	got, err := p.send(p.self, p.certificate(), &call{method: http.MethodGet, url: p.at("registration_endpoint") + "/challenge"})
	if err != nil {
		return "", err
	}
	if nonce := text(got.json["nonce"]); nonce != "" {
		return nonce, nil
	}
	return "", fmt.Errorf("a good request for a challenge: %s", got)
}

// second is another applicant of the row's kind, who is registered if
// registered is set.
func (p *play) second(registered bool) (*applicant, error) {
	if p.secondApplicant == nil {
		a, err := p.newApplicant()
		if err != nil {
			return nil, err
		}
		if err := p.publishStatus(a, "", false); err != nil {
			return nil, err
		}
		p.secondApplicant = a
	}
	if registered && p.secondApplicant.token == "" {
		return p.secondApplicant, p.register(p.secondApplicant)
	}
	return p.secondApplicant, nil
}

// keep remembers what no answer but the first one may have in it.
func (t *Target) keep(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokens = append(t.tokens, token)
}
