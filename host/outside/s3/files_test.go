package s3

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/object"
)

// TestFiles: a file comes back as it was put, of whatever size, and one that is cut on its way
// is not there.
func TestFiles(t *testing.T) {
	var cut atomic.Bool
	s := at(t, s3test.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if cut.Load() && r.Method == http.MethodPut {
			panic(http.ErrAbortHandler)
		}
		return false
	}))
	f, err := s.Files("backups/monday")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"empty": {}, "small": []byte("x"), "a/large": bytes.Repeat([]byte("0123456789"), 300_000)} {
		if _, err := f.Get(t.Context(), name); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("%s before it was put: %v", name, err)
		}
		if _, err := f.Size(t.Context(), name); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("size of %s before it was put: %v", name, err)
		}
		cut.Store(true)
		if err := f.Put(t.Context(), name, data); err == nil {
			t.Errorf("%s is put through a line that is cut", name)
		}
		cut.Store(false)
		if err := f.Put(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
		got, err := f.Get(t.Context(), name)
		size, err2 := f.Size(t.Context(), name)
		if err != nil || err2 != nil || !bytes.Equal(got, data) || size != int64(len(data)) {
			t.Errorf("%s: %d of %d bytes, size %d, %v, %v", name, len(got), len(data), size, err, err2)
		}
	}
	for _, name := range []string{"", "/a", "a/../b", strings.Repeat("x", 300)} {
		if _, err := s.Files(name); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("files at %q: %v", name, err)
		}
	}
}
