package shape

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// readSchema reads a schema written in YAML.
func readSchema(t testing.TB, text string, dialect Dialect, path ...string) (*Type, error) {
	t.Helper()
	n, faults := schema.ReadYAML([]byte(text))
	if faults != nil {
		t.Fatalf("%s: %v", text, faults)
	}
	return FromSchema("t.yaml", n, dialect).Type(path...)
}

// TestFromSchema holds what words of JSON Schema and OpenAPI mean, dialect by dialect.
func TestFromSchema(t *testing.T) {
	for _, tt := range []struct {
		dialect Dialect
		schema  string
		fits    string // JSON values, a space between
		not     string
	}{
		{Draft2020, `true`, `1 {"a":1}`, ``},
		{Draft2020, `{type: [string, "null"]}`, `"x" null`, `1`},
		{Draft2020, `{type: integer}`, `1 1.0 1e2`, `1.5 "1"`},
		{Draft2020, `{minimum: 1, exclusiveMaximum: 2}`, `1 1.5 "x" null`, `0 2`},
		{Draft2020, `{minLength: 2, maxLength: 3}`, `"äö" 1`, `"x" "wxyz"`},
		{Draft2020, `{type: string, pattern: '\u00e4$'}`, `"xä"`, `"äx"`},
		{Draft2020, `{type: string, format: date-time}`, `"2026-01-02T03:04:05Z"`, `"2026-01-02"`},
		{Draft2020, `{type: string, format: date-time, maxLength: 20}`, `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.6Z"`},
		{Draft2020, `{type: string, format: date}`, `"2026-01-02"`, `"2026-13-02"`},
		{Draft2020, `{type: string, format: uuid}`, `"5B1F1c0e-8a3b-4f6d-9c27-1d2e3f405162"`, `"5b1f1c0e8a3b4f6d9c271d2e3f405162"`},
		{Draft2020, `{type: string, format: email}`, `"x"`, `1`},
		{Draft2020, `{type: string, format: time.Duration}`, `"1m30s"`, `"1 m"`},
		{Draft2020, `{type: string, format: "time.Format(15:04)"}`, `"10:30"`, `"25:00"`},
		{Draft2020, `{type: integer, format: int32}`, `2147483647`, `2147483648`},
		{Draft2020, `{enum: [a, 1, 2.5, null, true]}`, `"a" 1.0 2.5 null true`, `"b" 2 false`},
		{Draft2020, `{type: string, enum: [a, 1]}`, `"a"`, `1`},
		{Draft2020, `{const: a}`, `"a"`, `"b" 1`},
		{Draft2020, `{type: object, properties: {a: {type: string}}, required: [a, b]}`, `{"a":"x","b":1} {"a":"x","b":null,"c":1}`, `{"a":"x"} {"a":1,"b":1} []`},
		{Draft2020, `{properties: {a: {type: string}}}`, `1 {} {"a":"x"}`, `{"a":1}`},
		{Draft2020, `{type: object, properties: {a: {default: x, type: string}}, required: [a]}`, `{"a":"y"}`, `{}`},
		{Draft2020, `{type: object, additionalProperties: {type: integer}}`, `{} {"x":1}`, `{"x":"y"}`},
		{Draft2020, `{type: object, properties: {a: {type: string}}, additionalProperties: {type: integer}}`, `{"a":"x","b":1}`, `{"b":"x"}`},
		{Draft2020, `{type: object, properties: {a: {}}, additionalProperties: false}`, `{"a":1} {"b":1}`, `1`}, // consumers ignore what they do not know
		{Draft2020, `{type: object, patternProperties: {^x: {type: integer}}, properties: {xa: {minimum: 3}}}`, `{"xb":1,"xa":3}`, `{"xb":"a"} {"xa":2} {"xa":"z"}`},
		{Draft2020, `{type: object, propertyNames: {pattern: ^x}, additionalProperties: {type: integer}}`, `{"x":1,"y":"z"}`, `{"x":"z"}`},
		{Draft2020, `{type: array, items: {type: integer}, minItems: 1, maxItems: 2}`, `[1] [1,2]`, `[] [1,2,3] ["a"]`},
		{Draft2020, `{type: array, prefixItems: [{type: integer}, {type: string}]}`, `[] [1] [1,"a",null]`, `["a"] [1,2]`},
		{Draft2020, `{type: array, prefixItems: [{type: integer}], items: false}`, `[] [1]`, `[1,2]`},
		{Draft2019, `{type: array, items: [{type: integer}], additionalItems: {type: string}}`, `[] [1] [1,"a"]`, `["a"] [1,2]`},
		{Draft7, `{type: array, items: [{type: integer}], additionalItems: false}`, `[1]`, `[1,2]`},
		{Draft2020, `{allOf: [{type: object, properties: {a: {type: number}}, required: [a]}, {properties: {a: {minimum: 3}, b: {type: string}}}]}`, `{"a":3,"b":"x"}`, `{"a":2} {"b":"x"} {"a":3,"b":1}`},
		{Draft2020, `{anyOf: [{type: object, required: [a]}, {type: object, required: [b]}]}`, `{"a":1} {"b":1} {"a":1,"b":1}`, `{"c":1} 1`},
		{Draft2020, `{oneOf: [{type: string}, {type: integer, minimum: 0}]}`, `"x" 0`, `-1 true`},
		{Draft2020, `{oneOf: [{maximum: 0, type: number}, {exclusiveMinimum: 0, type: number}]}`, `0 1`, `"x"`},
		{Draft2020, `{oneOf: [{type: object, properties: {k: {const: a}, n: {type: number}}, required: [k]}, {type: object, properties: {k: {enum: [b, c]}}, required: [k]}]}`, `{"k":"a","n":1} {"k":"c","n":"x"}`, `{"k":"a","n":"x"} {"k":"d"} {}`},
		{Draft2020, `{not: {type: string}}`, `1 null`, `"x"`},
		{Draft2020, `{not: {enum: [a, 1, null]}}`, `"b" 2 true`, `"a" 1 null`},
		{Draft2020, `{not: {pattern: ^x}}`, `"y"`, `"xy" 1`}, // what is no text fits any pattern
		{Draft2020, `{not: {type: string, pattern: ^x}}`, `"y" 1`, `"xy"`},
		{Draft2020, `{not: {anyOf: [{const: a}, {type: integer}]}}`, `"b" 1.5`, `"a" 1`},
		{Draft2020, `{$ref: "#/$defs/a~1b%20c", minimum: 3, $defs: {"a/b c": {type: number, maximum: 5}}}`, `3 5`, `2 6 "x"`},
		{Draft7, `{properties: {a: {$ref: "#/definitions/x", description: An a.}}, definitions: {x: {type: string}}}`, `{"a":"x"}`, `{"a":1}`},
		{OpenAPI3_0, `{type: string, nullable: true}`, `"x" null`, `1`},
		{OpenAPI3_0, `{type: number, minimum: 0, exclusiveMinimum: true, maximum: 5, exclusiveMaximum: false}`, `1 5`, `0 6`},
	} {
		typ, err := readSchema(t, tt.schema, tt.dialect)
		if err != nil {
			t.Errorf("%s: %v", tt.schema, err)
			continue
		}
		for _, data := range strings.Fields(tt.fits) {
			if err := typ.Check([]byte(data)); err != nil {
				t.Errorf("%s: %s: %v", tt.schema, data, err)
			}
		}
		for _, data := range strings.Fields(tt.not) {
			if typ.Check([]byte(data)) == nil {
				t.Errorf("%s takes %s", tt.schema, data)
			}
		}
		if sample := typ.Sample(); typ.Check(sample) != nil {
			t.Errorf("%s: sample %s: %v", tt.schema, sample, typ.Check(sample))
		}
	}
}

