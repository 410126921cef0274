// Package profile says which rules a server enforces. A [Profile] is a plain
// value: take a preset, change fields, give it to compose.New.
//
//	p := profile.MEFLSO()
//	p.AllowRS256 = true        // old partners
//	p.TTL.Code = 30 * time.Second
//	if err := p.Validate(); err != nil {
//		log.Fatal(err) // names every contradiction
//	}
//
// Every refusal anywhere in the library is a *[Violation]: it names the [Rule]
// of the standard that was broken, for audit and tests, and unwraps to the
// *fosite.RFC6749Error that the client sees.
//
//	var v *profile.Violation
//	if errors.As(err, &v) {
//		log.Println(v.Rule) // "FAPI-5.2.2-13"
//	}
//
// Deliberately absent: a switch that turns a signature, an audience or a
// one-time use off. The zero Profile permits nothing and does not validate.
package profile
