package replay

import (
	"bytes"
	"testing"
)

// TestRoom: what was copied stays as it was, whatever comes after it and whatever becomes of
// what it was copied from.
func TestRoom(t *testing.T) {
	var r room
	var want []byte
	var copies [][]byte
	var texts []string
	source := make([]byte, 2*roomSmall)
	for i := range 200 {
		n := i * 37 % len(source)
		for k := range source {
			source[k] = byte(i)
		}
		copies = append(copies, r.bytes(source[:n]))
		texts = append(texts, r.string(string(source[:n])))
		want = append(want, byte(i))
	}
	clear(source)
	for i, b := range copies {
		n := i * 37 % len(source)
		if expected := bytes.Repeat(want[i:i+1], n); !bytes.Equal(b, expected) || texts[i] != string(expected) {
			t.Fatalf("the %d. copy has changed", i)
		}
		if cap(b) != len(b) && len(b) <= roomSmall {
			t.Fatalf("the %d. copy reaches into the next", i)
		}
	}
	if r.bytes(nil) != nil || r.bytes([]byte{}) == nil || r.string("") != "" {
		t.Error("nothing is copied otherwise than it is")
	}
	small := bytes.Repeat([]byte("x"), roomSmall)
	if n := testing.AllocsPerRun(100, func() { r.bytes(small[:16]) }); n > 0 {
		t.Errorf("16 bytes take %v allocations", n)
	}
}
