// Package harness plays the Buyer against an authorization server over HTTP,
// with every header, claim and parameter open to change: what a hostile client
// would send. It shares no code with the library's own client half, so that a
// mistake there does not hide one here.
package harness
