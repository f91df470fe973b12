package s3

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// lossy is a bucket whose server does what it is asked for, but of which the next answer to
// that method, for a key below objects, is lost.
type lossy struct {
	*objects
	done atomic.Int32 // of those requests
	lose atomic.Bool
}

func newLossy(t *testing.T, method string) *lossy {
	t.Helper()
	l, real := &lossy{}, s3test.Handler(t, nil)
	l.objects = serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, "/objects/") {
			real.ServeHTTP(w, r)
			return true
		}
		l.done.Add(1)
		if l.lose.CompareAndSwap(true, false) {
			real.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		real.ServeHTTP(w, r)
		return true
	})
	return l
}

// TestLostAnswer: a write whose answer was lost is known when it is asked for again, also by
// what is left when another has written since.
func TestLostAnswer(t *testing.T) {
	l := newLossy(t, http.MethodPut)
	write := &object.Write{Key: "a", Data: []byte("one"), Once: "m1"}
	l.lose.Store(true)
	if _, err := l.Write(t.Context(), write); !errors.Is(err, errAway) {
		t.Fatalf("of a lost answer: %v", err)
	}
	first, err := l.Write(t.Context(), write)
	if err != nil || first.Size != 3 || l.done.Load() != 1 {
		t.Errorf("again: %+v %v, written %d times", first, err, l.done.Load())
	}
	if _, err := l.Write(t.Context(), &object.Write{Key: "a", Data: []byte("others"), Once: "m2"}); err != nil {
		t.Fatal(err)
	}
	if again, err := l.Write(t.Context(), write); err != nil || again != first || l.done.Load() != 2 {
		t.Errorf("after another: %+v %v, want %+v; written %d times", again, err, first, l.done.Load())
	}
}

// TestLostRemoval: a removal that was broken off is done when it is asked for again, and one
// that was done is not done to what was written since.
func TestLostRemoval(t *testing.T) {
	var away atomic.Bool
	var conditions atomic.Int32
	o := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		if r.Header.Get("If-Match") != "" {
			conditions.Add(1)
		}
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return away.Load()
	})
	write := func(w object.Write) error {
		_, err := o.Write(t.Context(), &w)
		return err
	}
	if err := write(object.Write{Key: "a", Data: []byte("one"), Once: "m1"}); err != nil {
		t.Fatal(err)
	}
	remove := object.Write{Key: "a", Delete: true, Once: "m2"}
	away.Store(true)
	if err := write(remove); !errors.Is(err, errAway) {
		t.Fatalf("broken off: %v", err)
	}
	away.Store(false)
	if err := write(remove); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Stat(t.Context(), "a"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("after the removal: %v", err)
	}
	if err := errors.Join(write(object.Write{Key: "a", Data: []byte("two"), Once: "m3"}), write(remove)); err != nil {
		t.Fatal(err)
	}
	if i, err := o.Stat(t.Context(), "a"); err != nil || i.Size != 3 {
		t.Errorf("what was written since: %+v %v", i, err)
	}
	if conditions.Load() != 2 {
		t.Errorf("%d removals with a condition, want 2", conditions.Load())
	}
}

// TestOldParts: parts that have waited too long become no object.
func TestOldParts(t *testing.T) {
	o := serve(t, nil)
	if err := o.Part(t.Context(), &object.Part{Key: "a", Upload: "u", Number: 1, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	o.now = func() time.Time { return time.Now().Add(object.UploadAge + time.Minute) }
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Upload: "u", Parts: 1}); !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("of old parts: %v", err)
	}
}

// TestOthers: what another client has put there is an object, too; what has no key, as the
// marks that stand for folders, is none and takes no place in a list.
func TestOthers(t *testing.T) {
	o := serve(t, nil)
	for _, key := range []string{"folder/", "theirs"} {
		if _, err := o.put(t.Context(), "eu/objects/main/shop/photos/"+key, strings.NewReader("x"), 1, sumOf([]byte("x")), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := o.List(t.Context(), "", "", 1); err != nil || len(list) != 1 || list[0].Key != "theirs" {
		t.Errorf("listed: %+v %v", list, err)
	}
	if i, data, err := o.Read(t.Context(), "theirs", "", object.Range{Length: 9}); err != nil || string(data) != "x" || i.Digest != "" {
		t.Errorf("%+v %q %v", i, data, err)
	}
}