// TestFromSchemaRefused holds where and why a schema is refused.
func TestFromSchemaRefused(t *testing.T) {
	deep := strings.Repeat("{items: ", 62) + "true" + strings.Repeat("}", 62)
	var doubling strings.Builder
	doubling.WriteString("$ref: '#/$defs/T0'\n$defs:\n")
	for i := range 30 {
		fmt.Fprintf(&doubling, "  T%d: {type: object, properties: {a: {$ref: '#/$defs/T%d'}, b: {$ref: '#/$defs/T%d'}}}\n", i, i+1, i+1)
	}
	doubling.WriteString("  T30: {type: string}\n")
	for _, tt := range []struct {
		dialect    Dialect
		schema     string
		path, want string
	}{
		{Draft2020, `3`, ``, `is a whole number; a schema is a map, or true`},
		{Draft2020, `{properties: {a: false}}`, `properties.a`, `nothing fits false`},
		{Draft2020, `{type: strng}`, `type`, `did you mean "string"?`},
		{Draft2020, `{type: []}`, `type`, `names no type`},
		{Draft2020, `{properties: [a]}`, `properties`, `it must be a map of names and schemas`},
		{Draft2020, `{properties: {a: {required: true}}}`, `properties.a.required`, `it must be a list of names, beside properties`},
		{Draft2020, `{requird: [a]}`, `requird`, `did you mean "required"?`},
		{Draft2020, `{foo: 1}`, `foo`, `words of your own begin with x-`},
		{Draft2020, `{dependentRequired: {a: [b]}}`, `dependentRequired`, `cannot depend on another`},
		{Draft2020, `{contains: {type: string}}`, `contains`, `items are checked one by one`},
		{Draft2020, `{nullable: true, type: string}`, `nullable`, `write type: [string, "null"]`},
		{Draft2020, `{items: [{type: string}]}`, `items`, `under prefixItems`},
		{Draft2020, `{additionalItems: false}`, `additionalItems`, `write items`},
		{Draft2020, `{minLength: -1}`, `minLength`, `a whole number of at least 0`},
		{Draft2020, `{multipleOf: 0}`, `multipleOf`, `must be more than 0`},
		{Draft2020, `{type: string, minLength: 3, maxLength: 2}`, ``, `its bounds exclude each other`},
		{Draft2020, `{type: string, format: date-time, maxLength: 18}`, ``, `its bounds exclude each other`},
		{Draft2020, `{allOf: [{type: string, maxLength: 1}, {format: date-time}]}`, ``, `exclude each other`},
		{Draft2020, `{allOf: [{type: string, format: uuid}, {format: date}]}`, ``, `exclude each other`},
		{Draft2020, `{allOf: [{type: number, minimum: 3}, {exclusiveMaximum: 3}]}`, ``, `no value fits both`},
		{Draft2020, `{minimum: a}`, `minimum`, `is text; it must be a number`},
		{Draft2020, `{minimum: 1, exclusiveMinimum: true}`, `exclusiveMinimum`, `it must be a number`},
		{Draft2020, `{enum: []}`, `enum`, `lists no value`},
		{Draft2020, `{const: {a: 1}}`, `const`, `only text, numbers, true, false and null`},
		{Draft2020, `{type: string, enum: [1]}`, `enum`, `nothing can be both`},
		{Draft2020, `{allOf: [{type: string}, {type: integer}]}`, ``, `nothing can be both a string and an integer`},
		{Draft2020, `{allOf: []}`, `allOf`, `is no list of schemas`},
		{Draft2020, `{allOf: [{items: {type: string}, minItems: 1}, {items: {type: integer}}]}`, ``, `at least 1 items and at most 0`},
		{Draft2020, `{pattern: "("}`, `pattern`, `missing closing )`},
		{Draft2020, `{pattern: "(?=a)"}`, `pattern`, `looking ahead`},
		{Draft2020, `{patternProperties: {"(": true}}`, `patternProperties."("`, `missing closing )`},
		{Draft2020, `{patternProperties: {^a: true}, additionalProperties: {type: string}}`, `additionalProperties`, `fits none of the patterns`},
		{Draft2020, `{propertyNames: {type: integer}}`, `propertyNames`, `names of fields are strings`},
		{Draft2020, `{not: {required: [a]}}`, `not`, `only constants`},
		{Draft2020, `{not: {}}`, `not`, `only constants`},
		{Draft2020, `{oneOf: [{type: integer}, {type: number}]}`, `oneOf[1]`, `write anyOf`},
		{Draft2020, `{properties: {a: {type: string, format: binary}}}`, `properties.a.format`, `bytes can only be the whole`},
		{Draft2020, `{properties: {a: {$id: x}}}`, `properties.a."$id"`, `an address of its own`},
		{Draft2020, `{$ref: "#a"}`, `"$ref"`, `is an anchor`},
		{Draft2020, `{$ref: 3}`, `"$ref"`, `it must be text`},
		{Draft7, `{$ref: "#/definitions/x", minLength: 3, definitions: {x: {type: string}}}`, `"$ref"`, `minLength beside $ref is without effect`},
		{Draft2020, `{properties: {a: {items: {$ref: "#"}}}}`, `properties.a.items."$ref"`, `cannot be recursive`},
		{Draft2020, `{properties: {a: {$ref: "#/properties/b"}, b: {$ref: "#/properties/a"}}}`, ``, `cannot be recursive`},
		{Draft2020, `{default: 3, type: string}`, `default`, `the default does not fit: is 3`},
		{OpenAPI3_0, `{oneOf: [{type: object}], discriminator: {propertyName: k}}`, ``, `refer to it`},
		{Draft2020, deep, ``, ``},
		{Draft2020, doubling.String(), ``, `more than 20000 values`},
	} {
		_, err := readSchema(t, tt.schema, tt.dialect)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%.60s: %v", tt.schema, err)
			}
			continue
		}
		var all Refusals
		if !errors.As(err, &all) || !strings.Contains(all[0].Message, tt.want) || tt.path != "" && all[0].Path != tt.path || all[0].Pos.Line == 0 {
			t.Errorf("%.60s: %v, want %s: %s", tt.schema, err, tt.path, tt.want)
		}
	}
}

