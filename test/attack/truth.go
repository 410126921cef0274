package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

func decode(data []byte) (object map[string]any, err error) {
	return object, json.Unmarshal(data, &object)
}

// probe tries one value of a list in the discovery document in a request that
// is good otherwise, and tells whether the server took it.
type probe struct {
	// values are those that are tried beside the listed ones.
	values []string
	where  string
	change func(value string) []Change
	setup  func(value string) Setup
}

func change(on, do, name, value string) Change {
	return Change{On: on, Do: do, Name: name, Value: json.RawMessage(encode(value))}
}

var jwsAlgs = []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256", "HS256", "none"}

// probes are the lists whose truth is tried.
var probes = map[string]probe{
	"request_object_signing_alg_values_supported": {
		values: jwsAlgs, where: "authorize",
		change: func(v string) []Change { return signWith("object", v) },
	},
	"token_endpoint_auth_signing_alg_values_supported": {
		values: jwsAlgs, where: "token",
		change: func(v string) []Change { return signWith("assertion", v) },
	},
	"request_object_encryption_alg_values_supported": {
		values: []string{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "RSA1_5", "dir", "A128KW", "PBES2-HS256+A128KW"}, where: "authorize",
		change: func(v string) []Change { return encryptWith(v, "A256GCM") },
	},
	"request_object_encryption_enc_values_supported": {
		values: []string{"A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"}, where: "authorize",
		change: func(v string) []Change { return encryptWith("RSA-OAEP-256", v) },
	},
	"acr_values_supported": {
		values: []string{"urn:other:acr", "0", "phr"}, where: "authorize",
		change: func(v string) []Change { return []Change{change("object.payload", "set", "acr_values", v)} },
	},
	"response_types_supported": {
		values: []string{"code", "code id_token", "token", "id_token", "code token", "code id_token token", "none"}, where: "authorize",
		change: responseType,
	},
	"response_modes_supported": {
		values: []string{"fragment", "query", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}, where: "authorize",
		change: func(v string) []Change { return []Change{change("object.payload", "set", "response_mode", v)} },
	},
	"code_challenge_methods_supported": {
		values: []string{"S256", "plain", "S512"}, where: "authorize",
		change: func(v string) []Change {
			return []Change{change("object.payload", "set", "code_challenge_method", v)}
		},
	},
	"grant_types_supported": {
		values: []string{"password", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer", "implicit"}, where: "token",
		change: func(v string) []Change { return []Change{change("form", "set", "grant_type", v)} },
		setup:  func(v string) Setup { return Setup{Grant: v} },
	},
}

// signWith uses the key that the client has for the algorithm; HMAC over its
// public key, and no signature, are what an attacker has.
func signWith(what, alg string) []Change {
	switch alg {
	case "HS256":
		return []Change{change(what+".header", "set", "alg", alg), change(what+".jws", "hmac", "", "pem")}
	case "none":
		return []Change{change(what+".header", "set", "alg", alg), change(what+".jws", "part", "2", "")}
	}
	return []Change{change(what+".header", "set", "alg", alg), change(what+".jws", "sign-with", "", alg)}
}

func encryptWith(alg, enc string) []Change {
	value := encode(map[string]any{"alg": alg, "enc": enc, "cty": "JWT"})
	return []Change{{On: "object.jwe", Do: "encrypt", Value: json.RawMessage(value)}}
}

// responseType: code is listed for its JARM form alone.
func responseType(v string) []Change {
	changes := []Change{change("object.payload", "set", "response_type", v)}
	if v == "code" {
		changes = append(changes, change("object.payload", "set", "response_mode", "jwt"))
	}
	return changes
}

// atDiscovery tries every value of one list, and every other that is known.
func atDiscovery(p *play) (*outcome, error) {
	name := p.row.Setup.List
	about, ok := probes[name]
	if !ok {
		return nil, fmt.Errorf("list %q is unknown", name)
	}
	listed := p.target.list(name)
	for _, value := range union(listed, about.values) {
		took, err := p.try(&about, value)
		if errors.Is(err, errNoKey) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", value, err)
		}
		if took != slices.Contains(listed, value) {
			return &outcome{body: fmt.Sprintf("%s lists %v; %s was taken: %v", name, listed, value, took), header: http.Header{}}, nil
		}
	}
	return &outcome{status: http.StatusOK, header: http.Header{}}, nil
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// try plays one row that is made for the value. A refusal is one with an error
// code; nothing else will do.
func (p *play) try(about *probe, value string) (bool, error) {
	row := Row{Name: value, Where: about.where, Mutate: about.change(value), Then: "none"}
	if about.setup != nil && slices.Contains(p.target.list(p.row.Setup.List), value) {
		row.Setup, row.Mutate = about.setup(value), nil
	}
	q := p.target.play(p.ctx, &row)
	if err := q.possible(); err != nil {
		return false, errNoKey
	}
	got, err := stages[row.Where](q)
	if err != nil {
		return false, err
	}
	if about.where == "token" {
		return text(got.json["access_token"]) != "", refusedWell(got.json["error"], got.json["access_token"], got)
	}
	if _, err := q.codeOf(got); err == nil {
		return true, nil
	}
	return false, refusedAuthorization(q, got)
}

func refusedWell(code, token any, got *outcome) error {
	if (text(code) == "") == (text(token) == "") {
		return fmt.Errorf("neither taken nor refused: %s", got)
	}
	return nil
}

func refusedAuthorization(p *play, got *outcome) error {
	if got.location == nil && got.status == http.StatusBadRequest {
		return nil
	}
	params, err := p.answerOf(got)
	if err == nil && params["error"] == "" {
		err = fmt.Errorf("neither taken nor refused: %s", got)
	}
	return err
}
