package openapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tax is a document with what the tests of requests need.
const tax = `
openapi: 3.0.3
info: {title: Tax, version: "1"}
servers: [{url: "https://{zone}.tax.example.com/v1/", variables: {zone: {default: eu}}}]
paths:
  /rates/{country}:
    parameters: [{name: country, in: path, required: true, schema: {type: string, pattern: "^[A-Z0-9/.%]{1,4}$"}}]
    get:
      operationId: getRate
      summary: The rate of a country.
      parameters:
        - {name: day, in: query, schema: {type: string}}
        - {name: kinds, in: query, schema: {type: array, items: {type: string}}}
        - {name: plain, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, style: deepObject, explode: true, schema: {type: object}}
        - {name: where, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: X-Trace, in: header, schema: {type: integer, maximum: 9}}
        - {name: session, in: cookie, schema: {type: string}}
      responses:
        "200":
          description: ok
          headers: {X-Rate-Limit: {required: true, schema: {type: integer}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Rate"}}}
        4XX: {description: no, content: {application/problem+json: {schema: {type: object, required: [title]}}}}
        "204": {description: none}
  /rates:
    post:
      operationId: rates/add-one
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Rate"}}, text/csv: {}}}
      responses: {"201": {description: made}}
  /form:
    post:
      operationId: sendForm
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: string}, n: {type: array, items: {type: integer}}}}}}}
      responses: {default: {description: any}}
  /file:
    post:
      operationId: upload
      requestBody: {required: true, content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
components:
  schemas:
    Rate:
      type: object
      required: [country, percent]
      properties:
        country: {type: string, minLength: 2}
        percent: {type: number, minimum: 0, maximum: 100}
        secret: {type: string, writeOnly: true}
        parts: {type: array, items: {$ref: "#/components/schemas/Rate"}}
        note: {type: string, nullable: true}
`

