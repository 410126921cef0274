package idtoken

import (
	"encoding/json"
	"slices"
)

// claims are those of one ID Token: a struct, because a map would be sorted
// and boxed for each token. An empty one is not there.
type claims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"`
	IssuedAt        int64    `json:"iat"`
	Expires         int64    `json:"exp"`
	AuthTime        int64    `json:"auth_time,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	CodeHash        string   `json:"c_hash,omitempty"`
	StateHash       string   `json:"s_hash,omitempty"`
	AccessTokenHash string   `json:"at_hash,omitempty"`

	intentClaim, intentID string
	others                map[string]any // the host's; none of Reserved
}

// Reserved are claims that the host does not decide.
var Reserved = []string{
	"iss", "sub", "aud", "iat", "exp", "auth_time", "acr", "amr", "nonce", "c_hash", "s_hash", "at_hash",
	"azp", "jti", "nbf", "rat", "cnf",
}

// add takes what the host adds, where it is the host's to decide.
func (c *claims) add(extra map[string]any, intentClaim string) {
	for name, value := range extra {
		if name == intentClaim || name == c.intentClaim || slices.Contains(Reserved, name) {
			continue
		}
		if c.others == nil {
			c.others = make(map[string]any, len(extra))
		}
		c.others[name] = value
	}
}

// encode returns one JSON object with all of them.
func (c *claims) encode() ([]byte, error) {
	object, err := json.Marshal(c)
	if err == nil && c.intentID != "" {
		object = c.appendIntent(object)
	}
	if err != nil || len(c.others) == 0 {
		return object, err
	}
	others, err := json.Marshal(c.others)
	if err != nil {
		return nil, err
	}
	object[len(object)-1] = ','
	return append(object, others[1:]...), nil
}

func (c *claims) appendIntent(object []byte) []byte {
	name, _ := json.Marshal(c.intentClaim) // a string always can
	id, _ := json.Marshal(c.intentID)
	object = slices.Grow(object, len(name)+len(id)+2)
	object[len(object)-1] = ','
	object = append(append(object, name...), ':')
	return append(append(object, id...), '}')
}
