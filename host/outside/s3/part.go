package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// S3's own uploads of parts take none below 5 MiB but the last, which is more than a part has:
// so parts are objects of their own, and the object is written from them, in one request or, when
// it is large, in pieces of many parts.

// upload is what the keys of an upload's parts begin with. One of another key has none there.
func (o *objects) upload(upload, key string) string {
	sum := sha256.Sum256([]byte(key))
	return o.parts + upload + "/" + hex.EncodeToString(sum[:8]) + "/"
}

func numbered(n int) string { return fmt.Sprintf("%05d", n) }

// Part implements object.Bucket.
func (o *objects) Part(ctx context.Context, p *object.Part) error {
	if err := p.Check(); err != nil {
		return err
	}
	_, err := o.put(ctx, o.upload(p.Upload, p.Key)+numbered(p.Number), bytes.NewReader(p.Data), int64(len(p.Data)), sumOf(p.Data), minio.PutObjectOptions{})
	return err
}

// content is what an object is made of.
type content struct {
	size   int64
	digest string
	parts  []string // keys of S3 that are of no use when it is written
	open   func(ctx context.Context) io.Reader
}

// content gathers what an object is to be made of.
func (o *objects) content(ctx context.Context, w *object.Write) (*content, error) {
	if w.Upload == "" {
		return &content{size: int64(len(w.Data)), digest: sumOf(w.Data), open: func(context.Context) io.Reader { return bytes.NewReader(w.Data) }}, nil
	}
	c := &content{}
	var list []piece
	at, fresh := o.upload(w.Upload, w.Key), true
	err := o.each(ctx, minio.ListObjectsOptions{Prefix: at, Recursive: true}, object.PartsMax, func(i *minio.ObjectInfo) bool {
		c.parts = append(c.parts, i.Key)
		if len(list) < w.Parts && i.Key == at+numbered(len(list)+1) {
			list = append(list, piece{i.Key, i.ETag, i.Size})
			c.size += i.Size
			fresh = fresh && o.now().Sub(i.LastModified) < object.UploadAge && i.Size <= object.PartMax
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if len(list) != w.Parts || !fresh {
		return nil, object.ErrNoUpload
	}
	if err := w.Fits(c.size); err != nil {
		return nil, err
	}
	c.open = func(ctx context.Context) io.Reader { return &pieces{ctx: ctx, of: o, list: list} }
	sum := sha256.New()
	if _, err := io.Copy(sum, c.open(ctx)); err != nil {
		return nil, err
	}
	c.digest = digestPrefix + hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

// piece is a part that waits.
type piece struct {
	at, etag string
	size     int64
}

// pieces reads parts, one after the other, one at a time in memory. It belongs to who reads it.
type pieces struct {
	ctx  context.Context
	of   *objects
	list []piece
	rest []byte // of the part that was read last
}

// Read implements io.Reader. It is ErrNoUpload when a part has changed since it was listed.
func (p *pieces) Read(into []byte) (int, error) {
	for len(p.rest) == 0 {
		if len(p.list) == 0 {
			return 0, io.EOF
		}
		next := p.list[0]
		data, err := p.of.get(p.ctx, next.at, next.etag, 0, next.size)
		if isChanged(err) {
			err = object.ErrNoUpload
		}
		if err != nil {
			return 0, err
		}
		p.rest, p.list = data, p.list[1:]
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// forget removes parts that an object was made of, or that nobody makes one of. What is left of
// them goes by Tidy: the object is written, so that it does not fail.
func (o *objects) forget(ctx context.Context, parts []string) {
	if len(parts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	done, err := o.core.RemoveObjectsWithIter(ctx, o.bucket, func(yield func(minio.ObjectInfo) bool) {
		for _, at := range parts {
			if !yield(minio.ObjectInfo{Key: at}) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return
	}
	for r := range done {
		if r.Err != nil {
			return
		}
	}
}