func parsed(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func find(t testing.TB, d *Document, name string) *Operation {
	t.Helper()
	o, err := d.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParse(t *testing.T) {
	d := parsed(t, tax)
	var names []string
	for _, o := range d.Operations {
		names = append(names, o.Name+" "+o.Method+" "+o.Path)
	}
	if want := []string{"get_rate GET /rates/{country}", "rates_add_one POST /rates", "send_form POST /form"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if len(d.Servers) != 1 || d.Servers[0].String() != "https://eu.tax.example.com/v1" {
		t.Errorf("%v", d.Servers)
	}
	if o := find(t, d, "rates/add-one"); o != find(t, d, "rates_add_one") {
		t.Error("an operation has two names")
	}
	for name, says := range map[string]string{"upload": "neither JSON, nor a form", "nothing": "has no operation"} {
		if _, err := d.Find(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Keep(func(o *Operation) bool { return o.ID == "getRate" })
	if _, err := d.Find("sendForm"); err == nil || len(d.Operations) != 1 {
		t.Error("what was not kept is found")
	}
}

// TestParseWrong: what is no document, leads out of it, or is more than it seems.
func TestParseWrong(t *testing.T) {
	head := "openapi: 3.0.3\ninfo: {title: t, version: '1'}\n"
	laughs := "a0: &a0 [x, x]\n"
	for i := range 40 {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":           {"", "version"},
		"no YAML":         {"a: [", "is no YAML"},
		"swagger":         {`{"swagger": "2.0"}`, "version"},
		"later":           {`{"openapi": "4.0.0", "paths": {}}`, "version"},
		"a remote schema": {head + "paths: {/a: {get: {operationId: a, parameters: [{$ref: 'https://evil.example/p.yaml'}], responses: {}}}}", "leads out of the document"},
		"a file":          {head + "paths: {/a: {$ref: '../../etc/passwd'}}", "leads out of the document"},
		"a missing part":  {head + "paths: {/a: {get: {operationId: a, parameters: [{$ref: '#/components/parameters/none'}], responses: {}}}}", "is no OpenAPI document"},
		"two of one name": {head + "paths: {/a: {get: {operationId: getA, responses: {}}}, /b: {get: {operationId: get_a, responses: {}}}}", "have the same name"},
		"a wrong server":  {head + "servers: [{url: 'ftp://a.example'}]\npaths: {}", "servers[0]"},
		"a bomb":          {head + "paths: {}\n" + laughs, "stands for more than"},
		"too large":       {head + "#" + strings.Repeat("x", DocumentMax), "has more than"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoad: a document lies below the folder, whatever its path or a link says.
func TestLoad(t *testing.T) {
	dir, away := t.TempDir(), t.TempDir()
	for _, f := range []string{filepath.Join(dir, "tax.yaml"), filepath.Join(away, "tax.yaml")} {
		if err := os.WriteFile(f, []byte(tax), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(away, "tax.yaml"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{"tax.yaml": true, "link.yaml": false, "../tax.yaml": false, "/etc/passwd": false, "none.yaml": false, "": false, ".": false} {
		if _, err := Load(dir, path); (err == nil) != ok || err != nil && strings.Contains(err.Error(), away) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestRequest(t *testing.T) {
	d := parsed(t, tax)
	for _, c := range []struct{ op, input, want string }{
		{"getRate", `{"params": {"country": "DE"}}`, "/rates/DE"},
		{"getRate", `{"params": {"country": "DE", "day": "a&b c", "kinds": ["x", "y,z"], "plain": [1, 2], "filter": {"b": 2, "a": true}, "where": {"a": [1]}, "X-Trace": 7}}`,
			"/rates/DE?day=a%26b+c&kinds=x&kinds=y%2Cz&plain=1%2C2&filter%5Ba%5D=true&filter%5Bb%5D=2&where=%7B%22a%22%3A%5B1%5D%7D x-trace=7"},
		{"getRate", `{"params": {"country": "DE", "day": null}}`, "/rates/DE"},
		{"getRate", ``, "params.country: is needed"},
		{"getRate", `[]`, `request: is not {"params"`},
		{"getRate", `{"params": {"country": "de"}}`, "params.country: string doesn't match"},
		{"getRate", `{"params": {"country": 7}}`, "params.country: value must be a string"},
		{"getRate", `{"params": {"country": "A/B"}}`, "params.country: is a part of a path"},
		{"getRate", `{"params": {"country": ".."}}`, "params.country: is a part of a path"},
		{"getRate", `{"params": {"country": "%2F"}}`, "params.country: is a part of a path"},
		{"getRate", `{"params": {"country": "DE", "X-Trace": 10}}`, "params.X-Trace: number must be at most 9"},
		{"getRate", `{"params": {"country": "DE", "kinds": [[1]]}}`, "params.kinds/0: value must be a string"},
		{"getRate", `{"params": {"country": "DE", "filter": {"a": {}}}}`, "params.filter/a: is a list or object within another"},
		{"getRate", `{"params": {"country": "DE", "city": "x"}}`, "params.city: is no parameter of getRate"},
		{"getRate", `{"params": {"country": "DE"}, "body": {}}`, "body: is not among what getRate takes"},
		{"rates_add_one", `{"body": {"country": "DE", "percent": 19.0}}`, `/rates content-type=application/json {"country": "DE", "percent": 19.0}`},
		{"rates_add_one", `{}`, "body: is needed"},
		{"rates_add_one", `{"body": {"country": "DE"}}`, `body/percent: property "percent" is missing`},
		{"rates_add_one", `{"body": {"country": "DE", "percent": 1, "parts": [{"country": "DE", "percent": 101}]}}`, "body/parts/0/percent: number must be at most 100"},
		{"rates_add_one", `{"body": {"country": "DE", "percent": 1, "note": null}}`, `/rates content-type=application/json {"country": "DE", "percent": 1, "note": null}`},
		{"rates_add_one", `{"body": {"country": "DE", "percent": 1}} x`, "request: is no JSON"},
		{"send_form", `{"body": {"a": "x y", "n": [1, 2]}}`, "/form content-type=application/x-www-form-urlencoded a=x+y&n=1&n=2"},
		{"send_form", ``, "/form"},
	} {
		r, err := find(t, d, c.op).Request([]byte(c.input))
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s %s: %v, want %s", c.op, c.input, err, c.want)
			}
			continue
		}
		got := r.Path
		if r.Query != "" {
			got += "?" + r.Query
		}
		for name, v := range r.Header {
			got += " " + name + "=" + v
		}
		if len(r.Body) > 0 {
			got += " " + string(r.Body)
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.op, c.input, got, c.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	d := parsed(t, tax)
	for _, c := range []struct {
		op, media, body string
		status          int
		want            string // "": it is as the document says
	}{
		{"getRate", "application/json; charset=utf-8", `{"country": "DE", "percent": 19}`, 200, ""},
		{"getRate", "application/json", `{"country": "DE", "percent": "19"}`, 200, "answer/percent: value must be a number"},
		{"getRate", "application/json", `{"country": "DE"}`, 200, `answer/percent: property "percent" is missing`},
		{"getRate", "application/json", `{"country": "DE", "percent": 1, "secret": "x"}`, 200, "answer/secret: "},
		{"getRate", "application/json", `{"country": `, 200, "answer: is no JSON"},
		{"getRate", "application/json", ``, 200, "answer: is no JSON"},
		{"getRate", "text/html", `<html>`, 200, "answer: is text/html"},
		{"getRate", "application/json", `{"country": "DE", "percent": 19}`, 202, "answer: has a status"},
		{"getRate", "application/problem+json", `{"title": "no"}`, 404, ""},
		{"getRate", "application/problem+json", `{}`, 400, `answer/title: property "title" is missing`},
		{"getRate", "", ``, 204, ""},
		{"getRate", "text/html", `down`, 503, ""},
		{"rates_add_one", "text/plain", `anything`, 201, ""},
		{"send_form", "text/plain", `anything`, 200, ""},
	} {
		h := http.Header{"Content-Type": {c.media}, "X-Rate-Limit": {"1"}}
		err := find(t, d, c.op).Answer(c.status, h, []byte(c.body))
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %d %s: %v, want %q", c.op, c.status, c.body, err, c.want)
		}
	}
	if err := find(t, d, "getRate").Answer(200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"country": "DE", "percent": 19}`)); err == nil || !strings.Contains(err.Error(), "no header X-Rate-Limit") {
		t.Error(err)
	}
}

// TestModern: schemas of version 3.1 are those of JSON Schema 2020-12.
func TestModern(t *testing.T) {
	d := parsed(t, `{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"post": {"operationId": "a",
		"requestBody": {"required": true, "content": {"application/json": {"schema": {"type": ["object", "null"], "properties": {"n": {"const": 7}, "m": {"exclusiveMinimum": 3}}}}}},
		"responses": {"200": {"description": "ok"}}}}}}`)
	for body, ok := range map[string]bool{`{"n": 7}`: true, `{"n": 8}`: false, `{"m": 3}`: false, `{"m": 4}`: true, `[]`: false} {
		if _, err := find(t, d, "a").Request([]byte(`{"body": ` + body + `}`)); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestModernParts: schemas that refer to others and to themselves, with what only goes one way.
func TestModernParts(t *testing.T) {
	d := parsed(t, `{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"post": {"operationId": "a",
		"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A~1B"}}}},
		"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A~1B"}}}}}}}},
		"components": {"schemas": {"A/B": {"type": "object", "required": ["id", "key", "name"], "properties": {
			"id": {"type": "integer", "readOnly": true}, "key": {"$ref": "#/components/schemas/Key"}, "name": {"type": "string", "pattern": "^[a-z]+$"},
			"odd": {"type": "string", "pattern": "(?=x)"}, "children": {"type": "array", "items": {"$ref": "#/components/schemas/A~1B"}}}},
			"Key": {"type": "string", "writeOnly": true}}}}`)
	a := find(t, d, "a")
	for _, c := range []struct{ request, answer, says string }{
		{request: `{"key": "k", "name": "a", "odd": "y", "children": [{"key": "k", "name": "b"}]}`},
		{request: `{"name": "a"}`, says: "body: missing property 'key'"},
		{request: `{"key": "k", "name": "a", "id": 1}`, says: "body/id: false schema"},
		{request: `{"key": "k", "name": "a", "children": [{"key": "k", "name": "B"}]}`, says: "body/children/0/name: 'B' does not match pattern"},
		{answer: `{"id": 1, "name": "a"}`},
		{answer: `{"name": "a"}`, says: "answer: missing property 'id'"},
		{answer: `{"id": 1, "name": "a", "key": "k"}`, says: "answer/key: false schema"},
	} {
		var err error
		if c.request != "" {
			_, err = a.Request([]byte(`{"body": ` + c.request + `}`))
		} else {
			err = a.Answer(200, http.Header{"Content-Type": {"application/json"}}, []byte(c.answer))
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s%s: %v, want %q", c.request, c.answer, err, c.says)
		}
	}
	for answer, w := range a.check.modern.ways {
		if len(w.compiled) != 1 {
			t.Errorf("answer %t: %d schemas were compiled, want 1", answer, len(w.compiled))
		}
	}
}

// rings are operations whose schemas all reach each other.
func rings(t *testing.T, operations, schemas int) *Document {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {`)
	for i := range operations {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"/a/%d": {"post": {"operationId": "a%d", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/T%d"}}}},
			"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/T%d"}}}}}}}}`, i, i, i, i)
	}
	b.WriteString(`}, "components": {"schemas": {`)
	for i := range schemas {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"T%d": {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/components/schemas/T%d"}}}`, i, (i+1)%schemas)
	}
	b.WriteString(`}}}`)
	return parsed(t, b.String())
}

