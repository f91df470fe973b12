package messages

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"golang.org/x/tools/txtar"

	"github.com/grow-platform/grow/specs/shape"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// typesOf reads the types at the top of a CUE text, in order.
func typesOf(t testing.TB, text string) []Named {
	t.Helper()
	v := cuecontext.New().CompileString(text)
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		t.Fatal(err)
	}
	var all []Named
	for it.Next() {
		name := it.Selector().Unquoted()
		s, err := shape.FromCUE(it.Value())
		if err != nil {
			t.Fatal(name, err)
		}
		all = append(all, Named{Name: name, Type: s, Message: strings.Contains(name, ".") && !strings.HasSuffix(name, ".state")})
	}
	return all
}

// written are the files of all languages.
func written(t testing.TB, all []Named) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	var err error
	if files["messages.py"], err = Python("pricing", all); err != nil {
		t.Fatal(err)
	}
	if files["messages.go"], err = Go("main", "pricing", all); err != nil {
		t.Fatal(err)
	}
	if files["messages.rs"], err = Rust("pricing", all); err != nil {
		t.Fatal(err)
	}
	return files
}

var languages = []string{"messages.py", "messages.go", "messages.rs"}

func cases(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	all := map[string]*txtar.Archive{}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[p] = a
	}
	return all
}

func TestGolden(t *testing.T) {
	for path, a := range cases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			files := written(t, typesOf(t, string(a.Files[0].Data)))
			if *update {
				a.Files = a.Files[:1]
				for _, name := range languages {
					a.Files = append(a.Files, txtar.File{Name: name, Data: files[name]})
				}
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range a.Files[1:] {
				if !bytes.Equal(f.Data, files[f.Name]) {
					t.Errorf("%s: got\n%s\nwant\n%s", f.Name, files[f.Name], f.Data)
				}
			}
		})
	}
}

// samples are values of each message, as JSON.
func samples(all []Named) map[string][]byte {
	found := map[string][]byte{}
	for _, n := range all {
		if !n.Type.Raw() && n.Type.Check(n.Type.Sample()) == nil {
			found[n.Name] = n.Type.Sample()
		}
	}
	return found
}

// TestGo: what is written compiles, and reads and writes samples of the types.
func TestGo(t *testing.T) {
	for path, a := range cases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			all := typesOf(t, string(a.Files[0].Data))
			dir := t.TempDir()
			var main strings.Builder
			main.WriteString("package main\n\nimport (\n\t\"encoding/json\"\n\t\"fmt\"\n)\n\nfunc again[T any](data string) {\n\tvar v T\n\tif err := json.Unmarshal([]byte(data), &v); err != nil {\n\t\tpanic(err)\n\t}\n\tout, err := json.Marshal(v)\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tfmt.Println(string(out))\n}\n\nfunc main() {\n")
			data := samples(all)
			for _, n := range all {
				if data[n.Name] != nil {
					fmt.Fprintf(&main, "\tagain[%s](%s)\n", goName(camel(n.Name)), goQuote(string(data[n.Name])))
				}
			}
			main.WriteString("}\n")
			put(t, dir, map[string]string{"go.mod": "module x\n\ngo 1.24\n", "main.go": main.String(), "messages.go": string(written(t, all)["messages.go"])})
			out := run(t, dir, "go", "run", ".")
			fitAgain(t, all, data, out)
		})
	}
}

// fitAgain checks that each line of output is of its type.
func fitAgain(t *testing.T, all []Named, data map[string][]byte, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	i := 0
	for _, n := range all {
		if data[n.Name] == nil {
			continue
		}
		if i == len(lines) {
			t.Fatalf("%d lines: %s", len(lines), out)
		}
		if err := n.Type.Check([]byte(lines[i])); err != nil {
			t.Errorf("%s: %s became %s: %v", n.Name, data[n.Name], lines[i], err)
		}
		i++
	}
}

