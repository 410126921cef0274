package registration

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// maxBody bounds a registration, in bytes.
const maxBody = 128 << 10

const ruleBody profile.Rule = "RFC7591-3.1"

// read reads the request into a draft. What a signed body says is not believed
// before the draft's rules verified it.
func (e *Endpoint) read(r *http.Request, stored *storage.Registration) (*draft, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	signed := mediaType == "application/jose" || mediaType == "application/jwt"
	if err != nil || mediaType != "application/json" && !signed {
		return nil, withStatus(http.StatusUnsupportedMediaType, "The body is neither JSON nor a signed JWT.", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, withStatus(http.StatusRequestEntityTooLarge, "The body is larger than 128 KiB.", err)
	}
	if err != nil {
		return nil, withStatus(http.StatusBadRequest, "The body cannot be read.", err)
	}
	d := &draft{Endpoint: e, stored: stored, reg: &storage.Registration{}}
	if signed {
		d.signed = strings.TrimSpace(string(body))
		body = payloadOf(d.signed)
	}
	if d.sent, err = parseMembers(body); err != nil {
		return nil, invalid(ruleBody, "The metadata are not one JSON object without duplicate members.").Because(err)
	}
	return d, nil
}

func withStatus(status int, description string, cause error) *profile.Violation {
	refusal := ruleBody.InvalidRequest(description).Because(cause)
	refusal.OAuth.CodeField = status
	return refusal
}

// payloadOf returns the payload of a compact JWS, unverified, or nothing.
func payloadOf(token string) []byte {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return payload
}
