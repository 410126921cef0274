package main

import (
	"crypto/rand"
	"maps"
	"net/url"
)

// partyNames are those of a registration, for ${names}.
func (p *play) partyNames() map[string]func() (string, error) {
	d, a := p.target.directory, p.applicant
	if d == nil || a == nil {
		return nil
	}
	names := map[string]func() (string, error){
		"register": known(p.at("registration_endpoint")), "directory": known(d.issuer.ID), "directoryKid": known(d.issuer.keys[0].KeyID),
		"applicant": known(a.name), "applicantID": known(a.ID), "applicantKid": known(a.keys[0].KeyID), "applicantRedirect": known(a.RedirectURI),
		"escapedID": known(url.PathEscape(a.ID)), "twiceEscapedID": known(url.PathEscape(url.PathEscape(a.ID))), "registration": known(a.uri), "registrationToken": known(a.token),
		"presentationID": known(a.jti), "nonceOfServer": known(a.nonce), "fresh": known(rand.Text()),
		"applicantToken":     func() (string, error) { return p.ownToken(a.Client, p.ownScope()) },
		"statement":          func() (string, error) { return p.statementOf(a) },
		"credential":         func() (string, error) { return p.credentialOf(a) },
		"presentation":       func() (string, error) { return p.presentationOf(a) },
		"goodIDToken":        p.goodIDToken,
		"openChallenge":      p.askChallenge,
		"applicantAssertion": func() (string, error) { return p.assertionOf(a.Client) },
		"applicantObject":    func() (string, error) { return p.objectDraft(a.Client, "of-nobody").compact() },
		"signedRegistration": func() (string, error) {
			body, err := p.application(a)
			if err != nil {
				return "", err
			}
			return p.signedDraft(a, body).compact()
		},
	}
	maps.Copy(names, p.secondNames())
	if d.registry != nil {
		names["registry"], names["registryKid"] = known(d.registry.ID), known(d.registry.keys[0].KeyID)
		names["statusList"] = known(p.statusURL(a, hostile))
	}
	if d.web != nil {
		names["web"] = known(d.web.base)
	}
	if a.holder != nil {
		names["holder"] = known(a.holder.ID)
	}
	return names
}

// secondNames are those of another applicant, who is made when one is asked
// for; its token and address are those of a good registration.
func (p *play) secondNames() map[string]func() (string, error) {
	of := func(registered bool, get func(*applicant) (string, error)) func() (string, error) {
		return func() (string, error) {
			a, err := p.second(registered)
			if err != nil {
				return "", err
			}
			return get(a)
		}
	}
	return map[string]func() (string, error){
		"secondID":           of(false, func(a *applicant) (string, error) { return a.ID, nil }),
		"secondRedirect":     of(false, func(a *applicant) (string, error) { return a.RedirectURI, nil }),
		"secondStatement":    of(false, p.statementOf),
		"secondCredential":   of(false, p.credentialOf),
		"secondPresentation": of(false, p.presentationOf),
		"secondToken":        of(true, func(a *applicant) (string, error) { return a.token, nil }),
		"secondRegistration": of(true, func(a *applicant) (string, error) { return a.uri, nil }),
	}
}

// goodIDToken is one of the server's own, for a client that is known.
func (p *play) goodIDToken() (string, error) {
	form, err := p.grant()
	if err != nil {
		return "", err
	}
	err = p.redeem(form)
	return p.idToken, err
}

// party is who may sign in the place of another.
func (p *play) party(name string) (*Client, error) {
	switch d := p.target.directory; {
	case d == nil || p.applicant == nil:
	case name == "directory":
		return d.issuer, nil
	case name == "registry" && d.registry != nil:
		return d.registry, nil
	case name == "applicant":
		return p.applicant.Client, nil
	case name == "second":
		a, err := p.second(false)
		if err != nil {
			return nil, err
		}
		return a.Client, nil
	}
	return nil, errNoKey
}
