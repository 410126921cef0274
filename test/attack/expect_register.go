package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// registered: the client is registered, and nothing is as the attacker wants
// it. Lacks are members that must not be there as they were sent.
func (e *Expect) registered(p *play, got *outcome) error {
	if got.json["client_secret"] != nil {
		return errors.New("there is a client secret")
	}
	for _, name := range []string{"client_id", "registration_access_token", "registration_client_uri"} {
		if text(got.json[name]) == "" {
			return errors.New("there is no " + name)
		}
	}
	p.target.keep(text(got.json["registration_access_token"]))
	if id := got.json["client_id"]; id == p.target.a.ID || id == p.target.b.ID {
		return errors.New("it is another client")
	}
	for name, raw := range e.Is {
		want, err := p.value(raw)
		if err != nil || encode(got.json[name]) != encode(want) {
			return fmt.Errorf("%s is %v, not %v: %w", name, got.json[name], want, err)
		}
	}
	for _, name := range e.Lacks {
		if got.json[name] != nil {
			return fmt.Errorf("%s is taken from who registers", name)
		}
	}
	if !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
		return errors.New("caches may keep it")
	}
	return e.status(got, http.StatusCreated)
}

// unserved: the address is nothing, or leads to another one of the server.
func (e *Expect) unserved(p *play, got *outcome) error {
	base, err := url.Parse(p.at("registration_endpoint"))
	if err != nil {
		return err
	}
	if got.location != nil && got.location.Host != base.Host || got.json["client_id"] != nil {
		return errors.New("it was served")
	}
	return e.status(got, http.StatusNotFound)
}

// tells: the refusal of a registration has something of the request in it, or
// the token of a registration.
func (p *play) tells(got *outcome) bool {
	said := got.body + fmt.Sprint(got.json, got.header)
	for _, secret := range append(p.target.tokens, p.sent...) {
		if secret != "" && strings.Contains(said, secret) {
			return true
		}
	}
	return false
}
