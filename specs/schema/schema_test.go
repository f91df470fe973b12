package schema

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// schemaValue evaluates the schema with CUE itself.
func schemaValue(t *testing.T) cue.Value {
	t.Helper()
	names, err := fs.Glob(Sources, "*.cue")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		src, err := Sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	v, faults := evaluate(files, false)
	if len(faults) > 0 {
		t.Fatalf("the schema is CUE: %v", faults)
	}
	return v
}

// TestAgreesWithCUE holds every definition of the golden services against the
// schema twice, by Check and by CUE: they accept and refuse the same files.
func TestAgreesWithCUE(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden services: %v", err)
	}
	v := schemaValue(t)
	accepted, refused := 0, 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			def := map[string]string{"grow.yaml": "#Service", "actor.yaml": "#Actor"}[path.Base(f.Name)]
			if strings.HasPrefix(f.Name, "workflows/") {
				def = "#Workflow"
			}
			if filepath.Base(file) == "value_whole_float.txtar" {
				continue // 10.0 is a whole number here, as in JSON Schema, and none in CUE
			}
			if def == "" || path.Ext(f.Name) != ".yaml" {
				continue
			}
			tree, faults := ReadYAML(f.Data)
			if tree == nil || len(faults) > 0 {
				continue
			}
			data := cuecontext.New().CompileBytes(tree.JSON(nil))
			cueErr := v.LookupPath(cue.ParsePath(def)).Unify(data).Validate(cue.Concrete(true), cue.Final())
			found := Lookup(def).Check(tree)
			if (len(found) == 0) != (cueErr == nil) {
				t.Errorf("%s: %s: Check says %v, CUE says %v", filepath.Base(file), f.Name, found, cueErr)
			}
			if len(found) == 0 {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted < 50 || refused < 20 {
		t.Errorf("compared %d accepted and %d refused definitions only", accepted, refused)
	}
}

// TestDefaults holds that Check fills in what CUE would.
func TestDefaults(t *testing.T) {
	v := schemaValue(t)
	for _, test := range []struct{ def, given string }{
		{"#Retry", "{}"}, {"#Retry", "{max: 1}"}, {"#Endpoint", "{send: a.b, to: c}"}, {"#Endpoint", "{send: a.b, to: c, timeout: 1s}"},
	} {
		tree, faults := ReadYAML([]byte(test.given))
		if faults != nil {
			t.Fatal(faults)
		}
		full := v.LookupPath(cue.ParsePath(test.def)).Unify(cuecontext.New().CompileBytes(tree.JSON(nil)))
		want := map[string]any{}
		if err := full.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if faults := Lookup(test.def).Check(tree); faults != nil {
			t.Fatal(faults)
		}
		got, _ := tree.Value().(map[string]any)
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
			t.Errorf("%s %s: %s", test.def, test.given, diff)
		}
	}
}

// TestDocumented holds that every field of the schema says what it is: the
// comment is what a person reads who left it out.
func TestDocumented(t *testing.T) {
	for name, form := range compiled() {
		if form.doc == "" {
			t.Errorf("%s has no comment", name)
		}
		if form.dict == nil {
			continue
		}
		for _, f := range form.dict.fields {
			if f.doc == "" {
				t.Errorf("%s.%s has no comment", name, f.name)
			}
		}
	}
}

func TestReadYAML(t *testing.T) {
	for _, test := range []struct{ yaml, json string }{
		{"a: 1", `{"a":1}`},
		{"a: 0x10", `{"a":16}`},
		{"a: 1_000", `{"a":1000}`},
		{"a: 18446744073709551615", `{"a":18446744073709551615}`},
		{"a: 1.50", `{"a":1.50}`},
		{"a: .5", `{"a":0.5}`},
		{"a: 1e3", `{"a":1e3}`},
		{"a: true", `{"a":true}`},
		{"a: yes", `{"a":"yes"}`}, // YAML 1.2
		{"a: 012", `{"a":10}`},
		{"a: ~", `{"a":null}`},
		{"a: 2024-01-02", `{"a":"2024-01-02"}`},
		{"a: '1'", `{"a":"1"}`},
		{"a: |\n  x\n  y\n", `{"a":"x\ny\n"}`},
		{"a: &x [1, 2]\nb: *x", `{"a":[1,2],"b":[1,2]}`},
		{"a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", `{"a":{"p":1,"q":2},"b":{"q":3,"p":1}}`},
		{"a: {<<: [{p: 1}, {p: 2, q: 3}]}", `{"a":{"p":1,"q":3}}`},
		{"\ufeffa: 1", `{"a":1}`},
		{"a: \"\u2028<\"", `{"a":"\u2028<"}`},
		{"1: a", `{"1":"a"}`},
	} {
		n, faults := ReadYAML([]byte(test.yaml))
		if faults != nil {
			t.Errorf("%q: %v", test.yaml, faults)
			continue
		}
		if got := string(n.JSON(nil)); got != test.json {
			t.Errorf("%q: got %s, want %s", test.yaml, got, test.json)
		}
	}
}

