package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// way is a way to a host on which pieces of uploads can be lost or altered.
type way struct {
	mu     sync.Mutex
	pieces int // that came
	spoil  func(piece int, body []byte) ([]byte, bool)
}

// between puts a way between the commands and their host.
func (h *hosted) between(w *way) {
	h.t.Helper()
	to, err := url.Parse(h.ControlURL())
	if err != nil {
		h.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/objects/") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				h.t.Error(err)
			}
			w.mu.Lock()
			w.pieces++
			body, ok := w.spoil(w.pieces, body)
			w.mu.Unlock()
			if !ok {
				panic(http.ErrAbortHandler) // the connection ends
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		proxy.ServeHTTP(rw, r)
	}))
	h.t.Cleanup(server.Close)
	h.t.Setenv(envHost, server.URL)
}

// large is a module that an upload takes several pieces for.
func large(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "large.wasm")
	if err := os.WriteFile(file, withSection(wat.Module("echo"), "padding", make([]byte, 3<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestUploadIsCut: an upload that was cut goes on where it was.
func TestUploadIsCut(t *testing.T) {
	t.Chdir(echoFolder(t))
	h := newHosted(t)
	h.golive(map[string]string{"echo": "echo"})
	file := large(t)
	const cut = 3 // the first one is the definition
	sent := 0
	w := &way{spoil: func(piece int, body []byte) ([]byte, bool) {
		if piece != cut {
			sent += len(body)
		}
		return body, piece != cut
	}}
	h.between(w)
	holds(t, h.run(exitUnreachable, "upload echo "+file), "reach the host")
	if got := gjson.Get(h.run(exitDone, "history -o json"), "#").Int(); got != 1 {
		t.Errorf("%d deployments after an upload that was cut", got)
	}
	holds(t, h.run(exitDone, "upload echo "+file), "resuming   echo at 1MiB", "deployment 2 is live")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if more := int64(sent) - info.Size(); more < 0 || more > 1<<10 { // and a definition
		t.Errorf("%d bytes were sent of %d: what had arrived was sent again", sent, info.Size())
	}
}

// TestUploadIsAltered: what was altered on the way is thrown away.
func TestUploadIsAltered(t *testing.T) {
	t.Chdir(echoFolder(t))
	h := newHosted(t)
	h.golive(map[string]string{"echo": "echo"})
	w := &way{spoil: func(piece int, body []byte) ([]byte, bool) {
		body = bytes.Clone(body)
		body[len(body)/2] ^= 1
		return body, true
	}}
	h.between(w)
	holds(t, h.run(exitFailed, "upload echo "+large(t)), "thrown away")
	live := gjson.Get(h.run(exitDone, "history -o json"), "0")
	sum := sha256.Sum256(wat.Module("echo"))
	if live.Get("number").Int() != 1 || live.Get("actors.echo.digest").String() != hex.EncodeToString(sum[:]) {
		t.Errorf("live is %s", live)
	}
	if got := h.call("/", `"hello"`); got != `200 "hello"` {
		t.Errorf("the service says %s", got)
	}
}

// TestTwoDeployAtOnce: of two who deploy at the same time one is told of the other.
func TestTwoDeployAtOnce(t *testing.T) {
	first, second := echoFolder(t), filepath.Join(t.TempDir(), "second")
	if err := os.WriteFile(filepath.Join(first, "actors/echo/module.wasm"), wat.Module("echo"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHosted(t)
	h.run(exitDone, "deploy -C "+first)
	if err := os.CopyFS(second, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	var codes []int
	var texts []string
	var mu sync.Mutex
	var group sync.WaitGroup
	for i, dir := range []string{first, second} {
		if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "docs/notes.md"), []byte{byte('1' + i), '\n'}, 0o600); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			var out, errs bytes.Buffer
			code := execute([]string{"deploy", "-C", dir}, strings.NewReader(""), &out, &errs)
			mu.Lock()
			defer mu.Unlock()
			codes, texts = append(codes, code), append(texts, errs.String())
		})
	}
	group.Wait()
	if slices.Sort(codes); !slices.Equal(codes, []int{exitDone, exitConflict}) {
		t.Fatalf("exit codes %v\n%s", codes, strings.Join(texts, "\n"))
	}
	holds(t, strings.Join(texts, ""), "added    docs/notes.md", "grow pull")
	if got := gjson.Get(h.run(exitDone, "history -o json --service echoes"), "#").Int(); got != 2 {
		t.Errorf("%d deployments", got)
	}
}
