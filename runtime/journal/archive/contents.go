package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
)

// The limits of what a backup has besides a journal.
const (
	pieceMax  = 4 << 20 // bytes of a piece of a part
	inlineMax = 4 << 10 // bytes of an item's data that stand in the file of items; more are a blob
	itemMax   = 64 << 10
	BucketMax = 1000
)

// Contents are the files of a backup, and what they hold besides a journal.
type Contents struct {
	Files   []File   `json:"files"`
	Buckets []Bucket `json:"buckets,omitempty"`
	Parts   []Part   `json:"parts,omitempty"`
}

// Bytes is the size of the files, without the manifest.
func (c *Contents) Bytes() (n int64) {
	for _, f := range c.Files {
		n += f.Size
	}
	return n
}

// PartsOf are those of a kind.
func (c *Contents) PartsOf(kind string) (list []*Part) {
	for i := range c.Parts {
		if c.Parts[i].Kind == kind {
			list = append(list, &c.Parts[i])
		}
	}
	return list
}

// Bucket is what a backup holds of a bucket.
type Bucket struct {
	Kind      string   `json:"kind"`
	Namespace string   `json:"namespace"`
	Service   string   `json:"service,omitempty"`
	Name      string   `json:"bucket"`
	Items     int      `json:"items"`
	Last      uint64   `json:"last"`
	Gone      []string `json:"gone,omitempty"`
	Files     int      `json:"files"`
}

// Carried is the bucket's name.
func (b *Bucket) Carried() bucket.Carried {
	return bucket.Carried{Kind: b.Kind, Name: bucket.Name{Namespace: b.Namespace, Service: b.Service, Bucket: b.Name}}
}

// Part is a file of the host, in pieces.
type Part struct {
	Kind   string   `json:"kind"` // what it is to the host
	Name   string   `json:"name"`
	Size   int64    `json:"size"`
	Pieces []string `json:"pieces"` // digests of blobs
}

var partName = regexp.MustCompile(`^[a-z]{1,20}$`)

// nameMax is how many bytes the name of a part has at most.
const nameMax = 500

// check says what is wrong with what a manifest says besides a journal. Files have names of
// the form that is given.
func (c *Contents) check(form *regexp.Regexp) error {
	if len(c.Buckets) > BucketMax {
		return fmt.Errorf("it has %d buckets; %d are allowed", len(c.Buckets), BucketMax)
	}
	there := map[string]bool{}
	for i := range c.Files {
		f := &c.Files[i]
		if !form.MatchString(f.Name) || f.Size < 0 || f.Count < 0 {
			return fmt.Errorf("it names a file %q", f.Name)
		}
		there[f.Name] = true
	}
	for i := range c.Buckets {
		b := &c.Buckets[i]
		if err := b.Carried().Check(); err != nil {
			return err
		}
		for n := range b.Files {
			if !there[itemsFile(i, n)] {
				return fmt.Errorf("it names no file %s", itemsFile(i, n))
			}
		}
	}
	seen := map[string]bool{}
	for i := range c.Parts {
		p := &c.Parts[i]
		id := p.Kind + " " + p.Name
		if !partName.MatchString(p.Kind) || p.Name == "" || len(p.Name) > nameMax || p.Size < 0 || seen[id] {
			return fmt.Errorf("it names a part %.100q", id)
		}
		seen[id] = true
		for _, digest := range p.Pieces {
			if !there[blobFile(digest)] {
				return fmt.Errorf("it names no blob %.80q", digest)
			}
		}
	}
	return nil
}

func itemsFile(bucket, n int) string { return fmt.Sprintf("buckets/%04d/%06d.grow", bucket, n) }

// Writer adds to a backup that is written. It belongs to one goroutine.
type Writer struct{ b *backup }

// Part adds a file of the host.
func (w *Writer) Part(ctx context.Context, kind, name string, r io.Reader) error {
	p := Part{Kind: kind, Name: name, Pieces: []string{}}
	buf := make([]byte, pieceMax)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			digest, err := w.blob(ctx, bytes.Clone(buf[:n]))
			if err != nil {
				return err
			}
			p.Size += int64(n)
			p.Pieces = append(p.Pieces, digest)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			w.b.Parts = append(w.b.Parts, p)
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("back up %s %s: %w", kind, name, err)
		}
	}
}

// blob adds a blob, once.
func (w *Writer) blob(ctx context.Context, data []byte) (digest string, err error) {
	sum := sha256.Sum256(data)
	digest = digestPrefix + hex.EncodeToString(sum[:])
	if w.b.has[blobFile(digest)] {
		return digest, nil
	}
	w.b.add(0, 1, len(data))
	return digest, w.b.put(ctx, File{Name: blobFile(digest)}, data)
}

