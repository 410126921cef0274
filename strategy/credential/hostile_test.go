package credential_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// allocated is what was allocated so far, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Everything here is refused, and at a price that is known.
func TestHostile_Presentations(t *testing.T) {
	for _, test := range hostilePresentations {
		t.Run(test.name, func(t *testing.T) {
			a := newAttempt(t)
			test.change(a)
			before := allocated()
			wantViolation(t, a.run(t), test.rule, test.code)
			if bytes := allocated() - before; bytes > 384<<20 {
				t.Errorf("took %d MiB", bytes>>20)
			}
		})
	}
}

var hostilePresentations = []refusal{
	{"1 MB", func(a *attempt) { a.vpWith(map[string]any{"padding": strings.Repeat("x", 1<<20)}) }, "MEF-R9", isInvalid},
	{"1 MB of dots", func(a *attempt) { a.request.Presentation = strings.Repeat(".", 1<<20) }, "MEF-R9", isInvalid},
	{"thousands of credentials", func(a *attempt) {
		a.vpWith(map[string]any{"verifiableCredential": strings.Split(strings.Repeat("x ", 9000), " ")})
	}, "MEF-R4", isInvalid},
	{"nine credentials", func(a *attempt) {
		for range 9 {
			a.vp.Credentials = append(a.vp.Credentials, a.vc)
		}
	}, "MEF-R4", isInvalid},
	{"one large credential", func(a *attempt) { a.about("padding", strings.Repeat("x", 30<<10)) }, "MEF-D2", isInvalid},
	{"deep nesting", func(a *attempt) {
		a.vpWith(map[string]any{"deep": json.RawMessage(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))})
	}, "MEF-R9", isInvalid},
	{"deep nesting in a credential", func(a *attempt) {
		a.with(map[string]any{"deep": json.RawMessage(strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30))})
	}, "MEF-D2", isInvalid},
	{"a presentation within a presentation", func(a *attempt) { a.vc = must(a.holder.Present(presentation("", a.vc))) }, "MEF-D2", isInvalid},
	{"thousands of subjects", func(a *attempt) {
		a.with(map[string]any{"credentialSubject": make([]struct{}, 5000)})
	}, "MEF-R5", isInvalid},
	{"a bomb for a list", func(a *attempt) { a.w.bombList() }, "MEF-R8", isInvalid},
	{"100 MB for a list", func(a *attempt) { a.w.lists.put(listURL, strings.Repeat("x", 100<<20)) }, "MEF-R8", isInvalid},
}

// bombList serves the largest list that can be fetched, unpacking to 600 MiB.
func (w *world) bombList() {
	w.lists.put(listURL, resign(party(registry, "k1"), w.lists.page[listURL], "vc+jwt", map[string]any{
		"credentialSubject.encodedList": encode(bomb(35)),
	}))
}

// Accreditations of everybody by everybody lead nowhere, and soon.
func TestHostile_Web(t *testing.T) {
	a := newAttempt(t)
	a.w.verifier.Policy.MaxChain = 100
	a.vp.Credentials = []string{entityBy(middle(0))}
	for n := range 7 {
		by, whom := n%4, (n%4+1+n/4)%4
		a.vp.Credentials = append(a.vp.Credentials, accredit(middle(by), middle(whom)))
	}
	wantViolation(t, a.run(t), "MEF-R6", isUnapproved)
}
