package amend_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/amend"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/rogpeppe/go-internal/txtar"
)

// common are the files that every service of these tests has: an echo, which
// sends what it gets, and a ledger.
var common = map[string]string{
	"types/all.cue": `"echo.done": _
"ledger.post": _
"ledger.show": _
"ledger.close": _
"ledger.posted": _
"ledger.shown": {...}
"ledger.state": {entries: [...]}
`,
	"actors/echo/actor.yaml":  "actor: echo\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	"actors/echo/module.wasm": string(wat.Module("echo")),
	"actors/ledger/actor.yaml": "actor: ledger\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post, ledger.show, ledger.close]\n" +
		"out: [ledger.posted, ledger.shown]\nkey: {ledger.post: data.account, ledger.show: data.account, ledger.close: data.account}\nstate: ledger.state\n",
	"actors/ledger/module.wasm": string(wat.Module("ledger")),
	"grow.yaml":                 "service: shop\n",
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// bench runs the tests of services that are written into one folder.
type bench struct {
	dir   string
	cache string
}

func newBench(t testing.TB) *bench {
	b := &bench{dir: t.TempDir(), cache: t.TempDir()}
	write(t, b.dir, common)
	return b
}

// run loads the service and runs its tests.
func (b *bench) run(t testing.TB) (*specs.Service, []*actortest.Result) {
	t.Helper()
	service, err := app.Load(b.dir)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	modules := map[string]string{}
	for name, a := range service.Actors {
		modules[name] = a.Code.Source
	}
	tests, err := app.OpenTests(context.Background(), service, modules, b.cache, 1)
	if err != nil {
		t.Fatal(err)
	}
	var results []*actortest.Result
	err = tests.Run(context.Background(), service.AllTests(), func(r *actortest.Result) { results = append(results, r) })
	if err != nil {
		t.Fatal(err)
	}
	if err := tests.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return service, results
}

// amend runs the tests and rewrites them; the plan is returned.
func (b *bench) amend(t testing.TB) *amend.Plan {
	t.Helper()
	service, results := b.run(t)
	plan, err := amend.Of(service, results)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(b.dir); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestGolden rewrites the files of each archive: FILE becomes FILE.want, what
// is left alone is told in the file left. What was not left alone passes then,
// and is not changed again.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d archives: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t)
			given, want, left := map[string]string{}, map[string]string{}, ""
			for _, f := range archive.Files {
				switch name, ok := strings.CutSuffix(f.Name, ".want"); {
				case ok:
					want[name] = string(f.Data)
				case f.Name == "left":
					left = string(f.Data)
				default:
					given[f.Name] = string(f.Data)
				}
			}
			write(t, b.dir, given)
			plan := b.amend(t)
			told := describe(plan)
			if os.Getenv("UPDATE") != "" {
				rewrite(t, file, archive, b.dir, told)
				return
			}
			for name := range given {
				now, err := os.ReadFile(filepath.Join(b.dir, name))
				if err != nil {
					t.Fatal(err)
				}
				expected, ok := want[name]
				if !ok {
					expected = given[name]
				}
				if diff := cmp.Diff(expected, string(now)); diff != "" {
					t.Errorf("%s:\n%s", name, diff)
				}
			}
			if diff := cmp.Diff(left, told); diff != "" {
				t.Errorf("left alone:\n%s", diff)
			}
			b.settled(t, plan)
		})
	}
}

// TestWrite holds that a file keeps its mode, that links within the folder are
// followed and those out of it are not, and that what has changed is kept.
func TestWrite(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"a.yaml": "old", "linked.yaml": "old", "changed.yaml": "newer"})
	write(t, out, map[string]string{"a.yaml": "old"})
	for name, to := range map[string]string{"within.yaml": "linked.yaml", "out.yaml": filepath.Join(out, "a.yaml"), "folder": out} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "a.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, written string
		ok            bool
	}{
		{"a.yaml", "a.yaml", true}, {"within.yaml", "linked.yaml", true}, {"changed.yaml", "changed.yaml", false},
		{"out.yaml", "out.yaml", false}, {"folder/a.yaml", "folder/a.yaml", false}, {"../x.yaml", "a.yaml", false},
	} {
		plan := &amend.Plan{Files: []amend.File{{Name: c.name, Old: []byte("old"), New: []byte("new")}}}
		if err := plan.Write(dir); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, c.written)); err != nil || c.ok && string(data) != "new" {
			t.Errorf("%s holds %q: %v", c.written, data, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(out, "a.yaml")); err != nil || string(data) != "old" {
		t.Errorf("out of the folder there is %q: %v", data, err)
	}
	info, err := os.Stat(filepath.Join(dir, "a.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v: %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 6 {
		t.Errorf("the folder holds %v: %v", left, err)
	}
}

// settled holds that what was not left alone passes, and is not changed again.
func (b *bench) settled(t testing.TB, plan *amend.Plan) {
	t.Helper()
	open := map[string]bool{}
	for _, l := range plan.Left {
		open[l.Test.Name] = true
	}
	service, results := b.run(t)
	for _, r := range results {
		if !r.Passed() && !open[r.Test.Name] {
			t.Errorf("%s does not pass after it was rewritten: %v", r.Test.Name, r.Failures)
		}
	}
	again, err := amend.Of(service, results)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Files) > 0 {
		t.Errorf("it is rewritten again:\n%s", again.Files[0].New)
	}
}

func describe(plan *amend.Plan) string {
	var b strings.Builder
	for _, l := range plan.Left {
		fmt.Fprintf(&b, "%s:%d: %s: %s: %s\n", l.Test.At.File, l.Line, l.Test.Name, l.Where, l.Why)
	}
	return b.String()
}

// rewrite puts what came into the archive: UPDATE=1 go test ./cmd/grow/amend.
func rewrite(t *testing.T, file string, archive *txtar.Archive, dir, told string) {
	var kept []txtar.File
	for _, f := range archive.Files {
		if f.Name == "left" || strings.HasSuffix(f.Name, ".want") {
			continue
		}
		kept = append(kept, f)
		now, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if string(now) != string(f.Data) {
			kept = append(kept, txtar.File{Name: f.Name + ".want", Data: now})
		}
	}
	if told != "" {
		kept = append(kept, txtar.File{Name: "left", Data: []byte(told)})
	}
	archive.Files = kept
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
