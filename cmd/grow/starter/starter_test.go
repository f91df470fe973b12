package starter_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/messages"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"go.yaml.in/yaml/v3"
)

// types are what a service may have before an actor is added to it: one of each
// kind that the code of a starter must deal with.
const types = `
"order.placed": {
	id:       string & !=""
	customer: string
	total:    number & >=0
	gift:     bool
	lines: [...{article: string, count: int & >0}]
	note?: string
	tier:  *"none" | "gold"
}
"order.priced": {
	id:       string
	total:    number & >0
	currency: "EUR" | "USD"
	count:    int & >0
	taxes: {rate: number}
}
"odd.names": {
	type:       string
	orderId:    int
	"self":     bool
	"max-size": number
}
"odd.fields": {
	"a b": string
	"$x":  int
}
"grown.out": {
	id: string & =~"^[A-Z]{3}-[0-9]+$"
	total: number & >=100
}
"picture": bytes
"anything": {...}
"either": {kind: "a", text: string} | {kind: "b", size: int}
"names": [...string]
"word": string & !=""
"at": {when: string & =~"^\\d{4}$", quote: "say \"#hi\"" | "` + "`" + `"}
`

// wishes are actors between all kinds of types.
func wishes(lang string) []starter.Wish {
	list := []starter.Wish{
		{},
		{State: true},
		{About: "It's: \"odd\",\n # and {long}", Key: "data.id + \"'\""},
		{In: "order.placed", Out: "order.priced"},
		{In: "order.placed", Out: "order.priced", State: true, Key: "data.customer"},
		{In: "order.placed", State: true},
		{In: "order.placed", Out: "order.placed"},
		{In: "odd.names", Out: "odd.names"},
		{In: "odd.names"},
		{In: "odd.fields", Out: "odd.fields"},
		{In: "order.placed", Out: "grown.out"},
		{Out: "order.priced"},
		{In: "same", Out: "same", State: true},
		{In: "picture", Out: "picture"},
		{In: "anything", Out: "anything"},
		{In: "either", Out: "either"},
		{In: "names", Out: "word"},
		{In: "word", Out: "names", State: true},
		{In: "at", Out: "at"},
	}
	for i := range list {
		list[i].Lang, list[i].Name = lang, fmt.Sprintf("%s-%d", lang, i)
	}
	return list
}

// write writes files into a folder; none is written twice.
func write(t *testing.T, dir string, files ...starter.File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name); err == nil {
			t.Fatalf("%s is made twice", f.Path)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads a service that has nothing wrong with it.
func load(t *testing.T, dir string) *specs.Service {
	t.Helper()
	service, err := app.Load(dir)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, w := range service.Warnings {
		t.Errorf("warning: %v", w)
	}
	return service
}

// everything is a service with every starter in it that is wanted.
func everything(t *testing.T, wanted func(lang string, i int) bool) (dir string, service *specs.Service) {
	t.Helper()
	dir = t.TempDir()
	files, err := starter.Service{Name: "all", Lang: "go", Version: "latest"}.Files()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, files...)
	write(t, dir, starter.File{Path: "types/before.cue", Data: []byte(types)})
	before := load(t, dir)
	for _, lang := range []string{"go", "rust", "python", "wasm"} {
		for i, w := range wishes(lang) {
			if !wanted(lang, i) {
				continue
			}
			if w.In == "same" { // which is new for one of them only
				w.In, w.Out = w.Name, w.Name
			}
			a, err := starter.NewActor(w, before.Types)
			if err != nil {
				t.Fatalf("%+v: %v", w, err)
			}
			files, err := a.Files()
			if err != nil {
				t.Fatalf("%+v: %v", w, err)
			}
			write(t, dir, files...)
			if added := a.NewTypes(); len(added) > 0 {
				write(t, dir, starter.File{Path: "types/" + w.Name + ".cue", Data: added})
			}
		}
	}
	joined(t, dir)
	return dir, load(t, dir)
}

