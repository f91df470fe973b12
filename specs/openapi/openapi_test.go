package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tidwall/gjson"
)

func load(t *testing.T, archive *txtar.Archive) *specs.Service {
	t.Helper()
	dir := t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const shop = `
-- grow.yaml --
service: shop
about: Sells & ships.
version: 1.4.0
http:
  POST /orders: {send: order.placed, to: desk, reply: {order.found: 200, order.unknown: 409, order.refused: 409}}
  GET /orders/{id}: {send: order.get, to: desk, reply: {order.found: 200, order.unknown: 404, order.file: 206}, headers: [x-shop]}
  POST /hooks/a-b/{id}: {send: hook, to: desk, body: raw, auth: {webhook: github, secret: S}, idempotency: X-Delivery, headers: [x-delivery, x-event], reply: 202}
  POST /hooks/a/b/{id}: {send: hook, to: desk, body: raw, auth: {webhook: standard, secret: S}, idempotency: webhook-id}
  DELETE /orders/{id}: {send: order.get, to: desk, delivery: direct, timeout: 2s}
-- types/shop.cue --
import "strings"
#Line: {sku: string & strings.MinRunes(1), qty: int & >0}
// What is ordered.
"order.placed": {id: =~"^o-", lines: [#Line, ...#Line]}
"order.get": {
	id: =~"^o-"
	// Whether lines are wanted.
	lines: bool | *false
	tags?: [...string]
	since: int
}
"order.found": {id: string}
"order.unknown": {}
"order.refused": {why: string}
"order.file": bytes
"order.kept": {secret: string}
hook: bytes
-- actors/desk/actor.yaml --
actor: desk
code: {language: wasm, source: m.wasm}
in: [order.placed, order.get, hook]
out: [order.found, order.unknown, order.refused, order.file]
-- actors/desk/m.wasm --
`

// TestDocument holds what is said of each kind of endpoint.
func TestDocument(t *testing.T) {
	doc := string(Document(load(t, txtar.Parse([]byte(shop)))))
	for path, want := range map[string]string{
		"openapi": "3.1.0", "info.title": "shop", "info.version": "1.4.0", "info.description": "Sells & ships.",
		"paths./orders.post.operationId": "postOrders", `paths./orders/{id}.get.operationId`: "getOrdersById",
		`paths./hooks/a-b/{id}.post.operationId`: "postHooksABById", `paths./hooks/a/b/{id}.post.operationId`: "postHooksABById2",
		"paths./orders.post.requestBody.content.application/json.schema.$ref":                 "#/components/schemas/order.placed",
		"paths./orders.post.responses.409.content.application/json.schema.anyOf.#.$ref":       `["#/components/schemas/order.refused","#/components/schemas/order.unknown"]`,
		"paths./orders.post.responses.409.description":                                        "order.refused or order.unknown.",
		"paths./orders/{id}.get.parameters.#.name":                                            `["id","lines","tags","since","x-shop"]`,
		"paths./orders/{id}.get.parameters.#.in":                                              `["path","query","query","query","header"]`,
		"paths./orders/{id}.get.parameters.#(required==true)#.name":                           `["id","since"]`,
		"paths./orders/{id}.get.parameters.1.description":                                     "Whether lines are wanted.",
		"paths./orders/{id}.get.parameters.1.schema.default":                                  "false",
		"paths./orders/{id}.get.parameters.2.schema.type":                                     "array",
		"paths./orders/{id}.get.responses.206.content.*/*":                                    "{}",
		"paths./orders/{id}.get.responses.404.content.application/json.schema.$ref":           "#/components/schemas/order.unknown",
		"paths./hooks/a-b/{id}.post.parameters.#.name":                                        `["id","x-event","x-delivery","X-Hub-Signature-256"]`,
		"paths./hooks/a-b/{id}.post.responses.202.content.application/json.schema.required.0": "id",
		"paths./hooks/a-b/{id}.post.responses.401.content.application/problem+json.schema":    `{"$ref":"#/components/schemas/Problem"}`,
		"paths./hooks/a-b/{id}.post.responses.504":                                            "",
		"paths./hooks/a/b/{id}.post.parameters.#.name":                                        `["id","webhook-id","webhook-timestamp","webhook-signature"]`,
		"paths./hooks/a/b/{id}.post.responses.204.description":                                "All is done.",
		"paths./orders/{id}.delete.responses.504.description":                                 "There was no answer within 2s; the work goes on, and Location says where to look.",
		"components.schemas.order\\.placed.description":                                       "What is ordered.",
		"components.schemas.order\\.placed.properties.lines.items.properties.qty":             `{"type":"integer","exclusiveMinimum":0}`,
		"components.schemas.order\\.kept":                                                     "",
	} {
		got := gjson.Get(doc, strings.NewReplacer("*/*", `\*/\*`).Replace(path)).String()
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(got)) == nil {
			got = compact.String()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestNames: no two operations have one id, whatever their paths.
func TestNames(t *testing.T) {
	service := load(t, txtar.Parse([]byte(strings.Replace(shop, "  DELETE", "  POST /hooks/a/b2: {send: hook, to: desk, body: raw}\n  POST /hooks/a-b: {send: hook, to: desk, body: raw}\n  POST /hooks/a/b: {send: hook, to: desk, body: raw}\n  DELETE", 1))))
	var doc struct {
		Paths map[string]map[string]struct {
			ID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(Document(service), &doc); err != nil {
		t.Fatal(err)
	}
	taken := map[string]string{}
	for path, operations := range doc.Paths {
		for _, o := range operations {
			if other := taken[o.ID]; other != "" {
				t.Errorf("%s and %s are both %s", other, path, o.ID)
			}
			taken[o.ID] = path
		}
	}
}

// TestSchemas: every schema in the document of every good service is one to a
// validator of others, and takes a sample of its type.
func TestSchemas(t *testing.T) {
	archives, err := filepath.Glob("../testdata/good_*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(err)
	}
	n := 0
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		service := load(t, archive)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Document(service)))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("openapi.json", doc); err != nil {
			t.Fatal(err)
		}
		gjson.GetBytes(Document(service), "components.schemas").ForEach(func(name, _ gjson.Result) bool {
			s, err := c.Compile("openapi.json#/components/schemas/" + name.Str)
			if err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
				return true
			}
			typ := service.Types[name.Str]
			if typ == nil || typ.Any() {
				return true
			}
			sample, err := jsonschema.UnmarshalJSON(bytes.NewReader(typ.Sample()))
			if err = errors.Join(err, s.Validate(sample)); err != nil {
				t.Errorf("%s: %s: %s: %v", file, name, typ.Sample(), err)
			}
			n++
			return true
		})
	}
	if n < 10 {
		t.Errorf("%d schemas were tried only", n)
	}
}
