package main

import (
	"net/http"

	"github.com/meflso/fosite-meflso/example/openbanking"
	"github.com/meflso/fosite-meflso/example/seller"
	"github.com/meflso/fosite-meflso/handler/atomic"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// offer is what the server serves with a profile.
type offer struct {
	preset func() profile.Profile
	scopes []string                // of the API; discovery lists them
	words  words                   // of the consent page
	api    func(*app) http.Handler // beside /resource; nil: none
}

// words are what the users of a profile call things.
type words struct{ Party, Intent string }

// offers are the profiles of the flag -profile.
var offers = map[string]offer{
	"mef-lso":        {preset: profile.MEFLSO, words: lsoWords, api: (*app).quotes},
	"mef-lso-128":    {preset: profile.MEFLSO128, words: lsoWords, api: (*app).quotes},
	"fapi1-advanced": {preset: profile.FAPI1Advanced, words: words{Party: "Application"}},
	"nz-banking":     {preset: profile.NZBanking, scopes: bankScopes, words: bankWords, api: (*app).accounts},
	"uk-ob":          {preset: profile.UKOpenBanking, scopes: bankScopes, words: bankWords, api: (*app).accounts},
}

var (
	lsoWords   = words{"Buyer", "quote"}
	bankWords  = words{"Third Party", "consent"}
	bankScopes = []string{"accounts", "payments"}
)

func parseProfile(name string) (offer, error) {
	if name == "oidc-ciba" {
		return offer{}, unavailable("-profile " + name)
	}
	found, ok := offers[name]
	if !ok {
		return offer{}, usage("-profile %q is unknown", name)
	}
	return found, nil
}

func (a *app) quotes() http.Handler {
	return seller.New(seller.Config{
		Guard: a.provider.ResourceGuard(), Intents: a.provider.Intents, Submissions: seller.InRecords(a.db.store),
		Atomic: atomic.New(a.db.store, a.db.store), Base: a.opts.mtlsBase.String(),
	})
}

func (a *app) accounts() http.Handler {
	return openbanking.New(openbanking.Config{
		Guard: a.provider.ResourceGuard(), Intents: a.provider.Intents, Base: a.opts.mtlsBase.String(),
	})
}