// item is what a file of items says of one before its data.
type item struct {
	Subject  string            `json:"s"`
	Sequence uint64            `json:"q"`
	Time     time.Time         `json:"t"`
	Header   map[string]string `json:"h,omitempty"`
	Blob     string            `json:"b,omitempty"` // digest of its data; "": it follows
}

// Bucket adds a bucket. A file of its items has, for each, the lengths of what is said of it
// and of its data in four bytes each, little-endian, then both; the first is JSON. Data of more
// than inlineMax bytes is a blob.
func (w *Writer) Bucket(ctx context.Context, from bucket.Carrier, c bucket.Carried) error {
	number := len(w.b.Buckets)
	if number == BucketMax {
		return fmt.Errorf("%w: at most %d buckets", journal.ErrTooLarge, BucketMax)
	}
	b := Bucket{Kind: c.Kind, Namespace: c.Namespace, Service: c.Service, Name: c.Bucket}
	var pending []byte
	flush := func() error {
		if len(pending) == 0 {
			return nil
		}
		err := w.b.put(ctx, File{Name: itemsFile(number, b.Files)}, pending)
		b.Files++
		pending = pending[:0]
		return err
	}
	x, err := from.CopyBucket(ctx, c, func(i *bucket.Item) (err error) {
		said := item{Subject: i.Subject, Sequence: i.Sequence, Time: i.Time, Header: i.Header}
		data := i.Data
		if len(data) > inlineMax {
			if said.Blob, err = w.blob(ctx, data); err != nil {
				return err
			}
			data = nil
		}
		head, err := json.Marshal(&said)
		if err != nil {
			return err
		}
		pending = binary.LittleEndian.AppendUint32(pending, uint32(len(head)))
		pending = binary.LittleEndian.AppendUint32(pending, uint32(len(data)))
		pending = append(append(pending, head...), data...)
		b.Items++
		w.b.add(0, 0, len(data))
		if len(pending) < recordsMax {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("back up bucket %s: %w", c, err)
	}
	b.Last, b.Gone = x.Last, x.Gone
	w.b.Buckets = append(w.b.Buckets, b)
	return nil
}

// ReadPart writes a file of the host as it was backed up.
func (k *Kept) ReadPart(ctx context.Context, p *Part, to io.Writer) error {
	size := int64(0)
	for _, digest := range p.Pieces {
		data, err := k.Blob(ctx, digest)
		if err != nil {
			return err
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
		size += int64(len(data))
	}
	if size != p.Size {
		return fmt.Errorf("%w: %s %s has %d bytes, and should have %d", journal.ErrDamaged, p.Kind, p.Name, size, p.Size)
	}
	return nil
}

// MakeBucket makes the bucket of that number in a store.
func (k *Kept) MakeBucket(ctx context.Context, number int, to bucket.Carrier) error {
	b := &k.Buckets[number]
	return to.MakeBucket(ctx, b.Carried(), bucket.Extent{Last: b.Last, Gone: b.Gone}, func(visit func(*bucket.Item) error) error {
		items := 0
		for n := range b.Files {
			data, err := k.get(ctx, k.files[itemsFile(number, n)])
			if err != nil {
				return err
			}
			err = eachItem(data, func(i *item, data []byte) error {
				if items++; i.Blob != "" {
					if data, err = k.Blob(ctx, i.Blob); err != nil {
						return err
					}
				}
				return visit(&bucket.Item{Subject: i.Subject, Sequence: i.Sequence, Time: i.Time, Header: i.Header, Data: data})
			})
			if err != nil {
				return err
			}
		}
		if items != b.Items {
			return fmt.Errorf("%w: bucket %s has %d items, and should have %d", journal.ErrDamaged, b.Carried(), items, b.Items)
		}
		return nil
	})
}

// eachItem visits the items of a file. data is valid as long as the file's.
func eachItem(file []byte, visit func(i *item, data []byte) error) error {
	for len(file) > 0 {
		if len(file) < 8 {
			return fmt.Errorf("%w: a file of items ends within one", journal.ErrDamaged)
		}
		head, data := uint64(binary.LittleEndian.Uint32(file)), uint64(binary.LittleEndian.Uint32(file[4:]))
		if file = file[8:]; head > itemMax || data > inlineMax || head+data > uint64(len(file)) {
			return fmt.Errorf("%w: a file of items ends within one", journal.ErrDamaged)
		}
		var i item
		if err := json.Unmarshal(file[:head], &i); err != nil {
			return fmt.Errorf("%w: an item cannot be read: %w", journal.ErrDamaged, err)
		}
		if i.Blob != "" && data > 0 {
			return fmt.Errorf("%w: an item has its data twice", journal.ErrDamaged)
		}
		if err := visit(&i, file[head:head+data:head+data]); err != nil {
			return err
		}
		file = file[head+data:]
	}
	return nil
}
