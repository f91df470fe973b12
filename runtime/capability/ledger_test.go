package capability

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/abi"
)

// TestNames: every request of a message has the name that its number says, whichever of
// them go outside.
func TestNames(t *testing.T) {
	for _, id := range []string{"", "m1", "01K0000000000000000000000A.12"} {
		var n names
		for number := 1; number <= 1200; number += 1 + number%7*(number/100%2) {
			if got, want := n.name(id, number), fmt.Sprintf("%s/%d", id, number); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	}
}

// TestRecordedBytes: what is recorded of a message stays as it is while this and another
// message make more requests, and digests are those of the request, whatever its size.
func TestRecordedBytes(t *testing.T) {
	b, l := open(t, 1000), ledger(t)
	var held []Recorded // as who tries a message again holds them
	var said []string
	for range 2 { // messages
		l.Reset()
		var sums [][32]byte
		var answers []string
		for n := range 300 {
			data := bytes.Repeat([]byte{'a' + byte(n%26)}, n*n%5000)
			attrs := abi.AppendAttr(abi.AppendAttr(nil, abi.Type, "fake.read"), "use", "it")
			frame := abi.AppendData(append(abi.AppendAttrCount(abi.AppendCount(nil, 1), 2), attrs...), data)
			answer, err := b.Serve(l, frame)
			if err != nil {
				t.Fatal(err)
			}
			sums, answers = append(sums, sha256.Sum256(append(attrs, data...))), append(answers, string(answer))
		}
		for i, r := range l.Recorded() {
			if r.Call != i+1 || !bytes.Equal(r.Digest(), sums[i][:]) || string(r.Frame) != answers[i] || r.Operation != "fake.read" || r.Use != "it" {
				t.Fatalf("request %d: %d %s %s %x, and an answer of %d bytes", i+1, r.Call, r.Use, r.Operation, r.Sum, len(r.Frame))
			}
			held, said = append(held, r), append(said, string(r.Frame))
		}
		l.ID += "0"
	}
	for i, r := range held {
		if string(r.Frame) != said[i] {
			t.Fatalf("recorded answer %d has changed since", i)
		}
	}
}
