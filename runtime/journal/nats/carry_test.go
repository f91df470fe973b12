package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
)

// copyOf is a bucket's copy in memory.
type copyOf struct {
	bucket.Extent
	items []bucket.Item
}

func copyBucket(t *testing.T, s *Store, c bucket.Carried, visit func()) *copyOf {
	t.Helper()
	var k copyOf
	var err error
	k.Extent, err = s.CopyBucket(t.Context(), c, func(i *bucket.Item) error {
		one := *i
		one.Data, one.Header = bytes.Clone(i.Data), maps.Clone(i.Header)
		k.items = append(k.items, one)
		if visit != nil {
			visit()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func (k *copyOf) make(ctx context.Context, s *Store, c bucket.Carried) error {
	return s.MakeBucket(ctx, c, k.Extent, func(visit func(*bucket.Item) error) error {
		for n := range k.items {
			if err := visit(&k.items[n]); err != nil {
				return err
			}
		}
		return nil
	})
}

func opened(t *testing.T) *Store {
	s := open(t, Options{Dir: t.TempDir()})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var carts = bucket.Carried{Kind: bucket.Values, Name: bucket.Name{Namespace: "main", Service: "shop", Bucket: "my_carts"}}

// TestCarryValues: a bucket that is made of a copy has the same values and revisions, knows
// what was written for what, and gives no revision again.
func TestCarryValues(t *testing.T) {
	from, to := opened(t), opened(t)
	b, err := from.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	revisions := map[string]uint64{}
	write := func(b bucket.Bucket, w bucket.Write) uint64 {
		t.Helper()
		n, err := b.Write(t.Context(), &w)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for n := range 20 {
		key := fmt.Sprintf("key %d", n%7)
		revisions[key] = write(b, bucket.Write{Key: key, Data: fmt.Append(nil, n), Once: fmt.Sprintf("m%d", n)})
	}
	write(b, bucket.Write{Key: "key 3", Delete: true, Once: "gone"})
	delete(revisions, "key 3")
	revisions["short"] = write(b, bucket.Write{Key: "short", Data: []byte("s"), TTL: time.Hour})
	if list, err := from.CarriedBuckets(t.Context(), "main", "shop"); err != nil || !cmp.Equal(list, []bucket.Carried{carts}) {
		t.Errorf("buckets: %v, %v", list, err)
	}
	if list, err := from.CarriedBuckets(t.Context(), "main", "other"); err != nil || len(list) != 0 {
		t.Errorf("buckets of another service: %v, %v", list, err)
	}
	k := copyBucket(t, from, carts, nil)
	for n := range k.items { // the hour of one is over
		if k.items[n].Header[messageTTL] != "" {
			late := k.items[n]
			late.Subject, late.Time = carriedValue+encodeKey("late"), time.Now().Add(-2*time.Hour)
			k.items = append(k.items, late)
		}
	}
	if err := k.make(t.Context(), to, carts); err != nil {
		t.Fatal(err)
	}
	if err := k.make(t.Context(), to, carts); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	restored, err := to.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := restored.List(t.Context(), "", "", 100)
	if err != nil || len(keys) != len(revisions) {
		t.Errorf("keys: %v, %v", keys, err)
	}
	for key, revision := range revisions {
		was, err := b.Get(t.Context(), key)
		e, err2 := restored.Get(t.Context(), key)
		if err != nil || err2 != nil || e.Revision != revision || !cmp.Equal(was, e) {
			t.Errorf("%s: %v, %v, %+v, not %+v", key, err, err2, e, was)
		}
	}
	for once, want := range map[string]uint64{"m19": revisions["key 5"], "m12": revisions["key 5"] - 14} {
		if n := write(restored, bucket.Write{Key: "key 5", Data: []byte("again"), Once: once}); once == "m19" && n != want || n > revisions["short"] {
			t.Errorf("done again for %s: %d, not %d", once, n, want)
		}
	}
	write(restored, bucket.Write{Key: "key 3", Delete: true, Once: "gone"})
	other := uint64(1)
	if _, err := restored.Write(t.Context(), &bucket.Write{Key: "key 5", If: &other}); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("another revision: %v", err)
	}
	had := revisions["key 5"]
	if n := write(restored, bucket.Write{Key: "key 5", Data: []byte("next"), If: &had}); n <= revisions["short"] {
		t.Errorf("the next revision is %d, after %d", n, revisions["short"])
	}

	// A copy of what was restored has the same revisions still.
	third := opened(t)
	if err := copyBucket(t, to, carts, nil).make(t.Context(), third, carts); err != nil {
		t.Fatal(err)
	}
	last, err := third.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := last.Get(t.Context(), "key 6"); err != nil || e.Revision != revisions["key 6"] {
		t.Errorf("copied twice: %+v, %v", e, err)
	}
}

// TestCarryMoment: a copy of a bucket that goes on is the bucket at its end: what was removed
// while it was read is not in it, and what was written is.
func TestCarryMoment(t *testing.T) {
	from, to := opened(t), opened(t)
	b, err := from.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(w bucket.Write) {
		if _, err := b.Write(t.Context(), &w); err != nil {
			t.Error(err)
		}
	}
	for n := range 50 {
		write(bucket.Write{Key: fmt.Sprint(n), Data: []byte("old")})
	}
	var once sync.Once
	k := copyBucket(t, from, carts, func() {
		once.Do(func() {
			for n := range 50 {
				switch n % 3 {
				case 0:
					write(bucket.Write{Key: fmt.Sprint(n), Delete: true})
				case 1:
					write(bucket.Write{Key: fmt.Sprint(n), Data: []byte("new")})
				}
			}
			write(bucket.Write{Key: "last", Data: []byte("new")})
		})
	})
	if len(k.Gone) == 0 {
		t.Error("nothing is gone, although what was read first was removed")
	}
	if err := k.make(t.Context(), to, carts); err != nil {
		t.Fatal(err)
	}
	restored, err := to.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		was, err := b.Get(t.Context(), fmt.Sprint(n))
		e, err2 := restored.Get(t.Context(), fmt.Sprint(n))
		if !errors.Is(err, bucket.ErrNotFound) && err != nil || (err == nil) != (err2 == nil) || !cmp.Equal(was, e) {
			t.Errorf("%d: %v, %v, %+v, not %+v", n, err, err2, e, was)
		}
	}
	if e, err := restored.Get(t.Context(), "last"); err != nil || string(e.Data) != "new" {
		t.Errorf("the last: %+v, %v", e, err)
	}
}

// TestCarryWaits: whoever takes a copy and waits keeps nobody from writing, also at its end.
func TestCarryWaits(t *testing.T) {
	s := opened(t)
	b, err := s.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(key string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // that a write takes which never ends
		defer cancel()
		if _, err := b.Write(ctx, &bucket.Write{Key: key, Data: []byte("x")}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	write("a")
	then := map[string]string{carriedValue + "a": "b", carriedValue + "b": "c"} // b is there after the copy began
	var subjects []string
	_, err = s.CopyBucket(t.Context(), carts, func(i *bucket.Item) error {
		subjects = append(subjects, i.Subject)
		if key := then[i.Subject]; key != "" {
			write(key)
		}
		return nil
	})
	if diff := cmp.Diff([]string{carriedValue + "a", carriedValue + "b"}, subjects); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestCarryOver: a value whose time is over is not there again, nor what it took the place of
// while the bucket was copied.
func TestCarryOver(t *testing.T) {
	to, ago := opened(t), time.Now().Add(-time.Hour)
	k := copyOf{Extent: bucket.Extent{Last: 9}, items: []bucket.Item{
		{Subject: carriedValue + "session", Sequence: 3, Time: ago, Data: []byte("old, for ever")},
		{Subject: carriedValue + "session", Sequence: 7, Time: ago, Header: map[string]string{messageTTL: "5s"}, Data: []byte("new, for 5s")},
	}}
	if err := k.make(t.Context(), to, carts); err != nil {
		t.Fatal(err)
	}
	b, err := to.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := b.Get(t.Context(), "session"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestCarryUnderLoad: whoever writes a and then b while a bucket is copied finds both in every
// copy, and b no further than a, nor more than one write behind.
func TestCarryUnderLoad(t *testing.T) {
	from := opened(t)
	b, err := from.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	both := func(n int) error {
		for _, key := range []string{"a", "b"} {
			if _, err := b.Write(t.Context(), &bucket.Write{Key: key, Data: fmt.Append(nil, n)}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := both(0); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error)
	go func() { // ends with stop
		for n := 1; ; n++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := both(n); err != nil {
				ended <- err
				return
			}
		}
	}()
	for n := range 20 {
		last := map[string]int{"v.a": -1, "v.b": -1}
		k := copyBucket(t, from, carts, nil)
		for _, i := range k.items {
			n, err := strconv.Atoi(string(i.Data))
			if err != nil {
				t.Fatal(err)
			}
			last[i.Subject] = n
		}
		if behind := last["v.a"] - last["v.b"]; last["v.a"] < 0 || last["v.b"] < 0 || behind < 0 || behind > 1 || len(k.Gone) > 0 {
			t.Errorf("copy %d: a is %d, b is %d, gone %v", n, last["v.a"], last["v.b"], k.Gone)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCarryObjects: objects come with all that is known of them, and an upload goes on.
func TestCarryObjects(t *testing.T) {
	from, to := opened(t), opened(t)
	photos := bucket.Carried{Kind: bucket.Objects, Name: bucket.Name{Namespace: "main", Bucket: "photos"}}
	b, err := from.Objects(t.Context(), photos.Name)
	if err != nil {
		t.Fatal(err)
	}
	large := []byte(strings.Repeat("0123456789abcdef", 1<<16)) // two chunks
	for _, w := range []object.Write{{Key: "a", Data: large, Once: "m1"}, {Key: "b", Data: []byte("b1"), Once: "m2"}, {Key: "b", Data: []byte("b2"), Once: "m3"}, {Key: "c", Data: []byte("c")}, {Key: "c", Delete: true}} {
		if _, err := b.Write(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Part(t.Context(), &object.Part{Key: "d", Upload: "up", Number: 1, Data: []byte("part one, ")}); err != nil {
		t.Fatal(err)
	}
	k := copyBucket(t, from, photos, nil)
	if err := k.make(t.Context(), to, photos); err != nil {
		t.Fatal(err)
	}
	restored, err := to.Objects(t.Context(), photos.Name)
	if err != nil {
		t.Fatal(err)
	}
	was, err := b.List(t.Context(), "", "", 10)
	list, err2 := restored.List(t.Context(), "", "", 10)
	if diff := cmp.Diff(was, list); err != nil || err2 != nil || diff != "" || len(list) != 2 {
		t.Errorf("%v, %v (-had +has):\n%s", err, err2, diff)
	}
	info, data, err := restored.Read(t.Context(), "a", was[0].Revision, object.Range{Length: object.PartMax})
	if err != nil || !bytes.Equal(data, large) || info != was[0] {
		t.Errorf("a: %v, %d bytes, %+v", err, len(data), info)
	}
	if i, err := restored.Write(t.Context(), &object.Write{Key: "b", Data: []byte("again"), Once: "m3"}); err != nil || i != was[1] {
		t.Errorf("done again: %+v, %v", i, err)
	}
	if err := restored.Part(t.Context(), &object.Part{Key: "d", Upload: "up", Number: 2, Data: []byte("part two")}); err != nil {
		t.Fatal(err)
	}
	if i, err := restored.Write(t.Context(), &object.Write{Key: "d", Upload: "up", Parts: 2}); err != nil || i.Size != 18 {
		t.Errorf("the upload that went on: %+v, %v", i, err)
	}
}

// TestCarryServer: a bucket goes from a folder to a server of others, and back.
func TestCarryServer(t *testing.T) {
	_, url := external(t, nil)
	from, there, back := opened(t), open(t, Options{URL: url}), opened(t)
	defer there.Close()
	b, err := from.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	revisions := make([]uint64, 3*formersMax)
	for n := range revisions {
		if revisions[n], err = b.Write(t.Context(), &bucket.Write{Key: "a", Data: fmt.Append(nil, n), Once: fmt.Sprintf("m%d", n)}); err != nil {
			t.Fatal(err)
		}
	}
	last := len(revisions) - 1
	if err := copyBucket(t, from, carts, nil).make(t.Context(), there, carts); err != nil {
		t.Fatal(err)
	}
	if list, err := there.CarriedBuckets(t.Context(), "main", "shop"); err != nil || len(list) != 1 {
		t.Errorf("buckets on the server: %v, %v", list, err)
	}
	if err := copyBucket(t, there, carts, nil).make(t.Context(), back, carts); err != nil {
		t.Fatal(err)
	}
	for where, s := range map[string]*Store{"the server": there, "the folder": back} {
		b, err := s.Bucket(t.Context(), carts.Name)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := b.Get(t.Context(), "a"); err != nil || string(e.Data) != fmt.Sprint(last) || e.Revision != revisions[last] {
			t.Errorf("%s: %+v, %v, want revision %d", where, e, err, revisions[last])
		}
		for n, want := range revisions {
			if again, err := b.Write(t.Context(), &bucket.Write{Key: "a", Data: []byte("again"), Once: fmt.Sprintf("m%d", n)}); err != nil || again != want {
				t.Errorf("%s: m%d done again is %d, %v, want %d", where, n, again, err, want)
			}
		}
	}
}

// TestCarryCut: a copy that breaks off leaves no bucket, and one that holds what no bucket
// has is refused.
func TestCarryCut(t *testing.T) {
	for what, k := range map[string]*copyOf{
		"a foreign subject": {items: []bucket.Item{{Subject: "x.y"}}},
		"a wildcard":        {items: []bucket.Item{{Subject: "v.a"}, {Subject: "v.>"}}},
		"no subject":        {items: []bucket.Item{{Subject: "v."}}},
	} {
		to := opened(t)
		if err := k.make(t.Context(), to, carts); !errors.Is(err, bucket.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		if list, err := to.CarriedBuckets(t.Context(), "main", "shop"); err != nil || len(list) != 0 {
			t.Errorf("after %s: %v, %v", what, list, err)
		}
		whole := copyOf{items: []bucket.Item{{Subject: "v.a", Sequence: 1, Data: []byte("1")}}}
		if err := whole.make(t.Context(), to, carts); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
}
