package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// classes are the kinds of outcome, by the names that rows use.
var classes map[string]func(*Expect, *play, *outcome) error

func init() { // they know the stages' helpers, which know the rows
	classes = map[string]func(*Expect, *play, *outcome) error{
		"page": (*Expect).page, "redirect": (*Expect).redirect, "jarm": (*Expect).jarm, "json": (*Expect).json,
		"bearer": (*Expect).bearer, "tls-refused": (*Expect).tlsRefused, "accepted": (*Expect).accepted,
		"inner-wins": (*Expect).innerWins, "inactive": (*Expect).inactive, "http": (*Expect).http, "one-winner": (*Expect).oneWinner,
		"registered": (*Expect).registered, "unserved": (*Expect).unserved,
	}
}

// check compares the answer with what the row expects. Whatever that is, no
// input makes the server fail, and nothing goes where an attacker said.
func (e *Expect) check(p *play, got *outcome) error {
	if got.status >= http.StatusInternalServerError {
		return fmt.Errorf("the server failed: %s", got)
	}
	if got.location != nil && !p.isClients(got) && p.row.Where != "resource" && e.Class != "unserved" {
		return fmt.Errorf("the browser goes to %s", got.location)
	}
	if e.Class != "accepted" && p.reflects(got) {
		return fmt.Errorf("the answer repeats what the attacker sent: %s", got)
	}
	if e.Class != "accepted" && e.Class != "registered" && p.tells(got) {
		return fmt.Errorf("the refusal tells what it should keep: %s", got)
	}
	if err := classes[e.Class](e, p, got); err != nil {
		return fmt.Errorf("want %s %v: %w, got %s", e.Class, e.Errors, err, got)
	}
	return nil
}

// reflects: markup and addresses of an attacker's come back.
func (p *play) reflects(got *outcome) bool {
	said := got.body + fmt.Sprint(got.header)
	for _, bait := range []string{"<script>alert", "evil.example", p.target.canary.url} {
		if strings.Contains(said, bait) {
			return true
		}
	}
	return false
}

// isClients: the browser goes to the client's redirect_uri, with nothing but
// parameters behind it.
func (p *play) isClients(got *outcome) bool {
	if got.location == nil {
		return false
	}
	bare := *got.location
	bare.RawQuery, bare.Fragment, bare.RawFragment = "", "", ""
	return bare.String() == p.self.RedirectURI
}

func (e *Expect) status(got *outcome, usual int) error {
	want := usual
	if e.Status != 0 {
		want = e.Status
	}
	if got.status != want {
		return fmt.Errorf("want status %d", want)
	}
	return nil
}

// page: the error is shown to the user, and nothing goes to the client.
func (e *Expect) page(_ *play, got *outcome) error {
	shows := func(code string) bool { return strings.Contains(got.body, code) }
	if got.location != nil || !slices.ContainsFunc(e.Errors, shows) {
		return errors.New("no page with the error")
	}
	return e.status(got, http.StatusBadRequest)
}

// redirect: the error goes to the client, with its state and the issuer.
func (e *Expect) redirect(p *play, got *outcome) error {
	switch {
	case got.location == nil || !slices.Contains(e.Errors, got.params.Get("error")):
		return errors.New("no redirect with the error")
	case got.params.Has("code") || got.params.Has("id_token") || got.params.Has("access_token"):
		return errors.New("an error has a code or token beside it")
	case got.params.Get("iss") != p.target.Issuer:
		return errors.New("iss is not the issuer")
	case got.params.Has("state") && got.params.Get("state") != p.state:
		return errors.New("the state is not the client's")
	}
	return e.status(got, http.StatusSeeOther)
}

// jarm: the same, signed by the server.
func (e *Expect) jarm(p *play, got *outcome) error {
	if got.location == nil || got.params.Get("response") == "" || len(got.params) != 1 {
		return errors.New("no JARM response alone")
	}
	params, err := p.answerOf(got)
	if err != nil {
		return err
	}
	stranger := params["state"] != "" && params["state"] != p.state
	if !slices.Contains(e.Errors, params["error"]) || params["code"] != "" || stranger {
		return fmt.Errorf("the response says %v", params)
	}
	return e.status(got, http.StatusSeeOther)
}

// json: an error of an endpoint for clients, which nobody may keep.
func (e *Expect) json(_ *play, got *outcome) error {
	switch {
	case !slices.Contains(e.Errors, text(got.json["error"])):
		return errors.New("no such error")
	case got.json["access_token"] != nil || got.json["request_uri"] != nil:
		return errors.New("an error has a token beside it")
	case !strings.Contains(got.header.Get("Cache-Control"), "no-store"):
		return errors.New("caches may keep it")
	}
	return e.status(got, http.StatusBadRequest)
}

// bearer: the refusal of an access token. Without an error code it is that of
// a request without a token.
func (e *Expect) bearer(_ *play, got *outcome) error {
	challenge := got.header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, "Bearer") {
		return errors.New("no challenge")
	}
	if len(e.Errors) == 0 && strings.Contains(challenge, "error=") {
		return errors.New("a request without token has no error code")
	}
	says := func(code string) bool { return strings.Contains(challenge, `error="`+code+`"`) }
	if len(e.Errors) > 0 && !slices.ContainsFunc(e.Errors, says) {
		return errors.New("another challenge")
	}
	return e.status(got, http.StatusUnauthorized)
}

func (e *Expect) tlsRefused(_ *play, got *outcome) error {
	if !got.broken() {
		return errors.New("the handshake succeeded")
	}
	return nil
}

// accepted: not an attack but the good request beside it, or one that is
// harmless as it is.
func (e *Expect) accepted(p *play, got *outcome) error {
	if p.row.Where == "authorize" || p.row.Where == "pushed" {
		_, err := p.codeOf(got)
		return err
	}
	for _, name := range e.Has {
		if got.json[name] == nil {
			return errors.New("there is no " + name)
		}
	}
	return e.status(got, http.StatusOK)
}

// innerWins: the request succeeds as the signed object says, and nothing from
// outside counts.
func (e *Expect) innerWins(p *play, got *outcome) error {
	if _, err := p.codeOf(got); err != nil {
		return err
	}
	for _, name := range e.Has {
		if got.params.Get(name) != "" {
			return fmt.Errorf("there is %s from outside the object", name)
		}
	}
	if state := got.params.Get("state"); state != "" && state != p.state {
		return errors.New("the state is not the one inside")
	}
	return nil
}

// inactive: the answer tells nothing of the token.
func (e *Expect) inactive(_ *play, got *outcome) error {
	if got.json["active"] != false || len(got.json) != 1 {
		return errors.New("not {\"active\":false} alone")
	}
	return e.status(got, http.StatusOK)
}

func (e *Expect) http(_ *play, got *outcome) error {
	if got.location != nil || got.json["access_token"] != nil {
		return errors.New("it was served")
	}
	if got.broken() { // as good as any status
		return nil
	}
	return e.status(got, http.StatusBadRequest)
}

// oneWinner: of many at once one succeeds, and the others say why not.
func (e *Expect) oneWinner(_ *play, got *outcome) error {
	if got.won != 1 {
		return fmt.Errorf("%d of %d won", got.won, got.won+got.lost)
	}
	for _, code := range got.refused {
		if !slices.Contains(e.Errors, code) {
			return fmt.Errorf("one was refused with %q", code)
		}
	}
	return nil
}
