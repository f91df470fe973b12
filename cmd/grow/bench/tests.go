package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/actortest"
)

// exampleTests is how many tests of the Rust actor are run.
const exampleTests = 100

// runTests measures a hundred example tests of a Rust actor that is built: from
// the start of the runner to its end. The reference is as many messages,
// handled by new instances of the same module one after another.
func runTests(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for i := range exampleTests {
		fmt.Fprintf(&text, "- test: order %d is answered\n  when: {echo.done: {id: o-%d, customer: c-%d, total: %d.5}}\n"+
			"  then: [{echo.done: {id: o-%d, customer: c-%d, total: = >=%d}}]\n", i, i, i%7, i, i, i%7, i)
	}
	dir := filepath.Join(w.dir, "rust")
	file := filepath.Join(dir, "actors/order/tests/orders.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	module := filepath.Join(w.dir, "tested.wasm")
	if err := os.WriteFile(module, binary, 0o644); err != nil {
		return nil, err
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(w.dir, "cache")
	return func(ctx context.Context) (float64, float64, error) {
		begin := time.Now()
		tests, err := app.OpenTests(ctx, service, map[string]string{"order": module}, cache, 0)
		if err != nil {
			return 0, 0, err
		}
		passed := 0
		err = tests.Run(ctx, service.AllTests(), func(r *actortest.Result) {
			if r.Passed() {
				passed++
			}
		})
		if err := errors.Join(err, tests.Close(ctx)); err != nil {
			return 0, 0, err
		}
		took := time.Since(begin)
		if passed != exampleTests {
			return 0, 0, fmt.Errorf("%d of %d tests passed", passed, exampleTests)
		}
		reference, err := bare(ctx, "", binary, exampleTests)
		return millis(took), reference * exampleTests / 1000, err
	}, nil
}

func millis(d time.Duration) float64 { return micros(d) / 1000 }

const (
	vetActors = 20
	vetLoads  = 5 // in a round
)

// vet measures how long a project of twenty actors takes to be checked. The
// reference is the time that reading its files takes.
func vet(_ context.Context, w *workspace) (rounder, error) {
	dir := filepath.Join(w.dir, "vet")
	for path, text := range project20() {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return func(context.Context) (float64, float64, error) {
		var took, read []float64
		for range vetLoads {
			begin := time.Now()
			if _, err := app.Load(dir); err != nil {
				return 0, 0, err
			}
			took = append(took, millis(time.Since(begin)))
			begin = time.Now()
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				_, err = os.ReadFile(path)
				return err
			})
			if err != nil {
				return 0, 0, err
			}
			read = append(read, millis(time.Since(begin)))
		}
		return median(took), median(read), nil
	}, nil
}

// project20 is a project of twenty actors in two workflows, with types,
// documents, endpoints and tests.
func project20() map[string]string {
	files := map[string]string{
		"docs/service.md": "# Shop\n\n1. Orders are priced.\n2. Orders are shipped.\n",
		"grow.yaml": "service: shop\nabout: Takes orders.\ndocs: [docs/service.md]\nhttp:\n" +
			"  POST /orders: {send: order.s0, to: first, reply: {order.s10: 200}}\n  POST /shipments: {send: order.s10, to: second, reply: {order.s20: 200}}\n" +
			"tests:\n  - test: an order is taken\n    when: {POST /orders: {id: o-1, customer: c-1, total: 5, lines: []}}\n    then: {status: 200, body: {id: o-1, ...: _}}\n",
	}
	for i := range vetActors + 1 {
		files[fmt.Sprintf("types/s%d.cue", i)] = fmt.Sprintf("\"order.s%d\": {\n\tid: string & !=\"\"\n\tcustomer: =~\"^c-\"\n\ttier: *\"none\" | \"silver\" | \"gold\"\n"+
			"\ttotal: number & >=0\n\tlines: [...{sku: string, qty: int & >0, price: number}]\n\tnote?: string\n}\n\"state.s%d\": {count: int & >=0}\n", i, i)
	}
	for half, name := range []string{"first", "second"} {
		from, to := half*vetActors/2, (half+1)*vetActors/2
		var nodes, routes strings.Builder
		last := "input"
		for i := from; i < to; i++ {
			actor := fmt.Sprintf("step-%d", i)
			fmt.Fprintf(&nodes, "  %s: %s\n", actor, actor)
			fmt.Fprintf(&routes, "  - {from: %s, type: order.s%d, when: 'data.total >= 0.0 && data.customer != \"\"', to: %s}\n  - {from: %s, type: order.s%d, to: drop}\n", last, i, actor, last, i)
			last = actor
			step(files, i)
		}
		files["workflows/"+name+".yaml"] = fmt.Sprintf("workflow: %s\nabout: Half of the way.\nin: [order.s%d]\nout: [order.s%d]\nnodes:\n%sroutes:\n%s  - {from: %s, to: output}\n"+
			"tests:\n  - test: an order goes through\n    when: {order.s%d: {id: o-1, customer: c-1, total: 5, lines: []}}\n    then: [{order.s%d: {total: = >=5, ...: _}}]\n",
			name, from, to, nodes.String(), routes.String(), last, from, to)
	}
	return files
}

// step writes the files of one actor.
func step(files map[string]string, i int) {
	dir := fmt.Sprintf("actors/step-%d/", i)
	files[dir+"actor.yaml"] = fmt.Sprintf("actor: step-%d\nabout: Takes an order one step on.\ndocs: [docs/requirements.md]\ncode: {language: rust, source: src/rust}\n"+
		"config:\n  currency: {type: string, default: EUR}\n  rate: {type: number, min: 0, default: 1}\nin: [order.s%d]\nout: [order.s%d]\nkey: data.customer\nstate: state.s%d\nlimits: {memory: 32MiB}\n", i, i, i+1, i)
	files[dir+"docs/requirements.md"] = "1. An order goes on with its total.\n2. Orders of a customer are counted.\n"
	files[dir+"src/rust/lib.rs"] = rustActor
	var tests strings.Builder
	for k := range 5 {
		fmt.Fprintf(&tests, "- test: order %d goes on\n  proves: docs/requirements.md#1\n  state: {count: %d}\n  when: {order.s%d: {id: o-%d, customer: c-%d, total: %d, lines: [{sku: A-1, qty: 1, price: 2.5}]}}\n"+
			"  then: [{order.s%d: {id: o-%d, total: = >=%d, ...: _}}]\n  state_after: {count: %d}\n", k, k, i, k, k, k, i+1, k, k, k+1)
	}
	files[dir+"tests/orders.yaml"] = tests.String()
}
