package schema

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// compileSchemas compiles what JSONSchemas writes with a validator of others,
// which holds each against the meta-schema of its draft.
func compileSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	all := map[string]*jsonschema.Schema{}
	for name, data := range JSONSchemas() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
		if all[name], err = c.Compile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// schemaOf is the JSON Schema of a file in a service.
func schemaOf(name string) (schema, form string) {
	dir := path.Dir(name)
	switch {
	case path.Ext(name) != ".yaml":
	case name == "grow.yaml":
		return "grow.schema.json", "#Service"
	case path.Base(name) == "actor.yaml":
		return "actor.schema.json", "#Actor"
	case dir == "workflows":
		return "workflow.schema.json", "#Workflow"
	case path.Base(dir) == "tests":
		return "tests.schema.json", "#Tests"
	}
	return "", ""
}

// TestJSONSchemas: what an editor says of the files of the golden services is
// what vet says of their form.
func TestJSONSchemas(t *testing.T) {
	schemas := compileSchemas(t)
	if len(schemas) != len(written) {
		t.Errorf("there are %d schemas, of %d files", len(schemas), len(written))
	}
	archives, err := filepath.Glob("../testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			name, form := schemaOf(f.Name)
			tree, faults := ReadYAML(f.Data)
			if name == "" || tree == nil || len(faults) > 0 {
				continue
			}
			if agree(t, schemas[name], form, filepath.Base(file)+" "+f.Name, tree) {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted < 100 || refused < 20 {
		t.Errorf("%d files were accepted and %d refused only", accepted, refused)
	}
}

// agree holds a tree against a form and its JSON Schema, and returns whether it fits.
func agree(t rapid.TB, s *jsonschema.Schema, form, name string, tree *Node) bool {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(tree.JSON(nil)))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Validate(value)
	want := Lookup(form).Check(tree)
	if (got == nil) != (len(want) == 0) {
		t.Errorf("%s: the JSON Schema says %v, Check says %v", name, got, want)
	}
	return got == nil
}

// TestJSONSchemaMistakes: an editor marks what is wrong while it is typed.
func TestJSONSchemaMistakes(t *testing.T) {
	schemas := compileSchemas(t)
	for _, tt := range []struct{ file, yaml, want string }{
		{"grow.yaml", "service: shop\nhtpp: {}", "additional properties 'htpp' not allowed"},
		{"grow.yaml", "about: x", "missing property 'service'"},
		{"grow.yaml", "service: My Shop", "does not match pattern"},
		{"grow.yaml", "service: shop\nhttp: {POST orders: {send: a.b, to: c}}", "does not match pattern"},
		{"grow.yaml", "service: shop\nhttp: {POST /orders: {to: c}}", "missing property 'send'"},
		{"grow.yaml", "service: shop\nhttp: {POST /orders: {send: a.b, to: c, reply: 201}}", "at '/http/POST ~1orders/reply'"},
		{"grow.yaml", "service: shop\nhttp: {POST /orders: {send: a.b, to: c, timeout: 10}}", "got number, want string"},
		{"actors/a/actor.yaml", "actor: a\nin: order.placed\ncode: {language: go, source: .}", "got string, want array"},
		{"actors/a/actor.yaml", "actor: a\nin: []\ncode: {language: go, source: .}", "minItems: got 0, want 1"},
		{"actors/a/actor.yaml", "actor: a\nin: [a.b]\ncode: {language: go, source: .}\nretry: {max: 2000}", "maximum: got 2,000, want 1,000"},
		{"actors/a/actor.yaml", "actor: a\nin: [a.b]\ncode: {language: go, source: .}\nisolation: none", "value must be one of 'shared', 'process'"},
		{"actors/a/actor.yaml", "actor: a\nin: [a.b]\ncode: {language: go, source: .}\nlimits: {fuel: 200m}", "does not match pattern"},
		{"actors/a/actor.yaml", "actor: a\nin: [a.b]\ncode: {language: go, source: .}\nlimits: {fuel: 10}", "minimum: got 10, want 1,000"},
		{"workflows/a.yaml", "workflow: a\nin: [a.b]\nnodes: {x: y}\nroutes: [{form: input, to: x}]", "additional properties 'form' not allowed"},
		{"workflows/a.yaml", "workflow: a\nin: [a.b]\nnodes: {x: y}\nroutes: [{from: input}]", "missing property 'to'"},
		{"actors/a/tests/a.yaml", "- test: x\n  then: []", "missing property 'when'"},
		{"actors/a/tests/a.yaml", "test: x", "got object, want array"},
	} {
		name, form := schemaOf(tt.file)
		tree, faults := ReadYAML([]byte(tt.yaml))
		if faults != nil {
			t.Fatal(faults)
		}
		if agree(t, schemas[name], form, tt.file, tree) {
			t.Errorf("%s: %q passes", tt.file, tt.yaml)
			continue
		}
		value, _ := jsonschema.UnmarshalJSON(bytes.NewReader(tree.JSON(nil)))
		if err := schemas[name].Validate(value); !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q: %v, want %s", tt.file, tt.yaml, err, tt.want)
		}
	}
}

// TestJSONSchemasAgree changes files of the golden services in all kinds of
// ways: whatever comes out, editor and vet say the same.
func TestJSONSchemasAgree(t *testing.T) {
	schemas := compileSchemas(t)
	archives, err := filepath.Glob("../testdata/good_*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no golden services: %v", err)
	}
	var all []txtar.File
	for _, file := range append(archives, "testdata/tests.txtar") {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if name, _ := schemaOf(f.Name); name != "" {
				all = append(all, f)
			}
		}
	}
	property.Check(t, func(r *rapid.T) {
		f := rapid.SampledFrom(all).Draw(r, "file")
		name, form := schemaOf(f.Name)
		tree, faults := ReadYAML(f.Data)
		if faults != nil {
			t.Fatal(faults)
		}
		mutate(r, tree)
		agree(r, schemas[name], form, f.Name+" "+string(tree.JSON(nil)), tree)
	})
}

// mutate changes one value of a tree, or a name.
func mutate(t *rapid.T, n *Node) {
	for n.Kind == Map && len(n.Fields) > 0 || n.Kind == List && len(n.Items) > 0 {
		if rapid.IntRange(0, 4).Draw(t, "stay") == 0 {
			break
		}
		if n.Kind == List {
			n = rapid.SampledFrom(n.Items).Draw(t, "item")
			continue
		}
		i := rapid.IntRange(0, len(n.Fields)-1).Draw(t, "field")
		switch rapid.IntRange(0, 9).Draw(t, "how") {
		case 0:
			n.Fields = append(n.Fields[:i:i], n.Fields[i+1:]...)
			return
		case 1:
			key := rapid.SampledFrom([]string{"x", "a.b", "UPPER", "GET /x", "when", "name", ""}).Draw(t, "key")
			if n.field(key) == nil {
				n.Fields[i].Key = key
			}
			return
		}
		n = n.Fields[i].Value
	}
	other, _ := ReadYAML([]byte(rapid.SampledFrom([]string{
		"null", "true", "0", "-1", "202", "202.0", "2.5", "x", "''", "a.b", "10s", "1MiB", "[]", "[a]", "{}", "{a: b}", "{type: int}", "durable", "key", "100000000",
	}).Draw(t, "value")))
	*n = *other
}
