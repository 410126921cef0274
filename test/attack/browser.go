package main

import (
	"errors"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// visit walks from the URL through the server's pages, if it has some, until it
// answers the client or shows an error.
func (p *play) visit(first *call) (*outcome, error) {
	shared, err := p.target.http("none", p.self)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := *shared // a browser of its own cookies over the same connections
	browser.Jar = jar
	next := first
	for range 8 {
		got, err := p.do(&browser, next)
		if err != nil {
			return nil, err
		}
		if next = p.next(got, next.url); next == nil {
			return got, nil
		}
	}
	return nil, errors.New("the server's pages never came to an end")
}

// next is where the user goes from a page, nil if this is the end.
func (p *play) next(got *outcome, from string) *call {
	if got.location != nil {
		if p.target.isOwn(got.location.String()) {
			return &call{method: http.MethodGet, url: got.location.String()}
		}
		return nil
	}
	form := formTag.FindString(got.body)
	if got.status != http.StatusOK || form == "" || p.target.Approve.Auto {
		return nil
	}
	base, err1 := url.Parse(from)
	action, err2 := url.Parse(attributes(form[:strings.Index(form, ">")])["action"])
	if err1 != nil || err2 != nil {
		return nil
	}
	to := formCall(base.ResolveReference(action).String(), p.target.Approve.fill(form))
	to.header.Set("Origin", base.Scheme+"://"+base.Host)
	return to
}

// Enough of HTML for pages that work without script.
var (
	formTag  = regexp.MustCompile(`(?is)<form[^>]*>.*?</form>`)
	inputTag = regexp.MustCompile(`(?is)<(input|button)[^>]*>`)
	attr     = regexp.MustCompile(`(?is)([a-z-]+)="([^"]*)"`)
)

// fill logs in where there is a password field, and presses the button of the
// decision elsewhere.
func (a *Approval) fill(form string) pairs {
	fields := pairs{}
	for _, tag := range inputTag.FindAllString(form, -1) {
		at := attributes(tag)
		switch {
		case at["type"] == "submit" || strings.HasPrefix(strings.ToLower(tag), "<button"):
			if at["value"] == a.Decision && at["name"] != "" {
				fields.set(at["name"], at["value"])
			}
		case at["type"] == "password":
			fields.set(at["name"], a.Password)
		case at["name"] == a.UsernameField:
			fields.set(at["name"], a.Username)
		case at["name"] != "" && at["type"] != "checkbox":
			fields.set(at["name"], at["value"])
		}
	}
	return fields
}

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(tag, -1) {
		found[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return found
}
