package did

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, text := range []string{
		"did:web:buyer.example", "did:key:z6Mk", "did:a:b", "did:0:-._", "did:x::a", "did:x:a::b", "did:web:h%3A1", "did:x:%00", "did:x:did:y:z",
		"did:x:" + strings.Repeat("a", maxDID-6),
	} {
		id, err := Parse(text)
		if err != nil || id.String() != text || id != mustParse(t, text) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "did", "did:", "did:a", "did:a:", "did::b", "did:a:b:", "DID:a:b", "Did:a:b", "did:A:b", "did:a-b:c", "did:ä:b", "did:a:ä", "did:a:b c",
		" did:a:b", "did:a:b ", "did:a:b\n", "did:a:b/p", "did:a:b?q", "did:a:b#f", "did:a:%", "did:a:%4", "did:a:%4g", "did:a:b;v=1", "did:a:b~", "did:a:b\x00",
		"urn:a:b", "https://buyer.example", "did:x:" + strings.Repeat("a", maxDID-5), "did:a:b@c", "did:a:b+c", "xdid:a:b",
	} {
		if id, err := Parse(text); !errors.Is(err, ErrInvalid) || id != (DID{}) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestMethod(t *testing.T) {
	for text, want := range map[string][2]string{"did:web:a:b": {"web", "a:b"}, "did:did:did:did": {"did", "did:did"}} {
		if id := mustParse(t, text); id.Method() != want[0] || id.identifier() != want[1] {
			t.Errorf("%s: %q %q", text, id.Method(), id.identifier())
		}
	}
	if zero := (DID{}); zero.Method() != "" || zero.identifier() != "" || zero.String() != "" {
		t.Error("the zero value says something")
	}
}

func TestParseURL(t *testing.T) {
	for _, tt := range []struct{ text, did, path, query, fragment string }{
		{"did:a:b", "did:a:b", "", "", ""},
		{"did:a:b#k-1", "did:a:b", "", "", "k-1"},
		{"did:a:b/p/q?x=/?&y=%20#f/?", "did:a:b", "/p/q", "x=/?&y=%20", "f/?"},
		{"did:a:b?service=files&relativeRef=%2Fa", "did:a:b", "", "service=files&relativeRef=%2Fa", ""},
		{"did:a:b/#", "did:a:b", "/", "", ""},
		{"did:a:b?/x", "did:a:b", "", "/x", ""},
	} {
		u, err := ParseURL(tt.text)
		if err != nil || u.DID().String() != tt.did || u.Path() != tt.path || u.Query() != tt.query || u.Fragment() != tt.fragment || u.String() != tt.text {
			t.Errorf("%s: %+v, %v", tt.text, u, err)
		}
	}
	for _, text := range []string{
		"", "#k", "did:a:#k", "did:a:b#k#l", "did:a:b#ä", "did:a:b?%g0", "did:a:b/a b", "did:a:b#<", `did:a:b#"`, "did:a:b/[", "did:a:b#\n",
		"did:a:b#" + strings.Repeat("a", maxURL),
	} {
		if u, err := ParseURL(text); !errors.Is(err, ErrInvalid) || u != (URL{}) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestReferences(t *testing.T) {
	id := mustParse(t, "did:a:b")
	for reference, want := range map[string]string{"#k": "did:a:b#k", "/p": "did:a:b/p", "?q": "did:a:b?q", "did:c:d#k": "did:c:d#k", "did:a:b": "did:a:b"} {
		if u, err := id.URL(reference); err != nil || u.String() != want {
			t.Errorf("%s: %s, %v", reference, u, err)
		}
	}
	for _, reference := range []string{"", "k", "key-1#k", "##", "../x"} {
		if _, err := id.URL(reference); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", reference, err)
		}
	}
}
