package registration

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/did"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/mtls"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

const (
	ruleKeys    profile.Rule = "MEF-R2"
	ruleKeysTLS profile.Rule = "FAPI-8.9-1"
	ruleKid     profile.Rule = "FAPI-8.9-3"
	ruleRSA     profile.Rule = "BASE-5.2.2-5"
	ruleCurve   profile.Rule = "BASE-5.2.2-6"
	rulePrivate profile.Rule = "RFC7591-2"

	ruleCertified   profile.Rule = "MEF-R40"
	ruleExpired     profile.Rule = "MEF-R41"
	ruleCertificate profile.Rule = "RFC7517-4.7"
)

// checkKeySource: a client's keys are in one place.
func (d *draft) checkKeySource(context.Context) error {
	client := &d.reg.Client
	byValue, byURL := len(d.sent["jwks"]) > 0, len(d.sent["jwks_uri"]) > 0
	if d.document != nil {
		if byValue || byURL || len(client.JWKS) > 0 || client.JWKSURI != "" {
			return invalid(ruleKeys, "The keys of a DID client are in its DID document.")
		}
	} else if byValue && byURL || (len(client.JWKS) > 0) == (client.JWKSURI != "") {
		return invalid(ruleKeys, "There is not exactly one of jwks and jwks_uri.")
	}
	if client.JWKSURI == "" {
		return nil
	}
	u, err := url.Parse(client.JWKSURI)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(client.JWKSURI) > maxURI {
		return invalid(ruleKeysTLS, "The jwks_uri is no https URL.")
	}
	return nil
}

// checkKeys: the keys can be had, all are as strong as the profile wants, and
// one verifies signatures.
func (d *draft) checkKeys(ctx context.Context) error {
	if d.document != nil {
		d.keys = slices.Concat(d.document.AllKeys(did.Authentication), d.document.AllKeys(did.KeyAgreement))
	} else {
		set, err := d.keySet(ctx, d.reg.Client.JWKS, d.reg.Client.JWKSURI)
		if err != nil {
			return invalid(ruleResolve, "The jwks_uri cannot be had.").Because(err)
		}
		if d.keys, err = d.readKeys(ctx, set); err != nil {
			return err
		}
	}
	verifies := false
	for i := range d.keys {
		k := &d.keys[i]
		if err := d.checkStrength(k); err != nil {
			return err
		}
		_, agrees := k.Public.(*ecdh.PublicKey)
		verifies = verifies || k.Use != "enc" && !agrees
	}
	if !verifies {
		return invalid(ruleKeys, "The client has no key that can verify a signature.")
	}
	return nil
}

// checkStrength: RSA of the profile's size, and the curves from P-256 up.
func (d *draft) checkStrength(k *key.Public) error {
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < d.Profile.MinRSABits {
			return invalid(ruleRSA, "An RSA key of the client is too small.")
		}
	case *ecdsa.PublicKey:
		if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, public.Curve) {
			return invalid(ruleCurve, "A curve of the client's keys is not accepted.")
		}
	case ed25519.PublicKey, *ecdh.PublicKey:
	default:
		return invalid(ruleCurve, "A type of the client's keys is not accepted.")
	}
	return nil
}

// maxKeys bounds a JWK Set, as where it will be read.
const maxKeys = 100

// private are the members of a JWK that nobody must send (RFC 7518 §6).
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// readKeys returns the keys that can be used; one of an unknown type does not
// spoil the others (RFC 7517 §5), but a wrong certificate does.
func (d *draft) readKeys(ctx context.Context, set json.RawMessage) ([]key.Public, error) {
	names, err := namesOf(set)
	if err != nil {
		return nil, err
	}
	found := d.keysOf()
	if err := checkCertificates(found, set); err != nil {
		return nil, err
	}
	var keys []key.Public
	for _, name := range names {
		usable, err := found.Keys(ctx, "", &storage.ClientMetadata{JWKS: set}, name)
		if err != nil && !errors.Is(err, key.ErrNoKey) {
			return nil, invalid(ruleKeys, "The JWK Set cannot be read.").Because(err)
		}
		if len(usable) > 1 { // the thumbprint of one is the kid of another
			return nil, invalid(ruleKid, "One kid names two keys of the JWK Set.")
		}
		keys = append(keys, usable...)
	}
	return keys, nil
}

