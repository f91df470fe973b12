// Package openapi describes the endpoints of a service as an OpenAPI 3.1
// document: paths with their parameters, bodies and replies by status, the
// types they carry as JSON Schema, and errors as problem+json (RFC 9457).
package openapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Version of OpenAPI that is written.
const Version = "3.1.0"

// Document writes the OpenAPI document of a service, as indented JSON. Only
// types that an endpoint takes or answers with are part of it: what actors keep
// and say among themselves is nobody's outside.
func Document(s *specs.Service) []byte {
	w := &writer{service: s, schemas: map[string]json.RawMessage{}, ids: map[string]bool{}}
	d := document{
		OpenAPI: Version, Dialect: shape.Draft,
		Info:  info{Title: s.Name, Description: s.About, Version: s.Version},
		Paths: map[string]map[string]operation{},
	}
	if d.Info.Version == "" {
		d.Info.Version = "0.0.0" // a document must have one
	}
	for _, e := range s.Endpoints {
		if d.Paths[e.Path] == nil {
			d.Paths[e.Path] = map[string]operation{}
		}
		d.Paths[e.Path][strings.ToLower(e.Method)] = w.operation(e)
	}
	w.schemas[problemName] = json.RawMessage(problemSchema)
	d.Components.Schemas = w.schemas
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		panic("openapi: " + err.Error()) // it holds nothing but text and JSON
	}
	return out.Bytes()
}

// document and what it holds are the parts of OpenAPI that are written.
type document struct {
	OpenAPI    string                          `json:"openapi"`
	Dialect    string                          `json:"jsonSchemaDialect"`
	Info       info                            `json:"info"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
}

type info struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
}

type operation struct {
	ID         string              `json:"operationId"`
	Summary    string              `json:"summary"`
	Parameters []parameter         `json:"parameters,omitempty"`
	Body       *body               `json:"requestBody,omitempty"`
	Responses  map[string]response `json:"responses"`
}

type parameter struct {
	Name        string          `json:"name"`
	In          string          `json:"in"` // path, query or header
	Description string          `json:"description,omitempty"`
	Required    bool            `json:"required,omitempty"`
	Schema      json.RawMessage `json:"schema"`
}

type body struct {
	Required bool             `json:"required"`
	Content  map[string]media `json:"content"`
}

type media struct {
	Schema json.RawMessage `json:"schema,omitempty"`
}

type response struct {
	Description string            `json:"description"`
	Headers     map[string]header `json:"headers,omitempty"`
	Content     map[string]media  `json:"content,omitempty"`
}

type header struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
}

// writer collects the types that endpoints refer to.
type writer struct {
	service *specs.Service
	schemas map[string]json.RawMessage
	ids     map[string]bool // that operations have
}

var text = json.RawMessage(`{"type":"string"}`)

func (w *writer) operation(e *specs.Endpoint) operation {
	return operation{
		ID: w.id(e), Summary: e.Send + " to " + e.To,
		Parameters: w.parameters(e), Body: w.body(e), Responses: w.responses(e),
	}
}

// id names an operation for generators of clients: postOrders, getOrdersById.
func (w *writer) id(e *specs.Endpoint) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(e.Method))
	for part := range strings.SplitSeq(e.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			part = "by-" + strings.TrimSuffix(name, "}")
		}
		for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return !isLetter(r) }) {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	id := b.String()
	for n := 2; w.ids[id]; n++ {
		id = b.String() + strconv.Itoa(n)
	}
	w.ids[id] = true
	return id
}

func isLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// ref is a schema that refers to a type of the service.
func (w *writer) ref(name string) json.RawMessage {
	if w.schemas[name] == nil {
		w.schemas[name] = w.service.Types[name].AppendJSONSchema(nil)
	}
	return json.RawMessage(`{"$ref":"#/components/schemas/` + name + `"}`)
}

// parameters are those of the path, then of the query, then headers.
func (w *writer) parameters(e *specs.Endpoint) []parameter {
	var list []parameter
	kind := w.service.Types[e.Send]
	add := func(in, name string) {
		p := parameter{Name: name, In: in, Required: in == "path", Schema: text}
		if field, ok := kind.Field(name); ok && in != "header" && e.Body == specs.BodyNone {
			p.Schema, p.Description = field.AppendJSONSchema(nil), kind.About(name)
			p.Required = p.Required || kind.Requires(name)
		}
		list = append(list, p)
	}
	for _, name := range e.Params {
		add("path", name)
	}
	if e.Body == specs.BodyNone {
		for _, name := range kind.Names() {
			if !slices.Contains(e.Params, name) {
				add("query", name)
			}
		}
	}
	must := proofs(e)
	for _, name := range e.Headers {
		if !slices.ContainsFunc(must, func(p parameter) bool { return strings.EqualFold(p.Name, name) }) {
			add("header", name)
		}
	}
	return append(list, must...)
}

// proofs are the headers without which a request is not taken.
func proofs(e *specs.Endpoint) []parameter {
	var list []parameter
	must := func(name, about, schema string) {
		list = append(list, parameter{Name: name, In: "header", Description: about, Required: true, Schema: json.RawMessage(schema)})
	}
	if e.Idempotency != "" {
		must(e.Idempotency, "Names the request: one that is sent again gets the first answer.", `{"type":"string","minLength":1,"maxLength":256}`)
	}
	if e.Webhook == nil {
		return list
	}
	if e.Webhook.Scheme == "github" {
		must("X-Hub-Signature-256", "The body's signature, as GitHub makes it.", `{"type":"string","pattern":"^sha256=[0-9a-f]{64}$"}`)
		return list
	}
	for _, h := range [][2]string{{"webhook-id", "Names the message."}, {"webhook-timestamp", "When it was sent, in seconds."}, {"webhook-signature", "Its signatures, as Standard Webhooks has them."}} {
		if !strings.EqualFold(h[0], e.Idempotency) {
			must(h[0], h[1], `{"type":"string"}`)
		}
	}
	return list
}

func (w *writer) body(e *specs.Endpoint) *body {
	switch e.Body {
	case specs.BodyJSON:
		return &body{Required: true, Content: map[string]media{"application/json": {w.ref(e.Send)}}}
	case specs.BodyRaw:
		return &body{Required: true, Content: map[string]media{"*/*": {}}}
	}
	return nil
}
