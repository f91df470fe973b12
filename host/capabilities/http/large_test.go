package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// withBucket opens a grant that has a bucket, and the bucket.
func withBucket(t *testing.T, s *httptest.Server, params map[string]any) (capability.Capability, object.Bucket) {
	t.Helper()
	return withStore(t, s, params, new(object.Memory))
}

func withStore(t *testing.T, s *httptest.Server, params map[string]any, store object.Store) (capability.Capability, object.Bucket) {
	t.Helper()
	all := map[string]any{
		"hosts": []any{strings.TrimPrefix(s.URL, "http://")}, "schemes": []any{"http"}, "networks": []any{"127.0.0.0/8"},
		"bucket": "pages", "answer": 1000, "methods": []any{"GET", "PUT"}, "headers": map[string]any{"X-Token": "${TOKEN}"},
	}
	for name, v := range params {
		all[name] = v
	}
	env := loopback
	env.Namespace, env.Service, env.Objects = "main", "shop", store
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "http", Params: all}, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := env.Objects.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "pages"})
	if err != nil {
		t.Fatal(err)
	}
	return c, b
}

// content is a body of so many bytes that differ from place to place, with a secret across the
// end of the first part.
func content(n int) (sent, masked []byte) {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		if at := object.PartMax - 7; b.Len() > at-9 && b.Len() <= at {
			b.WriteString("secret-of-TOKEN")
		}
		b.WriteString(strconv.Itoa(i) + " ")
	}
	return b.Bytes(), bytes.ReplaceAll(b.Bytes(), []byte("secret-of-TOKEN"), []byte("[secret]"))
}

// all reads an object.
func all(t *testing.T, b object.Bucket, key string) []byte {
	t.Helper()
	var data []byte
	for {
		_, some, err := b.Read(t.Context(), key, "", object.Range{From: int64(len(data)), Length: object.PartMax})
		if err != nil {
			t.Fatal(err)
		}
		if data = append(data, some...); len(some) == 0 {
			return data
		}
	}
}

// TestLargeAnswer: an answer of more bytes than an answer has is an object of the bucket, which
// the answer names; one for a request, however often that is made, whole though it was cut off
// at first. One that is small is in the answer.
func TestLargeAnswer(t *testing.T) {
	sent, masked := content(3 << 20)
	cut := true
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/small":
			_, _ = io.WriteString(w, "small")
		case cut:
			cut = false
			w.Header().Set("Content-Length", strconv.Itoa(len(sent)))
			_, _ = w.Write(sent[:2<<20])
		default:
			_, _ = w.Write(sent)
		}
	})
	c, b := withBucket(t, s, nil)
	if a := ask(t.Context(), c, "", "path", "/small"); string(a.Data) != "small" || attr(a, "blob") != "" {
		t.Errorf("%+v", a)
	}
	for _, more := range []string{"", "", "other"} {
		sent, masked = append(sent, more...), append(masked, more...)
		sum := sha256.Sum256(masked)
		a := ask(t.Context(), c, "", "path", "/large")
		if a.Code != "" || len(a.Data) > 0 || attr(a, "status") != "200" || attr(a, "size") != strconv.Itoa(len(masked)) || attr(a, "digest") != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Fatalf("%+v", a)
		}
		if !bytes.Equal(all(t, b, attr(a, "blob")), masked) {
			t.Error("the object is not what was answered")
		}
	}
	list, err := b.List(t.Context(), "", "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%d objects of one request: %v", len(list), err)
	}
	for _, size := range []int{500, 1001, 2 << 20} {
		c, b := withBucket(t, s, map[string]any{"size": size})
		if a := ask(t.Context(), c, "", "path", "/large"); a.Code != capability.Limit {
			t.Errorf("an answer of more than %d bytes: %+v", size, a)
		}
		if list, err := b.List(t.Context(), "", "", 10); err != nil || len(list) > 0 {
			t.Errorf("%d objects of an answer that was too large: %v", len(list), err)
		}
	}
}