// namesOf returns what each key of a set is called: its kid, or else the
// thumbprint of its certificate (MEF W128 R44).
func namesOf(set json.RawMessage) ([]string, error) {
	document, err := parseMembers(set)
	if err != nil {
		return nil, invalid(ruleKeys, "The JWK Set is not one JSON object.").Because(err)
	}
	var jwks []members
	if err := json.Unmarshal(document["keys"], &jwks); err != nil || len(jwks) == 0 || len(jwks) > maxKeys {
		return nil, invalid(ruleKeys, "The JWK Set has no keys, or too many.")
	}
	var names []string
	for _, jwk := range jwks {
		name := cmp.Or(jwk.text("kid"), thumbprintOf(jwk))
		switch {
		case slices.ContainsFunc(private, func(name string) bool { return len(jwk[name]) > 0 }):
			return nil, invalid(rulePrivate, "The JWK Set has a private or symmetric key.")
		case name == "" || len(name) > 2*maxName:
			return nil, invalid(ruleKeys, "A key of the JWK Set has no kid and no certificate.")
		case slices.Contains(names, name):
			return nil, invalid(ruleKid, "Two keys of the JWK Set have one kid.")
		}
		names = append(names, name)
	}
	return names, nil
}

// thumbprintOf is the x5t#S256 of the JWK's certificate, which is not read yet,
// or "".
func thumbprintOf(jwk members) string {
	chain, err := jwk.texts("x5c")
	if err != nil || len(chain) == 0 {
		return ""
	}
	der, err := base64.StdEncoding.DecodeString(chain[0])
	if err != nil {
		return ""
	}
	return mtls.Thumbprint(&x509.Certificate{Raw: der})
}

// checkCertificates: what a client says of its keys' certificates is true, and
// they are what the server wants of them.
func checkCertificates(keys *key.ClientKeys, set json.RawMessage) error {
	err := keys.CheckCertificates(set)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, key.ErrNoCertificate):
		return invalid(ruleCertified, "A key of the JWK Set has no certificate.").Because(err)
	case errors.Is(err, key.ErrAuthority):
		return invalid(ruleCertified, "The certificate of a key is of no authority that is accepted for keys.").Because(err)
	case errors.Is(err, key.ErrExpired):
		return invalid(ruleExpired, "The certificate of a key has expired.").Because(err)
	case errors.Is(err, key.ErrCertificate):
		return invalid(ruleCertificate, "The x5c of a key is malformed, too large or for another key.").Because(err)
	}
	return invalid(ruleKeys, "The JWK Set cannot be read.").Because(err)
}

// keysOf reads the keys of sets by value as they will be read when they verify.
func (d *draft) keysOf() *key.ClientKeys {
	return key.NewClientKeys(key.ClientKeysConfig{
		Outbound: nowhere{}, Clock: d.Clock, MaxSets: 1, SigningCAs: d.SigningCAs, RequireCertificate: d.RequireCertificate,
	})
}

// nowhere is for sets by value.
type nowhere struct{}

var errNowhere = errors.New("registration: nothing is fetched for a JWK Set by value")

func (nowhere) Get(context.Context, string, ...string) (*outbound.Document, error) {
	return nil, errNowhere
}

// fetch fetches a URL once for each registration.
func (d *draft) fetch(ctx context.Context, uri string) (json.RawMessage, error) {
	if set, there := d.fetched[uri]; there {
		return set, nil
	}
	client := d.Outbound
	if client == nil {
		client = outbound.New(outbound.Config{})
	}
	document, err := client.Get(ctx, uri, "application/jwk-set+json", "application/json")
	if err != nil {
		return nil, err
	}
	d.fetched = map[string]json.RawMessage{uri: document.Body}
	return document.Body, nil
}
