package did

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowWeb takes a second for each document, and counts those at a time.
type slowWeb struct {
	mu               sync.Mutex
	asked, now, peak int
}

func (w *slowWeb) Resolve(context.Context, DID) (*Document, error) {
	w.count(1)
	defer w.count(-1)
	time.Sleep(time.Second)
	return nil, errDown
}

func (w *slowWeb) count(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked += max(n, 0)
	w.now += n
	w.peak = max(w.peak, w.now)
}

// ask resolves n DIDs at the same time, for callers that wait so long.
func ask(t *testing.T, c *Cache, n int, format string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { c.Resolve(ctx, mustParse(t, fmt.Sprintf(format, i))) })
	}
	wg.Wait()
}

// A host gets 4 requests at a time, whatever DIDs strangers name, and none
// for those who hang up before.
func TestResolutionsAtATime(t *testing.T) {
	for format, want := range map[string]struct{ asked, peak int }{
		"did:web:victim.example:%d":         {4, 4},
		"did:web:Victim.Example%%3a443:%d":  {4, 4},
		"did:web:victim.example%%3A%d":      {128, 128}, // each port is a server
		"did:web:host-%d.example":           {128, 128},
		"did:example:%d":                    {4, 4}, // one resolver answers for all
		"did:web:victim.example%%3A8443:%d": {4, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &slowWeb{}
			c := NewCache(CacheConfig{Resolver: w})
			ask(t, c, 1000, format, time.Millisecond)
			time.Sleep(time.Minute)
			synctest.Wait()
			if w.asked != want.asked || w.peak != want.peak {
				t.Errorf("%s: asked %d times, %d at a time, want %v", format, w.asked, w.peak, want)
			}
		})
	}
}

// While somebody waits, all have their turn within the timeout.
func TestResolutionsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWeb{}
		c := NewCache(CacheConfig{Resolver: w})
		ask(t, c, 20, "did:web:victim.example:%d", time.Minute)
		if w.asked != 20 || w.peak != 4 {
			t.Errorf("asked %d times, %d at a time", w.asked, w.peak)
		}
	})
}

// A slow host does not hold up the others.
func TestSlowHostHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCache(CacheConfig{Resolver: &slowWeb{}})
		go ask(t, c, 1000, "did:web:slow.example:%d", time.Minute)
		synctest.Wait()
		start := time.Now()
		_, err := c.Resolve(t.Context(), mustParse(t, buyer))
		if took := time.Since(start); took != time.Second || !errors.Is(err, errDown) {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(time.Minute)
	})
}

