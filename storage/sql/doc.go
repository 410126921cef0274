// Package sql keeps everything that a server needs in a relational database,
// over database/sql and a driver of the team's choice: it imports none.
//
//	db, err := sql.Open("sqlite", "file:op.db?_txlock=immediate&_pragma=busy_timeout(5000)"+
//		"&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
//	err = lsosql.Migrate(ctx, db, lsosql.SQLite)
//	store := lsosql.New(db, lsosql.SQLite, func() storage.Session { return storage.NewSession() })
//	go func() {
//		for range time.Tick(5 * time.Minute) {
//			_ = store.Sweep(ctx)
//		}
//	}()
//
// A team with a Fosite storage of its own takes NewRecords instead of New, over
// its own *sql.DB, and sets Records.TxFrom to join its own transactions.
//
// All tables begin with lso_. Keys are hashes: no code, token or assertion lies
// in the database. Every method is one statement, or a few in one transaction
// where a client changes with what belongs to it; what may happen once counts on
// the row lock of its statement, so the isolation level READ COMMITTED is enough.
// A statement that lost against another transaction is
// fosite.ErrSerializationFailure.
//
// Deliberately absent: a query builder, prepared statements to be closed (the
// texts are constants, which drivers cache), and retries (the client retries).
package sql
