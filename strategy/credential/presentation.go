package credential

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	// MaxPresentation bounds a presentation with all that is in it, in bytes.
	MaxPresentation = 64 << 10
	// MaxCredentials bounds the credentials of a presentation.
	MaxCredentials = 8
	// maxPresentationLife is how far ahead its exp may lie.
	maxPresentationLife = 5 * time.Minute
)

// vp is a presentation that its holder signed for this server.
type vp struct {
	*document
	holder      string
	expires     time.Time
	credentials []*vc
}

// open reads the presentation and the credentials in it. No signature is
// verified, so that a stranger costs no fetch, and nothing is used up.
func (v *Verifier) open(token string) (*vp, error) {
	if token == "" {
		return nil, invalid(ruleEntity, "entity presentation required")
	}
	d := presentationForm.parse(token, MaxPresentation)
	if d == nil {
		return nil, invalid(ruleHolder, "The entity presentation is no signed JWT of VCDM 1.1 or 2.0, or too large.")
	}
	p := &vp{document: d}
	iss, err1 := d.claims.String("iss")
	holder, err2 := identifier(d.body, "holder")
	if p.holder = same(iss, err1, holder, err2); !isParty(p.holder) {
		return nil, invalid(ruleHolder, "The entity presentation names no holder, or two.")
	}
	if err := v.checkPresentation(p); err != nil {
		return nil, err
	}
	return p, p.readCredentials()
}

// checkPresentation: it is meant for this server, and for now.
func (v *Verifier) checkPresentation(p *vp) error {
	aud, err := p.claims.Strings("aud")
	if err != nil || v.Audience == "" || !slices.Contains(aud, v.Audience) {
		return invalid(ruleHolder, "The entity presentation is for another audience.")
	}
	if nonce, err := p.claims.String("nonce"); len(aud) > 1 && (err != nil || nonce == "" || v.TakeNonce == nil) {
		// Another of them could show it here first.
		return invalid(ruleHolder, "The entity presentation is for several audiences and answers no challenge.")
	}
	now, skew := v.Clock(), v.Profile.RequestObject.Skew
	exp, err := p.claims.Time("exp")
	if err != nil || exp.IsZero() || !exp.After(now.Add(-skew)) || exp.After(now.Add(maxPresentationLife+skew)) {
		return invalid(ruleHolder, "The entity presentation's exp is missing, past or more than 5 minutes ahead.")
	}
	p.expires = exp
	if nbf, err := p.claims.Time("nbf"); err != nil || nbf.After(now.Add(skew)) {
		return invalid(ruleHolder, "The entity presentation is not valid yet.")
	}
	iat, err := p.claims.Time("iat")
	if err != nil || iat.After(now.Add(skew)) || !iat.IsZero() && exp.Sub(iat) > maxPresentationLife {
		return invalid(ruleHolder, "The entity presentation's iat is not a date in the past, or it lives too long.")
	}
	return nil
}

func (p *vp) readCredentials() error {
	list, ok := elements(p.body["verifiableCredential"])
	if !ok || len(list) == 0 || len(list) > MaxCredentials {
		return invalid(ruleEntity, "The entity presentation has no credential, or too many.")
	}
	digests := map[string]string{}
	for _, raw := range list {
		token, enveloped := p.credential(raw)
		c, err := parseVC(token, maxCredential)
		switch {
		case err != nil:
			return err
		case enveloped && c.version != V2:
			return invalid(ruleForm, "An enveloped credential is not of VCDM 2.0.")
		}
		if known, seen := digests[c.id]; seen && known != c.digest {
			return invalid(ruleID, "Two credentials have one identifier.")
		} else if !seen {
			p.credentials = append(p.credentials, c)
		}
		digests[c.id] = c.digest
	}
	return nil
}

// credential returns the JWT of one credential: in version 1.1 it is the
// string, in 2.0 the data: URL of an EnvelopedVerifiableCredential
// (VCDM 2.0 §4.13).
func (p *vp) credential(raw json.RawMessage) (token string, enveloped bool) {
	if p.version == V1 {
		token, _ = jose.Object{"": raw}.String("") // no string is no JWT either
		return token, false
	}
	envelope := object(jose.Object{"": raw}, "")
	types, _ := envelope.Strings("type")
	id, err := envelope.String("id")
	media, token, found := strings.Cut(strings.TrimPrefix(id, "data:"), ",")
	media = strings.TrimPrefix(strings.ToLower(media), "application/")
	if err != nil || !found || !strings.HasPrefix(id, "data:application/") ||
		!slices.Contains(types, "EnvelopedVerifiableCredential") || !slices.Contains(credentialForm.types, media) {
		return "", true
	}
	return token, true
}

var errNoReplayCheck = errors.New("credential: the Verifier has no UseOnce")

// useUp makes sure that nobody presents it again: by the challenge that it
// answers, or by its jti.
func (v *Verifier) useUp(ctx context.Context, p *vp) error {
	nonce, err1 := p.claims.String("nonce")
	jti, err2 := p.claims.String("jti")
	if err1 != nil || err2 != nil {
		return invalid(ruleHolder, "The entity presentation's nonce or jti is not a string.")
	}
	var fresh bool
	var err error
	switch {
	case nonce != "" && v.TakeNonce != nil:
		fresh, err = v.TakeNonce(ctx, nonce)
	case v.Policy.RequireNonce:
		return invalid(ruleHolder, "The entity presentation answers no challenge.")
	case jti == "" || len(jti) > maxIdentifier:
		return invalid(ruleHolder, "The entity presentation has no jti.")
	case v.UseOnce == nil:
		return profile.ServerError("The server cannot take presentations.", errNoReplayCheck)
	default:
		sum := sha256.Sum256([]byte(p.holder + "\x00" + jti))
		key := "presentation:" + base64.RawURLEncoding.EncodeToString(sum[:])
		fresh, err = v.UseOnce(ctx, key, p.expires.Add(v.Profile.RequestObject.Skew))
	}
	switch {
	case err != nil:
		return profile.Unavailable(err)
	case !fresh:
		return invalid(ruleHolder, "The entity presentation has been used before, or answers no open challenge.")
	}
	return nil
}
