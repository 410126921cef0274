// Package compose is the front door: it puts the library into a team's own
// Fosite server. Where the server calls fosite's compose.Compose, it calls New:
//
//	provider, err := compose.New(compose.Config{
//		Issuer:     "https://op.example",
//		Profile:    profile.MEFLSO(),
//		Fosite:     config,            // the team's *fosite.Config, copied
//		Storage:    store,             // the team's Fosite storage, used as it is
//		Records:    lsosql.NewRecords(db, lsosql.Postgres), // after lsosql.Migrate(ctx, db, lsosql.Postgres)
//		Keys:       key.Signing(privateKey),
//		Clients:    metadata,          // RFC 7591 metadata of the team's own client type
//		NewSession: func() storage.Session { return blank() },
//	})
//	if err != nil {
//		log.Fatal(err) // names everything that is missing or contradictory
//	}
//	mux.HandleFunc("/oauth2/auth", authorize) // the team's own pages, login and consent
//	mux.HandleFunc("/oauth2/token", token)
//	mux.Handle("/", provider.Endpoints())     // discovery, JWKS, PAR, registration, introspection, revocation, userinfo
//
// New sees what is in the configuration. It does not look into the database,
// and cannot know which routes the mux has: Paths.Authorize and Paths.Token are
// what discovery tells.
//
// A [Provider] is a fosite.OAuth2Provider; the handlers for authorize and token
// stay as they are, and get the enforced profile.
//
// A team whose other clients stay on the old provider runs both over the same
// storage, each with an issuer, paths and a GlobalSecret of its own: with the
// same secret a code of one could be redeemed at the other, without the
// profile's checks.
//
// Deliberately absent: option functions, and a switch for half a profile.
package compose
