package shape

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/testdata/property"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// validator compiles a JSON Schema with a library of others. Formats are
// checked; it does not know those of CUE.
func validator(t rapid.TB, doc []byte) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("t.json", v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	s, err := c.Compile("t.json")
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return s
}

// accepts is the validator's verdict on JSON.
func accepts(t rapid.TB, s *jsonschema.Schema, data string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return s.Validate(v)
}

// back reads a JSON Schema that was written.
func back(t rapid.TB, doc []byte) *Type {
	t.Helper()
	n, faults := schema.ReadJSON(doc)
	if faults != nil {
		t.Fatalf("%s: %v", doc, faults)
	}
	typ, err := FromSchema("t.json", n, Draft2020).Type()
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return typ
}

// TestJSONSchemaAgrees: for every type and message of the table of checks the
// written schema says what Check says, and so does the type that is read back.
func TestJSONSchemaAgrees(t *testing.T) {
	done := map[string]bool{}
	for _, tt := range checks {
		typ := from(t, tt.def)
		doc := typ.JSONSchema("")
		if !done[tt.def] {
			done[tt.def] = true
			if again := back(t, doc).JSONSchema(""); !bytes.Equal(again, doc) && tt.def != "net.IP" { // two formats
				t.Errorf("%s: read back it is\n%s, was\n%s", tt.def, again, doc)
			}
		}
		if !json.Valid([]byte(tt.data)) || strings.Contains(tt.want, "half of a pair") || strings.Contains(tt.want, "UTF-8") || strings.Contains(tt.want, "beyond") ||
			strings.Contains(tt.want, "more than once") || strings.Contains(tt.want, "deep") {
			continue // matters of JSON
		}
		if err := back(t, doc).Check([]byte(tt.data)); (err == nil) != (tt.want == "") {
			t.Errorf("%s: %s: read back: %v, want %q\n%s", tt.def, tt.data, err, tt.want, doc)
		}
		if strings.Contains(string(doc), `"format": "time.`) || strings.Contains(string(doc), `"format": "net.`) {
			continue // JSON Schema has no word for it
		}
		if err := accepts(t, validator(t, doc), tt.data); (err == nil) != (tt.want == "") {
			t.Errorf("%s: %s: %v, want %q\n%s", tt.def, tt.data, err, tt.want, doc)
		}
	}
	if len(done) < 50 {
		t.Errorf("%d types were compared only", len(done))
	}
}

// TestJSONSchemaOfRandomTypes: for any type and message, Check, the validator
// of others on the written schema, and the type read back from it agree.
func TestJSONSchemaOfRandomTypes(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		def := drawStruct(t, 0, "")
		typ, err := FromCUE(cuecontext.New().CompileString(preamble + def).LookupPath(cue.ParsePath("m")))
		if err != nil {
			t.Fatalf("%s: %v", def, err)
		}
		doc := typ.JSONSchema("")
		s, again := validator(t, doc), back(t, doc)
		if text := again.JSONSchema(""); !bytes.Equal(text, doc) {
			t.Fatalf("%s\nread back it is\n%s, was\n%s", def, text, doc)
		}
		for range 10 {
			data := drawData(t, 0)
			want := typ.Check([]byte(data))
			if got := accepts(t, s, data); (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\n%s\nCheck says %v\nthe schema says %v", def, doc, data, want, got)
			}
			if got := again.Check([]byte(data)); (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\n%s\nCheck says %v\nread back it says %v", def, doc, data, want, got)
			}
		}
		for _, typ := range []*Type{typ, again} {
			if sample := typ.Sample(); typ.Check(sample) != nil {
				t.Fatalf("%s: sample %s: %v", def, sample, typ.Check(sample))
			}
		}
	})
}
