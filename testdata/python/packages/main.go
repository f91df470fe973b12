// Command packages tries packages that Python programmers use often in actors:
// each is resolved, packed, imported and asked something on the engine. It writes
// docs/python-packages.md with -write.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/python"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
)

func main() {
	jail.Enter() // modules are compiled in processes of this program
	only := flag.String("only", "", "try the packages whose names begin so")
	write := flag.Bool("write", false, "write the results to "+document)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *write); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// document is where the results go, from the root of the project.
const document = "docs/python-packages.md"

func run(ctx context.Context, only string, write bool) (err error) {
	if write && only != "" {
		return fmt.Errorf("-write takes all packages, not -only %s", only)
	}
	list, err := load(only)
	if err != nil {
		return err
	}
	t, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closing(ctx, t, err) }()
	var all []result
	start := time.Now()
	for _, p := range list {
		r, err := t.try(ctx, p)
		if err != nil {
			return err
		}
		fmt.Println(r.line())
		all = append(all, r)
	}
	works := 0
	for _, r := range all {
		if r.Works {
			works++
		}
	}
	fmt.Printf("%d of %d work, in %s\n", works, len(all), time.Since(start).Round(time.Second))
	if write {
		return os.WriteFile(document, table(all), 0o644)
	}
	return nil
}

// trier builds actors of packages, and runs them.
type trier struct {
	compiler *python.Compiler
	engine   engine.Engine
	dir      string
}

func open(ctx context.Context) (*trier, error) {
	l, err := interpreter.Find()
	if err != nil {
		return nil, err
	}
	e, err := app.NewEngine(ctx, "", nil)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "grow-packages-")
	if err != nil {
		return nil, err
	}
	shared := func(context.Context) (engine.Engine, error) { return kept{e}, nil }
	return &trier{python.New(python.Runtime{Language: func() (*engine.Language, error) { return &l, nil }, Engine: shared}), e, dir}, nil
}

// kept is an engine that several use: it is closed by its owner.
type kept struct{ engine.Engine }

func (kept) Close(context.Context) error { return nil }

func closing(ctx context.Context, t *trier, err error) error {
	for _, end := range []func() error{
		func() error { return t.compiler.Close(ctx) }, func() error { return t.engine.Close(ctx) }, func() error { return os.RemoveAll(t.dir) },
	} {
		if e := end(); err == nil {
			err = e
		}
	}
	return err
}

// folder lays the actor of a package, and returns its source folder.
func (t *trier) folder(p pack) (string, error) {
	dir := filepath.Join(t.dir, p.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("import grow\n\n\ndef answer():\n")
	for line := range strings.Lines(p.Code) {
		b.WriteString("    " + line)
	}
	b.WriteString("\n\n@grow.on(\"package.asked\")\ndef asked(ctx, _):\n    return grow.Output(\"package.answered\", answer())\n")
	if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte(p.Name+"\n"), 0o644); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "main.py"), []byte(b.String()), 0o644)
}