// TestFromSchemaAtOnce: all that is wrong is said, once each.
func TestFromSchemaAtOnce(t *testing.T) {
	_, err := readSchema(t, `
type: object
properties:
  a: {type: strng, minLenght: 3}
  b: {$ref: "#/$defs/x"}
  c: {oneOf: [{$ref: "#/$defs/x"}, {type: string}]}
  d: {allOf: [{type: string}, {type: integer}]}
  e: {properties: {f: {$ref: "#/$defs/y"}}, uniqueItems: true}
$defs:
  x: {type: array, contains: {type: string}}
`, Draft2020)
	var all Refusals
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprintf("%d:%d %s", r.Pos.Line, r.Pos.Col, r.Path))
	}
	want := `4:20 properties.a.minLenght; 4:13 properties.a.type; 10:20 "$defs".x.contains; 7:6 properties.d; 8:45 properties.e.uniqueItems; 8:30 properties.e.properties.f."$ref"`
	if strings.Join(got, "; ") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "; "), want)
	}
}

// TestDiscriminator: the alternatives of OpenAPI are told apart by names.
func TestDiscriminator(t *testing.T) {
	typ, err := readSchema(t, `
components:
  schemas:
    Pet:
      oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}]
      discriminator: {propertyName: kind, mapping: {puppy: "#/components/schemas/Dog", dog: Dog}}
    Cat: {type: object, properties: {kind: {type: string}, lives: {type: integer}}}
    Dog: {type: object, properties: {kind: {type: string}, lives: {type: string}}}
`, OpenAPI3_0, "components", "schemas", "Pet")
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]bool{
		`{"kind":"Cat","lives":9}`: true, `{"kind":"Cat","lives":"x"}`: false, `{"kind":"dog","lives":"x"}`: true, `{"kind":"puppy"}`: true,
		`{"kind":"Dog"}`: false, `{}`: false,
	} {
		if err := typ.Check([]byte(data)); (err == nil) != want {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// drawSchema draws a schema of all that can be read and that a validator of
// others judges as we do.
func drawSchema(t *rapid.T, depth int) string {
	scalars := []string{
		`true`, `{}`, `{"type":"string"}`, `{"type":["integer","null"]}`, `{"type":"number","minimum":1,"exclusiveMaximum":1.5}`, `{"minimum":1}`,
		`{"type":"integer","multipleOf":2}`, `{"enum":["x",1,null,true]}`, `{"const":"yy"}`, `{"type":"string","pattern":"^[a-y]{1,2}$"}`,
		`{"minLength":2}`, `{"maxLength":1,"type":["string","boolean"]}`, `{"not":{"enum":["x",2]}}`, `{"not":{"type":"string"}}`, `{"not":{"pattern":"^x"}}`,
		`{"type":"string","format":"date-time"}`, `{"$ref":"#/$defs/s"}`, `{"$ref":"#/$defs/n","maximum":1}`, `{"enum":["x","y"],"pattern":"y"}`, `{"type":"boolean","not":{"const":true}}`,
		`{"oneOf":[{"type":"string"},{"type":"integer","minimum":1}]}`, `{"type":"integer","default":3}`,
	}
	n := len(scalars)
	if depth < 3 {
		n += 8
	}
	inner := func() string { return drawSchema(t, depth+1) }
	switch rapid.IntRange(0, n-1).Draw(t, "form") - len(scalars) {
	case 0, 1:
		return drawObject(t, depth)
	case 2:
		return `{"allOf":[` + drawObject(t, depth) + "," + drawObject(t, depth) + `]}`
	case 3:
		return `{"anyOf":[` + inner() + "," + inner() + `]}`
	case 4:
		return `{"type":"array","items":` + inner() + `,"maxItems":2}`
	case 5:
		return `{"prefixItems":[` + inner() + `],"minItems":1,"items":` + inner() + `}`
	case 6:
		return `{"allOf":[` + inner() + "," + inner() + `]}`
	case 7:
		return `{"type":"object","additionalProperties":` + inner() + `}`
	default:
		return scalars[rapid.IntRange(0, len(scalars)-1).Draw(t, "scalar")]
	}
}

func drawObject(t *rapid.T, depth int) string {
	var properties, required []string
	for _, name := range fieldNames {
		if rapid.Bool().Draw(t, "has") {
			properties = append(properties, fmt.Sprintf("%q:%s", name, drawSchema(t, depth+1)))
		}
		if rapid.IntRange(0, 3).Draw(t, "must") == 0 {
			required = append(required, fmt.Sprintf("%q", name))
		}
	}
	s := `{"properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(required, ",") + `]`
	if rapid.Bool().Draw(t, "only") {
		s += `,"type":"object"`
	}
	if rapid.IntRange(0, 3).Draw(t, "patterned") == 0 {
		s += `,"patternProperties":{"^a":` + drawSchema(t, depth+1) + `}`
	}
	return s + "}"
}

// TestFromSchemaAgainstValidator draws schemas and messages: what is not refused
// is judged as a validator of others judges it, also once it is written again.
func TestFromSchemaAgainstValidator(t *testing.T) {
	read, all := 0, 0
	property.Check(t, func(t *rapid.T) {
		all++
		doc := drawObject(t, 0)
		doc = doc[:len(doc)-1] + `,"$defs":{"s":{"type":"string","minLength":1},"n":{"type":"number"}}}`
		n, faults := schema.ReadJSON([]byte(doc))
		if faults != nil {
			t.Fatal(faults)
		}
		typ, err := FromSchema("t.json", n, Draft2020).Type()
		if err != nil {
			return // what cannot be both, mostly
		}
		read++
		if sample := typ.Sample(); typ.Check(sample) != nil && !mayBeEmpty(typ.Check(sample)) {
			t.Fatalf("%s\nsample %s: %v", doc, sample, typ.Check(sample))
		}
		v := validator(t, []byte(doc))
		again := back(t, typ.JSONSchema(""))
		for range 10 {
			data := drawData(t, 0)
			want := accepts(t, v, data)
			if got := typ.Check([]byte(data)); (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\nCheck says %v\nthe validator says %v", doc, data, got, want)
			}
			if got := again.Check([]byte(data)); (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\n%s\nwritten again it says %v\nthe validator says %v", doc, typ.JSONSchema(""), data, got, want)
			}
		}
	})
	if read*4 < all {
		t.Errorf("%d schemas of %d were read only", read, all)
	}
}

// mayBeEmpty reports whether a sample fails by rules of which it is not known
// that any value fits all: patterns beside formats, steps within a range.
func mayBeEmpty(err error) bool {
	return strings.Contains(err.Error(), "multiple of") || strings.Contains(err.Error(), "match the pattern")
}

// FuzzFromSchema feeds the reader what anybody may write, and its own schema
// back to it.
func FuzzFromSchema(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"],"$defs":{"x":{"enum":["a",1]}}}`, `{"$ref":"#"}`,
		`{"anyOf":[{"const":1},{"not":{"pattern":"^a"}}]}`, `{"allOf":[{"properties":{"a":true}},{"patternProperties":{"^a":{"minimum":1e5}}}]}`,
		`{"prefixItems":[true],"items":false,"minItems":3}`, `{"oneOf":[{"type":"string"},{"type":"null"}],"discriminator":{"propertyName":"k"}}`,
		`{"format":"time.Format(2006)"}`, `{"type":"string","pattern":"\\u00e4[^]\\cA(?i:b).{2,}","default":"x"}`, `{"propertyNames":{"enum":["a"]},"unevaluatedProperties":true}`,
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, dialect uint8) {
		if len(data) > 2000 {
			return
		}
		n, faults := schema.ReadJSON(data)
		if faults != nil {
			return
		}
		typ, err := FromSchema("t.json", n, Dialect(dialect%4)).Type()
		var all Refusals
		if err != nil {
			if !errors.As(err, &all) || all[0].Pos.Line == 0 {
				t.Fatalf("%s: %v has no place", data, err)
			}
			return
		}
		typ.Check(typ.Sample())
		typ.Fill(nil)
		if m, faults := schema.ReadJSON(typ.JSONSchema("")); faults != nil {
			t.Fatalf("%s is written as %s: %v", data, typ.JSONSchema(""), faults)
		} else if _, err := FromSchema("t.json", m, Draft2020).Type(); err != nil && !strings.Contains(err.Error(), "deep") {
			t.Logf("%s is written as %s: %v", data, typ.JSONSchema(""), err)
		}
	})
}
