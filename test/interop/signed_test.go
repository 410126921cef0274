package interop

import (
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v3"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

// entityClaims are those of the buyer's credential.
var entityClaims = map[string]any{"legalName": "Buyer Inc.", "lei": "5493001KJTIIGC8Y1R12", "trustDomain": "buyer.example"}

// instructions have what the parties signed, and the keys to sign more.
func (w *world) instructions(t *testing.T) map[string]any {
	t.Helper()
	return map[string]any{
		"name": w.alg, "audience": seller, "nonce": challenge,
		"registry": keyOf(w.registry), "buyer": keyOf(w.buyer), "directory": keyOf(w.directory),
		"credential": map[string]any{"id": w.url("/credentials/4711"), "claims": entityClaims},
		"v1":         w.signed(t, credential.V1), "v2": w.signed(t, credential.V2),
		"lists": w.lists(t), "statement": w.statements(t),
	}
}

func keyOf(i *credential.Issuer) map[string]any {
	return map[string]any{"id": i.ID, "kid": i.Kid, "jwk": &gojose.JSONWebKey{Key: i.Key, KeyID: i.Kid, Algorithm: i.Alg}}
}

// inNameOf signs with the key of another.
func inNameOf(owner, signer *credential.Issuer) *credential.Issuer {
	forger := *owner
	forger.Key = signer.Key
	return &forger
}

// signed are a credential and a presentation of it, and bad ones: run out,
// signed in the issuer's name by somebody else, presented with a key that is
// for credentials alone.
func (w *world) signed(t *testing.T, v credential.Version) map[string]string {
	t.Helper()
	good, now := w.entity(v), time.Now()
	old := good
	old.Until = now.Add(-time.Hour)
	vc := token(t)(w.registry.Credential(good))
	present := credential.Presentation{
		Version: v, Audience: seller, Nonce: challenge, Issued: now, Expires: now.Add(4 * time.Minute), Credentials: []string{vc},
	}
	return map[string]string{
		"vc": vc, "expired": token(t)(w.registry.Credential(old)), "forged": token(t)(inNameOf(w.registry, w.buyer).Credential(good)),
		"vp": token(t)(w.buyer.Present(present)), "misused": token(t)(w.registry.Present(present)),
	}
}

func (w *world) entity(v credential.Version) credential.Credential {
	return credential.Credential{
		Version: v, ID: w.url("/credentials/4711"), Subject: w.buyer.ID, Claims: entityClaims,
		From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(time.Hour),
		Status: []credential.StatusEntry{{
			Type: credential.BitstringStatusList, Purpose: credential.Revocation, List: w.url("/status/ours"), Index: free,
		}},
	}
}

// lists has ours, and where theirs will be.
func (w *world) lists(t *testing.T) map[string]any {
	t.Helper()
	return map[string]any{
		"revoked": revoked, "free": free,
		"bitstring":  w.ourList(t, credential.List{Version: credential.V2, Type: credential.BitstringStatusList}),
		"list2021":   w.ourList(t, credential.List{Version: credential.V1, Type: credential.StatusList2021}),
		"theirs":     w.list("/status/theirs", credential.BitstringStatusList),
		"theirs2021": w.list("/status/theirs-2021", credential.StatusList2021),
	}
}

// ourList is one of the registry, with some bits set.
func (w *world) ourList(t *testing.T, l credential.List) map[string]any {
	t.Helper()
	l.URL, l.Purpose, l.Bits = w.url("/status/ours"), credential.Revocation, credential.NewBits(0)
	set := []uint64{0, 7, 8, revoked, credential.MinBits - 1}
	for _, index := range set {
		must(t, l.Bits.Set(index, true))
	}
	return map[string]any{
		"url": l.URL, "token": token(t)(w.registry.StatusList(l)),
		"set": set, "clear": []uint64{1, 6, 9, free, revoked + 1, credential.MinBits - 2},
	}
}

func (w *world) list(path string, kind credential.StatusType) map[string]any {
	return map[string]any{"url": w.url(path), "path": path, "kind": kind}
}

func (w *world) statements(t *testing.T) map[string]string {
	t.Helper()
	now := time.Now()
	claims := func(life time.Duration) map[string]any {
		return map[string]any{"jti": "statement-1", "iat": now.Unix(), "exp": now.Add(life).Unix(), "software_id": "software-1"}
	}
	return map[string]string{
		"good": token(t)(w.directory.Statement(claims(time.Hour))), "expired": token(t)(w.directory.Statement(claims(-time.Hour))),
		"forged": token(t)(inNameOf(w.directory, w.buyer).Statement(claims(time.Hour))),
	}
}

// token returns a function that takes what an Issuer returns.
func token(t *testing.T) func(string, error) string {
	return func(signed string, err error) string {
		t.Helper()
		must(t, err)
		return signed
	}
}
