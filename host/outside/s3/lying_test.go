package s3

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/object"
)

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// spoiled is a bucket whose server has the object a, of the bytes 0123456789, and whose
// answers to GET are changed.
func spoiled(t *testing.T, change func(w http.ResponseWriter, r *http.Request, honest *httptest.ResponseRecorder)) *objects {
	t.Helper()
	real := s3test.Handler(t, nil)
	o := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		honest := httptest.NewRecorder()
		real.ServeHTTP(honest, r)
		if r.Method == http.MethodGet {
			change(w, r, honest)
			return true
		}
		for name, values := range honest.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(honest.Code)
		_, _ = w.Write(honest.Body.Bytes())
		return true
	})
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte("0123456789")}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestLying: bytes that are not those asked for are never taken for them.
func TestLying(t *testing.T) {
	for name, change := range map[string]func(h http.Header, body []byte) (int, []byte){
		"fewer":         func(h http.Header, b []byte) (int, []byte) { h.Del("Content-Length"); return 206, b[:len(b)-1] },
		"broken off":    func(_ http.Header, b []byte) (int, []byte) { return 206, b[:len(b)-1] },
		"more":          func(h http.Header, b []byte) (int, []byte) { h.Del("Content-Length"); return 206, append(b, '!') },
		"another ETag":  func(h http.Header, b []byte) (int, []byte) { h.Set("ETag", `"0123"`); return 206, b },
		"others":        func(_ http.Header, b []byte) (int, []byte) { return 206, bytes.Repeat([]byte("x"), len(b)) },
		"another range": func(h http.Header, b []byte) (int, []byte) { h.Set("Content-Range", "bytes 1-10/11"); return 206, b },
		"no range":      func(h http.Header, b []byte) (int, []byte) { h.Del("Content-Range"); return 200, b },
	} {
		o := spoiled(t, func(w http.ResponseWriter, _ *http.Request, honest *httptest.ResponseRecorder) {
			header := honest.Header().Clone()
			code, body := change(header, bytes.Clone(honest.Body.Bytes()))
			for name, values := range header {
				w.Header()[name] = values
			}
			w.WriteHeader(code)
			_, _ = w.Write(body)
		})
		if _, data, err := o.Read(t.Context(), "a", "", object.Range{Length: 10}); !errors.Is(err, errLying) && !errors.Is(err, errChanged) || data != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// endless writes until nobody reads.
func endless(w io.Writer, begin string) {
	_, err := io.WriteString(w, begin)
	for chunk := strings.Repeat("x", 64<<10); err == nil; {
		_, err = io.WriteString(w, chunk)
	}
}

// TestEndless: an answer that does not end is left.
func TestEndless(t *testing.T) {
	o := spoiled(t, func(w http.ResponseWriter, _ *http.Request, honest *httptest.ResponseRecorder) {
		for _, name := range []string{"ETag", "Content-Range", "Last-Modified"} {
			w.Header().Set(name, honest.Header().Get(name))
		}
		endless(w, "<ListBucketResult><Name>")
	})
	if _, _, err := o.Read(t.Context(), "a", "", object.Range{Length: 10}); err == nil {
		t.Error("endless bytes were read")
	}
	if _, err := o.List(t.Context(), "", "", 10); !errors.Is(err, errEndless) {
		t.Errorf("an endless list: %v", err)
	}
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte("x"), Once: "m1"}); err == nil {
		t.Error("an endless note was read")
	}
}

// TestListsOfLiars: a list of what was not asked for is none.
func TestListsOfLiars(t *testing.T) {
	entry := func(key string) string {
		return "<Contents><Key>" + key + "</Key><Size>1</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
	}
	below := "eu/objects/main/shop/photos/"
	for name, list := range map[string]string{
		"elsewhere":    entry("eu/objects/main/other/photos/a"),
		"twice":        entry(below+"a") + entry(below+"a"),
		"backwards":    entry(below+"b") + entry(below+"a"),
		"without ETag": strings.Replace(entry(below+"a"), "&quot;e&quot;", "", 1),
	} {
		o := spoiled(t, func(w http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
			_, _ = io.WriteString(w, "<ListBucketResult>"+list+"</ListBucketResult>")
		})
		if found, err := o.List(t.Context(), "", "", 10); !errors.Is(err, errLying) {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
}