func TestReadYAMLFaults(t *testing.T) {
	for _, test := range []struct {
		yaml string
		pos  Pos
		code string
	}{
		{"a: .inf", Pos{1, 4}, "spec.type"},
		{"[a]: 1", Pos{1, 1}, "spec.yaml"},
		{"a: 1\na: 2\na: 3", Pos{2, 1}, "spec.duplicate"},
		{"a: {<<: 1}", Pos{1, 9}, "spec.yaml"},
		{"a: &x {b: *x}", Pos{1, 11}, "spec.yaml"},
		{"a: [1,\n  2,\nb: 3\n", Pos{1, 4}, "spec.yaml"},
		{"a: 'é: b\nc: 1\n", Pos{1, 4}, "spec.yaml"},
		{"ä: b: c", Pos{1, 5}, "spec.yaml"},
		{"a: b\n\n\n  c: d\n", Pos{4, 4}, "spec.yaml"},
		{"# nothing\n", Pos{1, 1}, "spec.empty"},
		{"---\n", Pos{1, 1}, "spec.empty"},
		{"a: \"x\ty\"\nb: {", Pos{2, 4}, "spec.yaml"},
	} {
		_, faults := ReadYAML([]byte(test.yaml))
		if len(faults) == 0 {
			t.Errorf("%q: no fault", test.yaml)
			continue
		}
		if f := faults[0]; f.Pos != test.pos || f.Code != test.code {
			t.Errorf("%q: got %v %s (%s), want %v %s", test.yaml, f.Pos, f.Code, f.Message, test.pos, test.code)
		}
	}
}

func TestReadCUE(t *testing.T) {
	n, faults := ReadCUE(Source{Name: "a.cue", Data: []byte("package x\nlet l = \"t\"\n_h: 1\n#D: {p: int | *2}\na: #D\nb: [l, _h, 1.5, null]\nc: d: e: true\n")})
	if faults != nil {
		t.Fatal(faults)
	}
	if got, want := string(n.JSON(nil)), `{"a":{"p":2},"b":["t",1,1.5,null],"c":{"d":{"e":true}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := n.field("c").Pos; got != (Pos{7, 1}) {
		t.Errorf("c is at %v", got)
	}
	// More lines than levels: a file may be long.
	long := strings.Repeat("a: string\nb: int\n", 2*nestMax)
	if _, faults := ParseCUE(Source{Name: "a.cue", Data: []byte(long)}); faults != nil {
		t.Error(faults)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"order.placed", "order.refused", "timeout", "retry", "reply", "to", "type"}
	for _, test := range []struct{ name, want string }{
		{"order.plcaed", "order.placed"}, {"order.place", "order.placed"}, {"Timeout", "timeout"}, {"tiemout", "timeout"},
		{"retries", "retry"}, {"replies", "reply"}, {"typ", "type"}, {"ot", "to"}, {"kind", ""}, {"x", ""}, {"", ""},
		{"warehouse", ""}, {strings.Repeat("order.placed", 100), ""},
	} {
		if got := Nearest(test.name, known); got != test.want {
			t.Errorf("%q: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, test := range []struct{ path, key, want string }{
		{"", "http", "http"}, {"http", "POST /orders", `http."POST /orders"`}, {"reply", "order.placed", `reply."order.placed"`}, {"a", "", `a.""`},
	} {
		if got := Join(test.path, test.key); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// TestGrown holds what the estimate is for: what is small passes, however it is
// written, and what multiplies does not.
func TestGrown(t *testing.T) {
	for _, test := range []struct {
		name, cue string
		ok        bool
	}{
		{"a name used inside of many", "status: \"a\" | \"b\" | \"c\"\n" + inMany(40), true},
		{"references in a chain", "#A: {x: #B}\n#B: {x: #C}\n#C: string\n\"a.b\": #A\n", true},
		{"doubling", doubling(25), false},
		{"unions multiplied", "a: " + strings.Repeat("({x: 1} | {y: 2} | {z: 3}) & ", 10) + "{}\n", false},
		{"embedded unions", "a: {" + strings.Repeat("#U\n", 10) + "}\n#U: {x: 1} | {y: 2} | {z: 3}\n", false},
		{"a circle", "#A: {x?: #B}\n#B: {x?: #A}\n", true}, // refused elsewhere
	} {
		f, faults := ParseCUE(Source{Name: "a.cue", Data: []byte(test.cue)})
		if faults != nil {
			t.Fatal(faults)
		}
		if fault, _ := grown([]*ast.File{f}); (fault == nil) != test.ok {
			t.Errorf("%s: %v", test.name, fault)
		}
	}
}

func inMany(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\"m%d.a\": {status: \"x\" | \"y\" | \"z\", other: status}\n", i)
	}
	return b.String()
}

func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "#T%d: {a: #T%d, b: #T%d}\n", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "#T%d: string\n", n)
	return b.String()
}
