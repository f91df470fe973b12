package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	spec "github.com/opencontainers/image-spec/specs-go/v1"
)

// newRegistry is a registry in this process; before sees each request first, and says
// whether it has answered it.
func newRegistry(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	kept := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			kept.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	return Scheme + strings.TrimPrefix(s.URL, "http://") + "/shop/price"
}

func TestRoundTrip(t *testing.T) {
	at := newRegistry(t, nil)
	m := &Module{Bytes: []byte("\x00asm module"), Signature: "key:signature", Annotations: map[string]string{spec.AnnotationTitle: "price"}}
	d, err := Push(t.Context(), at+":1", m)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Push(t.Context(), at+":latest", m); err != nil || again != d {
		t.Errorf("the same module: %s, %v; want %s", again, err, d)
	}
	for _, ref := range []string{at + ":1", at + ":latest", at + "@" + d} {
		got, err := Pull(t.Context(), ref, 1<<20)
		if err != nil || !bytes.Equal(got.Bytes, m.Bytes) || got.Signature != m.Signature || got.Annotations[spec.AnnotationTitle] != "price" || got.Digest != d {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	// The layout is that of the CNCF.
	r, err := http.Get("http://" + strings.TrimPrefix(strings.Replace(at, "/shop", "/v2/shop", 1), Scheme) + "/manifests/1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var manifest spec.Manifest
	if err := json.NewDecoder(r.Body).Decode(&manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != spec.MediaTypeImageManifest || manifest.Config.MediaType != "application/vnd.wasm.config.v0+json" || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != "application/wasm" {
		t.Errorf("%+v", manifest)
	}
}

func TestFaults(t *testing.T) {
	at := newRegistry(t, nil)
	if _, err := Push(t.Context(), at+":1", &Module{Bytes: bytes.Repeat([]byte("x"), 1000)}); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]error{at + ":2": ErrNotFound, at: ErrRef, "price.wasm": ErrRef, Scheme + "A B": ErrRef} {
		if _, err := Pull(t.Context(), ref, 1<<20); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", ref, err, want)
		}
	}
	if _, err := Pull(t.Context(), at+":1", 999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
	d, err := Push(t.Context(), at+":1", &Module{Bytes: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Push(t.Context(), at+"@"+d, &Module{Bytes: []byte("x")}); !errors.Is(err, ErrRef) {
		t.Errorf("published under a digest: %v", err)
	}
}

// TestLies: a registry that gives other bytes than it promised, refuses, or has
// something else under the name.
func TestLies(t *testing.T) {
	module := []byte("\x00asm module")
	var lie func(w http.ResponseWriter, r *http.Request) bool
	at := newRegistry(t, func(w http.ResponseWriter, r *http.Request) bool { return lie != nil && lie(w, r) })
	if _, err := Push(t.Context(), at+":1", &Module{Bytes: module}); err != nil {
		t.Fatal(err)
	}
	lie = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		_, _ = w.Write(bytes.Replace(module, []byte("m"), []byte("M"), 1))
		return true
	}
	if m, err := Pull(t.Context(), at+":1", 1<<20); err == nil {
		t.Errorf("altered bytes are taken: %q", m.Bytes)
	}
	lie = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }
	if _, err := Pull(t.Context(), at+":1", 1<<20); !errors.Is(err, ErrDenied) {
		t.Errorf("refused: %v", err)
	}
	lie = nil
	other := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`
	r, err := http.NewRequest(http.MethodPut, "http://"+strings.TrimPrefix(strings.Replace(at, "/shop", "/v2/shop", 1), Scheme)+"/manifests/image", strings.NewReader(other))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("%v %v", answer, err)
	}
	if _, err := Pull(t.Context(), at+":image", 1<<20); !errors.Is(err, ErrLayout) {
		t.Errorf("an image: %v", err)
	}
}
