package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
)

// stages are the places that are attacked, by the names that rows use. Each
// makes the good request, changes it as the row says and returns the answer;
// an error means that a good request failed.
var stages map[string]func(*play) (*outcome, error)

func init() { // the rows' check and the stages know each other
	stages = map[string]func(*play) (*outcome, error){
		"authorize": atAuthorize, "par": atPAR, "pushed": atPushed, "token": atToken,
		"introspect": atIntrospection, "resource": atResource, "tls": atTLS, "discovery": atDiscovery,
		"register": atRegister, "manage": atManage,
	}
}

// atAuthorize sends a request object by value.
func atAuthorize(p *play) (*outcome, error) {
	if err := p.prepareObject(); err != nil {
		return nil, err
	}
	token, err := p.make("object", p.objectDraft(p.self, p.intent))
	if err != nil {
		return nil, err
	}
	return p.ask(pairs{{"client_id", p.self.ID}, {"request", token}})
}

// ask sends the browser to the authorization endpoint with the row's changes.
func (p *play) ask(query pairs) (*outcome, error) {
	query, err := p.alter("query", query)
	if err != nil {
		return nil, err
	}
	address := p.target.endpoint("authorization_endpoint")
	request := &call{method: http.MethodGet, url: address + separator(address) + query.encode(), header: http.Header{}}
	if err := p.distort(request); err != nil {
		return nil, err
	}
	if p.row.Setup.Times > 1 {
		return p.atOnce(func() (*outcome, error) { return p.visit(request) })
	}
	return p.visit(request)
}

// prepareObject lodges the intent, and says what must work after a refusal.
func (p *play) prepareObject() (err error) {
	if p.intent, err = p.lodge(p.self); err != nil {
		return err
	}
	p.again["same-object"] = func() error { _, err := p.approve(p.jti); return err }
	p.again["same-intent"] = func() error { _, err := p.approve(rand.Text()); return err }
	if p.row.Setup.First {
		if _, err = p.approve(p.jti); err != nil {
			return err
		}
	}
	return p.spoilClient()
}

// approve plays a good authorization of the intent and returns its code.
func (p *play) approve(jti string) (string, error) {
	d := p.objectDraft(p.self, p.intent)
	d.payload.set("jti", encode(jti))
	token, err := d.compact()
	if err != nil {
		return "", err
	}
	return p.arrive(pairs{{"client_id", p.self.ID}, {"request", token}})
}

// arrive sends the browser to the authorization endpoint and returns the code
// that comes back.
func (p *play) arrive(query pairs) (string, error) {
	address := p.target.endpoint("authorization_endpoint")
	got, err := p.visit(&call{method: http.MethodGet, url: address + separator(address) + query.encode()})
	if err != nil {
		return "", err
	}
	code, err := p.codeOf(got)
	if err != nil {
		return "", fmt.Errorf("a good authorization: %w: %s", err, got)
	}
	return code, nil
}

// codeOf finds the code in an answer to the client, plain or in a JARM
// response.
func (p *play) codeOf(got *outcome) (string, error) {
	if !p.isClients(got) {
		return "", errors.New("the answer does not go to the client")
	}
	params, err := p.answerOf(got)
	if err != nil {
		return "", err
	}
	if code := params["code"]; code != "" {
		return code, nil
	}
	return "", errors.New("there is no code")
}

// atPAR pushes a request object.
func atPAR(p *play) (*outcome, error) {
	var err error
	if p.intent, err = p.lodge(p.self); err != nil {
		return nil, err
	}
	p.again["same-object"] = func() error { return p.pushAgain(p.jti) }
	p.again["same-intent"] = func() error { return p.pushAgain(rand.Text()) }
	if p.row.Setup.First {
		if _, err := p.push(p.self, p.objectDraft(p.self, p.intent)); err != nil {
			return nil, err
		}
	}
	if err := p.spoilClient(); err != nil {
		return nil, err
	}
	token, err := p.make("object", p.objectDraft(p.self, p.intent))
	if err != nil {
		return nil, err
	}
	return p.submit("pushed_authorization_request_endpoint", pairs{{"request", token}}, p.assertionJTI)
}

// pushAgain pushes a good object of the same intent, whose user then approves.
func (p *play) pushAgain(jti string) error {
	d := p.objectDraft(p.self, p.intent)
	d.payload.set("jti", encode(jti))
	uri, err := p.push(p.self, d)
	if err != nil {
		return err
	}
	_, err = p.arrive(pairs{{"client_id", p.self.ID}, {"request_uri", uri}})
	return err
}

func (p *play) push(c *Client, d *draft) (string, error) {
	token, err := d.compact()
	if err != nil {
		return "", err
	}
	return p.pushText(c, token)
}

func (p *play) pushText(c *Client, token string) (string, error) {
	got, err := p.good(c, p.at("pushed_authorization_request_endpoint"), pairs{{"request", token}})
	if err != nil {
		return "", err
	}
	if uri := text(got.json["request_uri"]); uri != "" {
		return uri, nil
	}
	return "", fmt.Errorf("a good push: %s", got)
}

// pushed is a good request_uri of the client.
func (p *play) pushed(c *Client) (string, error) {
	intent, err := p.lodge(c)
	if err != nil {
		return "", err
	}
	d := p.objectDraft(c, intent)
	d.payload.set("jti", encode(rand.Text()))
	return p.push(c, d)
}

// atPushed uses the reference to an object that was pushed well.
func atPushed(p *play) (*outcome, error) {
	var err error
	if p.intent, err = p.lodge(p.self); err != nil {
		return nil, err
	}
	if p.pushedObject, err = p.objectDraft(p.self, p.intent).compact(); err != nil {
		return nil, err
	}
	if p.requestURI, err = p.pushText(p.self, p.pushedObject); err != nil {
		return nil, err
	}
	query := pairs{{"client_id", p.self.ID}, {"request_uri", p.requestURI}}
	p.again["same-object"] = func() error { _, err := p.arrive(query); return err }
	if p.row.Setup.First {
		if _, err := p.arrive(query); err != nil {
			return nil, err
		}
	}
	return p.ask(query)
}

// submit posts a form of a client with the row's changes on the form, the
// assertion and the HTTP request.
func (p *play) submit(endpoint string, form pairs, jti string) (*outcome, error) {
	request, err := p.hostile(endpoint, form, jti)
	if err != nil {
		return nil, err
	}
	return p.send(p.sender(), p.certificate(), request)
}

func (p *play) hostile(endpoint string, form pairs, jti string) (*call, error) {
	c, assertion := p.sender(), ""
	if c != p.target.tls {
		var err error
		if assertion, err = p.make("assertion", p.assertionDraft(c, jti)); err != nil {
			return nil, err
		}
	}
	p.authenticate(&form, c, assertion)
	form, err := p.alter("form", form)
	if err != nil {
		return nil, err
	}
	request := formCall(p.at(endpoint), form)
	return request, p.distort(request)
}
