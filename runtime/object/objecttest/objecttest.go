// Package objecttest is the suite that each implementation of buckets of objects must pass.
package objecttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
)

// Run runs the suite. open gives a test an empty store.
func Run(t *testing.T, open func(t *testing.T) object.Store) {
	for name, test := range map[string]func(t *testing.T, s object.Store){
		"writes": testWrites, "ranges": testRanges, "parts": testParts, "parts that are not there": testNoParts, "expected revisions": testIf, "once": testOnce,
		"keys": testKeys, "apart": testApart, "at the same time": testConcurrent, "limits": testLimits, "given up": testGivenUp,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// subject is a bucket that a test asks.
type subject struct {
	*testing.T
	object.Bucket
}

func of(t *testing.T, s object.Store, n bucket.Name) subject {
	t.Helper()
	b, err := s.Objects(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return subject{t, b}
}

func one(t *testing.T, s object.Store) subject {
	t.Helper()
	return of(t, s, bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
}

// write must succeed.
func (s subject) write(w object.Write) object.Info {
	s.Helper()
	info, err := s.Write(s.Context(), &w)
	if err != nil {
		s.Fatalf("write %q: %v", w.Key, err)
	}
	return info
}

// fails is a write that must end with an error.
func (s subject) fails(w object.Write, want error) {
	s.Helper()
	if _, err := s.Write(s.Context(), &w); !errors.Is(err, want) {
		s.Errorf("write %.40q of %d bytes: %v, want %v", w.Key, len(w.Data), err, want)
	}
}

// part must be kept.
func (s subject) part(upload, key string, n int, data []byte) {
	s.Helper()
	if err := s.Part(s.Context(), &object.Part{Key: key, Upload: upload, Number: n, Data: data}); err != nil {
		s.Fatalf("part %d of %q: %v", n, key, err)
	}
}

// all reads a whole object range by range; nil: there is none.
func (s subject) all(key string) []byte {
	s.Helper()
	info, err := s.Stat(s.Context(), key)
	if errors.Is(err, object.ErrNotFound) {
		return nil
	}
	if err != nil {
		s.Fatal(err)
	}
	data := make([]byte, 0, info.Size)
	for int64(len(data)) < info.Size {
		_, more, err := s.Read(s.Context(), key, info.Revision, object.Range{From: int64(len(data)), Length: object.PartMax})
		if err != nil || len(more) == 0 {
			s.Fatalf("read %q from %d: %d bytes, %v", key, len(data), len(more), err)
		}
		data = append(data, more...)
	}
	return data
}

// has holds what is there against a text; "": nothing is.
func (s subject) has(key, want string) {
	s.Helper()
	if got := s.all(key); string(got) != want || (got == nil) != (want == "") {
		s.Errorf("%s: %.80q, want %.80q", key, got, want)
	}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func testWrites(t *testing.T, store object.Store) {
	s := one(t, store)
	s.has("a", "")
	first := s.write(object.Write{Key: "a", Data: []byte("one")})
	s.has("a", "one")
	second := s.write(object.Write{Key: "a", Data: []byte("two!")})
	s.has("a", "two!")
	if first.Revision == second.Revision || first.Revision == "" || second.Size != 4 || second.Key != "a" || second.Digest != digest([]byte("two!")) {
		t.Errorf("%+v, then %+v", first, second)
	}
	stat, err := s.Stat(t.Context(), "a")
	if err != nil || stat.Revision != second.Revision || stat.Size != 4 || stat.Digest != second.Digest || stat.Modified.IsZero() {
		t.Errorf("%+v, %v, want %+v", stat, err, second)
	}
	s.write(object.Write{Key: "empty"})
	if got, err := s.Stat(t.Context(), "empty"); err != nil || got.Size != 0 {
		t.Errorf("an empty object: %+v %v", got, err)
	}
	if info := s.write(object.Write{Key: "a", Delete: true}); info != (object.Info{}) {
		t.Errorf("after a removal there is %+v", info)
	}
	s.has("a", "")
	s.write(object.Write{Key: "a", Delete: true})
	s.write(object.Write{Key: "a", Data: []byte("three")})
	s.has("a", "three")
}

func testRanges(t *testing.T, store object.Store) {
	s := one(t, store)
	s.write(object.Write{Key: "a", Data: []byte("0123456789")})
	for r, want := range map[object.Range]string{
		{From: 0, Length: 3}: "012", {From: 4, Length: 100}: "456789", {From: 9, Length: 1}: "9", {From: 10, Length: 1}: "", {From: 99, Length: 1}: "",
		{From: -3, Length: 2}: "78", {From: -99, Length: 1}: "0", {From: 2, Length: 0}: "", {From: 3, Length: -1}: "",
	} {
		if info, got, err := s.Read(t.Context(), "a", "", r); err != nil || string(got) != want || info.Size != 10 {
			t.Errorf("%+v: %q %+v %v, want %q", r, got, info, err, want)
		}
	}
	if _, _, err := s.Read(t.Context(), "b", "", object.Range{Length: 1}); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if _, _, err := s.Read(t.Context(), "a", "another", object.Range{Length: 1}); !errors.Is(err, object.ErrConflict) {
		t.Errorf("of another revision: %v", err)
	}
}

// pattern is bytes that say where they stand.
func pattern(n int) []byte {
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%07d ", i)
	}
	return b[:n]
}

func testParts(t *testing.T, store object.Store) {
	s := one(t, store)
	data := pattern(3*object.PartMax - 5)
	for n := range 3 {
		s.part("u1", "large", n+1, data[n*object.PartMax:min(len(data), (n+1)*object.PartMax)])
	}
	s.has("large", "")
	s.part("u1", "large", 2, data[object.PartMax:2*object.PartMax]) // once more, which changes nothing
	info := s.write(object.Write{Key: "large", Upload: "u1", Parts: 3, Once: "m1"})
	if got := s.all("large"); !bytes.Equal(got, data) || info.Size != int64(len(data)) || info.Digest != digest(data) {
		t.Errorf("%d bytes, %+v, want %d", len(got), info, len(data))
	}
	from := int64(object.PartMax - 9)
	if _, got, err := s.Read(t.Context(), "large", info.Revision, object.Range{From: from, Length: object.PartMax}); err != nil || !bytes.Equal(got, data[from:from+object.PartMax]) {
		t.Errorf("over the border of parts: %d bytes, %v", len(got), err)
	}
	again := s.write(object.Write{Key: "large", Upload: "u1", Parts: 3, Once: "m1"})
	if again.Revision != info.Revision {
		t.Errorf("again: %+v, want %+v", again, info)
	}
	s.fails(object.Write{Key: "large", Upload: "u1", Parts: 3, Once: "m2"}, object.ErrNoUpload)
	s.part("u2", "large", 1, []byte("small"))
	s.write(object.Write{Key: "large", Upload: "u2", Parts: 1})
	s.part("u3", "large", 1, []byte("small"))
	s.part("u3", "large", 2, []byte("of an attempt that has put more"))
	s.write(object.Write{Key: "large", Upload: "u3", Parts: 1})
	s.has("large", "small")
}

func testNoParts(t *testing.T, store object.Store) {
	s := one(t, store)
	s.part("u1", "a", 1, []byte("1"))
	s.part("u1", "a", 3, []byte("3"))
	s.fails(object.Write{Key: "a", Upload: "u1", Parts: 3}, object.ErrNoUpload)
	s.fails(object.Write{Key: "a", Upload: "none", Parts: 1}, object.ErrNoUpload)
	if _, err := s.Write(t.Context(), &object.Write{Key: "b", Upload: "u1", Parts: 1}); !errors.Is(err, object.ErrNoUpload) && !errors.Is(err, object.ErrInvalid) {
		t.Errorf("parts of another key: %v", err)
	}
	s.has("a", "")
	s.part("u1", "a", 2, []byte("2"))
	s.write(object.Write{Key: "a", Upload: "u1", Parts: 3})
	s.has("a", "123")
}

func expect(revision string) *string { return &revision }

func testIf(t *testing.T, store object.Store) {
	s := one(t, store)
	first := s.write(object.Write{Key: "a", Data: []byte("one"), If: expect(object.None)})
	s.fails(object.Write{Key: "a", Data: []byte("two"), If: expect(object.None)}, object.ErrConflict)
	s.fails(object.Write{Key: "a", Data: []byte("two"), If: expect("another")}, object.ErrConflict)
	s.has("a", "one")
	second := s.write(object.Write{Key: "a", Data: []byte("two"), If: expect(first.Revision)})
	s.fails(object.Write{Key: "a", Delete: true, If: expect(first.Revision)}, object.ErrConflict)
	s.fails(object.Write{Key: "b", Data: []byte("two"), If: expect(first.Revision)}, object.ErrConflict)
	s.part("u1", "a", 1, []byte("three"))
	s.fails(object.Write{Key: "a", Upload: "u1", Parts: 1, If: expect(first.Revision)}, object.ErrConflict)
	s.has("a", "two")
	s.write(object.Write{Key: "a", Upload: "u1", Parts: 1, If: expect(second.Revision)})
	s.has("a", "three")
}

func testOnce(t *testing.T, store object.Store) {
	s := one(t, store)
	first := s.write(object.Write{Key: "a", Data: []byte("one"), Once: "m1"})
	for range 2 {
		if again := s.write(object.Write{Key: "a", Data: []byte("one"), Once: "m1"}); again.Revision != first.Revision {
			t.Errorf("%+v, want %+v", again, first)
		}
	}
	s.write(object.Write{Key: "a", Data: []byte("two"), Once: "m2"})
	if again := s.write(object.Write{Key: "a", Data: []byte("one"), Once: "m1"}); again.Revision != first.Revision || again.Size != 3 {
		t.Errorf("after another write: %+v, want %+v", again, first)
	}
	s.has("a", "two")
	s.write(object.Write{Key: "a", Delete: true, Once: "m3"})
	s.write(object.Write{Key: "a", Data: []byte("four"), Once: "m4"})
	s.write(object.Write{Key: "a", Delete: true, Once: "m3"})
	s.has("a", "four")
	s.write(object.Write{Key: "none", Delete: true, Once: "m5"})
	s.write(object.Write{Key: "none", Data: []byte("x"), Once: "m6"})
	s.write(object.Write{Key: "none", Delete: true, Once: "m5"})
	s.has("none", "x")
}

func testKeys(t *testing.T, store object.Store) {
	s := one(t, store)
	keys := []string{"a", "b/1", "b/2.png", "b/ä ö", "b0", "c=d&e%2F?*>.x"}
	for i, key := range keys {
		s.write(object.Write{Key: key, Data: pattern(i + 1)})
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"", "", 100, keys}, {"b/", "", 100, keys[1:4]}, {"", "", 2, keys[:2]}, {"", "b/1", 2, keys[2:4]}, {"x", "", 9, nil}, {"", "z", 9, nil},
	} {
		list, err := s.List(t.Context(), c.prefix, c.after, c.limit)
		var got []string
		for _, i := range list {
			got = append(got, i.Key)
			if i.Size == 0 || i.Revision == "" {
				t.Errorf("listed as %+v", i)
			}
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q after %q: %q %v, want %q", c.prefix, c.after, got, err, c.want)
		}
	}
	s.write(object.Write{Key: "a", Delete: true})
	if list, err := s.List(t.Context(), "a", "", 9); err != nil || len(list) != 0 {
		t.Errorf("what was removed: %+v %v", list, err)
	}
	for _, key := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../b", "a\x00", "a\nb", "\xff", `a\b`, ".grow/x", strings.Repeat("x", object.KeyMax+1)} {
		s.fails(object.Write{Key: key, Data: []byte("x")}, object.ErrInvalid)
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("stat %q: %v", key, err)
		}
	}
}

func testApart(t *testing.T, store object.Store) {
	a, b := one(t, store), of(t, store, bucket.Name{Namespace: "main", Service: "other", Bucket: "photos"})
	all := of(t, store, bucket.Name{Namespace: "main", Bucket: "photos"})
	a.write(object.Write{Key: "k", Data: []byte("a"), Once: "m1"})
	b.write(object.Write{Key: "k", Data: []byte("b"), Once: "m1"})
	all.has("k", "")
	a.has("k", "a")
	b.has("k", "b")
	if _, err := store.Objects(t.Context(), bucket.Name{Namespace: "main", Bucket: "../x"}); err == nil {
		t.Error("a bucket of a name that is none is opened")
	}
}

// testConcurrent: of many who write for the same revision one does.
func testConcurrent(t *testing.T, store object.Store) {
	s := one(t, store)
	const writers, rounds = 8, 5
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			for round := range rounds {
				for done := false; !done; {
					revision, n := object.None, 0
					info, data, err := s.Read(t.Context(), "n", "", object.Range{Length: 100})
					if err == nil {
						revision, n = info.Revision, len(data)
					} else if !errors.Is(err, object.ErrNotFound) {
						t.Error(err)
						return
					}
					_, err = s.Write(t.Context(), &object.Write{Key: "n", Data: pattern(n + 1), If: &revision, Once: fmt.Sprintf("m%dx%dx%d", i, round, n)})
					if done = err == nil; !done && !errors.Is(err, object.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	s.has("n", string(pattern(writers*rounds)))
}

func testLimits(t *testing.T, store object.Store) {
	s := one(t, store)
	s.fails(object.Write{Key: "a", Data: make([]byte, object.PartMax+1)}, object.ErrTooLarge)
	s.fails(object.Write{Key: "a", Once: "not a name"}, object.ErrInvalid)
	s.fails(object.Write{Key: "a", Upload: "u", Parts: object.PartsMax + 1}, object.ErrInvalid)
	s.fails(object.Write{Key: "a", Upload: "u", Parts: 1, Data: []byte("x")}, object.ErrInvalid)
	s.fails(object.Write{Key: "a", Upload: "../u", Parts: 1}, object.ErrInvalid)
	for _, p := range []object.Part{
		{Key: "a", Upload: "u", Number: 0, Data: []byte("x")}, {Key: "a", Upload: "u", Number: object.PartsMax + 1, Data: []byte("x")},
		{Key: "a", Upload: "u", Number: 1}, {Key: "a", Upload: "*", Number: 1, Data: []byte("x")}, {Key: "", Upload: "u", Number: 1, Data: []byte("x")},
	} {
		if err := s.Part(t.Context(), &p); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if err := s.Part(t.Context(), &object.Part{Key: "a", Upload: "u", Number: 1, Data: make([]byte, object.PartMax+1)}); !errors.Is(err, object.ErrTooLarge) {
		t.Errorf("a large part: %v", err)
	}
	s.fails(object.Write{Key: "a", Data: []byte("four"), Most: 3}, object.ErrTooLarge)
	s.part("u1", "a", 1, []byte("fo"))
	s.part("u1", "a", 2, []byte("ur"))
	s.fails(object.Write{Key: "a", Upload: "u1", Parts: 2, Most: 3}, object.ErrTooLarge)
	s.write(object.Write{Key: "a", Upload: "u1", Parts: 2, Most: 4})
	s.write(object.Write{Key: "a", Data: make([]byte, object.PartMax)})
}

func testGivenUp(t *testing.T, store object.Store) {
	s := one(t, store)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Stat(gone, "a"); err == nil {
		t.Error("stat after it was given up")
	}
	if _, err := s.Write(gone, &object.Write{Key: "a", Data: []byte("x")}); err == nil {
		t.Error("written after it was given up")
	}
	s.write(object.Write{Key: "a", Data: []byte("y")})
	s.has("a", "y")
}
