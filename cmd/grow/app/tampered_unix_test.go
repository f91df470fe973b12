//go:build unix

package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// twins is a service of two actors that do the same and have different modules, with a
// cache of machine code and a secret of its own.
type twins struct {
	t                    *testing.T
	dir, cache, settings string
	modules              [2][]byte
}

func newTwins(t *testing.T) *twins {
	hog := wat.Module("hog")
	w := &twins{t: t, dir: t.TempDir(), cache: t.TempDir(), settings: t.TempDir(), modules: [2][]byte{
		hog, append(bytes.Clone(hog), 0, 2, 1, 'b'), // a custom section of no content
	}}
	files := map[string]string{"grow.yaml": "service: twins\nabout: Two of a kind.\n", "types/hog.cue": "\"hog.do\": string\n\"hog.done\": _\n"}
	for k, name := range []string{"a", "b"} {
		files["actors/"+name+"/module.wasm"] = string(w.modules[k])
		files["actors/"+name+"/actor.yaml"] = fmt.Sprintf("actor: %s\nabout: Uses what it is told.\ncode: {language: wasm, source: module.wasm}\nin: [hog.do]\nout: [hog.done]\n", name)
	}
	writeFiles(t, w.dir, files)
	return w
}

// entry is the file of a module in the cache.
func (w *twins) entry(k int) string {
	w.t.Helper()
	sum := sha256.Sum256(w.modules[k])
	found, err := filepath.Glob(filepath.Join(w.cache, hex.EncodeToString(sum[:])+".*"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("entries of module %d: %v, %v", k, found, err)
	}
	return found[0]
}

// run starts the service, has both actors handle a message and stops it. It returns
// what the log says of machine code.
func (w *twins) run(settings string) (said []string) {
	w.t.Helper()
	w.t.Setenv("XDG_CONFIG_HOME", settings)
	w.t.Setenv("HOME", settings)
	service, err := Load(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	modules := map[string]string{}
	for name, a := range service.Actors {
		modules[name] = a.Code.Source
	}
	var log printed
	h, err := Start(w.t.Context(), Options{Dir: w.dir, Service: service, Listen: "127.0.0.1:0", CacheDir: w.cache, Modules: modules, Stderr: &log})
	if err != nil {
		w.t.Fatal(err)
	}
	for name := range modules {
		f, err := h.Shard().Accept(w.t.Context(), &shard.Request{To: name, Source: "test", Type: "hog.do", Data: []byte(`"f10"`), AnyReply: true})
		if err != nil {
			w.t.Fatal(err)
		}
		<-f.Done()
		if a := f.Answer(); a.Code != "" {
			w.t.Errorf("%s: %s: %s", name, a.Code, a.Text)
		}
	}
	if _, err := h.Stop(context.Background()); err != nil {
		w.t.Error(err)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "machine code") {
			said = append(said, line)
		}
	}
	return said
}

// printed is a log that lines may be written to at the same time.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// TestTamperedMachineCode: what somebody did to the cache while the service did not
// run is refused at the next start, said, and made anew, and both actors do their work.
func TestTamperedMachineCode(t *testing.T) {
	changed := func(change func(b []byte) []byte) func(w *twins) error {
		return func(w *twins) error {
			b, err := os.ReadFile(w.entry(0))
			return errors.Join(err, os.WriteFile(w.entry(0), change(b), 0o600))
		}
	}
	const seal = "its seal is not of this user, or not of this entry"
	tests := map[string]struct {
		damage func(w *twins) error
		refuse []string // why, a line each
	}{
		"left as it is": {func(*twins) error { return nil }, nil},
		"swapped between two modules": {func(w *twins) error {
			a, b := w.entry(0), w.entry(1)
			return errors.Join(os.Rename(a, w.cache+"/.fresh-x"), os.Rename(b, a), os.Rename(w.cache+"/.fresh-x", b))
		}, []string{seal, seal}},
		"a byte flipped in the middle": {changed(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), []string{seal}},
		"cut in the middle":            {changed(func(b []byte) []byte { return b[:len(b)/2] }), []string{seal}},
		"cut within its head":          {changed(func(b []byte) []byte { return b[:20] }), []string{"it is not whole, or of another format"}},
		"sealed with another secret": {func(w *twins) error {
			w.run(w.t.TempDir())
			return nil
		}, []string{seal, seal}},
		"writable by others": {func(w *twins) error { return os.Chmod(w.entry(1), 0o666) }, []string{"its mode is -rw-rw-rw-: others may have it"}},
		"a link": {func(w *twins) error {
			entry, other := w.entry(0), filepath.Join(w.settings, "entry")
			return errors.Join(os.Rename(entry, other), os.Symlink(other, entry))
		}, []string{"too many levels of symbolic links"}},
	}
	if os.Getuid() == 0 {
		tests["owned by somebody else"] = struct {
			damage func(w *twins) error
			refuse []string
		}{func(w *twins) error { return os.Chown(w.entry(0), 65534, 65534) }, []string{"it belongs to another user"}}
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTwins(t)
			if said := w.run(w.settings); len(said) > 0 {
				t.Fatalf("the first start says %q", said)
			}
			if err := c.damage(w); err != nil {
				t.Fatal(err)
			}
			said := w.run(w.settings)
			if len(said) != len(c.refuse) {
				t.Errorf("it says %q, want %d lines", said, len(c.refuse))
			}
			for k := range min(len(said), len(c.refuse)) {
				if !strings.Contains(said[k], "machine code was refused and is made anew") || !strings.Contains(said[k], c.refuse[k]) {
					t.Errorf("it says %q, want %q", said[k], c.refuse[k])
				}
			}
			if said := w.run(w.settings); len(said) > 0 {
				t.Errorf("the start after that says %q", said)
			}
			w.entry(0)
			w.entry(1)
		})
	}
}
