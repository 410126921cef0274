package credential_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/meflso/fosite-meflso/strategy/credential"
)

func TestStatusListVectors(t *testing.T) {
	var vectors []struct {
		From, EncodedList string
		Bytes             int
		Set               []uint64
	}
	if err := json.Unmarshal(must(os.ReadFile("testdata/statuslists.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		bits, err := credential.DecodeBits(v.EncodedList)
		if err != nil || len(bits) != v.Bytes {
			t.Errorf("%s: %d bytes, %v", v.From, len(bits), err)
			continue
		}
		again := must(credential.DecodeBits(must(bits.Encode())))
		if !bytes.Equal(again, bits) {
			t.Errorf("%s: encoded and decoded it is another", v.From)
		}
		for i := range uint64(v.Bytes) * 8 {
			if on, err := bits.Get(i); err != nil || on != slices.Contains(v.Set, i) {
				t.Errorf("%s: bit %d is %v, %v", v.From, i, on, err)
			}
		}
	}
}

func TestBits(t *testing.T) {
	bits := credential.NewBits(credential.MinBits + 1)
	if len(bits) != credential.MinBits/8+1 {
		t.Errorf("%d bytes", len(bits))
	}
	for _, on := range []bool{true, false} {
		if err := bits.Set(9, on); err != nil || bits[1] != map[bool]byte{true: 0x40, false: 0}[on] {
			t.Errorf("got %08b, %v", bits[1], err)
		}
	}
	beyond := uint64(len(bits)) * 8
	if _, err := bits.Get(beyond); err == nil {
		t.Error("a bit beyond the list was read")
	}
	if err := bits.Set(beyond, true); err == nil {
		t.Error("a bit beyond the list was set")
	}
	if _, err := bits.Get(1<<64 - 1); err == nil {
		t.Error("the last index of all was read")
	}
}

func pack(raw []byte) []byte {
	var b bytes.Buffer
	zw := must(gzip.NewWriterLevel(&b, gzip.BestSpeed))
	zw.Write(raw)
	zw.Close()
	return b.Bytes()
}

func encode(packed []byte) string { return "u" + base64.RawURLEncoding.EncodeToString(packed) }

func TestDecodeBitsRefuses(t *testing.T) {
	good := pack(make([]byte, credential.MinBits/8))
	for name, encoded := range map[string]string{
		"empty": "", "u alone": "u", "line break": encode(good) + "\n", "cut": encode(good[:len(good)-3]),
		"trailing": encode(append(slices.Clone(good), 0)), "two members": encode(append(slices.Clone(good), good...)),
		"checksum":  encode(append(slices.Clone(good[:len(good)-8]), make([]byte, 8)...)),
		"too short": encode(pack(make([]byte, credential.MinBits/8-1))), "too long": encode(pack(make([]byte, 16<<20+1))),
		"other multibase": "z" + encode(good)[1:],
	} {
		if bits, err := credential.DecodeBits(encoded); err == nil {
			t.Errorf("%s: %d bytes", name, len(bits))
		}
	}
	if bits, err := credential.DecodeBits(encode(pack(make([]byte, 16<<20)))); err != nil || len(bits) != 16<<20 {
		t.Errorf("the longest: %d bytes, %v", len(bits), err)
	}
}

// bomb is a GZIP of n times 16 MiB, in about n times 16 KiB.
func bomb(n int) []byte {
	return append(pack(nil)[:10], bytes.Repeat(bombChunk(), 16*n)...)
}

// bombChunk is 1 MiB of zeros, deflated, after which more may come.
var bombChunk = sync.OnceValue(func() []byte {
	var chunk bytes.Buffer
	fw := must(flate.NewWriter(&chunk, flate.BestCompression))
	fw.Write(make([]byte, 1<<20))
	fw.Flush()
	return chunk.Bytes()
})

// 4 GiB in 4 MiB; a fetched list can hold 0.6 MB of it at most.
func TestHostile_Bomb(t *testing.T) {
	encoded := encode(bomb(256))
	before := allocated()
	if _, err := credential.DecodeBits(encoded); err == nil {
		t.Error("decoded")
	}
	if bytes := allocated() - before; bytes > 128<<20 {
		t.Errorf("took %d MiB", bytes>>20)
	}
}
