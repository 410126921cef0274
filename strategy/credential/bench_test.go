package credential_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

func always(context.Context, string, time.Time) (bool, error) { return true, nil }

// The usual case: one credential of an anchor, and a list that is fresh.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	w.verifier.UseOnce = always
	r := present(credential.V2, must(party(registry, "k1").Credential(entity(credential.V2))))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.verifier.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// rsaParty has a key of 4096 bits under the name that party has.
func rsaParty(w *world, id string) *credential.Issuer {
	i := &credential.Issuer{ID: id, Kid: id + "#k1", Alg: "PS256", Key: must(rsa.GenerateKey(rand.Reader, 4096))}
	w.keys.keys[id+" assertionMethod"] = []credential.Key{{ID: i.Kid, Public: i.Key.Public()}}
	return i
}

// The costliest presentation that is read to its end: a chain of three with RSA
// keys of 4096 bits, and a list of the largest size that is always stale.
func BenchmarkWorst(b *testing.B) {
	w := newWorld(b)
	w.verifier.UseOnce, w.verifier.Policy.StatusOptional = always, true
	anchor, one, two := rsaParty(w, registry), rsaParty(w, middle(1)), rsaParty(w, middle(2))
	c := entity(credential.V2)
	status := c.Status
	accreditation := credential.Credential{ID: "https://registry.example/1", Type: "IssuerAccreditationCredential", Subject: one.ID, Status: status}
	first := must(anchor.Credential(accreditation))
	accreditation.ID, accreditation.Subject, accreditation.Status, c.Status = "https://registry.example/2", two.ID, nil, nil
	r := present(credential.V2, must(two.Credential(c)), must(one.Credential(accreditation)), first)
	list := credential.List{URL: listURL, Purpose: credential.Revocation, Bits: credential.NewBits(16 << 20 * 8)}
	w.lists.put(listURL, must(anchor.StatusList(list)))
	b.ReportAllocs()
	for b.Loop() {
		w.verifier.Status = credential.NewStatusLists(credential.StatusConfig{
			Profile: &w.profile, Keys: w.keys, Outbound: w.lists, Clock: w.verifier.Clock,
		})
		if _, err := w.verifier.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// A list that unpacks to 600 MiB is given up at 16.
func BenchmarkBomb(b *testing.B) {
	encoded := encode(bomb(35))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := credential.DecodeBits(encoded); err == nil {
			b.Fatal("decoded")
		}
	}
}
