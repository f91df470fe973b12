package nats

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/nats-io/nats.go/jetstream"
)

// TestObjectsPartAgain: an upload that is repeated after a crash, which nobody knows was
// finished, leaves no copy of its parts.
func TestObjectsPartAgain(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	var first object.Info
	for try := range 2 {
		for n := range 3 {
			if err := o.Part(t.Context(), &object.Part{Key: "a", Upload: "u", Number: n + 1, Data: []byte("part")}); err != nil {
				t.Fatal(err)
			}
		}
		info, err := o.Write(t.Context(), &object.Write{Key: "a", Upload: "u", Parts: 3, Once: "m1"})
		if try == 0 {
			first = info
		}
		if err != nil || info.Revision != first.Revision || left(t, o) != 3 {
			t.Errorf("%+v, %v and %d chunks of 3, try %d", info, err, left(t, o), try)
		}
	}
	if _, data, err := o.Read(t.Context(), "a", "", object.Range{Length: 99}); err != nil || string(data) != "partpartpart" {
		t.Errorf("%q %v", data, err)
	}
}

// TestObjectsFinishedTwice: of writes at the same time of one upload one makes the object, and
// it stays whole.
func TestObjectsFinishedTwice(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte("before")}); err != nil {
		t.Fatal(err)
	}
	part := &object.Part{Key: "a", Upload: "u", Number: 1, Data: bytes.Repeat([]byte("x"), object.PartMax)}
	for range 2 { // once more than it should be
		if err := o.Part(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wait.Go(func() {
			_, errs[i] = o.Write(t.Context(), &object.Write{Key: "a", Upload: "u", Parts: 1, Once: string(rune('a' + i))})
		})
	}
	wait.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !errors.Is(err, object.ErrNoUpload) {
			t.Error(err)
		}
	}
	_, data, err := o.Read(t.Context(), "a", "", object.Range{Length: object.PartMax})
	if done != 1 || err != nil || !bytes.Equal(data, part.Data) {
		t.Errorf("%d writes of one upload are done, and %d bytes are there: %v", done, len(data), err)
	}
}

// TestObjectsRangeOfOthers: of an object that a client of NATS has put, a range is read, and
// nothing else of it.
func TestObjectsRangeOfOthers(t *testing.T) {
	s := openHere(t, t.TempDir())
	o := photos(t, s)
	h := o.handle.Load()
	js, err := jetstream.New(h.session.reads)
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(t.Context(), o.name)
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 16<<20)
	for i := range large {
		large[i] = byte(i / 1000)
	}
	if _, err := store.PutBytes(t.Context(), "theirs", large); err != nil {
		t.Fatal(err)
	}
	taken := func() uint64 { return h.session.reads.Stats().InBytes + h.session.conn.Stats().InBytes }
	before := taken()
	from, length := 9<<20+17, 300_000
	_, data, err := o.Read(t.Context(), "theirs", "", object.Range{From: int64(from), Length: int64(length)})
	if err != nil || !bytes.Equal(data, large[from:from+length]) {
		t.Errorf("%d bytes of a range of %d: %v", len(data), length, err)
	}
	if got := taken() - before; got > 1<<20 {
		t.Errorf("%d bytes were read for a range of %d", got, length)
	}
}