// TestLargeAgain: a request that is made again, long after its answer was kept, is answered with an object that is
// there, and is for a while yet, whether the former one was removed meanwhile or is about to be.
func TestLargeAgain(t *testing.T) {
	sent, masked := content(2 << 20)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sent) })
	for what, step := range map[string]struct {
		ago          time.Duration // that the answer was kept
		remove, same bool
	}{
		"soon":              {KeepDefault / 4, false, true},
		"before it expires": {KeepDefault * 3 / 4, false, false},
		"when it has":       {KeepDefault * 5 / 4, true, false},
	} {
		ago := step.ago
		c, b := withStore(t, s, nil, &object.Memory{Now: func() time.Time { return time.Now().Add(-ago) }})
		get := func() object.Info {
			t.Helper()
			a := ask(t.Context(), c, "", "path", "/large")
			info, err := b.Stat(t.Context(), attr(a, "blob"))
			if a.Code != "" || err != nil || info.Revision != attr(a, "revision") || !bytes.Equal(all(t, b, attr(a, "blob")), masked) {
				t.Fatalf("%s: %+v, %v", what, a, err)
			}
			return info
		}
		first := get()
		if step.remove {
			if e, err := Expire(t.Context(), b, time.Now().Add(-KeepDefault), func(func([]byte)) error { return nil }); e.Removed != 1 || err != nil {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		ago = 0
		if again := get(); (again.Revision == first.Revision) != step.same {
			t.Errorf("%s: %+v after %+v", what, again, first)
		}
	}
}

// TestLargeBody: an object of the bucket is a body, which is sent again after a failure.
func TestLargeBody(t *testing.T) {
	sent, _ := content(3 << 20)
	tries := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if tries++; r.Method == http.MethodGet && tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else if err != nil || !bytes.Equal(got, sent) || r.ContentLength != int64(len(sent)) {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	c, b := withBucket(t, s, nil)
	w := &object.Write{Key: "a/b", Upload: "u1"}
	for ; len(sent) > w.Parts*object.PartMax; w.Parts++ {
		piece := sent[w.Parts*object.PartMax : min(len(sent), (w.Parts+1)*object.PartMax)]
		if err := b.Part(t.Context(), &object.Part{Key: "a/b", Upload: "u1", Number: w.Parts + 1, Data: piece}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := b.Write(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{"GET": 2, "PUT": 1} {
		tries = 0
		a := ask(t.Context(), c, "", "path", "/a", "method", method, "blob", "a/b", "revision", info.Revision)
		if attr(a, "status") != "200" || tries != want {
			t.Errorf("%s: %+v after %d attempts", method, a, tries)
		}
	}
	for _, no := range []struct {
		code, data string
		attrs      []string
	}{
		{capability.NotFound, "", []string{"blob", "none"}},
		{capability.Conflict, "", []string{"blob", "a/b", "revision", "another"}},
		{capability.Invalid, "data", []string{"blob", "a/b"}},
		{capability.Invalid, "", []string{"blob", "/"}},
	} {
		if a := ask(t.Context(), c, no.data, append(no.attrs, "path", "/a", "method", "PUT")...); a.Code != no.code {
			t.Errorf("%v: %+v, want %s", no.attrs, a, no.code)
		}
	}
	small, _ := withBucket(t, s, map[string]any{"size": 10})
	_, err = small.(*client).bucket.Write(t.Context(), &object.Write{Key: "k", Data: []byte("eleven bytes")})
	if err != nil {
		t.Fatal(err)
	}
	if a := ask(t.Context(), small, "", "path", "/a", "method", "PUT", "blob", "k"); a.Code != capability.Limit {
		t.Errorf("an object of more bytes than a body may have: %+v", a)
	}
	if a := ask(t.Context(), open(t, s, nil), "", "path", "/a", "blob", "k"); a.Code != capability.Denied {
		t.Errorf("without a bucket: %+v", a)
	}
}

// endless is a bucket with an object of bytes that nobody keeps, and counts what is read of it.
type endless struct {
	object.Bucket
	info  object.Info
	bytes []byte
	told  func(from, to int64)
}

// Stat implements object.Bucket.
func (e *endless) Stat(context.Context, string) (object.Info, error) { return e.info, nil }

// Read implements object.Bucket.
func (e *endless) Read(_ context.Context, _, _ string, r object.Range) (object.Info, []byte, error) {
	from, to := r.Within(e.info.Size)
	e.told(from, to)
	return e.info, e.bytes[:to-from], nil
}

// TestLargeBodyPieces: of an object that is a body no more is read than is on its way, also when it is sent
// again, with its length; nobody has all of it in memory. One of no bytes has a length, too.
func TestLargeBodyPieces(t *testing.T) {
	const size, ahead = 96 << 20, 24 << 20 // which buffers of connections hold, and two parts
	var received, most atomic.Int64
	var lengths []int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		received.Store(0)
		lengths = append(lengths, r.ContentLength)
		piece := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(piece)
			received.Add(int64(n))
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
		if len(lengths) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c, _ := withBucket(t, s, nil)
	b := &endless{info: object.Info{Key: "k", Revision: "1", Size: size}, bytes: make([]byte, object.PartMax)}
	read := int64(0)
	b.told = func(from, to int64) {
		if from == 0 {
			received.Store(0)
		}
		read += to - from
		most.Store(max(most.Load(), to-received.Load()))
	}
	c.(*client).bucket = b
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := ask(t.Context(), c, "", "path", "/a", "method", "GET", "blob", "k")
	runtime.ReadMemStats(&after)
	if attr(a, "status") != "200" || !slices.Equal(lengths, []int64{size, size}) || received.Load() != size || read != 2*size {
		t.Errorf("%+v: lengths %d, %d bytes came, %d were read", a, lengths, received.Load(), read)
	}
	if most.Load() > ahead {
		t.Errorf("%d bytes were read ahead", most.Load())
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > ahead {
		t.Errorf("%d bytes of memory were asked for, to send %d twice", made, size)
	}
	b.info.Size = 0
	if a := ask(t.Context(), c, "", "path", "/a", "method", "PUT", "blob", "k"); attr(a, "status") != "200" || lengths[2] != 0 {
		t.Errorf("an object of no bytes: %+v, with a length of %d", a, lengths[2])
	}
}
