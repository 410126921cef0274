package storagetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// callers is how many concurrent callers fight for what one may have.
const callers = 20

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func wantEqual[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// wantJSON compares two values by their JSON, without regard to white space
// and order.
func wantJSON(t *testing.T, what string, got, want any) {
	t.Helper()
	wantEqual(t, what, normal(t, got), normal(t, want))
}

func normal(t *testing.T, v any) (n any) {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	must(t, json.Unmarshal(data, &n))
	return n
}

// wantOneWinner has many callers do the same at once, of whom one must get nil
// and all others the error lost.
func wantOneWinner(t *testing.T, lost error, do func() error) {
	t.Helper()
	results := race(do)
	winners := 0
	for _, err := range results {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, lost):
			t.Errorf("a loser got %v, want %v", err, lost)
		}
	}
	if winners != 1 {
		t.Fatalf("%d of %d callers won, want 1", winners, len(results))
	}
}

func race(do func() error) []error {
	results := make([]error, callers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			<-start
			results[i] = do()
		})
	}
	close(start)
	wg.Wait()
	return results
}

// wantHidden looks for a credential in the raw content of a store that shows
// it.
func wantHidden(t *testing.T, store any, credential string) {
	t.Helper()
	d, ok := store.(Dumper)
	if !ok {
		t.Skip("the store has no Dump")
	}
	dump := d.Dump()
	if dump == "" {
		t.Fatal("the dump is empty")
	}
	if strings.Contains(dump, credential) {
		t.Fatalf("the store holds %q in clear", credential)
	}
}
