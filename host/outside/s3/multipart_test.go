package s3

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/object/objecttest"
	"github.com/minio/minio-go/v7"
)

// pieced is a store whose buckets write whatever has more than a byte in pieces.
type pieced struct{ *Store }

func (p pieced) Objects(ctx context.Context, n bucket.Name) (object.Bucket, error) {
	b, err := p.Store.Objects(ctx, n)
	if err == nil {
		inPieces(b.(*objects))
	}
	return b, err
}

func inPieces(o *objects) { o.large, o.piece = 1, 1<<20+3 }

// TestPieces: objects that are written in pieces are what the contract of buckets says.
func TestPieces(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return pieced{serve(t, nil).Store} })
}

// parts puts so many parts of the largest size, and returns what they are together.
func parts(t *testing.T, o *objects, upload string, n int) []byte {
	t.Helper()
	var all []byte
	for i := range n {
		data := bytes.Repeat([]byte{byte('a' + i)}, object.PartMax-i)
		if err := o.Part(t.Context(), &object.Part{Key: "big", Upload: upload, Number: i + 1, Data: data}); err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// uploads are S3's own that are under way.
func uploads(t *testing.T, o *objects) []minio.ObjectMultipartInfo {
	t.Helper()
	list, err := o.core.ListMultipartUploads(t.Context(), o.bucket, "", "", "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return list.Uploads
}

// TestLarge: what is large goes in pieces, each of which is sent again when the server is away
// for a moment, and what is small in one request.
func TestLarge(t *testing.T) {
	var pieces, away atomic.Int32
	o := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") && pieces.Add(1) == 2 {
			away.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	o.large, o.piece = 3<<20, 2<<20
	want := parts(t, o, "u1", 5)
	write := &object.Write{Key: "big", Upload: "u1", Parts: 5, Once: "m1"}
	i, err := o.Write(t.Context(), write)
	if err != nil || i.Size != int64(len(want)) || i.Digest != sumOf(want) {
		t.Fatalf("%+v %v", i, err)
	}
	if pieces.Load() != 4 || away.Load() != 1 { // of 2, 2 and less than 1 MiB
		t.Errorf("%d pieces were sent", pieces.Load())
	}
	var got []byte
	for from := int64(0); from < i.Size; from += object.PartMax {
		_, data, err := o.Read(t.Context(), "big", i.Revision, object.Range{From: from, Length: object.PartMax})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, data...)
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes are read")
	}
	if again, err := o.Write(t.Context(), write); err != nil || again.Revision != i.Revision || pieces.Load() != 4 {
		t.Errorf("again: %+v %v, %d pieces", again, err, pieces.Load())
	}
	parts(t, o, "u2", 2)
	if _, err := o.Write(t.Context(), &object.Write{Key: "big", Upload: "u2", Parts: 2}); err != nil || pieces.Load() != 4 {
		t.Errorf("a small one: %v, %d pieces", err, pieces.Load())
	}
	if left := uploads(t, o); len(left) != 0 {
		t.Errorf("uploads are left: %+v", left)
	}
}

// TestLargeMeanwhile: an upload in pieces does not replace what was written meanwhile.
func TestLargeMeanwhile(t *testing.T) {
	o := serve(t, nil)
	inPieces(o)
	parts(t, o, "u1", 2)
	c, err := o.content(t.Context(), &object.Write{Key: "big", Upload: "u1", Parts: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Write(t.Context(), &object.Write{Key: "big", Data: []byte("another's")}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.replace(t.Context(), &object.Write{Key: "big"}, c, &found{}); !errors.Is(err, object.ErrConflict) {
		t.Errorf("%v, want %v", err, object.ErrConflict)
	}
	if left := uploads(t, o); len(left) != 0 {
		t.Errorf("uploads are left: %+v", left)
	}
}

// TestBrokenOff: an upload that fails is aborted; one that a crash has left is when it is old,
// with its parts, and what is young or of another bucket stays.
func TestBrokenOff(t *testing.T) {
	var fails, crashed atomic.Bool
	o := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if fails.Load() && r.Method == http.MethodPut && r.URL.Query().Has("partNumber") || crashed.Load() && r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	inPieces(o)
	parts(t, o, "u1", 2)
	fails.Store(true)
	write := &object.Write{Key: "big", Upload: "u1", Parts: 2}
	if _, err := o.Write(t.Context(), write); !errors.Is(err, object.ErrDenied) {
		t.Fatal(err)
	}
	if left := uploads(t, o); len(left) != 0 {
		t.Errorf("it is not aborted: %+v", left)
	}
	crashed.Store(true) // so that it cannot be aborted
	if _, err := o.Write(t.Context(), write); !errors.Is(err, object.ErrDenied) {
		t.Fatal(err)
	}
	fails.Store(false)
	crashed.Store(false)
	if _, err := o.core.NewMultipartUpload(t.Context(), o.bucket, "eu/objects/main/shop/other/big", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := uploads(t, o); len(left) != 2 {
		t.Fatalf("%d uploads are under way", len(left))
	}
	if n, err := o.Tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("young ones: %d, %v", n, err)
	}
	o.now = func() time.Time { return time.Now().Add(leftAge + time.Minute) }
	if n, err := o.Tidy(t.Context()); n != 3 || err != nil { // an upload and two parts
		t.Errorf("old ones: %d, %v", n, err)
	}
	left := uploads(t, o)
	if len(left) != 1 || !strings.Contains(left[0].Key, "/other/") {
		t.Errorf("left are %+v", left)
	}
	var waiting []string
	err := o.each(t.Context(), minio.ListObjectsOptions{Prefix: o.parts, Recursive: true}, 10, func(i *minio.ObjectInfo) bool {
		waiting = append(waiting, i.Key)
		return true
	})
	if err != nil || len(slices.Compact(waiting)) != 0 {
		t.Errorf("parts wait: %q, %v", waiting, err)
	}
	if n, err := o.Tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
}
