package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/storage/memory"
)

func Example() {
	ctx := context.Background()
	store := memory.New(memory.Config{
		NewSession: func() storage.Session { return storage.NewSession() },
	})
	if err := store.PutClient(ctx, &storage.Client{ID: "buyer", Scope: "openid quote"}); err != nil {
		fmt.Println(err)
		return
	}
	client, err := store.GetClient(ctx, "buyer")
	fmt.Println(client.GetID(), client.GetScopes(), err)

	until := time.Now().Add(time.Minute)
	fmt.Println(store.UseOnce(ctx, "jti:1", until))
	fmt.Println(errors.Is(store.UseOnce(ctx, "jti:1", until), storage.ErrUsed))
	// Output:
	// buyer [openid quote] <nil>
	// <nil>
	// true
}
