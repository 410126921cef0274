package main

import (
	"maps"
	"slices"
	"strings"
)

// The plans that the server is meant to pass.
const (
	fapiPlan   = "fapi1-advanced-final-test-plan"
	configPlan = "oidcc-config-certification-test-plan"
)

// The parameters of the variants of fapiPlan, and the values that matter here.
const (
	authType, mtls, privateKeyJWT = "client_auth_type", "mtls", "private_key_jwt"
	delivery, byValue, pushed     = "fapi_auth_request_method", "by_value", "pushed"
	ecosystem, plainFAPI, uk      = "fapi_profile", "plain_fapi", "openbanking_uk"
	responseMode, plain, jarm     = "fapi_response_mode", "plain_response", "jarm"
)

// target is a plan in one variant.
type target struct {
	Plan    string
	Variant map[string]string
}

// String is the plan with its variant, in a fixed order.
func (t target) String() string {
	if len(t.Variant) == 0 {
		return t.Plan
	}
	return t.Plan + "[" + t.variant() + "]"
}

func (t target) variant() string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(t.Variant)) {
		pairs = append(pairs, key+"="+t.Variant[key])
	}
	return strings.Join(pairs, ",")
}

// fileName is String without what a file name should not have.
func (t target) fileName() string {
	return strings.NewReplacer("[", "-", "]", "", "=", "-", ",", "-").Replace(t.String())
}

// targets are what -plan and -variant name.
func targets(plan, variant string) ([]target, error) {
	given, err := parseVariant(variant)
	switch {
	case err != nil:
		return nil, err
	case plan == "all" && variant != "":
		return nil, usage("-variant wants one -plan")
	case plan == "all":
		return allTargets(), nil
	case plan == fapiPlan:
		full := fapiVariant(privateKeyJWT, byValue, plain)
		maps.Copy(full, given)
		given = full
	}
	return []target{{plan, given}}, nil
}

func parseVariant(text string) (map[string]string, error) {
	variant := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" || value == "" {
			return nil, usage("-variant: %q is no key=value", pair)
		}
		variant[key] = value
	}
	return variant, nil
}

func fapiVariant(auth, request, response string) map[string]string {
	return map[string]string{authType: auth, delivery: request, ecosystem: plainFAPI, responseMode: response}
}

// allTargets is discovery, plain FAPI in all its variants, and UK Open Banking,
// which has neither PAR nor JARM.
func allTargets() []target {
	all := []target{{configPlan, nil}}
	for _, auth := range []string{privateKeyJWT, mtls} {
		for _, request := range []string{byValue, pushed} {
			for _, response := range []string{plain, jarm} {
				all = append(all, target{fapiPlan, fapiVariant(auth, request, response)})
			}
		}
	}
	for _, auth := range []string{privateKeyJWT, mtls} {
		variant := fapiVariant(auth, byValue, plain)
		variant[ecosystem] = uk
		all = append(all, target{fapiPlan, variant})
	}
	return all
}
