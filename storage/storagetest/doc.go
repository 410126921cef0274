// Package storagetest is the contract of the storage ports, as tests. Every
// adapter of this module passes it; run it over your own:
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storagetest.Store {
//			return mystore.New(t.TempDir(), storagetest.NewSession)
//		})
//	}
//
// Run is for an adapter that holds all that a server needs, Records for one that
// holds the ports alone. Host is for a team's own Fosite storage, which stays
// as it is: it tells what the storage does not promise, what of that the library
// makes up for, and what the team loses. Registrations is for the port of
// dynamic client registration, which Run does not ask for. An adapter that shows
// its raw content (Dumper) is searched for credentials as well.
//
// The contract holds no clock: what is to expire was made to expire in the
// past, or a fraction of a second from now. A run takes a few seconds.
package storagetest
