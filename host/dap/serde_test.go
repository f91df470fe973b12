package dap_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/rust"
	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/native"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
)

// reader is a Rust actor that a client debugs while it handles one message.
type reader struct {
	t        *testing.T
	instance engine.Instance
	handled  sync.WaitGroup
}

func (r *reader) Start() error {
	r.handled.Go(func() { // ends with the message, at the latest once the session is closed
		m := abi.NewMessage([]byte(`{"text":"{\"id\":\"o-1\",\"qty\":3}"}`), abi.Type, "order.placed", abi.ID, "1", abi.ContentType, abi.ContentJSON)
		a, err := r.instance.Handle(&enginetest.Host{}, engine.Frame(m.Frame()))
		if err != nil || !strings.Contains(string(a.Frame), `{"id":"o-1","qty":3}`) {
			r.t.Errorf("%q, %v", a.Frame, err)
		}
	})
	return nil
}

func (r *reader) Close() error { return nil }

// built is a Rust actor as grow build --debug makes it.
func built(t *testing.T, source string) []byte {
	t.Helper()
	dir, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "actor.wasm")
	if _, err := rust.New().Build(t.Context(), compiler.Source{Dir: dir, Actor: "reader", Language: "rust", Path: dir, Out: out, Debug: true}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lineOf is the line of a text that comes after another.
func lineOf(t *testing.T, file, after, text string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), after)
	before, _, ok2 := strings.Cut(rest, text)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q after %q", file, text, after)
	}
	return strconv.Itoa(1 + strings.Count(head+after+before, "\n"))
}

// TestSerde: the test client of VS Code's own debuggers steps from a Rust actor through
// serde_json, as it is from crates.io: it stops two calls below the handler, reads
// variables there and in its callers, steps over, stops at an instruction,
// and steps out.
func TestSerde(t *testing.T) {
	node, modules := testsupport(t)
	binary := built(t, "testdata/serde")
	p, err := native.New().Open(t.Context(), binary, os.DirFS("testdata/serde"))
	if err != nil {
		t.Fatal(err)
	}
	files := p.Files()
	k := slices.IndexFunc(files, func(f string) bool {
		return strings.Contains(f, "/serde_json-") && strings.HasSuffix(f, "/src/de.rs")
	})
	if k < 0 {
		t.Fatalf("serde_json is not among %q", files)
	}
	library := files[k]
	e, err := wazero.New(t.Context(), wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := debug.NewSession(p, debug.Options{})
	m, err := p.Compile(t.Context(), e, engine.Config{MemoryMax: 64 << 20}, s)
	if err != nil {
		t.Fatal(err)
	}
	i, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(i.Close(), m.Close(context.Background()), e.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}()
	r := &reader{t: t, instance: i}
	defer r.handled.Wait()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var served sync.WaitGroup
	served.Go(func() { // ends with the connection, or when l is closed
		conn, err := l.Accept()
		if err != nil {
			return
		}
		attach := func(context.Context, map[string]any) (*debug.Session, io.Closer, error) { return s, r, nil }
		if err := dap.Serve(t.Context(), conn, dap.Options{Attach: attach}); err != nil {
			t.Error(err)
		}
	})
	c := exec.CommandContext(t.Context(), node, "testdata/serde.cjs", strconv.Itoa(l.Addr().(*net.TCPAddr).Port),
		"lib.rs", lineOf(t, "testdata/serde/lib.rs", "", "serde_json::from_str"),
		library, lineOf(t, library, "fn from_trait", "let value = "), lineOf(t, library, "fn from_trait", "tri!(de.end())"))
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := c.CombinedOutput()
	l.Close()
	served.Wait()
	if err != nil || strings.Count(string(out), "ok ") != 6 {
		t.Errorf("%v\n%s", err, out)
	}
}
