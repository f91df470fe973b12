package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/testdata/wat"
)

// workspace is a folder of services made for measuring.
type workspace struct {
	dir  string
	ends []func() error // before the folder is removed
}

func newWorkspace() (*workspace, error) {
	dir, err := os.MkdirTemp("", "grow-bench-")
	if err != nil {
		return nil, err
	}
	return &workspace{dir: dir}, nil
}

// atEnd has f called when all is measured.
func (w *workspace) atEnd(f func() error) { w.ends = append(w.ends, f) }

// close ends what was started, and removes the folder.
func (w *workspace) close() (err error) {
	for _, f := range w.ends {
		err = errors.Join(err, f())
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// order is the data of every message: 200 bytes of JSON.
var order = []byte(`{"id":"o-1000042","customer":"c-42","tier":"gold","total":1234.5,` +
	`"currency":"EUR","items":[{"sku":"A-1","qty":2,"price":19.9},{"sku":"B-22","qty":1,"price":1194.7}],"note":"leave it at the door..."}`)

// flavour is how much the actors of a benchmark check.
type flavour int

const (
	untyped flavour = iota // any data, no key
	typed                  // type checked, keyed, a rule on every edge
)

const orderType = `"echo.done": {
	id: string
	customer: string
	tier: "gold" | "silver" | "none"
	total: number & >=0
	currency: string
	items: [...{sku: string, qty: int & >0, price: number}]
	note?: string
}
`

// ring writes a service of n nodes: in a circle for ever, or, when open, from
// an endpoint through the nodes and back as its reply.
func (w *workspace) ring(name string, n int, f flavour, open bool) (string, error) {
	key, when, types := "", "", "\"echo.done\": _\n"
	if f == typed {
		key, when, types = "key: data.customer\n", ", when: data.total > 1000.0", orderType
	}
	var flow strings.Builder
	out := "[]"
	if open {
		out = "[echo.done]"
	}
	fmt.Fprintf(&flow, "workflow: ring\nabout: Nodes that hand each other what they get.\nin: [echo.done]\nout: %s\nnodes:\n", out)
	for i := range n {
		fmt.Fprintf(&flow, "  n%d: echo\n", i)
	}
	fmt.Fprintf(&flow, "routes:\n  - {from: input, to: n0}\n")
	for i := range n {
		to := fmt.Sprintf("n%d", (i+1)%n)
		if open && i == n-1 {
			to = "output"
		}
		fmt.Fprintf(&flow, "  - {from: n%d, to: %s%s}\n", i, to, when)
		if when != "" {
			fmt.Fprintf(&flow, "  - {from: n%d, to: drop}\n", i)
		}
	}
	service := "service: bench\nabout: Measures.\n"
	if open {
		service += "http:\n  POST /orders: {send: echo.done, to: ring, reply: {echo.done: 200}}\n"
	}
	dir := filepath.Join(w.dir, name)
	return dir, writeAll(dir, map[string]string{
		"grow.yaml":               service,
		"types/bench.cue":         types,
		"workflows/ring.yaml":     flow.String(),
		"actors/echo/actor.yaml":  "actor: echo\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n" + key,
		"actors/echo/module.wasm": string(wat.Module("echo")),
	})
}

// writeAll writes files below a folder.
func writeAll(dir string, files map[string]string) error {
	for path, text := range files {
		if err := write(filepath.Join(dir, path), text); err != nil {
			return err
		}
	}
	return nil
}

// start starts a service by itself, without the platform around it: for what is
// measured from its shard on. Its journal is in memory.
func (w *workspace) start(ctx context.Context, dir string) (*app.Host, error) {
	return w.startAt(ctx, dir, app.Journal{At: app.Memory})
}

// startAt is start with the journal where j says.
func (w *workspace) startAt(ctx context.Context, dir string, j app.Journal) (*app.Host, error) {
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	return app.Start(ctx, app.Options{Dir: dir, Service: service, Modules: sources(service), Listen: "127.0.0.1:0", Journal: j})
}

// stop ends a service at once; what circles in it is abandoned.
func stop(h stopper) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
