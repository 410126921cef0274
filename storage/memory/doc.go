// Package memory keeps everything that a server needs in the memory of one
// process: Fosite's storage, clients, intents and one-time records. It suits
// tests, demonstrations and a single small server that may forget.
//
//	store := memory.New(memory.Config{
//		NewSession: func() storage.Session { return storage.NewSession() },
//	})
//	err := store.PutClient(ctx, &storage.Client{ID: "buyer"})
//
// It behaves as a database would: what is stored and what comes back are
// copies, sessions always fresh ones from Config.NewSession, into which a type
// of the host's own is read from JSON, keys are hashes, expired records are
// gone, transactions can be rolled back, and what may happen once happens once.
//
// Memory is bounded by Config.MaxRecords. A full store refuses new records
// with ErrFull; it never forgets a one-time mark before its time.
//
// Deliberately absent: isolation of transactions (others see at once what an
// open one has written), and any form of persistence.
package memory
