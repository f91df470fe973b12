package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/nats-io/nats.go/jetstream"
)

// spoil turns a bit in the middle of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBucketAside: a damaged bucket keeps nobody from starting who does not use it; who does is
// told so by name, a backup is refused, and its files are found again by whoever looks all over.
func TestBucketAside(t *testing.T) {
	for what, file := range map[string]string{"a message": "msgs/1.blk", "the settings": "meta.inf"} {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir})
		bad, good := bucket.Name{Namespace: "main", Service: "shop", Bucket: "bad"}, bucket.Name{Namespace: "main", Service: "shop", Bucket: "good"}
		for _, n := range []bucket.Name{bad, good} {
			b, err := s.Bucket(t.Context(), n)
			if err == nil {
				_, err = b.Write(t.Context(), &bucket.Write{Key: "a", Data: []byte("kept")})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		const stream = "KV_GROW_main_shop_bad"
		spoil(t, filepath.Join(dir, storeDir, "$G", "streams", stream, filepath.FromSlash(file)))
		for start := range 2 { // the second finds it set aside
			s = open(t, Options{Dir: dir})
			b, err := s.Bucket(t.Context(), good)
			if err == nil {
				_, err = b.Get(t.Context(), "a")
			}
			if err != nil {
				t.Errorf("%s, start %d: the sound one: %v", what, start, err)
			}
			_, err = s.Bucket(t.Context(), bad)
			if !errors.Is(err, journal.ErrDamaged) || !errors.Is(err, bucket.ErrDamaged) || !strings.Contains(err.Error(), stream) {
				t.Errorf("%s, start %d: the damaged one: %v", what, start, err)
			}
			list, err := s.CarriedBuckets(t.Context(), "main", "shop")
			if err != nil || len(list) != 2 {
				t.Errorf("%s, start %d: buckets to copy: %v, %v", what, start, list, err)
			}
			if _, err := s.CopyBucket(t.Context(), bucket.Carried{Kind: bucket.Values, Name: bad}, nil); !errors.Is(err, bucket.ErrDamaged) {
				t.Errorf("%s, start %d: a copy of it: %v", what, start, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		salvage, err := OpenSalvage(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(salvage.Damaged) != 1 || salvage.Damaged[0].Journal != stream {
			t.Errorf("%s: named are %v", what, salvage.Damaged)
		}
		away, err := salvage.Replace(t.Context(), Options{Log: quiet}, func(*Store) error { return nil })
		if err = errors.Join(err, salvage.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(away, storeDir, "$G", "streams", stream)); err != nil {
			t.Errorf("%s: what was damaged is gone: %v", what, err)
		}
		s = open(t, Options{Dir: dir})
		b, err := s.Bucket(t.Context(), bad)
		if err == nil {
			_, err = b.Get(t.Context(), "a")
		}
		if !errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%s, after the repair: %v", what, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBucketDamagedLongAgo: after a kill the server reads all of a bucket anew. One that is damaged
// anywhere is set aside before, is not cut, and gives no value that another has taken the place of.
func TestBucketDamagedLongAgo(t *testing.T) {
	dir, dead := t.TempDir(), t.TempDir()
	s := open(t, Options{Dir: dir})
	fill(t, s, 2*bucketScanMax/fillSize)
	if err := os.CopyFS(dead, os.DirFS(dir)); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const stream = "KV_GROW_main_shop_my_carts"
	blocks, err := (&scanner{streams: filepath.Join(dead, storeDir, "$G", "streams")}).blocks(stream)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, blocks[0].path)
	s = open(t, Options{Dir: dead})
	if _, err := s.Bucket(t.Context(), carts.Name); !errors.Is(err, bucket.ErrDamaged) {
		t.Errorf("the bucket: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	salvage, err := OpenSalvage(t.Context(), dead)
	if err != nil {
		t.Fatal(err)
	}
	if len(salvage.Damaged) != 1 {
		t.Errorf("named are %v", salvage.Damaged)
	}
	if err := salvage.Close(); err != nil {
		t.Error(err)
	}
}

// fillSize is how many bytes a value of fill has: about twenty lie in a block.
const fillSize = 400 << 10

// fill writes so many keys of the bucket carts.
func fill(t *testing.T, s *Store, keys int) {
	t.Helper()
	b, err := s.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range keys {
		if _, err := b.Write(t.Context(), &bucket.Write{Key: fmt.Sprint(n), Data: make([]byte, fillSize)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopyDamaged: a copy of a bucket in which a value cannot be read is refused, although the
// server leaves the value out and says nothing.
func TestCopyDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	fill(t, s, 2*bucketScanMax/fillSize)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	blocks, err := (&scanner{streams: filepath.Join(dir, storeDir, "$G", "streams")}).blocks("KV_GROW_main_shop_my_carts")
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, blocks[0].path) // further from the end than a start after a stop in peace looks
	s = open(t, Options{Dir: dir})
	defer s.Close()
	x, err := s.CopyBucket(t.Context(), carts, func(*bucket.Item) error { return nil })
	if !errors.Is(err, bucket.ErrDamaged) || !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "bucket GROW_main_shop_my_carts") {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestGetDamaged: a value, or an object, that cannot be read is never told of as one that is not
// there, and nothing takes its place; what is not there still is not.
func TestGetDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	const keys, photosMost = 60, 24 // three blocks of each
	fill(t, s, keys)
	photos := bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"}
	o, err := s.Objects(t.Context(), photos)
	for n := range photosMost {
		if err == nil {
			_, err = o.Write(t.Context(), &object.Write{Key: fmt.Sprint(n), Data: make([]byte, object.PartMax)})
		}
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir}) // which has read what it knows of these from its index
	defer s.Close()
	for _, stream := range []string{"KV_GROW_main_shop_my_carts", "OBJ_GROW_main_shop_photos"} {
		blocks, err := (&scanner{streams: filepath.Join(dir, storeDir, "$G", "streams")}).blocks(stream)
		if err != nil {
			t.Fatal(err)
		}
		spoil(t, blocks[0].path)
	}
	b, err := s.Bucket(t.Context(), carts.Name)
	if err != nil {
		t.Fatal(err)
	}
	told := func(err error) bool {
		return errors.Is(err, bucket.ErrDamaged) && errors.Is(err, journal.ErrDamaged) && !errors.Is(err, bucket.ErrNotFound)
	}
	var damaged []string
	for n := range keys {
		if _, err := b.Get(t.Context(), fmt.Sprint(n)); err != nil {
			damaged = append(damaged, fmt.Sprint(n))
			if !told(err) {
				t.Errorf("key %d: %v", n, err)
			}
		}
	}
	if len(damaged) == 0 || len(damaged) > keys/2 {
		t.Fatalf("damaged are said to be %v", damaged)
	}
	none := uint64(0)
	for _, w := range []bucket.Write{{Key: damaged[0], If: &none}, {Key: damaged[0], Delete: true}} {
		if _, err := b.Write(t.Context(), &w); !told(err) {
			t.Errorf("%+v: %v", w, err)
		}
	}
	if _, err := b.Get(t.Context(), "another"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := b.Write(t.Context(), &bucket.Write{Key: "another", If: &none, Once: "1"}); err != nil {
		t.Errorf("a key that was not there: %v", err)
	}

	if o, err = s.Objects(t.Context(), photos); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for n := range photosMost {
		_, _, err := o.Read(t.Context(), fmt.Sprint(n), "", object.Range{Length: object.PartMax})
		if err != nil {
			failed++
			if !told(err) || errors.Is(err, object.ErrNotFound) {
				t.Errorf("object %d: %v", n, err)
			}
		}
	}
	if failed == 0 {
		t.Error("no object is damaged")
	}
	if _, err := o.Stat(t.Context(), "another"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("an object that is not there: %v", err)
	}
}

// TestListDamaged: a list has keys whose values, and objects of which what they are, cannot be read, also
// before anybody else has come upon that; and the sweep of parts lets the chunks of these be.
func TestListDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	const keys, pictures = 60, 5 // three blocks of keys, one of objects
	fill(t, s, keys)
	all := make([]string, keys)
	for n := range all {
		all[n] = fmt.Sprint(n)
	}
	slices.Sort(all)
	photos := bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"}
	o, err := s.Objects(t.Context(), photos)
	for n := range pictures {
		if err == nil {
			_, err = o.Write(t.Context(), &object.Write{Key: fmt.Sprint(n), Data: []byte("picture")})
		}
	}
	one, sole := bucket.Name{Namespace: "main", Service: "shop", Bucket: "one"}, bucket.Bucket(nil)
	if err == nil {
		sole, err = s.Bucket(t.Context(), one)
	}
	if err == nil {
		_, err = sole.Write(t.Context(), &bucket.Write{Key: "sole", Data: []byte("1")})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	defer s.Close()
	for _, stream := range []string{"KV_GROW_main_shop_my_carts", "OBJ_GROW_main_shop_photos", "KV_GROW_main_shop_one"} {
		blocks, err := (&scanner{streams: filepath.Join(dir, storeDir, "$G", "streams")}).blocks(stream)
		if err != nil {
			t.Fatal(err)
		}
		spoil(t, blocks[len(blocks)/2].path)
	}
	b, err := s.Bucket(t.Context(), carts.Name)
	if err == nil {
		sole, err = s.Bucket(t.Context(), one)
	}
	if err == nil {
		o, err = s.Objects(t.Context(), photos)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is known from the first on
		for _, c := range []struct {
			of            bucket.Bucket
			prefix, after string
			limit         int
			want          []string
		}{
			{of: b, limit: bucket.PageMax, want: all},
			{of: b, limit: 7, want: all[:7]},
			{of: b, after: all[20], limit: 30, want: all[21:51]},
			{of: b, prefix: "3", limit: 100, want: []string{"3", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39"}},
			{of: sole, limit: 10, want: []string{"sole"}},
		} {
			got, err := c.of.List(t.Context(), c.prefix, c.after, c.limit)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, after %q, %d: got %q, want %q, %v", c.prefix, c.after, c.limit, got, c.want, err)
			}
		}
		list, err := o.List(t.Context(), "", "", 100)
		if err != nil || len(list) != pictures {
			t.Errorf("objects: %+v, %v", list, err)
		}
		damaged := 0
		for n, i := range list {
			_, err := o.Stat(t.Context(), i.Key)
			if i.Key != fmt.Sprint(n) || i.Damaged != errors.Is(err, bucket.ErrDamaged) || i.Damaged != (i.Revision == "") {
				t.Errorf("object %d: %+v, %v", n, i, err)
			}
			if i.Damaged {
				damaged++
			}
		}
		if damaged == 0 {
			t.Error("no object is damaged")
		}
	}
	if _, err := b.Get(t.Context(), "0"); err != nil {
		t.Errorf("one that is not damaged: %v", err)
	}
	chunked := func() (n int) {
		err := o.(*objects).call(t.Context(), "count", func(ctx context.Context, h *handle) error {
			info, err := h.stream.Info(ctx, jetstream.WithSubjectFilter(o.(*objects).chunks(">")))
			n = len(info.State.Subjects)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := chunked()
	if err := o.Part(t.Context(), &object.Part{Key: "sound", Upload: "up", Number: 1, Data: []byte("part")}); err != nil {
		t.Fatal(err)
	}
	o.(*objects).now = func() time.Time { return time.Now().Add(2 * sweptAfter) }
	if err := o.(*objects).sweep(t.Context()); err != nil || chunked() != before {
		t.Errorf("of %d chunks and a part of another object the sweep has left %d, %v", before, chunked(), err)
	}
}

// TestBucketsBounded: after a stop in peace a start reads no more than the end of a bucket; what
// is damaged there is found.
func TestBucketsBounded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	b, err := s.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 { // five blocks
		if _, err := b.Write(t.Context(), &object.Write{Key: fmt.Sprint(n), Data: make([]byte, object.PartMax)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const stream = "OBJ_GROW_main_shop_photos"
	streams := filepath.Join(dir, storeDir, "$G", "streams")
	blocks, err := (&scanner{streams: streams}).blocks(stream)
	if err != nil || len(blocks) < 4 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	read := func() (names []string, damaged int) {
		t.Helper()
		scan := scanner{streams: streams, buckets: 4 << 20}
		scan.visit = func(_, path string, _ int, _ uint64, _ []byte) { names = append(names, filepath.Base(path)) }
		if err := scan.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return slices.Compact(names), len(scan.damaged)
	}
	last := blocks[len(blocks)-1].path
	names, damaged := read()
	if damaged != 0 || len(names) > 2 || names[len(names)-1] != filepath.Base(last) {
		t.Errorf("of %d blocks %v were read, %d damaged", len(blocks), names, damaged)
	}
	spoil(t, last)
	if _, damaged := read(); damaged != 1 {
		t.Errorf("damage in the last block is found %d times", damaged)
	}
}
