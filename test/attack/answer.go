package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// answerOf are the parameters that came to the client; those of a JARM response
// once its signature, iss and aud proved good.
func (p *play) answerOf(got *outcome) (map[string]string, error) {
	params := map[string]string{}
	for name := range got.params {
		params[name] = got.params.Get(name)
	}
	response, ok := params["response"]
	if !ok {
		return params, nil
	}
	claims, err := p.target.verify(response)
	if err != nil {
		return nil, fmt.Errorf("the JARM response: %w", err)
	}
	if text(claims["iss"]) != p.target.Issuer || text(claims["aud"]) != p.self.ID {
		return nil, errors.New("the JARM response is of another issuer or for another client")
	}
	if left := int64(number(claims["exp"])) - time.Now().Unix(); left <= 0 || left > 600 {
		return nil, fmt.Errorf("the JARM response lives %d seconds more", left)
	}
	params = map[string]string{}
	for name := range claims {
		params[name] = text(claims[name])
	}
	return params, nil
}

// verify reads a JWT of the server's.
func (t *Target) verify(token string) (map[string]any, error) {
	signed, err := jose.ParseSigned(token)
	if err != nil {
		return nil, err
	}
	for _, key := range t.jwks.Key(signed.Signatures[0].Header.KeyID) {
		if payload, err := signed.Verify(key); err == nil {
			return decode(payload)
		}
	}
	return nil, errors.New("no key of the server verifies it")
}
