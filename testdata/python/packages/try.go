package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/runtime/engine"
	"golang.org/x/tools/txtar"
)

//go:embed packages.txtar
var packages []byte

// pack is a package, and what it is asked.
type pack struct{ Name, Code string }

// load reads the list, or the part of it whose names begin with only.
func load(only string) ([]pack, error) {
	var list []pack
	for _, f := range txtar.Parse(packages).Files {
		if strings.HasPrefix(f.Name, only) {
			list = append(list, pack{f.Name, string(f.Data)})
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no package begins with %q", only)
	}
	return list, nil
}

// result is what came of a package.
type result struct {
	Name  string
	Works bool
	With  string // the versions that were packed: attrs 25.1.0, and how many more
	Size  int    // bytes of the module
	Said  string // the answer, or why it does not work
	First time.Duration
}

func (r result) line() string {
	word := "works   "
	if !r.Works {
		word = "does not"
	}
	return fmt.Sprintf("%s  %-20s %-26s %6d KiB %8s  %s", word, r.Name, r.With, r.Size>>10, r.First.Round(time.Millisecond), r.Said)
}

// Limits of one package.
const (
	memoryMax = 512 << 20
	fuelMax   = 60_000_000_000
	saidMax   = 300 // characters of an answer that are kept
)

// try builds and runs the actor of a package. Its error is not the package's.
func (t *trier) try(ctx context.Context, p pack) (result, error) {
	r := result{Name: p.Name}
	dir, err := t.folder(p)
	if err != nil {
		return r, err
	}
	built, err := t.compiler.Build(ctx, compiler.Source{Dir: dir, Actor: p.Name, Language: "python", Path: dir, Out: filepath.Join(t.dir, "out", p.Name+".wasm")})
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		r.Said = why(err)
		return r, nil
	}
	r.With = locked(filepath.Join(dir, "requirements.lock"), p.Name)
	binary, err := os.ReadFile(built.Module)
	if err != nil {
		return r, err
	}
	r.Size = len(binary)
	start := time.Now()
	answer, err := t.ask(ctx, binary)
	r.First = time.Since(start)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if r.Works = err == nil; r.Works {
		r.Said = cut(answer)
	} else {
		r.Said = why(err)
	}
	return r, nil
}

// ask runs a module and returns what it answers.
func (t *trier) ask(ctx context.Context, binary []byte) (string, error) {
	m, err := t.engine.Compile(ctx, binary, engine.Config{MemoryMax: memoryMax, Name: "package"})
	if err != nil {
		return "", err
	}
	defer m.Close(ctx)
	h := &host{ctx: ctx}
	i, err := m.Instantiate(ctx, h)
	if err != nil {
		return "", err
	}
	defer i.Close()
	out, err := i.Handle(h, abi.NewMessage([]byte("null"), abi.Type, "package.asked", abi.ID, "m-1", abi.Time, "2024-05-03T12:00:00Z", "attempt", "1"))
	if err != nil {
		return "", err
	}
	answer, err := abi.ParseMessage(append([]byte(nil), out.Frame...))
	if err != nil {
		return "", err
	}
	if answer.Type() == abi.TypeError {
		return "", errors.New(string(answer.Data()))
	}
	var value any
	if err := json.Unmarshal(answer.Data(), &value); err != nil {
		return "", err
	}
	return string(answer.Data()), nil
}

// why is a reason in one line.
func why(err error) string {
	if e, ok := errors.AsType[*compiler.Error](err); ok {
		if len(e.Diagnostics) > 0 {
			return cut(e.Diagnostics[0].Text)
		}
		return cut(e.Text)
	}
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return cut(e.Reason)
	}
	return cut(err.Error())
}

func cut(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if runes := []rune(s); len(runes) > saidMax {
		return string(runes[:saidMax]) + "…"
	}
	return s
}

// locked says what a lock holds: the package that was asked for, and how many more.
func locked(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	version, more, partly := "", 0, false
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "# The next one's native part") {
			partly = true
		}
		pinned, _, ok := strings.Cut(line, " --hash=")
		have, v, _ := strings.Cut(pinned, "==")
		switch {
		case !ok:
		case have == strings.ToLower(name):
			version = v
		default:
			more++
		}
	}
	if more > 0 {
		version += fmt.Sprintf(" and %d more", more)
	}
	if partly {
		version += ", no native part"
	}
	return version
}
