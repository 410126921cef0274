package main

import (
	"fmt"
	"net/http"
	"strings"
)

// atResource calls the API with the token.
func atResource(p *play) (*outcome, error) {
	if err := p.obtain(); err != nil {
		return nil, err
	}
	good, err := p.apiCall()
	if err != nil {
		return nil, err
	}
	p.again["same-token"] = func() error {
		got, err := p.send(p.self, p.certificate(), good)
		if err == nil && got.status >= http.StatusMultipleChoices {
			err = fmt.Errorf("a good call: %s", got)
		}
		return err
	}
	if p.row.Setup.First {
		if err := p.again["same-token"](); err != nil {
			return nil, err
		}
	}
	hostile := *good
	hostile.header = good.header.Clone()
	if err := p.distort(&hostile); err != nil {
		return nil, err
	}
	once := func() (*outcome, error) { return p.send(p.sender(), p.certificate(), &hostile) }
	if p.row.Setup.Times > 1 {
		return p.atOnce(once)
	}
	return once()
}

// apiCall is a good call: of the API, of an endpoint in the discovery document,
// or of the configured resource.
func (p *play) apiCall() (*call, error) {
	s := p.row.Setup
	c := &call{method: s.Method, url: p.target.Resource, header: http.Header{"Authorization": {"Bearer " + p.accessToken}}}
	if c.method == "" {
		c.method = http.MethodGet
	}
	switch {
	case strings.HasPrefix(s.Path, "/"):
		c.url = p.target.API + p.expand(s.Path)
	case s.Path != "":
		c.url = p.at(s.Path)
	}
	var err error
	if c.body, err = p.apiBody(); c.body != "" {
		c.header.Set("Content-Type", "application/json")
	}
	return c, err
}
