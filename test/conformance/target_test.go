package main

import (
	"errors"
	"io"
	"testing"
)

func TestVariantHasDefaults(t *testing.T) {
	got, err := targets(fapiPlan, "client_auth_type=mtls,fapi_response_mode=jarm")
	if err != nil {
		t.Fatal(err)
	}
	const want = "fapi1-advanced-final-test-plan[client_auth_type=mtls,fapi_auth_request_method=by_value,fapi_profile=plain_fapi,fapi_response_mode=jarm]"
	if len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestOtherPlansHaveNoDefaults(t *testing.T) {
	got, err := targets("another-plan", "")
	if err != nil || len(got) != 1 || got[0].String() != "another-plan" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAllTargetsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, target := range allTargets() {
		if seen[target.fileName()] {
			t.Errorf("%s is there twice", target)
		}
		seen[target.fileName()] = true
		if target.Variant[ecosystem] == uk && (target.Variant[delivery] != byValue || target.Variant[responseMode] != plain) {
			t.Errorf("%s: UK Open Banking has neither PAR nor JARM", target)
		}
	}
	if len(seen) != 11 {
		t.Errorf("%d plans, want 11", len(seen))
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-no-such-flag"},
		{"argument"},
		{"-suite", "http://localhost:8443"},
		{"-issuer", "https://localhost:9443/"},
		{"-plan", fapiPlan, "-variant", "client_auth_type"},
		{"-variant", "client_auth_type=mtls"},
		{"-plan", configPlan, "-running"},
		{"-prepare", "-dir", "somewhere"},
		{"-row", "-", "-module", "discovery"},
	} {
		if _, err := parseFlags(args, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v, want an errUsage", args, err)
		}
	}
}