// However many DIDs strangers make, the document of an anchor stays, and with it
// what bridges an outage.
func TestMadeUpDIDsPushOutNoDocument(t *testing.T) {
	inBubbleOf := func(name string, flood func(*testing.T, *web, *Cache)) {
		synctest.Test(t, func(t *testing.T) {
			w := &web{}
			methods := Mux{"web": w, "key": KeyMethod{}, "jwk": JWKMethod{}}
			c := NewCache(CacheConfig{Resolver: Mux{"web": methods, "key": methods, "jwk": methods}, MaxDocuments: 20})
			w.serve(having(t, "#a"))
			wantKey(t, c, "#a", nil)
			w.fail(errDown)
			flood(t, w, c)
			time.Sleep(minTTL)
			if _, err := c.Keys(t.Context(), mustParse(t, buyer), Authentication, "#a"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	inBubbleOf("did:jwk", func(t *testing.T, _ *web, c *Cache) {
		for i := range 50 {
			jwk := with(jwkP256, fmt.Sprintf(`"kid":"%d"`, i))
			if _, err := c.Resolve(t.Context(), mustParse(t, "did:jwk:"+base64.RawURLEncoding.EncodeToString([]byte(jwk)))); err != nil {
				t.Fatal(err)
			}
		}
	})
	inBubbleOf("did:key", func(t *testing.T, _ *web, c *Cache) {
		for i := range 50 {
			id := "did:key:" + encode("\xed\x01"+strings.Repeat(string(rune('0'+i)), 32))
			if _, err := c.Resolve(t.Context(), mustParse(t, id)); err != nil {
				t.Fatal(err)
			}
		}
	})
	inBubbleOf("did:web of one host", func(t *testing.T, w *web, c *Cache) {
		for i := range 50 {
			if _, err := c.Resolve(t.Context(), mustParse(t, fmt.Sprintf("did:web:evil.example:%d", i))); err == nil {
				t.Fatal("resolved")
			}
		}
		wantAsked(t, w, 51)
	})
}

// A document that was worked out once is kept: it costs more than a look.
func TestComputedDocumentsAreKept(t *testing.T) {
	c := NewCache(CacheConfig{MaxDocuments: 1})
	id := mustParse(t, "did:key:"+edText)
	first, err := c.Resolve(t.Context(), id)
	again, err2 := c.Resolve(t.Context(), id)
	if err != nil || err2 != nil || first != again {
		t.Errorf("got %p, %v and %p, %v", first, err, again, err2)
	}
	other := mustParse(t, "did:key:"+encode("\xed\x01"+strings.Repeat("k", 32)))
	if _, err := c.Resolve(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Resolve(t.Context(), id); err != nil || first == again {
		t.Errorf("more than MaxDocuments are kept: %p, %v", again, err)
	}
}

// Empty endpoints and operations of keys, of which 64 KiB has thousands, take no
// room in memory.
func TestWhatADocumentKeeps(t *testing.T) {
	empty := `[` + strings.Repeat(`"",`, 20_000) + `""]`
	for name, text := range map[string]string{
		"endpoints": document(`"service":[{"type":"T","serviceEndpoint":` + empty + `}]`),
		"types":     document(`"service":[{"type":` + empty + `,"serviceEndpoint":"a"}]`),
		"key_ops":   authenticating(jwkMethod("#k", with(jwkP256, `"key_ops":`+empty))),
	} {
		kept := make([]*Document, 10)
		before := heap()
		for i := range kept {
			kept[i] = parse(t, text)
		}
		if each := (heap() - before) / int64(len(kept)); each > 32<<10 {
			t.Errorf("%s: %d bytes each", name, each)
		}
		runtime.KeepAlive(kept)
	}
}

// The weight of a document is no less than what it takes.
func TestWeightOfADocument(t *testing.T) {
	for name, text := range worstDocuments() {
		if strings.HasPrefix(name, "refused") {
			continue
		}
		kept := make([]*Document, 8)
		before := heap()
		for i := range kept {
			kept[i] = parse(t, text)
		}
		if each := (heap() - before) / int64(len(kept)); each > kept[0].weight() {
			t.Errorf("%s: %d bytes weigh %d", name, each, kept[0].weight())
		}
		runtime.KeepAlive(kept)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heavy resolves each DID to a document of 64 KiB.
type heavy struct {
	document Document
	asked    int
}

func (h *heavy) Resolve(_ context.Context, id DID) (*Document, error) {
	h.asked++
	doc := h.document
	doc.id = id
	return &doc, nil
}

func TestDocumentsAreBoundedByWeight(t *testing.T) {
	text := document(`"x":"` + strings.Repeat("a", maxDocument-len(document(`"x":""`))) + `"`)
	h := &heavy{document: *parse(t, text)}
	c := NewCache(CacheConfig{Resolver: h})
	resolve := func(i, wantAsked int) {
		t.Helper()
		if _, err := c.Resolve(t.Context(), mustParse(t, fmt.Sprintf("did:web:host-%d.example", i))); err != nil || h.asked != wantAsked {
			t.Fatalf("%v, asked %d times, want %d", err, h.asked, wantAsked)
		}
	}
	for i := range 1500 {
		resolve(i, i+1)
	}
	for i := range 1024 {
		resolve(1499-i, 1500)
	}
	resolve(1499-1024, 1501)
}
