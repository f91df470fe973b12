package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// FileMax is how many bytes a file has at most.
const FileMax = 256 << 20

// Files are objects of the S3 bucket below a name of their own, that are written and read
// whole. They are safe for concurrent use.
type Files struct {
	o     *objects
	below string
}

// Files are those at PREFIX/NAME/. It is object.ErrInvalid for what cannot be a name.
func (s *Store) Files(name string) (*Files, error) {
	if len(s.prefix)+len(name) > prefixMax || object.CheckKey(name) != nil {
		return nil, fmt.Errorf("%w: no file can lie at %.60q", object.ErrInvalid, name)
	}
	return &Files{&objects{Store: s}, s.prefix + name + "/"}, nil
}

// Size is how many bytes a file has, or object.ErrNotFound.
func (f *Files) Size(ctx context.Context, name string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	i, err := f.o.core.StatObject(ctx, f.o.bucket, f.below+name, minio.StatObjectOptions{})
	return i.Size, meaning("look", err)
}

// Put writes a file, in place of one that is there. The server checks it against its SHA-256,
// and has it whole or not at all.
func (f *Files) Put(ctx context.Context, name string, data []byte) error {
	if len(data) > FileMax {
		return fmt.Errorf("%w: a file has at most %d bytes", object.ErrTooLarge, FileMax)
	}
	sum := sha256.Sum256(data)
	_, err := f.o.put(ctx, f.below+name, bytes.NewReader(data), int64(len(data)), hex.EncodeToString(sum[:]), minio.PutObjectOptions{})
	return err
}

// Get reads a file, or returns object.ErrNotFound.
func (f *Files) Get(ctx context.Context, name string) ([]byte, error) {
	at := f.below + name
	looked, cancel := context.WithTimeout(ctx, callMax)
	i, err := f.o.core.StatObject(looked, f.o.bucket, at, minio.StatObjectOptions{})
	cancel()
	switch {
	case err != nil:
		return nil, meaning("look", err)
	case i.Size < 0 || i.Size > FileMax || i.ETag == "":
		return nil, meaning("look", errLying)
	}
	var data bytes.Buffer
	for from := int64(0); from < i.Size; from += object.PartMax {
		part, err := f.o.get(ctx, at, i.ETag, from, min(from+object.PartMax, i.Size))
		if err != nil {
			return nil, err
		}
		data.Write(part)
	}
	return data.Bytes(), nil
}
