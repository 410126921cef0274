package main

import (
	"net/http"
	"strings"
	"sync"
)

// atOnce does the same many times at once and counts who got something.
func (p *play) atOnce(one func() (*outcome, error)) (*outcome, error) {
	n := p.row.Setup.Times
	start, got, errs := make(chan struct{}), make([]*outcome, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			got[i], errs[i] = one()
		})
	}
	close(start)
	all.Wait()
	sum := &outcome{status: http.StatusOK, header: http.Header{}}
	for i, o := range got {
		if errs[i] != nil {
			return nil, errs[i]
		}
		p.count(sum, o)
	}
	return sum, nil
}

// count: a code, a token or something created is what there must be one of.
func (p *play) count(sum, o *outcome) {
	_, err := p.codeOf(o)
	if err == nil || text(o.json["access_token"]) != "" || o.status == http.StatusCreated {
		sum.won++
		return
	}
	sum.lost++
	sum.status = max(sum.status, o.status)
	if o.location != nil {
		sum.status = max(sum.status, http.StatusBadRequest)
	}
	sum.refused = append(sum.refused, p.reason(o))
}

// reason is the code of an error, wherever it stands.
func (p *play) reason(o *outcome) string {
	if code := text(o.json["error"]); code != "" {
		return code
	}
	if params, err := p.answerOf(o); err == nil && params["error"] != "" {
		return params["error"]
	}
	for _, code := range p.row.Expect.Errors {
		if strings.Contains(o.body, code) || strings.Contains(o.header.Get("WWW-Authenticate"), code) {
			return code
		}
	}
	return o.String()
}
