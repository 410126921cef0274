// Package storage is the ground floor of the library: the records that an LSO
// authorization leaves behind, and the ports through which the library reads
// and changes them. It imports nothing else of this module.
//
// A team with a Fosite server of its own uses three things from here:
//
//	type Session struct {
//		*openid.DefaultSession
//		storage.Binding `json:"lso"` // what the authorization is bound to
//		Tenant string `json:"tenant"`
//	}
//
// the record [ClientMetadata], which tells what the team's own client type does
// not, and the ports [Intents] and [Once] (together [Records]), implemented
// either by the team or by an adapter: package storage/memory, or package
// storage/sql over the team's own *sql.DB.
//
// Servers at which clients register themselves need a [Registrar] besides. The
// adapters are one over [Client]; a team with a client table of its own writes
// one over that, and storagetest.Registrations tells whether it is right.
//
// Whoever starts from nothing takes [DefaultSession] and [Client] as they are.
//
// The records hold no secret in clear: the library hands hashes to the ports
// wherever a code, a token, a handle or an assertion would be the key.
//
// Deliberately absent: a port per feature that this release does not have, and
// a query language. Every change of an intent is a compare-and-set, every
// one-time value is consumed by one atomic statement; there is nothing else.
package storage
