package nats

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/bucket/buckettest"
)

func TestBuckets(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Store {
		s := open(t, Options{Dir: t.TempDir()})
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// TestBucketFull: a bucket that has no more room takes no value, lets keys be removed,
// and takes values again when there is room.
func TestBucketFull(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer s.Close()
	b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
	if err != nil {
		t.Fatal(err)
	}
	v := b.(*values)
	v.size = 64 << 10
	large := []byte(strings.Repeat("x", 40<<10))
	write := func(w bucket.Write) error {
		_, err := b.Write(t.Context(), &w)
		return err
	}
	if err := write(bucket.Write{Key: "a", Data: large, Once: "m1"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := write(bucket.Write{Key: "b", Data: large, Once: "m2"}); !errors.Is(err, bucket.ErrFull) {
			t.Errorf("into a full bucket: %v", err)
		}
	}
	if err := write(bucket.Write{Key: "a", Delete: true, Once: "m3"}); err != nil {
		t.Fatal(err)
	}
	if err := write(bucket.Write{Key: "b", Data: large, Once: "m2"}); err != nil {
		t.Errorf("after a removal: %v", err)
	}
}

// basket is a bucket that ends with the test, and writes to it that succeed.
func basket(t *testing.T) (*values, func(bucket.Write) uint64) {
	t.Helper()
	s := open(t, Options{Dir: t.TempDir()})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*values), func(w bucket.Write) uint64 {
		t.Helper()
		revision, err := b.Write(t.Context(), &w)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
}

// TestRemovalKnown: a removal whose note was lost in a crash is known by its mark for as long
// as the key is not written, and a later one leaves no mark.
func TestRemovalKnown(t *testing.T) {
	v, write := basket(t)
	h := v.handle.Load()
	first := write(bucket.Write{Key: "a", Data: []byte("1"), Once: "m1"})
	gone, err := v.publish(t.Context(), h, &bucket.Write{Key: "a", Delete: true, Once: "m2"}, &finding{there: first, expect: first, before: []former{{"m1", first}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.last(t.Context(), h, v.subject("a"))
	if err != nil || m == nil || m.Header.Get(messageTTL) != "" {
		t.Fatalf("the mark goes by itself: %+v %v", m, err)
	}
	if again := write(bucket.Write{Key: "a", Delete: true, Once: "m2"}); again != gone {
		t.Errorf("again: revision %d, want %d", again, gone)
	}
	write(bucket.Write{Key: "a", Data: []byte("2"), Once: "m3"})
	if again := write(bucket.Write{Key: "a", Delete: true, Once: "m2"}); again != gone {
		t.Errorf("after another value: revision %d, want %d", again, gone)
	}
	if e, err := v.Get(t.Context(), "a"); err != nil || string(e.Data) != "2" {
		t.Errorf("%q %v", e.Data, err)
	}
	write(bucket.Write{Key: "a", Delete: true, Once: "m4"})
	if m, err := v.last(t.Context(), h, v.subject("a")); m != nil || err != nil {
		t.Errorf("a mark is left: %+v %v", m, err)
	}
}

// TestBucketFirst: a write that is said to be the first is not looked for, unless it is in the way
// of its own: then it was done meanwhile.
func TestBucketFirst(t *testing.T) {
	v, write := basket(t)
	prepare := func(w bucket.Write) bucket.Write {
		t.Helper()
		prepared, err := v.Prepare(t.Context(), &w)
		if err != nil {
			t.Fatal(err)
		}
		w.Prepared = prepared
		return w
	}
	one := bucket.Write{Key: "a", Data: []byte("1"), Once: "m1"}
	first := write(one)
	other := write(bucket.Write{Key: "a", Data: []byte("2"), Once: "m2", First: true})
	if again := write(one); again != first {
		t.Errorf("what another has taken the place of, again: revision %d, want %d", again, first)
	}
	one.First = true
	if again := write(one); again <= other {
		t.Errorf("said to be the first, it was looked for: revision %d", again)
	}
	two := prepare(bucket.Write{Key: "a", Data: []byte("3"), Once: "m3", First: true})
	done := write(bucket.Write{Key: "a", Data: []byte("3"), Once: "m3"})
	write(bucket.Write{Key: "a", Data: []byte("4"), Once: "m4"})
	if again := write(two); again != done {
		t.Errorf("done since it was prepared: revision %d, want %d", again, done)
	}
}

// TestBucketRestart: values, and what was done for what, outlive the server, also one that
// is started anew under an open bucket.
func TestBucketRestart(t *testing.T) {
	dir, n := t.TempDir(), bucket.Name{Namespace: "main", Bucket: "carts"}
	var first uint64
	for run := range 3 {
		s := open(t, Options{Dir: dir})
		b, err := s.Bucket(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if run == 1 {
			s.keeper.alarm("failed to store a msg")
			healthy(t, s)
		}
		got, err := b.Write(t.Context(), &bucket.Write{Key: "a", Data: []byte{byte(run)}, Once: "m1"})
		if run == 0 {
			first = got
		}
		if err != nil || got != first {
			t.Errorf("run %d: revision %d, %v, want %d", run, got, err, first)
		}
		if e, err := b.Get(t.Context(), "a"); err != nil || e.Data[0] != 0 {
			t.Errorf("run %d: %v %v", run, e, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBucketTrim: what is known of writes goes after OnceKept newer ones, and values stay.
func TestBucketTrim(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer s.Close()
	b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Bucket: "carts"})
	if err != nil {
		t.Fatal(err)
	}
	v := b.(*values)
	w := &bucket.Write{Key: "a", Data: []byte("1"), Once: "m1"}
	first, err := b.Write(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	v.count = keepEvery
	if again, err := b.Write(t.Context(), w); err != nil || again != first {
		t.Errorf("after it was looked through: revision %d %v, want %d", again, err, first)
	}
	if v.count != 0 {
		t.Errorf("%d writes since it was looked through", v.count)
	}
}

// TestBucketCarried: when the journals of a folder are replaced, its buckets stay.
func TestBucketCarried(t *testing.T) {
	dir, n := t.TempDir(), bucket.Name{Namespace: "main", Bucket: "carts"}
	s := open(t, Options{Dir: dir})
	b, err := s.Bucket(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	w := &bucket.Write{Key: "a", Data: []byte("kept"), Once: "m1"}
	first, err := b.Write(t.Context(), w)
	if err == nil {
		_, err = s.Open(t.Context(), made)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	salvage, err := OpenSalvage(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	away, err := salvage.Replace(t.Context(), Options{Log: quiet}, func(s *Store) error {
		make9(t, s, true)
		return nil
	})
	if err = errors.Join(err, salvage.Close()); err != nil || away == "" {
		t.Fatal(away, err)
	}
	s = open(t, Options{Dir: dir})
	if b, err = s.Bucket(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if e, err := b.Get(t.Context(), "a"); err != nil || string(e.Data) != "kept" {
		t.Errorf("%+v %v", e, err)
	}
	if again, err := b.Write(t.Context(), w); err != nil || again != first {
		t.Errorf("again: revision %d, %v, want %d", again, err, first)
	}
	j, err := s.Open(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	if begin, _, err := j.Bounds(t.Context()); err != nil || begin != 9 {
		t.Errorf("the journal begins with %d: %v", begin, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzKey(f *testing.F) {
	for _, key := range []string{"a", ".", "a..b", "=41", "\x00", "ä"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		text := encodeKey(key)
		if strings.Contains(text, "..") || strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") || strings.ContainsAny(text, " *>\x00\r\n") {
			t.Errorf("%q is written %q", key, text)
		}
		if back, ok := decodeKey(text); !ok || back != key {
			t.Errorf("%q comes back as %q", key, back)
		}
		if back, ok := decodeKey(key); ok && encodeKey(back) != key {
			t.Errorf("%q is taken for the key %q", key, back)
		}
	})
}

// TestBucketLeft: a damaged bucket, which no server could be started with, does not go along
// with a repair; its neighbour does.
func TestBucketLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for _, name := range []string{"carts", "sound"} {
		b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Bucket: name})
		if err == nil {
			_, err = b.Write(t.Context(), &bucket.Write{Key: "a", Data: []byte("kept in " + name)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	turned := false
	err := filepath.WalkDir(filepath.Join(dir, storeDir), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".blk" {
			return err
		}
		b, err := os.ReadFile(path)
		if at := bytes.Index(b, []byte("kept in carts")); err == nil && at >= 0 {
			b[at], turned = b[at]^1, true
			err = os.WriteFile(path, b, 0o600)
		}
		return err
	})
	if err != nil || !turned {
		t.Fatal(turned, err)
	}
	salvage, err := OpenSalvage(t.Context(), dir)
	if err != nil || len(salvage.Damaged) == 0 || !IsBucket(salvage.Damaged[0].Journal) {
		t.Fatalf("%+v %v", salvage, err)
	}
	_, err = salvage.Replace(t.Context(), Options{Log: quiet}, func(*Store) error { return nil })
	if err = errors.Join(err, salvage.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	for name, want := range map[string]string{"carts": "", "sound": "kept in sound"} {
		b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Bucket: name})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := b.Get(t.Context(), "a"); string(e.Data) != want || (want == "") != errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%s: %+v %v", name, e, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
