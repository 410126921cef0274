package credential

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// MinBits is the least length of a status list: with fewer, the issuer
	// would learn whose status is asked for (Bitstring Status List §5.1).
	MinBits = 16 << 10 * 8
	// maxListBytes is what a list may unpack to.
	maxListBytes = 16 << 20
)

// Bits is a status list. The first bit is the highest of the first byte.
type Bits []byte

// NewBits returns a list of n bits, and at least MinBits, all of them 0.
func NewBits(n int) Bits { return make(Bits, (max(n, MinBits)+7)/8) }

var errIndex = errors.New("credential: the index is beyond the status list")

// Get returns a bit, or an error if the list is shorter.
func (b Bits) Get(index uint64) (bool, error) {
	if index/8 >= uint64(len(b)) {
		return false, errIndex
	}
	return b[index/8]>>(7-index%8)&1 == 1, nil
}

// Set changes a bit, or returns an error if the list is shorter.
func (b Bits) Set(index uint64, on bool) error {
	if index/8 >= uint64(len(b)) {
		return errIndex
	}
	mask := byte(1) << (7 - index%8)
	b[index/8] &^= mask
	if on {
		b[index/8] |= mask
	}
	return nil
}

// Encode returns the encodedList of Bitstring Status List: multibase base64url
// of the GZIP.
func (b Bits) Encode() (string, error) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, err1 := zw.Write(b)
	err2 := zw.Close()
	return "u" + base64.RawURLEncoding.EncodeToString(packed.Bytes()), errors.Join(err1, err2)
}

var errList = errors.New("credential: not an encoded status list")

// DecodeBits reads an encodedList, with multibase's u in front or without:
// Status List 2021 has none, and its base64 comes in either alphabet, padded
// or not. A list of less than MinBits or more than 16 MiB is an error; no more
// than that is ever unpacked.
func DecodeBits(encoded string) (Bits, error) {
	if strings.ContainsAny(encoded, "\r\n") {
		return nil, errList // encoding/base64 skips them
	}
	encoded = strings.TrimRight(strings.TrimPrefix(encoded, "u"), "=")
	packed, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(encoded))
	if err != nil {
		return nil, errList
	}
	source := bytes.NewReader(packed)
	zr, err := gzip.NewReader(source)
	if err != nil {
		return nil, errList
	}
	zr.Multistream(false)
	bits, err := io.ReadAll(io.LimitReader(zr, maxListBytes+1))
	switch {
	case err != nil || source.Len() > 0:
		return nil, errList
	case len(bits)*8 < MinBits || len(bits) > maxListBytes:
		return nil, fmt.Errorf("credential: a status list has %d to %d bytes", MinBits/8, maxListBytes)
	}
	return bits, nil
}
