// Package buckettest is the suite that each implementation of buckets must pass.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
)

// Run runs the suite. make gives a test an empty store.
func Run(t *testing.T, open func(t *testing.T) bucket.Store) {
	for name, test := range map[string]func(t *testing.T, s bucket.Store){
		"writes": testWrites, "expected revisions": testIf, "once": testOnce, "once, of many": testOnceOfMany, "keys": testKeys,
		"apart": testApart, "at the same time": testConcurrent, "time to live": testTTL, "limits": testLimits, "given up": testGivenUp, "prepared": testPrepared,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// subject is a bucket that a test asks.
type subject struct {
	t *testing.T
	bucket.Bucket
}

func of(t *testing.T, s bucket.Store, n bucket.Name) subject {
	t.Helper()
	b, err := s.Bucket(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return subject{t, b}
}

func one(t *testing.T, s bucket.Store) subject {
	t.Helper()
	return of(t, s, bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
}

// write must succeed.
func (s subject) write(w bucket.Write) uint64 {
	s.t.Helper()
	revision, err := s.Write(s.t.Context(), &w)
	if err != nil {
		s.t.Fatalf("write %+v: %v", w, err)
	}
	return revision
}

// fails is a write that must end with an error.
func (s subject) fails(w bucket.Write, want error) {
	s.t.Helper()
	if _, err := s.Write(s.t.Context(), &w); !errors.Is(err, want) {
		s.t.Errorf("write %.40q of %d bytes: %v, want %v", w.Key, len(w.Data), err, want)
	}
}

// has holds what is there against a text; "": nothing is.
func (s subject) has(key, want string) {
	s.t.Helper()
	e, err := s.Get(s.t.Context(), key)
	if want == "" {
		if !errors.Is(err, bucket.ErrNotFound) {
			s.t.Errorf("%s: %q %v, want %v", key, e.Data, err, bucket.ErrNotFound)
		}
		return
	}
	if err != nil || string(e.Data) != want || e.Revision == 0 {
		s.t.Errorf("%s: %q of revision %d, %v, want %q", key, e.Data, e.Revision, err, want)
	}
}

func (s subject) lists(prefix, after string, limit int, want ...string) {
	s.t.Helper()
	got, err := s.List(s.t.Context(), prefix, after, limit)
	if err != nil || !slices.Equal(got, want) {
		s.t.Errorf("list %q after %q: %q %v, want %q", prefix, after, got, err, want)
	}
}

func revision(n uint64) *uint64 { return &n }

func testWrites(t *testing.T, s bucket.Store) {
	b := one(t, s)
	b.has("a", "")
	first := b.write(bucket.Write{Key: "a", Data: []byte("1")})
	b.has("a", "1")
	if second := b.write(bucket.Write{Key: "a", Data: []byte("2")}); second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
	b.has("a", "2")
	b.write(bucket.Write{Key: "b"})
	if e, err := b.Get(t.Context(), "b"); err != nil || len(e.Data) != 0 {
		t.Errorf("an empty value: %+v %v", e, err)
	}
	b.write(bucket.Write{Key: "a", Delete: true})
	b.write(bucket.Write{Key: "never", Delete: true})
	b.has("a", "")
	one(t, s).lists("", "", 10, "b")
}

func testIf(t *testing.T, s bucket.Store) {
	b := one(t, s)
	b.fails(bucket.Write{Key: "a", Data: []byte("x"), If: revision(7)}, bucket.ErrConflict)
	first := b.write(bucket.Write{Key: "a", Data: []byte("1"), If: revision(0)})
	b.fails(bucket.Write{Key: "a", Data: []byte("x"), If: revision(0)}, bucket.ErrConflict)
	second := b.write(bucket.Write{Key: "a", Data: []byte("2"), If: &first})
	b.fails(bucket.Write{Key: "a", Data: []byte("x"), If: &first}, bucket.ErrConflict)
	b.fails(bucket.Write{Key: "a", Delete: true, If: &first}, bucket.ErrConflict)
	b.has("a", "2")
	b.write(bucket.Write{Key: "a", Delete: true, If: &second})
	b.fails(bucket.Write{Key: "a", Data: []byte("x"), If: &second}, bucket.ErrConflict)
	b.has("a", "")
	if again := b.write(bucket.Write{Key: "a", Data: []byte("3"), If: revision(0)}); again <= second {
		t.Errorf("revision %d after %d", again, second)
	}
	b.has("a", "3")
}

// testOnce: what is asked for again, after others have changed the key too, changes
// nothing and answers as before; a write that failed may be asked for again.
func testOnce(t *testing.T, s bucket.Store) {
	b := one(t, s)
	first := bucket.Write{Key: "a", Data: []byte("1"), If: revision(0), Once: "m1"}
	n := b.write(first)
	if again := b.write(first); again != n {
		t.Errorf("again: revision %d, want %d", again, n)
	}
	b.write(bucket.Write{Key: "a", Data: []byte("2"), Once: "m2"})
	if again := b.write(first); again != n {
		t.Errorf("later: revision %d, want %d", again, n)
	}
	b.has("a", "2")
	gone := bucket.Write{Key: "a", Delete: true, Once: "m3"}
	b.write(gone)
	b.write(bucket.Write{Key: "a", Data: []byte("3")})
	b.write(gone)
	b.has("a", "3")
	late := bucket.Write{Key: "c", Data: []byte("4"), If: revision(1 << 40), Once: "m4"}
	b.fails(late, bucket.ErrConflict)
	late.If = nil
	b.write(late)
	b.has("c", "4")
}

// testOnceOfMany: each of many writes to a few keys, of every kind, is known later, and none is done
// again, whoever asks.
func testOnceOfMany(t *testing.T, s bucket.Store) {
	b := one(t, s)
	const writes = 120
	keys := []string{"a", "b", "c"}
	has := map[string]string{}
	var done []bucket.Write
	var revisions []uint64
	draw := rand.New(rand.NewPCG(1, 2))
	for i := range writes {
		w := bucket.Write{Key: keys[draw.IntN(len(keys))], Data: fmt.Append(nil, i), Once: fmt.Sprintf("m%d", i), First: draw.IntN(4) > 0}
		switch draw.IntN(12) {
		case 0:
			w.Delete = true
		case 1:
			w.TTL = time.Hour
		case 2:
			w.Once = ""
		case 3:
			w.Once = fmt.Sprintf("%0*d", bucket.OnceMax, i)
		}
		revision := b.write(w)
		has[w.Key] = string(w.Data)
		if w.Delete {
			has[w.Key] = ""
		}
		if w.Once != "" {
			w.First = false
			done, revisions = append(done, w), append(revisions, revision)
		}
		if n := draw.IntN(2 * len(done)); n < len(done) {
			if again := b.write(done[n]); again != revisions[n] {
				t.Fatalf("after write %d, %+v again: revision %d, want %d", i, done[n], again, revisions[n])
			}
		}
	}
	for n, w := range done {
		if again := b.write(w); again != revisions[n] {
			t.Errorf("%+v at the end: revision %d, want %d", w, again, revisions[n])
		}
	}
	for key, want := range has {
		b.has(key, want)
	}
}

// testPrepared: a write that is prepared changes nothing before it is done, and is done as
// others are, whatever has become of the key since.
func testPrepared(t *testing.T, s bucket.Store) {
	b := one(t, s)
	p, ok := b.Bucket.(bucket.Preparer)
	if !ok {
		t.Skip("it prepares nothing")
	}
	prepare := func(w bucket.Write) bucket.Write {
		t.Helper()
		var err error
		if w.Prepared, err = p.Prepare(t.Context(), &w); err != nil {
			t.Fatalf("prepare %+v: %v", w, err)
		}
		return w
	}
	first := prepare(bucket.Write{Key: "a", Data: []byte("1"), If: revision(0), Once: "m1"})
	b.has("a", "")
	n := b.write(first)
	b.has("a", "1")
	if again := b.write(prepare(bucket.Write{Key: "a", Data: []byte("1"), If: revision(0), Once: "m1"})); again != n {
		t.Errorf("again: revision %d, want %d", again, n)
	}
	for _, between := range []bucket.Write{{Key: "a", Data: []byte("x"), Once: "m2"}, {Key: "a", Delete: true, Once: "m3"}, {Key: "b", Data: []byte("x")}} {
		w := prepare(bucket.Write{Key: "a", Data: []byte("of " + between.Once), Once: "after" + between.Once})
		had := b.write(between)
		if got := b.write(w); got <= had {
			t.Errorf("revision %d after %d", got, had)
		}
		b.has("a", string(w.Data))
		if got := b.write(between); between.Once != "" && got != had {
			t.Errorf("what came between, again: revision %d, want %d", got, had)
		}
		b.has("a", string(w.Data))
	}
	if again := b.write(first); again != n {
		t.Errorf("at last: revision %d, want %d", again, n)
	}
	e, err := b.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	late, early := prepare(bucket.Write{Key: "a", Data: []byte("2"), If: &e.Revision, Once: "m4"}), prepare(bucket.Write{Key: "a", Data: []byte("3"), If: revision(0), Once: "m5"})
	b.write(bucket.Write{Key: "a", Delete: true})
	b.fails(late, bucket.ErrConflict)
	b.write(early)
	b.has("a", "3")
	done := prepare(bucket.Write{Key: "a", Data: []byte("4"), Once: "m6"})
	n = b.write(bucket.Write{Key: "a", Data: []byte("4"), Once: "m6"})
	b.write(bucket.Write{Key: "a", Data: []byte("5"), Once: "m7"})
	if again := b.write(done); again != n {
		t.Errorf("done since it was prepared: revision %d, want %d", again, n)
	}
	b.has("a", "5")
	if _, err := p.Prepare(t.Context(), &bucket.Write{}); !errors.Is(err, bucket.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
}

func testKeys(t *testing.T, s bucket.Store) {
	b := one(t, s)
	odd := []string{"a", "a.b", "a..b", ".a", "b.", "=", "=3D", "*", ">", "a b", "ä/ö", "\x00", strings.Repeat("k", bucket.KeyMax)}
	for _, key := range odd {
		b.write(bucket.Write{Key: key, Data: []byte("of " + key)})
	}
	for _, key := range odd {
		b.has(key, "of "+key)
	}
	slices.Sort(odd)
	b.lists("", "", 100, odd...)
	b.lists("a", "", 100, "a", "a b", "a..b", "a.b")
	b.lists("a", "a b", 1, "a..b")
	b.lists("zz", "", 1)
	for i := range 60 {
		b.write(bucket.Write{Key: fmt.Sprintf("p%02d", i)})
	}
	b.lists("p", "p41", 3, "p42", "p43", "p44")
	for _, key := range []string{"", "\xff", strings.Repeat("k", bucket.KeyMax+1)} {
		b.fails(bucket.Write{Key: key}, bucket.ErrInvalid)
		if _, err := b.Get(t.Context(), key); !errors.Is(err, bucket.ErrInvalid) {
			t.Errorf("get %.10q: %v", key, err)
		}
	}
}

// testApart: buckets of other names are other buckets.
func testApart(t *testing.T, s bucket.Store) {
	names := []bucket.Name{
		{Namespace: "main", Service: "shop", Bucket: "carts"}, {Namespace: "main", Service: "shop", Bucket: "others"},
		{Namespace: "main", Service: "shop-carts", Bucket: "carts"}, {Namespace: "main", Bucket: "carts"}, {Namespace: "test", Service: "shop", Bucket: "carts"},
	}
	exists := func(n bucket.Name, want bool) {
		t.Helper()
		if there, err := s.Exists(t.Context(), n); err != nil || there != want {
			t.Errorf("%s exists: %v, %v", n, there, err)
		}
	}
	for _, n := range names {
		exists(n, false)
		exists(n, false) // to ask for it makes none
		of(t, s, n).write(bucket.Write{Key: "a", Data: []byte(n.String()), Once: "m1"})
		exists(n, true)
	}
	for _, n := range names {
		of(t, s, n).has("a", n.String())
	}
	for _, n := range []bucket.Name{{}, {Namespace: "main", Bucket: "A"}, {Namespace: "main", Service: "a_b", Bucket: "a"}, {Namespace: "main", Bucket: "a.b"}} {
		if _, err := s.Bucket(t.Context(), n); err == nil {
			t.Errorf("%q is the name of a bucket", n)
		}
		if _, err := s.Exists(t.Context(), n); err == nil {
			t.Errorf("a bucket %q can be asked for", n)
		}
	}
}

// testConcurrent: of writes at the same time that expect the same, one is done.
func testConcurrent(t *testing.T, s bucket.Store) {
	b := one(t, s)
	const writers, each = 8, 5
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				if err := add(t.Context(), b, fmt.Sprintf("w%dx%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	b.has("n", strings.Repeat("x", writers*each))
}

// add makes a value longer by one, and asks for it twice.
func add(ctx context.Context, b bucket.Bucket, once string) error {
	for try := 0; ; try++ {
		e, err := b.Get(ctx, "n")
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			return err
		}
		w := &bucket.Write{Key: "n", Data: append(e.Data, 'x'), If: &e.Revision, Once: fmt.Sprintf("%sx%d", once, try)}
		_, err = b.Write(ctx, w)
		if err == nil {
			_, err = b.Write(ctx, w)
		}
		if !errors.Is(err, bucket.ErrConflict) {
			return err
		}
	}
}

// testTTL: a value is there until its time is over, and may then be made anew.
func testTTL(t *testing.T, s bucket.Store) {
	b := one(t, s)
	first := b.write(bucket.Write{Key: "a", Data: []byte("1"), TTL: bucket.TTLMin, Once: "m1"})
	if e, err := b.Get(t.Context(), "a"); err == nil && e.Revision != first { // it may be gone by now
		t.Errorf("revision %d, was written as %d", e.Revision, first)
	}
	b.write(bucket.Write{Key: "b", Data: []byte("2"), TTL: time.Hour})
	for {
		if _, err := b.Get(t.Context(), "a"); errors.Is(err, bucket.ErrNotFound) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	b.lists("", "", 10, "b")
	if again := b.write(bucket.Write{Key: "a", Data: []byte("1"), TTL: bucket.TTLMin, Once: "m1"}); again != first {
		t.Errorf("a write whose value is gone has revision %d, and had %d", again, first)
	}
	b.lists("", "", 10, "b")
	b.write(bucket.Write{Key: "a", Data: []byte("3"), If: revision(0)})
	b.has("a", "3")
	for _, ttl := range []time.Duration{-1, 1, time.Second + 1, bucket.TTLMax + time.Second} {
		b.fails(bucket.Write{Key: "c", TTL: ttl}, bucket.ErrInvalid)
	}
}

func testLimits(t *testing.T, s bucket.Store) {
	b := one(t, s)
	large := bytes.Repeat([]byte{1}, bucket.ValueMax)
	b.write(bucket.Write{Key: "a", Data: large, Once: strings.Repeat("o", bucket.OnceMax)})
	b.has("a", string(large))
	b.fails(bucket.Write{Key: "a", Data: append(large, 1)}, bucket.ErrTooLarge)
	for _, once := range []string{strings.Repeat("o", bucket.OnceMax+1), "a=b", "of.1", "a b", "*", "ä", "a\n"} {
		b.fails(bucket.Write{Key: "a", Once: once}, bucket.ErrInvalid)
	}
}

func testGivenUp(t *testing.T, s bucket.Store) {
	b := one(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Write(ctx, &bucket.Write{Key: "a", Data: []byte("1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
	if _, err := b.Get(ctx, "a"); !errors.Is(err, context.Canceled) && !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	b.has("a", "")
}
