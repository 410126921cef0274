package browser

import (
	"bytes"
	"cmp"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/meflso/fosite-meflso/test/harness"
)

const (
	updateScreenshots = "UPDATE_SCREENSHOTS"
	screenshots       = "../../example/op/screenshots"
)

// TestScreenshots makes the pictures of the example's pages anew.
func TestScreenshots(t *testing.T) {
	if os.Getenv(updateScreenshots) != "1" {
		t.Skip("set " + updateScreenshots + "=1 to write the pictures to example/op/screenshots")
	}
	w := startExample(t)
	b := w.fresh(t)
	run(t, b, "setting the width", chromedp.EmulateViewport(1000, 400))
	b.visit(t, w.request(w.realistic(t)), atLogin)
	shoot(t, b, "login")
	b.logIn(t, w.User, w.Password, atConsent)
	shoot(t, b, "consent")
	if status := b.status(t, w.Authorize+"?pending=over"); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	shoot(t, b, "error")
}

// realistic lodges a quote with something in it.
func (w *world) realistic(t *testing.T) string {
	t.Helper()
	quote := json.RawMessage(`{
		"Product": "Ethernet access line", "Bandwidth": "1 Gbit/s", "ContractMonths": 36,
		"Sites": [{"Street": "12 Harbour Road", "City": "Northport"}, {"Street": "7 Mill Lane", "City": "Easton"}]
	}`)
	r := w.op.Call(t, http.MethodPost, "/quote", w.ownToken(t), harness.Claims{"Data": quote})
	data, _ := r.Body["Data"].(map[string]any)
	id, _ := data["QuoteId"].(string)
	if id == "" {
		t.Fatalf("POST /quote: %d %s", r.Status, r.Raw)
	}
	return id
}

// shoot writes a picture of the whole page.
func shoot(t *testing.T, b *tab, name string) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(run(t, b, "taking a picture", chromedp.FullScreenshot(100))))
	must(t, err)
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	must(t, encoder.Encode(&file, indexed(picture)))
	must(t, os.MkdirAll(screenshots, 0o755))
	must(t, os.WriteFile(filepath.Join(screenshots, name+".png"), file.Bytes(), 0o644))
}

// indexed is the picture in its 256 most frequent colours, which makes a small
// file: what it changes are a few pixels at the edge of letters.
func indexed(picture image.Image) image.Image {
	bounds, count := picture.Bounds(), map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[picture.At(x, y)]++
		}
	}
	colours := slices.Collect(maps.Keys(count))
	slices.SortFunc(colours, func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	small := image.NewPaletted(bounds, colours[:min(len(colours), 256)])
	draw.Draw(small, bounds, picture, bounds.Min, draw.Src)
	return small
}
