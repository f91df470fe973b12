package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// Metadata of an object.
const (
	writtenFor = "Grow-Once"   // Write.Once
	digested   = "Grow-Digest" // Info.Digest
)

const changedMost = 10 // times that an object is read or written anew that others have written meanwhile

// objects is a bucket of objects. A revision is the ETag, which a list has too: so it names
// the bytes, and the same bytes that are written again have the same one.
type objects struct {
	*Store
	objects, parts, notes string           // what keys of S3 begin with
	now                   func() time.Time // time.Now, but in tests
	large, piece          int64            // largeMin and pieceSize, but in tests
}

// found is what is there of a key.
type found struct {
	object.Info        // its zero value: nothing is
	once        string // what it was written for
}

// revision is what a write may expect.
func (f *found) revision() string {
	if f.Revision == "" {
		return object.None
	}
	return f.Revision
}

// look asks what is there of a key; that there is nothing is no error.
func (o *objects) look(ctx context.Context, key string) (f found, err error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	i, err := o.core.StatObject(ctx, o.bucket, o.objects+key, minio.StatObjectOptions{})
	if err := meaning("look", err); err != nil {
		if errors.Is(err, object.ErrNotFound) {
			return f, nil
		}
		return f, err
	}
	if i.ETag == "" || i.Size < 0 {
		return f, meaning("look", errLying)
	}
	f.Info = object.Info{Key: key, Size: i.Size, Revision: i.ETag, Digest: digestOf(i.UserMetadata[digested]), Modified: i.LastModified.UTC()}
	f.once = i.UserMetadata[writtenFor]
	return f, nil
}

const digestPrefix = "sha256:"

// digestOf is a digest as an object's metadata has it; "" when it is none.
func digestOf(text string) string {
	sum, err := hex.DecodeString(strings.TrimPrefix(text, digestPrefix))
	if err != nil || len(sum) != sha256.Size || !strings.HasPrefix(text, digestPrefix) {
		return ""
	}
	return text
}

// sumOf is the digest of an object that is at hand.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// Stat implements object.Bucket.
func (o *objects) Stat(ctx context.Context, key string) (object.Info, error) {
	if err := object.CheckKey(key); err != nil {
		return object.Info{}, err
	}
	f, err := o.look(ctx, key)
	if err == nil && f.Revision == "" {
		err = object.ErrNotFound
	}
	return f.Info, err
}

// Read implements object.Bucket.
func (o *objects) Read(ctx context.Context, key, revision string, r object.Range) (object.Info, []byte, error) {
	for try := 1; ; try++ {
		info, err := o.Stat(ctx, key)
		if err == nil && revision != "" && revision != info.Revision {
			err = object.ErrConflict
		}
		if err != nil {
			return object.Info{}, nil, err
		}
		from, to := r.Within(info.Size)
		data, err := o.get(ctx, o.objects+key, info.Revision, from, to)
		if isChanged(err) && try < changedMost {
			continue
		}
		if err == nil && to-from == info.Size && info.Digest != "" && info.Digest != sumOf(data) {
			err = meaning("read", errLying)
		}
		if err != nil {
			return object.Info{}, nil, err
		}
		return info, data, nil
	}
}

// isChanged reports whether what was looked at before is there no more.
func isChanged(err error) bool {
	return errors.Is(err, errChanged) || errors.Is(err, object.ErrConflict) || errors.Is(err, object.ErrNotFound)
}

// get reads the bytes of a range, at most object.PartMax of them, of what has that ETag:
// isChanged tells of an error whether that is gone.
func (o *objects) get(ctx context.Context, at, etag string, from, to int64) ([]byte, error) {
	if from == to {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	var options minio.GetObjectOptions
	if err := errors.Join(options.SetMatchETag(etag), options.SetRange(from, to-1)); err != nil {
		return nil, meaning("read", err)
	}
	body, info, header, err := o.core.GetObject(ctx, o.bucket, at, options)
	if err != nil {
		return nil, meaning("read", err)
	}
	data, err := io.ReadAll(io.LimitReader(body, to-from+1))
	_ = body.Close() // all that it should say is read
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		place := header.Get("Content-Range")
		if info.ETag != etag { // not all servers know conditions of a read
			return nil, meaning("read", errChanged)
		}
		if int64(len(data)) != to-from || !strings.HasPrefix(place, fmt.Sprintf("bytes %d-%d/", from, to-1)) {
			err = errLying
		}
	}
	if err != nil {
		return nil, meaning("read", err)
	}
	return data, nil
}

// List implements object.Bucket. What it lists has no digest.
func (o *objects) List(ctx context.Context, prefix, after string, limit int) ([]object.Info, error) {
	limit = max(1, min(limit, object.PageMax))
	options := minio.ListObjectsOptions{Prefix: o.objects + prefix, Recursive: true, MaxKeys: limit}
	if after != "" {
		options.StartAfter = o.objects + after
	}
	var list []object.Info
	err := o.each(ctx, options, limit, func(i *minio.ObjectInfo) bool {
		key := strings.TrimPrefix(i.Key, o.objects)
		fits := object.CheckKey(key) == nil // another client's key may be none here
		if fits {
			list = append(list, object.Info{Key: key, Size: i.Size, Revision: i.ETag, Modified: i.LastModified.UTC()})
		}
		return fits
	})
	return list, err
}

// each visits the entries of a list in the order of their keys, until visit has taken limit of
// them.
func (o *objects) each(ctx context.Context, options minio.ListObjectsOptions, limit int, visit func(i *minio.ObjectInfo) bool) error {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	last, n := options.StartAfter, 0
	for i := range o.core.ListObjectsIter(ctx, o.bucket, options) {
		if i.Err != nil {
			return meaning("list", i.Err)
		}
		if !strings.HasPrefix(i.Key, options.Prefix) || i.Key <= last || i.ETag == "" || i.Size < 0 {
			return meaning("list", errLying)
		}
		last = i.Key
		if visit(&i) {
			n++
		}
		if n == limit {
			break
		}
	}
	return meaning("list", ctx.Err())
}