// TestModernOnce: what many operations reach is read once for each way, before it is needed.
func TestModernOnce(t *testing.T) {
	const operations, schemas, within = 30, 40, 3
	d := rings(t, operations, schemas)
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ways := d.Operations[0].check.modern.ways
	count := func() [2]int { return [2]int{ways[false].schemas, ways[true].schemas} }
	want := [2]int{schemas * within, schemas*within + operations*2} // an answer is a list, with a reference
	if got := count(); got != want {
		t.Errorf("%v schemas were read, want %v", got, want)
	}
	for i := range operations {
		o := find(t, d, fmt.Sprint("a", i))
		if _, err := o.Request([]byte(`{"body": {"next": {"next": {"n": "a"}}}}`)); err == nil || !strings.HasPrefix(err.Error(), "body/next/next/n: ") {
			t.Error(err)
		}
		if err := o.Answer(200, http.Header{"Content-Type": {"application/json"}}, []byte(`[{"next": {"n": "a"}}]`)); err == nil || !strings.HasPrefix(err.Error(), "answer/0/next/n: ") {
			t.Error(err)
		}
	}
	if got := count(); got != want {
		t.Errorf("%v schemas were read after all is ready, want %v", got, want)
	}
}

// TestSchemasMax: what operations reach has a bound, what they do not is not counted; and
// preparing ends with its context.
func TestSchemasMax(t *testing.T) {
	for most, want := range map[int]error{29: errSchemas, 32: nil} { // an answer's list and reference, and 10 of 3 schemas
		d := rings(t, 1, 10)
		d.Operations[0].check.modern.most = most
		if err := d.Prepare(t.Context()); !errors.Is(err, want) {
			t.Errorf("at most %d: %v, want %v", most, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rings(t, 1, 1).Prepare(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d := rings(t, 2, 9)
	d.Keep(func(*Operation) bool { return false })
	if err := d.Prepare(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestModernNames: a component that has a name of its own, or says which JSON Schema it is of, is
// the component all the same; what only looks like one is left.
func TestModernNames(t *testing.T) {
	d := parsed(t, `{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"post": {"operationId": "a",
		"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
		"responses": {"200": {"description": "ok"}}}}},
		"components": {"schemas": {
			"A": {"$id": "https://example.com/a", "$anchor": "x", "type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"},
				"$id": {"type": "integer"}, "p": {"$id": "p", "$anchor": "y", "type": "integer"}, "q": {"$id": "p", "$anchor": "y"}, "n": {"$ref": "#/components/schemas/B/properties/n"}, "c": {"const": {"$id": "kept"}}}},
			"B": {"$id": "https://example.com/a", "$schema": "https://example.com/schema", "$anchor": "x", "type": "object", "properties": {"n": {"type": "integer"}, "a": {"$ref": "#/components/schemas/A"}}}}}}`)
	for body, says := range map[string]string{
		`{"b": {"n": 1, "a": {"$id": 1, "n": 1, "c": {"$id": "kept"}}}}`: "",
		`{"b": {"n": "a"}}`:      "body/b/n: ",
		`{"n": "a"}`:             "body/n: ",
		`{"$id": "a"}`:           "body/$id: ",
		`{"p": "a"}`:             "body/p: ",
		`{"c": {}}`:              "body/c: ",
		`{"b": {"a": {"b": 1}}}`: "body/b/a/b: ",
	} {
		_, err := find(t, d, "a").Request([]byte(`{"body": ` + body + `}`))
		if (err == nil) != (says == "") || err != nil && !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s: %v, want %q", body, err, says)
		}
	}
}

// TestPatterns: what a process keeps of patterns is bounded.
func TestPatterns(t *testing.T) {
	var p patterns
	for i := range PatternsMax {
		if !p.admit([]string{fmt.Sprint(i)}) {
			t.Fatalf("%d is not admitted", i)
		}
	}
	if p.admit([]string{"0", "one more"}) || !p.admit([]string{"0", "1"}) || len(p.known) != PatternsMax {
		t.Errorf("%d are known", len(p.known))
	}
	if p = (patterns{}); p.admit([]string{strings.Repeat("a", patternBytesMax+1)}) {
		t.Error("one that is larger than all may be is admitted")
	}
	known := held.bytes
	held.bytes = patternBytesMax
	defer func() { held.bytes = known }()
	if _, err := find(t, parsed(t, strings.Replace(tax, "A-Z0-9", "A-Y0-9", 1)), "getRate").Request([]byte(`{"params": {"country": "not upper"}}`)); err != nil {
		t.Errorf("a pattern that cannot be kept is held against it: %v", err)
	}
}

// TestEndless: schemas that would have a check take for ever are told.
func TestEndless(t *testing.T) {
	head := "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {/a: {post: {operationId: a, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}, responses: {}}}}\ncomponents: {schemas: "
	deep := strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60)
	for name, c := range map[string]struct{ schemas, body string }{
		"a part of itself": {"{A: {allOf: [{$ref: '#/components/schemas/B'}]}, B: {anyOf: [{type: string}, {$ref: '#/components/schemas/A'}]}}}", `{}`},
		"alternatives":     {"{A: {oneOf: [{$ref: '#/components/schemas/L'}, {$ref: '#/components/schemas/L'}]}, L: {type: array, items: {$ref: '#/components/schemas/A'}}}}", deep},
		"one alternative":  {"{A: {anyOf: [{type: string}, {type: array, items: {$ref: '#/components/schemas/A'}}]}}}", deep},
		"dependents":       {"{A: {dependentSchemas: {x: {$ref: '#/components/schemas/B'}, y: {$ref: '#/components/schemas/B'}}}, B: {dependentSchemas: {x: {$ref: '#/components/schemas/A'}}}}}", `{"x": 1, "y": 1}`},
	} {
		_, err := find(t, parsed(t, head+c.schemas), "a").Request([]byte(`{"body": ` + c.body + `}`))
		if err == nil || !strings.HasPrefix(err.Error(), "body: takes too long") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnwritable: operations that cannot stand in generated code or in a request are left out.
func TestUnwritable(t *testing.T) {
	d := parsed(t, `{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {
		"/a": {"get": {"operationId": "a\nfunc init() {}", "responses": {}}},
		"/b?x=1": {"get": {"operationId": "b", "responses": {}}},
		"/c": {"get": {"operationId": "c", "parameters": [{"name": "authorization", "in": "header", "required": true, "schema": {"type": "string"}}], "responses": {}}}}}`)
	for name, want := range map[string]string{"a\nfunc init() {}": "control characters", "b": "a query or a fragment"} {
		if _, err := d.Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if _, err := find(t, d, "c").Request([]byte(`{}`)); err != nil {
		t.Errorf("a header that the grant sets: %v", err)
	}
}

// TestGitHub reads a part of GitHub's own description of its API.
func TestGitHub(t *testing.T) {
	data, err := os.ReadFile("testdata/github.json")
	if err != nil {
		t.Fatal(err)
	}
	d := parsed(t, string(data))
	r, err := find(t, d, "issues_create_comment").Request([]byte(`{"params": {"owner": "octo", "repo": "hello", "issue_number": 7}, "body": {"body": "hi"}}`))
	if err != nil || r.Path != "/repos/octo/hello/issues/7/comments" || string(r.Body) != `{"body": "hi"}` {
		t.Errorf("%+v: %v", r, err)
	}
	err = find(t, d, "issues_list_comments").Answer(200, http.Header{"Content-Type": {"application/json"}}, []byte(`[{"id": 1}]`))
	if err == nil || !strings.HasPrefix(err.Error(), "answer/0/") {
		t.Error(err)
	}
}

// TestLarge: of a document as large as GitHub's whole one, what is kept are the operations
// that are kept.
func TestLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {`)
	about := strings.Repeat("what it is for, at length; ", 120)
	for i := range 800 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"/things/{id}/%d": {"get": {"operationId": "get%d", "description": %q, "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
			"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T%d"}}}}}}}`, i, i, about, i)
	}
	b.WriteString(`}, "components": {"schemas": {`)
	for i := range 800 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"T%d": {"type": "object", "description": %q, "properties": {"next": {"$ref": "#/components/schemas/T%d"}}}`, i, about, i/2)
	}
	b.WriteString(`}}}`)
	text := b.String()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	d := parsed(t, text)
	if len(d.Operations) != 800 {
		t.Fatalf("%d operations", len(d.Operations))
	}
	d.Keep(func(o *Operation) bool { return o.ID == "get7" })
	if kept := heap() - before; kept > int64(len(text)/4) {
		t.Errorf("%d bytes are kept of a document of %d", kept, len(text))
	}
	runtime.KeepAlive(d)
}

// TestInPieces: what may answer with other than JSON can be read in pieces.
func TestInPieces(t *testing.T) {
	for responses, want := range map[string]bool{
		`{"200": {description: ok}}`: false,
		`{"200": {description: ok, content: {application/json: {}, application/problem+json: {}}}}`:                                 false,
		`{"200": {description: ok, content: {application/json: {}, text/event-stream: {}}}}`:                                        true,
		`{2XX: {description: ok, content: {application/octet-stream: {}}}}`:                                                         true,
		`{"200": {description: ok, content: {application/json: {}}}, "404": {description: no, content: {text/html: {}}}}`:           false,
		`{"200": {description: ok, content: {application/json: {}}}, default: {description: no, content: {text/plain: {}}}}`:        false,
		`{default: {description: ok, content: {text/csv: {}}}, "500": {description: no, content: {application/json: {}}}}`:          true,
		`{default: {description: ok, content: {application/json: {}}}, "500": {description: no, content: {text/event-stream: {}}}}`: false,
	} {
		d := parsed(t, `{openapi: 3.0.3, info: {title: a, version: "1"}, paths: {/a: {get: {operationId: a, responses: `+responses+`}}}}`)
		if got := find(t, d, "a").InPieces(); got != want {
			t.Errorf("%s: %v", responses, got)
		}
	}
}

func TestName(t *testing.T) {
	for id, want := range map[string]string{
		"getRate": "get_rate", "issues/create-comment": "issues_create_comment", "GetHTTPRate2": "get_http_rate2", "get_rate": "get_rate", "2fa": "op_2fa", "": "op_", "ä b": "b",
	} {
		if got := Name(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

// FuzzParse: whatever a document is, reading and using it comes to an end.
func FuzzParse(f *testing.F) {
	f.Add([]byte(tax), []byte(`{"params": {"country": "DE"}, "body": {"country": "DE", "percent": 1}}`))
	f.Add([]byte(`{"openapi": "3.1.0", "info": {}, "paths": {"/a": {"post": {"operationId": "a", "requestBody": {"content": {"*/*": {"schema": {"not": {"$ref": "#/components/schemas/A"}}}}}}}}, "components": {"schemas": {"A": {"oneOf": [{"$ref": "#/components/schemas/A"}]}}}}`), []byte(`{"body": {}}`))
	f.Fuzz(func(_ *testing.T, document, input []byte) {
		d, err := Parse(document)
		if err != nil {
			return
		}
		for _, o := range d.Operations {
			_, _ = o.Request(input)
			_ = o.Answer(200, http.Header{"Content-Type": {"application/json"}}, input)
		}
	})
}
