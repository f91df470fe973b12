package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/object/objecttest"
	"github.com/nats-io/nats.go/jetstream"
)

func TestObjects(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return openHere(t, t.TempDir()) })
}

// openHere opens a store that is closed with the test.
func openHere(t *testing.T, dir string) *Store {
	t.Helper()
	s := open(t, Options{Dir: dir})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func photos(t *testing.T, s *Store) *objects {
	t.Helper()
	b, err := s.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*objects)
}

// left is how many chunks there are.
func left(t *testing.T, o *objects) (n uint64) {
	t.Helper()
	info, err := o.handle.Load().stream.Info(t.Context(), jetstream.WithSubjectFilter(o.chunks(">")))
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range info.State.Subjects {
		n += count
	}
	return n
}

// TestObjectsOfNATS: what is kept is an object for clients of NATS, and theirs is one here.
func TestObjectsOfNATS(t *testing.T) {
	s := openHere(t, t.TempDir())
	o := photos(t, s)
	large := strings.Repeat("0123456789", 90_000)
	for n := range 2 {
		if err := o.Part(t.Context(), &object.Part{Key: "a/b c", Upload: "u1", Number: n + 1, Data: []byte(large[n*450_000 : (n+1)*450_000])}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Write(t.Context(), &object.Write{Key: "a/b c", Upload: "u1", Parts: 2, Once: "m1"}); err != nil {
		t.Fatal(err)
	}
	theirs, err := s.session.Load().js.ObjectStore(t.Context(), o.name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := theirs.GetString(t.Context(), "a/b c"); err != nil || got != large {
		t.Errorf("they read %d bytes: %v", len(got), err)
	}
	if _, err := theirs.PutString(t.Context(), "theirs", large); err != nil {
		t.Fatal(err)
	}
	if info, got, err := o.Read(t.Context(), "theirs", "", object.Range{From: 131_070, Length: 5}); err != nil || string(got) != large[131_070:131_075] || info.Size != int64(len(large)) {
		t.Errorf("of theirs: %q %+v %v", got, info, err)
	}
}

// TestObjectsRestart: objects, and what was done for what, outlive the server.
func TestObjectsRestart(t *testing.T) {
	dir := t.TempDir()
	var first object.Info
	for run := range 2 {
		s := open(t, Options{Dir: dir})
		o := photos(t, s)
		if run == 0 {
			if err := o.Part(t.Context(), &object.Part{Key: "b", Upload: "u", Number: 1, Data: []byte("part")}); err != nil {
				t.Fatal(err)
			}
		} else if _, err := o.Write(t.Context(), &object.Write{Key: "b", Upload: "u", Parts: 1}); err != nil {
			t.Errorf("of a part from before: %v", err)
		}
		got, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte{byte('0' + run)}, Once: "m1"})
		if run == 0 {
			first = got
		}
		if err != nil || got.Revision != first.Revision {
			t.Errorf("run %d: %+v %v, want %+v", run, got, err, first)
		}
		if _, data, err := o.Read(t.Context(), "a", first.Revision, object.Range{Length: 9}); err != nil || string(data) != "0" {
			t.Errorf("run %d: %q %v", run, data, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestObjectsSwept: parts that nobody makes an object of go, objects and fresh parts stay.
func TestObjectsSwept(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	part := &object.Part{Key: "b", Upload: "u", Number: 1, Data: []byte("part")}
	if err := o.Part(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if err := o.sweep(t.Context()); err != nil || left(t, o) != 2 {
		t.Fatalf("%d chunks are left, %v; want 2", left(t, o), err)
	}
	begun := time.Now()
	o.now = func() time.Time { return begun.Add(object.UploadAge + time.Minute) }
	if _, err := o.Write(t.Context(), &object.Write{Key: "b", Upload: "u", Parts: 1}); !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("parts that are too old: %v", err)
	}
	o.now = func() time.Time { return begun.Add(sweptAfter + time.Minute) }
	if err := o.sweep(t.Context()); err != nil || left(t, o) != 1 {
		t.Errorf("%d chunks are left, %v; want 1", left(t, o), err)
	}
	if _, data, err := o.Read(t.Context(), "a", "", object.Range{Length: 9}); err != nil || string(data) != "kept" {
		t.Errorf("%q %v", data, err)
	}
}

// TestObjectsGivenUp: a list that is given up halfway leaves no goroutine behind, of which the
// end of the tests makes sure.
func TestObjectsGivenUp(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	for n := range 400 { // more than are on their way at a time
		if _, err := o.Write(t.Context(), &object.Write{Key: fmt.Sprint(n), Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		err := o.each(ctx, func() {}, func(*jetstream.ObjectInfo) {
			for range 50 { // meanwhile as much as can be is on its way
				if _, _, err := o.Read(t.Context(), "0", "", object.Range{Length: 1}); err != nil {
					t.Error(err)
				}
			}
			cancel()
		}, func(key string) { t.Errorf("%s is damaged", key) })
		if err == nil {
			t.Error("it was not given up")
		}
	}
}

// TestObjectsFull: a bucket without room takes nothing, and leaves nothing of what it does not take.
func TestObjectsFull(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	o.size = 64 << 10
	write := func(w object.Write) error {
		_, err := o.Write(t.Context(), &w)
		return err
	}
	large := make([]byte, 40<<10)
	if err := write(object.Write{Key: "a", Data: large}); err != nil {
		t.Fatal(err)
	}
	if err := write(object.Write{Key: "b", Data: large}); !errors.Is(err, object.ErrFull) {
		t.Errorf("into a full bucket: %v", err)
	}
	if n := left(t, o); n != 1 {
		t.Errorf("%d chunks, want 1", n)
	}
	if err := write(object.Write{Key: "a", Delete: true, Once: "m"}); err != nil {
		t.Fatal(err)
	}
	if err := write(object.Write{Key: "b", Data: large}); err != nil {
		t.Errorf("after a removal: %v", err)
	}
	if n := left(t, o); n != 1 {
		t.Errorf("%d chunks, want 1", n)
	}
}

func FuzzChunks(f *testing.F) {
	for _, text := range []string{"", "1:2", "1:2,3:4", "1", ":", "1:0", "18446744073709551616:1", ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readChunks(text)
		if err != nil {
			return
		}
		if again, err := readChunks(writeChunks(list)); err != nil || len(again) != len(list) {
			t.Errorf("%q: %v %v, then %v", text, list, err, again)
		}
	})
}

// TestObjectsFullOfParts: what nobody made an object of in time gives its room to others,
// parts too, which a large object begins with.
func TestObjectsFullOfParts(t *testing.T) {
	o := photos(t, openHere(t, t.TempDir()))
	o.size = 64 << 10
	o.swept.Store(0)
	part := func(upload string) error {
		return o.Part(t.Context(), &object.Part{Key: "a", Upload: upload, Number: 1, Data: make([]byte, 40<<10)})
	}
	if err := part("u1"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := part("u2"); !errors.Is(err, object.ErrFull) {
		t.Errorf("beside parts that are waited for: %v", err)
	}
	o.now = func() time.Time { return begun.Add(sweptAfter + time.Minute) }
	if err := part("u3"); err != nil {
		t.Errorf("beside parts that have waited too long: %v", err)
	}
	if n := left(t, o); n != 1 {
		t.Errorf("%d chunks, want 1", n)
	}
}
