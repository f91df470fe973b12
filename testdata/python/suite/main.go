// Command suite runs CPython's own tests, those that make sense, in actors: a thin
// module for each module of tests, which gets one message and answers what became of
// each test. A test that takes its instance with it is said by name, and the others of
// its module are run again without it.
//
// It holds the tests that fail against those that docs/python-suite.md lists, and
// writes that page with -write.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
)

// page is where the tests that are known to fail are listed.
const page = "docs/python-suite.md"

// Limits of an instance.
const (
	memoryMax = 512 << 20 // bytes
	runsMax   = 20        // of a module, each without one test more
)

type options struct {
	only  string
	out   string
	jobs  int
	write bool
}

func main() {
	jail.Enter() // modules are compiled in processes of this program
	var o options
	flag.StringVar(&o.only, "only", "", "modules whose name begins with this, as test_json")
	flag.StringVar(&o.out, "out", "", "write what came of it to this file, as JSON")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "modules at the same time")
	flag.BoolVar(&o.write, "write", false, "write "+page)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		stop()
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	results, err := o.all(ctx)
	if err != nil {
		return err
	}
	fmt.Println(summary(results))
	if o.out != "" {
		b, err := json.MarshalIndent(results, "", "  ")
		if err == nil {
			err = os.WriteFile(o.out, b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if o.write {
		return os.WriteFile(page, []byte(document(results)), 0o644)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if unknown := unlisted(results, string(text)); len(unknown) > 0 {
		for _, line := range unknown {
			fmt.Println("  " + line)
		}
		return fmt.Errorf("%d tests fail that %s does not list", len(unknown), page)
	}
	return nil
}

// all runs the modules, and returns what came of them in the order of their names.
func (o *options) all(ctx context.Context) ([]*result, error) {
	language, err := interpreter.Find()
	if err != nil {
		return nil, err
	}
	library, err := interpreter.Dir(interpreter.Steps()[1])
	if err != nil {
		return nil, err
	}
	tests := os.DirFS(filepath.Join(library, "lib", "python3.13", "test"))
	e, err := app.NewEngine(ctx, "", slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return nil, err
	}
	defer e.Close(ctx)
	list := choices(o.only)
	if len(list) == 0 {
		return nil, fmt.Errorf("no module begins with %q", o.only)
	}
	results := make([]*result, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, o.jobs))
	for i, c := range list {
		group.Go(func() error {
			binary, err := c.pack(tests, language.Name, language.Digest)
			if err == nil {
				results[i], err = module(ctx, e, c.name, binary)
			}
			if err == nil {
				fmt.Println(results[i])
			}
			return err
		})
	}
	err = group.Wait()
	slices.SortFunc(results, func(a, b *result) int { return cmp.Compare(a.Module, b.Module) })
	return results, err
}

// module runs a module of tests until a run comes to its end.
func module(ctx context.Context, e engine.Engine, name string, binary []byte) (*result, error) {
	m, err := e.Compile(ctx, binary, engine.Config{Name: name, MemoryMax: memoryMax, Seed: 1})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer m.Close(ctx)
	begun := time.Now()
	broken := map[string]string{} // tests that took their instance with them
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := &host{begun: time.Now()}
		r, err := once(ctx, m, h, name, broken)
		if err == nil {
			r.add(broken, time.Since(begun))
			return r, nil
		}
		test := cmp.Or(h.test, name)
		if broken[test] != "" || len(broken) == runsMax {
			r = &result{Module: name, Failed: map[string]string{name: reason(err)}}
			r.add(broken, time.Since(begun))
			return r, nil
		}
		broken[test] = reason(err)
	}
}

// once runs a module of tests but for those that are broken.
func once(ctx context.Context, m engine.Module, h *host, name string, broken map[string]string) (*result, error) {
	instance, err := m.Instantiate(ctx, h)
	if err != nil {
		return nil, err
	}
	defer instance.Close()
	leave := make([]string, 0, len(broken))
	for test := range broken {
		leave = append(leave, test)
	}
	data, err := json.Marshal(map[string]any{"module": name, "leave": leave})
	if err != nil {
		return nil, err
	}
	answer, err := instance.Handle(h, abi.NewMessage(data, abi.ID, name, abi.Type, "suite.run", abi.ContentType, abi.ContentJSON))
	if err != nil {
		return nil, err
	}
	r, err := abi.NewReader(answer.Frame)
	if err != nil {
		return nil, err
	}
	var v abi.View
	if _, err := r.Next(&v); err != nil {
		return nil, err
	}
	if string(v.Type) != "suite.done" {
		return nil, fmt.Errorf("answered %s: %s", v.Type, v.Data)
	}
	came := &result{Module: name}
	return came, json.Unmarshal(v.Data, came)
}

// reason says in a line why a run came to its end.
func reason(err error) string {
	var e *engine.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s: %s", e.Code, e.Reason)
	}
	return err.Error()
}
