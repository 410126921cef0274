package main

import (
	"fmt"
	"net/http"
	"strings"
)

// atManage asks for, replaces or removes the registration of a client that
// registered well.
func atManage(p *play) (*outcome, error) {
	if err := p.prepareApplicant(); err != nil {
		return nil, err
	}
	if err := p.registerFirst(); err != nil {
		return nil, err
	}
	if p.row.Setup.Spoil == "remove" {
		if err := p.remove(p.applicant); err != nil {
			return nil, err
		}
	}
	request, err := p.manageCall()
	if err != nil {
		return nil, err
	}
	p.sent = append(p.sent, stringsIn([]byte(encode(strings.TrimPrefix(request.header.Get("Authorization"), "Bearer "))))...)
	return p.send(p.self, p.certificate(), request)
}

// registerFirst registers the applicant well. What the server then says of it
// must stay.
func (p *play) registerFirst() error {
	if err := p.register(p.applicant); err != nil {
		return err
	}
	before, err := p.registration(p.applicant)
	p.again["same-registration"] = func() error {
		after, err := p.registration(p.applicant)
		if err == nil && after.body != before.body {
			err = fmt.Errorf("it was %s, and is %s", before, after)
		}
		return err
	}
	return err
}

// manageCall is a good call with the row's changes.
func (p *play) manageCall() (*call, error) {
	method := p.row.Setup.Method
	if method == http.MethodPut {
		return p.hostileReplacement()
	}
	if method == "" {
		method = http.MethodGet
	}
	request := &call{method: method, url: p.applicant.uri, header: http.Header{"Authorization": {"Bearer " + p.applicant.token}}}
	return request, p.distort(request)
}

// registration is what the server says of a client to itself.
func (p *play) registration(a *applicant) (*outcome, error) {
	got, err := p.own(a, http.MethodGet)
	if err == nil && (got.status != http.StatusOK || text(got.json["client_id"]) != a.ID) {
		err = fmt.Errorf("a good look at the registration: %s", got)
	}
	return got, err
}

func (p *play) remove(a *applicant) error {
	got, err := p.own(a, http.MethodDelete)
	if err == nil && got.status != http.StatusNoContent {
		err = fmt.Errorf("a good removal: %s", got)
	}
	return err
}

func (p *play) own(a *applicant, method string) (*outcome, error) {
	return p.send(p.self, p.certificate(), &call{method: method, url: a.uri, header: http.Header{"Authorization": {"Bearer " + a.token}}})
}
