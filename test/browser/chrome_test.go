// Package browser walks through the pages of the example servers with a real
// browser: what it sends, what it shows, and what its policies let through.
package browser

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// programs are the names of Chromium, Debian's first.
var programs = []string{"chromium", "/usr/bin/chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// chrome is a running browser.
type chrome struct{ ctx context.Context }

// launch starts a browser with a profile of its own and stops it with the test.
// The hosts are names that lead to an address on this machine; no other name
// but localhost leads anywhere.
func launch(t *testing.T, hosts map[string]string) *chrome {
	t.Helper()
	rules := []string{"EXCLUDE localhost", "EXCLUDE 127.0.0.1"}
	for name, address := range hosts {
		rules = append(rules, "MAP "+name+" "+address)
	}
	rules = append(rules, "MAP * ~NOTFOUND")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", strings.Join(rules, ", ")), chromedp.WindowSize(1000, 800),
	)
	// Not t.Context, which ends before the browser can be closed in peace.
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		patience, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := chromedp.Cancel(patience); err != nil {
			t.Errorf("closing the browser: %v", err)
		}
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return &chrome{ctx}
}

// find returns the path of the browser. Without one the test is skipped, or
// fails with CI=true.
func find(t *testing.T) string {
	t.Helper()
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "Chromium is not installed (Debian: apt-get install chromium)"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// fresh opens a tab with cookies of its own.
func (c *chrome) fresh(t *testing.T) *tab {
	t.Helper()
	return open(t, c.ctx, chromedp.WithNewBrowserContext())
}
