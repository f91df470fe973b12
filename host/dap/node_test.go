package dap_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/toy"
)

// supportVersion is that of @vscode/debugadapter-testsupport which the set-up installs.
const supportVersion = "1.68.0"

// testsupport is where node is, and the test client of VS Code's own debuggers.
func testsupport(t *testing.T) (node, modules string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules = filepath.Join(cache, "grow", "debugadapter-testsupport", supportVersion, "node_modules")
	if _, err := os.Stat(modules); err != nil {
		t.Skip("@vscode/debugadapter-testsupport is not installed; make test does so")
	}
	return node, modules
}

// TestTestsupport has it go through sessions.
func TestTestsupport(t *testing.T) {
	node, modules := testsupport(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { serveAll(t, l, &work) }) // ends when l is closed
	defer work.Wait()
	defer l.Close()
	c := exec.CommandContext(t.Context(), node, "testdata/session.cjs", strconv.Itoa(l.Addr().(*net.TCPAddr).Port), "/home/me/shop/src/shop.toy", "13")
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := c.CombinedOutput()
	if err != nil || strings.Count(string(out), "ok ") != 7 {
		t.Errorf("%v\n%s", err, out)
	}
}

// serveAll serves each connection a session of its own, which handles one message.
func serveAll(t *testing.T, l net.Listener, work *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		work.Go(func() { // ends with the connection
			attach := func(_ context.Context, args map[string]any) (*debug.Session, io.Closer, error) {
				source := shop
				if args["forever"] == true {
					source = strings.Replace(shop, "total = add", "idle = true\n  while idle\n  end\n  total = add", 1)
				}
				p, err := toy.Parse("src/shop.toy", source)
				if err != nil {
					return nil, nil, err
				}
				s := debug.NewSession(p, debug.Options{})
				return s, &target{session: s, program: p, messages: []int{4}, results: make(chan any, 1), closed: make(chan struct{})}, nil
			}
			if err := dap.Serve(t.Context(), conn, dap.Options{Attach: attach}); err != nil {
				t.Error(err)
			}
		})
	}
}
