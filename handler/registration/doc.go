// Package registration is the dynamic client registration endpoint: a client
// registers itself with what its directory and its registry say of it (RFC 7591,
// OpenID Connect Dynamic Client Registration; MEF W128 R1–R10), and reads,
// replaces and removes its registration (RFC 7592).
//
//	challenges := &registration.Challenges{Secret: secret, Once: records, Clock: time.Now, Rand: rand.Reader}
//	endpoint := &registration.Endpoint{
//		Profile: &p, Issuer: "https://as.seller.example", URL: "https://as.seller.example/register",
//		Clients: store, Once: records, Challenges: challenges,
//		Statements: statements, RequireStatement: true,
//		Audit: sink, Clock: time.Now, Rand: rand.Reader,
//	}
//	endpoint.Routes(mux, "/register")
//
// A registration is judged by a list of rules, each a function under the id of
// its requirement. Where the software statement has a member, the client's own
// is not looked at; what the library does not know is ignored. Every refusal is
// a *profile.Violation, and nothing is stored.
//
// Deliberately absent: client secrets, public clients and sector identifiers,
// since the profiles have none; a registration access token that can be read
// again, since its hash alone is kept; and members by which a client would say
// of itself what only others can, such as its legal entity, its trust domain or
// whom it acts for.
package registration
