package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// draft is a JWT before it is signed.
type draft struct {
	header, payload *members
	signer          signer
	by              *Client // whose it is; nil is the play's own client
}

// make does the changes of a row on a good draft and returns the token. What
// is "object" or "assertion".
func (p *play) make(what string, d *draft) (string, error) {
	for part, m := range map[string]*members{".header": d.header, ".payload": d.payload} {
		for _, c := range p.row.does(what + part) {
			if err := p.edit(m, c); err != nil {
				return "", err
			}
		}
	}
	token, err := p.sign(what+".jws", d)
	if err != nil {
		return "", err
	}
	for _, c := range p.row.does(what + ".jwe") {
		if token, err = p.encrypt(token, c); err != nil {
			return "", err
		}
	}
	return p.recode(what+".text", token)
}

func (d *draft) compact() (string, error) {
	input := b64.EncodeToString(d.header.bytes()) + "." + b64.EncodeToString(d.payload.bytes())
	signature, err := d.signer.sign([]byte(input))
	return input + "." + b64.EncodeToString(signature), err
}

// sign lets the row choose the key, signs, and lets the row change the text.
func (p *play) sign(on string, d *draft) (string, error) {
	for _, c := range p.row.does(on) {
		value, err := p.value(c.Value)
		if err != nil {
			return "", err
		}
		if err := p.choose(d, c.Do, text(value)); err != nil {
			return "", err
		}
	}
	token, err := d.compact()
	if err != nil {
		return "", err
	}
	return p.recode(on, token)
}

// choose sets with what is signed. Other changes are for recode.
func (p *play) choose(d *draft, do, value string) (err error) {
	by := p.self
	if d.by != nil {
		by = d.by
	}
	switch do {
	case "sign-as-other":
		d.signer.key = p.other.keys[0].Key
	case "sign-as-stranger":
		d.signer = signer{key: p.target.stranger.key, alg: "ES256"}
	case "sign-as": // a party of a registration; the kid stays
		party, err := p.party(value)
		if err != nil {
			return err
		}
		d.signer = party.signer()
	case "sign-with": // an algorithm that the client has a key for
		key := by.key(value)
		if key == nil {
			return errNoKey
		}
		d.signer = signer{key: key.Key, alg: value}
		d.header.set("kid", encode(key.KeyID))
	case "hmac": // over the public key in a form, or over this text
		d.signer.hmac, err = secretOf(&by.keys[0], value)
	case "der":
		d.signer.der = true
	}
	return err
}

// recode changes the text of a token.
func (p *play) recode(on, token string) (string, error) {
	for _, c := range p.row.does(on) {
		if chosen[c.Do] {
			continue
		}
		do, ok := recodings[c.Do]
		if !ok {
			return "", fmt.Errorf("%s: %q is unknown", on, c.Do)
		}
		value, err := p.value(c.Value)
		if err != nil {
			return "", err
		}
		token = do(token, p.expand(c.Name), value)
	}
	return token, nil
}

var chosen = map[string]bool{"sign-as": true, "sign-as-other": true, "sign-as-stranger": true, "sign-with": true, "hmac": true, "der": true}

// recodings are the mutations of a token's text, by the names that rows use.
var recodings = map[string]func(token, name string, value any) string{
	"append":     func(t, _ string, v any) string { return t + text(v) },
	"prepend":    func(t, _ string, v any) string { return text(v) + t },
	"text":       func(_, _ string, v any) string { return text(v) },
	"repeat":     func(_, name string, v any) string { return strings.Repeat(name, number(v)) },
	"flattened":  func(t, _ string, _ any) string { return flattened(t) },
	"general":    func(t, _ string, _ any) string { return general(t) },
	"padding":    func(t, _ string, _ any) string { return mapParts(t, pad) },
	"std-base64": func(t, _ string, _ any) string { return mapParts(t, standard) },
	"stray-bits": func(t, _ string, _ any) string { return strayBits(t) },
	// A part by its number is this text.
	"part": func(t, name string, v any) string {
		parts := strings.Split(t, ".")
		parts[int(name[0]-'0')] = text(v)
		return strings.Join(parts, ".")
	},
	"flip": func(t, name string, _ any) string { return flip(t, int(name[0]-'0')) },
	// A signature of zeros verifies where nobody looks at its range.
	"zero-signature": func(t, _ string, _ any) string {
		return t[:strings.LastIndexByte(t, '.')+1] + b64.EncodeToString(make([]byte, 64))
	},
	// A member of the header is changed, of a JWE after it was encrypted.
	"reheader": reheader,
	// A member of the payload is changed and the signature kept.
	"tamper": tamper,
	"split":  func(t, _ string, v any) string { return t[:len(t)/2] + text(v) + t[len(t)/2:] },
}

func flattened(token string) string {
	parts := strings.Split(token, ".")
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])
}

func general(token string) string {
	parts := strings.Split(token, ".")
	return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2])
}

func mapParts(token string, do func(string) string) string {
	parts := strings.Split(token, ".")
	for i := range parts {
		parts[i] = do(parts[i])
	}
	return strings.Join(parts, ".")
}

func pad(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4+4) }

// standard is the other alphabet of base64, with its padding.
func standard(part string) string {
	raw, err := b64.DecodeString(part)
	if err != nil {
		return part
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// strayBits sets a bit behind the end of the signature: another text for the
// same bytes.
func strayBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last|1:last|1+1]
}

func flip(token string, part int) string {
	parts := strings.Split(token, ".")
	raw, err := b64.DecodeString(parts[part])
	if err == nil && len(raw) > 0 {
		raw[len(raw)/2] ^= 1
		parts[part] = b64.EncodeToString(raw)
	}
	return strings.Join(parts, ".")
}

func tamper(token, name string, value any) string { return remember(token, 1, name, value) }

func reheader(token, name string, value any) string { return remember(token, 0, name, value) }

// remember sets a member of the object in a part of the token.
func remember(token string, part int, name string, value any) string {
	parts := strings.Split(token, ".")
	raw, _ := b64.DecodeString(parts[part])
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		return token
	}
	object[name] = value
	parts[part] = b64.EncodeToString([]byte(encode(object)))
	return strings.Join(parts, ".")
}
