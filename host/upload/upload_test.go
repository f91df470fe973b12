package upload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
)

type fixture struct {
	*Uploads
	store store.Store
	now   time.Time
}

func newUploads(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	s, err := files.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, now: time.Now()}
	if f.Uploads, err = New(Options{Dir: filepath.Join(dir, "uploads"), Store: s, SizeMax: 1 << 20, Now: func() time.Time { return f.now }}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) stored(t testing.TB, d store.Digest) []byte {
	t.Helper()
	r, _, err := f.store.Get(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPieces sends objects in pieces, some of which break off.
func TestPieces(t *testing.T) {
	property.Check(t, func(r *rapid.T) {
		f := newUploads(t)
		data := make([]byte, rapid.IntRange(0, 5000).Draw(r, "size"))
		random := rand.New(rand.NewPCG(1, uint64(len(data))))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		d, size := store.DigestOf(data), int64(len(data))
		for n := 0; ; n++ {
			s, err := f.State(context.Background(), d)
			if err != nil {
				r.Fatal(err)
			}
			if s.Done {
				break
			}
			if n > 10_000 {
				r.Fatal("it never ends")
			}
			end := s.Offset + rapid.Int64Range(0, size-s.Offset).Draw(r, "piece")
			piece := io.Reader(bytes.NewReader(data[s.Offset:end]))
			broken := errors.New("broken")
			if rapid.Bool().Draw(r, "breaks") {
				piece = io.MultiReader(piece, iotest.ErrReader(broken))
			}
			got, err := f.Add(context.Background(), d, size, s.Offset, piece)
			if err != nil && !errors.Is(err, broken) {
				r.Fatal(err)
			}
			if got.Offset != end || got.Done != (err == nil && end == size) {
				r.Fatalf("%+v, %v after %d of %d bytes", got, err, end, size)
			}
		}
		if !bytes.Equal(f.stored(t, d), data) {
			r.Fatal("what is in the store is something else")
		}
		if left, err := os.ReadDir(f.o.Dir); err != nil || len(left) > 0 {
			r.Fatalf("left: %v, %v", left, err)
		}
	})
}

func TestRefused(t *testing.T) {
	f := newUploads(t)
	data := []byte("some bytes")
	d, size := store.DigestOf(data), int64(len(data))
	add := func(d store.Digest, size, offset int64, text string) error {
		_, err := f.Add(t.Context(), d, size, offset, strings.NewReader(text))
		return err
	}
	for name, k := range map[string]struct {
		err  error
		want error
	}{
		"too large":            {add(d, 1<<20+1, 0, "x"), store.ErrTooLarge},
		"no size":              {add(d, -1, 0, "x"), store.ErrTooLarge},
		"begins in the middle": {add(d, size, 3, "x"), ErrOffset},
		"more than it said":    {add(store.DigestOf([]byte("abc")), 3, 0, "abcd"), store.ErrTooLarge},
		"altered":              {add(d, size, 0, "some bytez"), ErrAltered},
	} {
		if !errors.Is(k.err, k.want) {
			t.Errorf("%s: %v; want %v", name, k.err, k.want)
		}
	}
	for _, bad := range []store.Digest{"", "../x", "x"} {
		if err := add(bad, 1, 0, "x"); err == nil {
			t.Errorf("the digest %q was taken", bad)
		}
	}
	if s, err := f.State(t.Context(), d); err != nil || s.Offset != 0 || s.Done {
		t.Errorf("after it was thrown away: %+v, %v", s, err)
	}
	if err := add(d, size, 0, string(data)); err != nil {
		t.Fatal(err)
	}
	if err := add(d, size, 0, "is not read"); err != nil {
		t.Errorf("what is there already: %v", err)
	}
}

func TestBusy(t *testing.T) {
	f := newUploads(t)
	data := []byte("some bytes")
	d := store.DigestOf(data)
	inside, finish := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := f.Add(t.Context(), d, int64(len(data)), 0, inside)
		done <- err
	}()
	if _, err := finish.Write(data[:4]); err != nil { // it is being read, so d is taken
		t.Fatal(err)
	}
	if _, err := f.Add(t.Context(), d, int64(len(data)), 0, bytes.NewReader(data)); !errors.Is(err, ErrBusy) {
		t.Errorf("two at a time: %v", err)
	}
	if _, err := finish.Write(data[4:]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(finish.Close(), <-done); err != nil {
		t.Error(err)
	}
	if got := f.stored(t, d); !bytes.Equal(got, data) {
		t.Errorf("%q", got)
	}
}

func TestRoom(t *testing.T) {
	f := newUploads(t)
	begin := func(text string) error {
		_, err := f.Add(t.Context(), store.DigestOf([]byte(text)), 2, 0, strings.NewReader("x"))
		return err
	}
	for i := range CountMax {
		if err := os.WriteFile(filepath.Join(f.o.Dir, string(store.DigestOf([]byte{byte(i), byte(i >> 8)}))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin("ab"); !errors.Is(err, ErrLimit) {
		t.Errorf("one too many: %v", err)
	}
	f.now = f.now.Add(KeepTime + time.Hour)
	if err := begin("ab"); err != nil {
		t.Errorf("when the others are old: %v", err)
	}
	if left, err := os.ReadDir(f.o.Dir); err != nil || len(left) != 1 {
		t.Errorf("%d are left, %v", len(left), err)
	}
}
