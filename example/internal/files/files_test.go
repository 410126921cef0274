package files

import (
	"strconv"
	"sync"
	"testing"
)

// TestKeepOnce: of several processes at once, all work with the same file.
func TestKeepOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	var group sync.WaitGroup
	got := make([]string, 20)
	for i := range got {
		group.Go(func() {
			data, err := Keep("file", 0o600, func() ([]byte, error) { return []byte(strconv.Itoa(i)), nil })
			if err != nil {
				t.Error(err)
			}
			got[i] = string(data)
		})
	}
	group.Wait()
	for _, data := range got {
		if data == "" || data != got[0] {
			t.Fatalf("different files: %q", got)
		}
	}
}
