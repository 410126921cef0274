// Package op runs the program example/op over a real PostgreSQL: alone, two
// processes over one database, and one that is killed.
package op