// joined adds workflows to a service with every starter.
func joined(t *testing.T, dir string) {
	t.Helper()
	service := load(t, dir)
	for name, nodes := range map[string][]string{
		"alone": {"go-1"}, "across": {"go-6", "rust-3"}, "twice": {"go-12", "go-12"}, "picture": {"rust-13"}, "through": {"go-16", "rust-17"},
	} {
		var chain []*specs.Actor
		for _, n := range nodes {
			chain = append(chain, service.Actors[n])
		}
		w, err := starter.NewWorkflow(name, "", chain, service)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := w.File()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, f)
	}
}

// TestEveryStarterFits: every starter is right as it is made, formatted as its
// language is, and says where its schema lies.
func TestEveryStarterFits(t *testing.T) {
	dir, service := everything(t, func(string, int) bool { return true })
	if want := 1 + 4*len(wishes("go")); len(service.Actors) != want {
		t.Errorf("%d actors, want %d", len(service.Actors), want)
	}
	rustfmt, err := exec.LookPath("rustfmt")
	if err != nil {
		t.Log("Rust is not looked at: there is no rustfmt")
	}
	black, err := exec.LookPath("black")
	if err != nil {
		t.Log("Python is not looked at: there is no black")
	}
	line := regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\n`)
	err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch ext := path.Ext(name); {
		case ext == ".rs" && rustfmt != "":
			if out, err := exec.Command(rustfmt, "--check", "--edition", "2024", name).CombinedOutput(); err != nil {
				t.Errorf("%s is not formatted:\n%s", rel, out)
			}
		case ext == ".py" && black != "":
			if out, err := exec.Command(black, "--quiet", "--diff", name).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s is not formatted: %v\n%s", rel, err, out)
			}
		case ext == ".yml":
			if err := yaml.Unmarshal(text, new(any)); err != nil {
				t.Errorf("%s: %v", rel, err)
			}
		case ext == ".yaml":
			m := line.FindSubmatch(text)
			if m == nil {
				t.Errorf("%s does not begin with its schema", rel)
			} else if _, err := os.Stat(filepath.Join(filepath.Dir(name), string(m[1]))); err != nil {
				t.Errorf("%s: %v", rel, err)
			}
		}
		if ext := path.Ext(name); ext != ".wasm" && (len(text) == 0 || text[len(text)-1] != '\n' || strings.Contains(string(text), "<<")) {
			t.Errorf("%s does not end with a line, or was not filled in", rel)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestEveryStarterPasses: the code of every starter compiles without a warning
// and passes its tests.
func TestEveryStarterPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many actors")
	}
	python := ready(t, "python")
	dir, _ := everything(t, func(lang string, i int) bool { // each kind in one compiled language, the usual ones in all
		if lang == "python" {
			return python
		}
		return i < 2 || lang == "wasm" && i == 2 || lang != "wasm" && (lang == "go") == (i%2 == 0)
	})
	if ran := pass(t, dir); ran < 35 {
		t.Errorf("%d tests were run", ran)
	}
}

// ready says whether actors in a language can be built here.
func ready(t *testing.T, lang string) bool {
	t.Helper()
	c, ok := compiler.For(lang)
	if !ok {
		t.Fatalf("there is no compiler of %s", lang)
	}
	for _, f := range c.Check(t.Context()) {
		if !f.OK {
			t.Logf("%s: %s", f.Name, f.Problem)
			return false
		}
	}
	return true
}

// TestEveryLanguage: a service begins as well in any language, what it has is
// what grow types would write, and the examples of AGENTS.md compile.
func TestEveryLanguage(t *testing.T) {
	for _, lang := range starter.Languages {
		t.Run(lang, func(t *testing.T) {
			dir := t.TempDir()
			files, err := starter.Service{Name: "hello", Lang: lang, Version: "v1.2.3"}.Files()
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, files...)
			load(t, dir)
			for _, f := range files {
				if strings.Contains(f.Path, "/src/") && !strings.Contains(f.Path, "/src/"+lang+"/") {
					t.Errorf("%s is in another language", f.Path)
				}
				if f.About == "" {
					t.Errorf("nothing is said of %s", f.Path)
				}
			}
			agents, err := os.ReadFile(filepath.Join(dir, "AGENTS.md"))
			if err != nil {
				t.Fatal(err)
			}
			code := regexp.MustCompile("(?ms)^```" + lang + "\n(.*?)^```$").FindSubmatch(agents)
			if code == nil {
				t.Fatalf("AGENTS.md shows nothing in %s", lang)
			}
			if testing.Short() || !ready(t, lang) {
				t.Skip("compiles actors")
			}
			main := map[string]string{"go": "main.go", "rust": "lib.rs", "python": "main.py"}[lang]
			write(t, dir,
				starter.File{Path: "types/orders.cue", Data: []byte("\"order.placed\": {id: string, total: number}\n\"order.priced\": {id: string, total: number}\n")},
				starter.File{Path: "actors/pricing/src/" + lang + "/" + main, Data: code[1]},
				starter.File{Path: "actors/pricing/actor.yaml", Data: []byte("actor: pricing\ncode: {language: " + lang + ", source: src/" + lang + "}\nin: [order.placed]\nout: [order.priced]\nconfig: {discount: {type: number, default: 0.1}}\n")})
			if lang == "python" {
				write(t, dir, classesOf(t, load(t, dir), "pricing"))
			}
			if ran := pass(t, dir); ran != 6 {
				t.Errorf("%d tests were run", ran)
			}
		})
	}
}

// classesOf are the types of an actor that it takes, sends and is configured with.
func classesOf(t *testing.T, service *specs.Service, actor string) starter.File {
	t.Helper()
	a := service.Actors[actor]
	var all []messages.Named
	for _, name := range append(slices.Clone(a.In), a.Out...) {
		all = append(all, messages.Named{Name: name, Type: service.Types[name], Message: true})
	}
	data, err := messages.Python(actor, append(all, messages.Named{Name: "config", Type: a.Config}))
	if err != nil {
		t.Fatal(err)
	}
	return starter.File{Path: "actors/" + actor + "/src/python/messages.py", Data: data}
}

// pass builds a service, without a warning, and runs its tests.
func pass(t *testing.T, dir string) (ran int) {
	t.Helper()
	service := load(t, dir)
	built, err := project.Build(t.Context(), service, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for name, r := range built {
		modules[name] = r.Module
		if r.Log != "" {
			t.Errorf("%s: %s", name, r.Log)
		}
	}
	tests, err := app.OpenTests(t.Context(), service, modules, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tests.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	err = tests.Run(t.Context(), service.AllTests(), func(r *actortest.Result) {
		ran++
		for _, f := range r.Failures {
			t.Errorf("%s, %s: %s %s %v; seen %s", r.Test.Subject, r.Test.Name, f.Where, f.Text, f.Differences, r.Seen.Messages)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ran
}

// TestModuleIsItsSource: the module that a wasm actor begins with is what its
// text says.
func TestModuleIsItsSource(t *testing.T) {
	if _, err := exec.LookPath("wat2wasm"); err != nil {
		t.Skip("there is no wat2wasm")
	}
	a, err := starter.NewActor(starter.Wish{Name: "w", Lang: "wasm"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := a.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, files...)
	root := filepath.Join(dir, "actors", "w")
	if out, err := exec.Command("wat2wasm", filepath.Join(root, "src/wat/module.wat"), "-o", filepath.Join(dir, "made.wasm")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "made.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(filepath.Join(root, "module.wasm")); err != nil || !bytes.Equal(have, made) {
		t.Errorf("module.wasm is not what module.wat makes, %v", err)
	}
}

func TestBare(t *testing.T) {
	dir := t.TempDir()
	files, folders, err := starter.Service{Name: "bare"}.Bare()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, files...)
	for _, f := range folders {
		if err := os.Mkdir(filepath.Join(dir, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if s := load(t, dir); s.Name != "bare" || len(s.Actors) != 0 {
		t.Errorf("it is %+v", s)
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"shop": "shop", "My Shop": "my-shop", "3d": "service-3d", "": "service", "--": "service", "a__b": "a-b", "Ünïx": "n-x",
		"x" + strings.Repeat("y", 80): "x" + strings.Repeat("y", 62), "/": "service",
	} {
		got := starter.Name(text, "service")
		if !starter.IsName(got) {
			t.Errorf("%q becomes %q, which is no name", text, got)
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
