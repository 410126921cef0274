package registration

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"unicode/utf8"

	"github.com/meflso/fosite-meflso/storage"
)

// members are those of a JSON object, by their exact names. encoding/json alone
// would let "JWKS" stand for "jwks" and the last of two members win.
type members map[string]json.RawMessage

var errJSON = errors.New("registration: not one JSON object without duplicate members")

// maxDepth bounds how deep arrays and objects nest.
const maxDepth = 20

func parseMembers(data []byte) (members, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if !utf8.Valid(data) || checkValue(decoder, 0) != nil {
		return nil, errJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	var m members
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		return nil, errJSON
	}
	// A null is a member that is not there (RFC 7592 §2.2).
	maps.DeleteFunc(m, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return m, nil
}

// checkValue reads one value and returns an error if an object in it has two
// members of one name.
func checkValue(decoder *json.Decoder, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth > maxDepth {
		return errJSON
	}
	seen := map[string]bool{}
	for decoder.More() {
		if delim == '{' {
			name, err := decoder.Token()
			text, ok := name.(string)
			if err != nil || !ok || seen[text] {
				return errJSON
			}
			seen[text] = true
		}
		if err := checkValue(decoder, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

// text returns the member if it is a string, else "".
func (m members) text(name string) string {
	var text string
	if json.Unmarshal(m[name], &text) != nil {
		return ""
	}
	return text
}

// texts returns the member if it is a list of strings.
func (m members) texts(name string) (list []string, err error) {
	if len(m[name]) == 0 {
		return nil, nil
	}
	err = json.Unmarshal(m[name], &list)
	return list, err
}

// fields are what a client or its statement may say of the client. The other
// members of storage.Client are the server's.
var fields = []string{
	"redirect_uris", "grant_types", "response_types", "scope", "client_name", "jwks", "jwks_uri",
	"token_endpoint_auth_method", "token_endpoint_auth_signing_alg",
	"request_object_signing_alg", "request_object_encryption_alg", "request_object_encryption_enc",
	"id_token_signed_response_alg", "id_token_encrypted_response_alg", "id_token_encrypted_response_enc",
	"authorization_signed_response_alg", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
	"userinfo_signed_response_alg", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
	"require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens",
	"tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri",
	"tls_client_auth_san_ip", "tls_client_auth_san_email",
}

// client reads the fields. An error is one of the wrong JSON type.
func (m members) client() (client storage.Client, err error) {
	known := members{}
	for _, name := range fields {
		if value, there := m[name]; there {
			known[name] = value
		}
	}
	data, err := json.Marshal(known)
	if err != nil {
		return client, err
	}
	return client, json.Unmarshal(data, &client)
}