// TestRust: what is written compiles without a warning, and reads and writes
// samples of the types.
func TestRust(t *testing.T) {
	base, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("CARGO_TARGET_DIR", filepath.Join(base, "grow", "cargo-messages"))
	for path, a := range cases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			all := typesOf(t, string(a.Files[0].Data))
			data := samples(all)
			var main strings.Builder
			main.WriteString("#![deny(warnings)]\nmod messages;\nuse messages::*;\n\nfn again<T: serde::Serialize + serde::de::DeserializeOwned>(data: &str) {\n    let v: T = serde_json::from_str(data).unwrap();\n    println!(\"{}\", serde_json::to_string(&v).unwrap());\n}\n\nfn main() {\n")
			for _, n := range all {
				if data[n.Name] != nil {
					fmt.Fprintf(&main, "    again::<%s>(%s);\n", camel(n.Name), rustRaw(string(data[n.Name])))
				}
			}
			main.WriteString("}\n")
			dir := t.TempDir()
			put(t, dir, map[string]string{
				"Cargo.toml":      "[package]\nname = \"messages-written\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\n[workspace]\n",
				"src/main.rs":     main.String(),
				"src/messages.rs": string(written(t, all)["messages.rs"]),
			})
			fitAgain(t, all, data, run(t, dir, "cargo", "run", "--quiet"))
		})
	}
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		place := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(out)
}

// TestPython: what is written runs, and each class is made of a sample.
func TestPython(t *testing.T) {
	for path, a := range cases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			all := typesOf(t, string(a.Files[0].Data))
			var data strings.Builder
			made := samples(all)
			for _, n := range all {
				if made[n.Name] != nil {
					fmt.Fprintf(&data, "%s %s\n", n.Name, made[n.Name])
				}
			}
			dir := t.TempDir()
			put(t, dir, map[string]string{"messages.py": string(written(t, all)["messages.py"]), "samples.txt": data.String(), "make.py": pythonMaker})
			out := run(t, dir, "python3", "-B", "-W", "error", "make.py")
			fitAgain(t, all, made, out)
		})
	}
}

// pythonMaker makes values of the classes by their annotations, as the SDK does.
const pythonMaker = `
import dataclasses, json, types, typing
import messages

def make(kind, value):
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return value
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        names = {f.metadata.get("json", f.name): f.name for f in dataclasses.fields(kind)}
        if not isinstance(value, dict):
            raise TypeError(value)
        return kind(**{names[k]: make(hints[names[k]], v) for k, v in value.items()})
    if origin in (typing.Union, types.UnionType):
        for arm in args:
            try:
                return make(arm, value)
            except (TypeError, KeyError):
                pass
        raise TypeError(value)
    if origin is typing.Literal:
        if value not in args:
            raise TypeError(value)
        return value
    if origin is list:
        return [make(args[0], v) for v in value]
    if origin is tuple:
        return [make(a, v) for a, v in zip(args, value, strict=True)]
    if origin is dict:
        return {k: make(args[1], v) for k, v in value.items()}
    if not isinstance(value, (kind, int) if kind is float else kind):
        raise TypeError(value)
    return value

def plain(v):
    if dataclasses.is_dataclass(v):
        out = {}
        for f in dataclasses.fields(v):
            x = getattr(v, f.name)
            if x is not None or f.default is dataclasses.MISSING:
                out[f.metadata.get("json", f.name)] = plain(x)
        return out
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    return v

def camel(name):
    return "".join(w[:1].upper() + w[1:] for w in name.replace("-", ".").replace("_", ".").split("."))

for line in open("samples.txt"):
    name, _, sample = line.partition(" ")
    print(json.dumps(plain(make(getattr(messages, camel(name)), json.loads(sample)))))
`

// TestDeterministic: the same types make the same files, whatever else happened.
func TestDeterministic(t *testing.T) {
	for _, a := range cases(t) {
		text := string(a.Files[0].Data)
		first := written(t, typesOf(t, text))
		for range 3 {
			for name, data := range written(t, typesOf(t, text)) {
				if !bytes.Equal(data, first[name]) {
					t.Errorf("%s differs", name)
				}
			}
		}
	}
}
