package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
)

// carrier is a store of buckets in memory.
type carrier struct {
	items map[bucket.Carried][]bucket.Item
	made  map[bucket.Carried]bucket.Extent
}

func (c *carrier) CarriedBuckets(context.Context, string, string) ([]bucket.Carried, error) {
	return nil, nil
}

func (c *carrier) CopyBucket(_ context.Context, b bucket.Carried, visit func(*bucket.Item) error) (bucket.Extent, error) {
	for i := range c.items[b] {
		if err := visit(&c.items[b][i]); err != nil {
			return bucket.Extent{}, err
		}
	}
	return bucket.Extent{Last: 99, Gone: []string{"v.gone"}}, nil
}

func (c *carrier) MakeBucket(_ context.Context, b bucket.Carried, x bucket.Extent, items func(func(*bucket.Item) error) error) error {
	c.made[b] = x
	return items(func(i *bucket.Item) error {
		c.items[b] = append(c.items[b], *i)
		return nil
	})
}

var shopBuckets = []bucket.Carried{
	{Kind: bucket.Values, Name: bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"}},
	{Kind: bucket.Objects, Name: bucket.Name{Namespace: "main", Bucket: "photos"}},
}

// furnished is a backup of a journal, two buckets and two files of the host.
func furnished(t *testing.T) (Folder, *carrier, map[string][]byte) {
	t.Helper()
	large := bytes.Repeat([]byte("large "), 2<<20)
	from := &carrier{items: map[bucket.Carried][]bucket.Item{
		shopBuckets[0]: {
			{Subject: "v.a", Sequence: 3, Time: time.Unix(5, 7).UTC(), Data: []byte("small")},
			{Subject: "v.b", Sequence: 7, Time: time.Unix(6, 0).UTC(), Header: map[string]string{"Grow-Once": "m1"}, Data: large[:inlineMax+1]},
			{Subject: "n.m1", Sequence: 8, Time: time.Unix(6, 0).UTC(), Data: []byte{}},
		},
		shopBuckets[1]: {{Subject: "c.x", Sequence: 1, Time: time.Unix(7, 0).UTC(), Data: large[:inlineMax+1]}},
	}}
	parts := map[string][]byte{"sql shop.db": large, "seed secret": []byte("seed"), "sql empty.db": {}}
	d, err := Begin(filepath.Join(t.TempDir(), "backup"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Backup(t.Context(), made(t), name, d, false, time.Unix(1, 0).UTC(), nil, nil, func(ctx context.Context, w *Writer) error {
		for id, data := range parts {
			kind, name, _ := strings.Cut(id, " ")
			if err := w.Part(ctx, kind, name, bytes.NewReader(data)); err != nil {
				return err
			}
		}
		for _, b := range shopBuckets {
			if err := w.Bucket(ctx, from, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, from, parts
}

// TestContents: buckets and files come out of a backup as they went in, and what several have
// in common is there once.
func TestContents(t *testing.T) {
	d, from, parts := furnished(t)
	k, err := Open(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range k.Parts {
		p := &k.Parts[i]
		var data bytes.Buffer
		if err := k.ReadPart(t.Context(), p, &data); err != nil || !bytes.Equal(data.Bytes(), parts[p.Kind+" "+p.Name]) {
			t.Errorf("%s %s: %d bytes, %v", p.Kind, p.Name, data.Len(), err)
		}
	}
	if len(k.PartsOf("sql")) != 2 || len(k.Parts) != 3 {
		t.Errorf("parts %+v", k.Parts)
	}
	to := &carrier{items: map[bucket.Carried][]bucket.Item{}, made: map[bucket.Carried]bucket.Extent{}}
	for i := range k.Buckets {
		if err := k.MakeBucket(t.Context(), i, to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(from.items, to.items); diff != "" {
		t.Errorf("items (-had +has):\n%s", diff)
	}
	if x := to.made[shopBuckets[0]]; x.Last != 99 || len(x.Gone) != 1 {
		t.Errorf("extent %+v", x)
	}
	once := map[string]bool{}
	for _, f := range k.Files {
		if once[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		once[f.Name] = true
	}
}

// TestContentsDamaged: a manifest that does not hold together, and a file that is not as it was
// written, are found before anything is made of them.
func TestContentsDamaged(t *testing.T) {
	d, _, _ := furnished(t)
	text, err := os.ReadFile(filepath.Join(string(d), ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	for old, new := range map[string]string{
		`"kind": "kv"`:           `"kind": "kv", "namespace": "../x"`, // the later one of the two counts
		`"bucket": "carts"`:      `"bucket": "Carts/.."`,
		`"kind": "seed"`:         `"kind": "../seed"`,
		`"name": "secret"`:       `"name": ""`,
		`"name": "empty.db"`:     `"name": "shop.db"`,
		`"files": 1`:             `"files": 3`,
		`"pieces": [`:            `"pieces": ["sha256:` + strings.Repeat("0", 64) + `",`,
		`"buckets/0000/000000.g`: `"buckets/../000000.g`,
	} {
		changed := strings.Replace(string(text), old, new, 1)
		if changed == string(text) {
			t.Fatalf("there is no %s", old)
		}
		if old == `"kind": "kv"` {
			changed = strings.Replace(changed, `      "namespace": "main",
      "service": "shop",
      "bucket"`, `      "service": "shop",
      "bucket"`, 1)
		}
		if _, err := ReadManifest([]byte(changed)); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", new, err)
		}
	}
	k, err := Open(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Buckets[0].Items++
	to := &carrier{items: map[bucket.Carried][]bucket.Item{}, made: map[bucket.Carried]bucket.Extent{}}
	if err := k.MakeBucket(t.Context(), 0, to); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("an item is missing: %v", err)
	}
	k.Parts[0].Size++
	if err := k.ReadPart(t.Context(), &k.Parts[0], &bytes.Buffer{}); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a part that is too short: %v", err)
	}
}

// TestFirstFormat: a backup of the first version is read, and has the journal alone.
func TestFirstFormat(t *testing.T) {
	d := backedUp(t, made(t), false)
	path := filepath.Join(string(d), ManifestName)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, fmt.Appendf(nil, `"format": %d`, BackupFormat), []byte(`"format": 1`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if k, err := Open(t.Context(), d, nil); err != nil || k.Format != 1 || len(k.Buckets)+len(k.Parts) != 0 {
		t.Errorf("%+v, %v", k, err)
	}
}

func FuzzItems(f *testing.F) {
	f.Add([]byte("\x1c\x00\x00\x00\x01\x00\x00\x00{\"s\":\"v.a\",\"q\":1,\"t\":null}  x"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		size := 0
		err := eachItem(file, func(_ *item, data []byte) error {
			size += 8 + len(data)
			return nil
		})
		if err == nil && size > len(file) {
			t.Errorf("%d bytes of %d", size, len(file))
		}
	})
}

// asked notes when it was asked where it ends.
type asked struct {
	Source
	bounds bool
}

func (a *asked) Bounds(ctx context.Context) (first, last uint64, err error) {
	a.bounds = true
	return a.Source.Bounds(ctx)
}

// TestBackupBefore: what must not be newer than the journal is copied before it is said where
// that ends, and all else after it.
func TestBackupBefore(t *testing.T) {
	src := &asked{Source: made(t)}
	step := func(after bool) func(context.Context, *Writer) error {
		return func(ctx context.Context, w *Writer) error {
			if src.bounds != after {
				t.Errorf("the journal's end is known: %v, want %v", src.bounds, after)
			}
			return w.Part(ctx, "test", fmt.Sprint(after), strings.NewReader("x"))
		}
	}
	m, err := Backup(t.Context(), src, name, Folder(t.TempDir()), false, time.Unix(1, 0).UTC(), nil, step(false), step(true))
	if err != nil || len(m.Parts) != 2 {
		t.Errorf("%v, %+v", err, m)
	}
}
