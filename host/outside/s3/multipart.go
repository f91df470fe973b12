package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// Limits of uploads in pieces (S3's multipart uploads).
const (
	largeMin  = 32 << 20        // bytes of an object that is uploaded in pieces
	pieceSize = 16 << 20        // bytes of a piece, of which one is in memory; S3 takes none below 5 MiB but the last
	pieceMax  = 5 * time.Minute // of the request with one
	pieceTry  = 3               // times that one is sent
	// leftAge is when what an upload has left is old. The server's clock may go otherwise than
	// the host's by the difference.
	leftAge  = object.UploadAge + time.Hour
	tidyMax  = 10_000           // of what is left that one Tidy removes; the next goes on
	tidyTime = 10 * time.Minute // of one Tidy
	listSize = 1000             // of one answer
)

// uploadPieces writes an object of S3 in pieces. It is there when all of them are, and is made
// by one request, which has the conditions. What is not made is aborted; when that fails, too, or
// the host ends before, Tidy does it.
func (o *objects) uploadPieces(ctx context.Context, key string, c *content, options minio.PutObjectOptions) (etag string, err error) {
	at := o.objects + key
	ctx, cancel := context.WithTimeout(ctx, makeMax)
	defer cancel()
	id, err := o.core.NewMultipartUpload(ctx, o.bucket, at, minio.PutObjectOptions{UserMetadata: options.UserMetadata})
	if err == nil && id == "" {
		err = errLying
	}
	if err != nil {
		return "", meaning("write", err)
	}
	defer func() {
		if err != nil {
			o.abort(ctx, at, id)
		}
	}()
	parts, err := o.sendPieces(ctx, at, id, c)
	if err != nil {
		return "", err
	}
	i, err := o.core.CompleteMultipartUpload(ctx, o.bucket, at, id, parts, options)
	if err != nil {
		return "", meaning("write", err)
	}
	// Some servers have another ETag for it than the one that they answered with.
	switch now, err := o.look(ctx, key); {
	case err == nil && now.Digest == c.digest && now.once == options.UserMetadata[writtenFor]:
		return now.Revision, nil
	case i.ETag == "":
		return "", cmp.Or(err, meaning("write", errLying))
	}
	return i.ETag, nil
}

func (o *objects) sendPieces(ctx context.Context, at, id string, c *content) (parts []minio.CompletePart, err error) {
	from, piece := c.open(ctx), make([]byte, min(o.piece, c.size))
	for left := c.size; left > 0; {
		data := piece[:min(left, o.piece)]
		if _, err := io.ReadFull(from, data); err != nil {
			return nil, meaning("read a part", err)
		}
		p, err := o.sendPiece(ctx, at, id, len(parts)+1, data)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
		left -= int64(len(data))
	}
	return parts, nil
}

// sendPiece sends a piece, which the server checks against the digest. It is sent again when the
// server is away for a moment.
func (o *objects) sendPiece(ctx context.Context, at, id string, number int, data []byte) (p minio.CompletePart, err error) {
	for try := 1; ; try++ {
		p, err = o.sendOnce(ctx, at, id, number, data)
		if err == nil || !errors.Is(err, errAway) || try == pieceTry || ctx.Err() != nil {
			return p, err
		}
	}
}

func (o *objects) sendOnce(ctx context.Context, at, id string, number int, data []byte) (minio.CompletePart, error) {
	ctx, cancel := context.WithTimeout(ctx, pieceMax)
	defer cancel()
	sent, err := o.core.PutObjectPart(ctx, o.bucket, at, id, number, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectPartOptions{Sha256Hex: strings.TrimPrefix(sumOf(data), digestPrefix), DisableContentSha256: true})
	if err == nil && sent.ETag == "" {
		err = errLying
	}
	return minio.CompletePart{PartNumber: number, ETag: sent.ETag}, meaning("write a piece", err)
}

// abort has the server forget an upload, also when ctx has ended. What fails is left for Tidy.
func (o *objects) abort(ctx context.Context, at, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callMax)
	defer cancel()
	_ = o.core.AbortMultipartUpload(ctx, o.bucket, at, id)
}

// Tidy removes what uploads have left that were never ended, as when the host crashed: parts of
// this bucket that wait for longer than object.UploadAge, and, of S3's own uploads to keys of
// this bucket, those that began longer ago, whoever began them. It returns how many there were.
func (o *objects) Tidy(ctx context.Context) (removed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	old := o.now().Add(-leftAge)
	aborted, err := o.tidyUploads(ctx, old)
	if err != nil {
		return aborted, err
	}
	parts, err := o.tidyParts(ctx, old)
	return aborted + parts, err
}

func (o *objects) tidyUploads(ctx context.Context, old time.Time) (n int, err error) {
	for key, id := "", ""; n < tidyMax; {
		list, err := o.core.ListMultipartUploads(ctx, o.bucket, o.objects, key, id, "", listSize)
		if err != nil {
			return n, meaning("list uploads", err)
		}
		for _, u := range list.Uploads {
			if !strings.HasPrefix(u.Key, o.objects) || !u.Initiated.Before(old) {
				continue
			}
			if err := o.core.AbortMultipartUpload(ctx, o.bucket, u.Key, u.UploadID); err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
				return n, meaning("abort an upload", err)
			}
			n++
		}
		if !list.IsTruncated || list.NextKeyMarker == key && list.NextUploadIDMarker == id {
			break
		}
		key, id = list.NextKeyMarker, list.NextUploadIDMarker
	}
	return n, nil
}

func (o *objects) tidyParts(ctx context.Context, old time.Time) (int, error) {
	var left []string
	err := o.each(ctx, minio.ListObjectsOptions{Prefix: o.parts, Recursive: true}, tidyMax, func(i *minio.ObjectInfo) bool {
		if i.LastModified.Before(old) {
			left = append(left, i.Key)
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	o.forget(ctx, left)
	return len(left), nil
}
