package openapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// componentsPrefix begins references to schemas that stand for themselves.
const componentsPrefix = "#/components/schemas/"

// What schemas are called while they are compiled: a component by its name in hexadecimal,
// others by their number. Nothing is loaded from there.
const (
	componentURL = "https://schema.invalid/component/"
	otherURL     = "https://schema.invalid/other/"
)

// SchemasMax is how many schemas, each with those within it counted, the operations of a document of
// version 3.1 may reach; requests and answers count for themselves. To compile one takes longer the
// more there are.
const SchemasMax = 20000

// errSchemas is what more of them lead to.
var errSchemas = fmt.Errorf("its operations reach more than %d schemas; name fewer operations", SchemasMax)

// modern holds the schemas of a document of version 3.1, which are those of JSON Schema
// 2020-12. Each is compiled once for requests and once for answers, however many operations
// reach it: when the document is prepared, or when it is first needed. It is safe for
// concurrent use.
type modern struct {
	components openapi3.Schemas
	names      map[*openapi3.Schema]string // of components
	most       int                         // SchemasMax

	mu   sync.Mutex    // guards ways
	ways map[bool]*way // by whether it is that of answers
}

// way is what holds values that go one way against schemas.
type way struct {
	compiler *jsonschema.Compiler
	compiled map[*openapi3.Schema]compiled
	schemas  int // that were read, those within others too
}

// compiled is what became of a schema.
type compiled struct {
	*jsonschema.Schema
	err error
}

func newModern(doc *openapi3.T) *modern {
	m := &modern{most: SchemasMax, names: map[*openapi3.Schema]string{}, ways: map[bool]*way{}}
	if doc.Components != nil {
		m.components = doc.Components.Schemas
	}
	for name, ref := range m.components {
		if ref != nil && ref.Value != nil && ref.Ref == "" {
			m.names[ref.Value] = name
		}
	}
	for _, answer := range []bool{false, true} {
		w := &way{compiler: jsonschema.NewCompiler(), compiled: map[*openapi3.Schema]compiled{}}
		w.compiler.DefaultDraft(jsonschema.Draft2020)
		w.compiler.UseLoader(loader{m, answer})
		w.compiler.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
			re, err := regexp.Compile(text)
			if err != nil { // it does not run in linear time: it is not held against anything
				return regexp.MustCompile(""), nil //nolint:nilerr // as said
			}
			return re, nil
		})
		m.ways[answer] = w
	}
	return m
}

// prepare compiles a schema, so that nobody waits for it when it is needed. What is wrong with one
// is told to whoever needs it; its own error is errSchemas or the context's.
func (m *modern) prepare(ctx context.Context, schema *openapi3.Schema, answer bool) error {
	if err := ctx.Err(); err != nil || schema == nil {
		return err
	}
	m.schema(schema, answer)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ways[answer].schemas > m.most {
		return errSchemas
	}
	return nil
}

// schema is one as it was compiled.
func (m *modern) schema(schema *openapi3.Schema, answer bool) compiled {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.ways[answer]
	c, ok := w.compiled[schema]
	if !ok {
		c.Schema, c.err = m.compile(schema, answer)
		w.compiled[schema] = c
	}
	return c
}

// value holds JSON that was decoded against a schema. Its error is an *[Error].
func (m *modern) value(schema *openapi3.Schema, v any, at string, answer bool) error {
	c := m.schema(schema, answer)
	if c.err != nil {
		return &Error{at, clip(c.err.Error())}
	}
	err := c.Validate(v)
	var wrong *jsonschema.ValidationError
	if !errors.As(err, &wrong) {
		return err
	}
	for len(wrong.Causes) > 0 {
		wrong = wrong.Causes[0]
	}
	for _, part := range wrong.InstanceLocation {
		at += "/" + part
	}
	return &Error{clip(at), clip(wrong.ErrorKind.LocalizedString(message.NewPrinter(language.English)))}
}

// compile makes a schema with all that it refers to, of which much may have been made before. The
// caller holds the lock.
func (m *modern) compile(schema *openapi3.Schema, answer bool) (*jsonschema.Schema, error) {
	w := m.ways[answer]
	at := otherURL + fmt.Sprint(len(w.compiled))
	if name, ok := m.names[schema]; ok {
		at = componentURL + hex.EncodeToString([]byte(name))
	} else {
		v, err := m.read(schema, answer)
		if err == nil {
			err = w.compiler.AddResource(at, v)
		}
		if err != nil {
			return nil, fmt.Errorf("the document's schema cannot be read: %w", err)
		}
	}
	s, err := w.compiler.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("the document's schema cannot be read: %w", err)
	}
	return s, nil
}

// loader reads components when they are referred to: references lead nowhere out of the document.
type loader struct {
	*modern
	answer bool
}

// Load implements jsonschema.URLLoader.
func (l loader) Load(url string) (any, error) {
	text, ok := strings.CutPrefix(url, componentURL)
	name, err := hex.DecodeString(text)
	ref := l.components[string(name)]
	if !ok || err != nil || ref == nil || ref.Value == nil {
		return nil, errors.New("it leads out of the document")
	}
	return l.read(ref.Value, l.answer)
}

// read is a schema as JSON that was decoded, for one way: properties that do not go it are taken
// out, those that readOnly in requests or writeOnly in answers says of. It has no name of its own
// for references to go by: they go by the component's, in OpenAPI.
func (m *modern) read(schema *openapi3.Schema, answer bool) (any, error) {
	data, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	w := m.ways[answer]
	each(v, func(schema map[string]any) {
		w.schemas++
		for _, own := range []string{"$id", "$schema", "$anchor"} {
			delete(schema, own)
		}
		m.direct(schema, answer)
	})
	each(v, func(schema map[string]any) {
		if ref, ok := schema["$ref"].(string); ok {
			schema["$ref"] = resource(ref)
		}
	})
	if w.schemas > m.most {
		return nil, errSchemas
	}
	return v, nil
}

// component is the name of the schema that a reference means, and what of it; "": none.
func component(ref string) (name, part string) {
	rest, ok := strings.CutPrefix(ref, componentsPrefix)
	if !ok {
		return "", ""
	}
	name, part, _ = strings.Cut(rest, "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name), part
}

// resource is a reference to a component as one to what is compiled.
func resource(ref string) string {
	name, part := component(ref)
	if name == "" {
		return ref
	}
	ref = componentURL + hex.EncodeToString([]byte(name))
	if part != "" {
		ref += "#/" + part
	}
	return ref
}

// Keywords of JSON Schema that each goes by: of some the value is any JSON, of others it is schemas
// by name.
var (
	plainKeywords = []string{"const", "default", "enum", "example", "examples"}
	namedKeywords = []string{"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)

// each visits a schema and those within it.
func each(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for keyword, part := range v {
			named, ok := part.(map[string]any)
			switch {
			case slices.Contains(plainKeywords, keyword):
			case ok && slices.Contains(namedKeywords, keyword):
				for _, schema := range named {
					each(schema, visit)
				}
			default:
				each(part, visit)
			}
		}
	case []any:
		for _, part := range v {
			each(part, visit)
		}
	}
}

// direct takes the properties out of a schema that do not go one way.
func (m *modern) direct(schema map[string]any, answer bool) {
	word := map[bool]string{false: "readOnly", true: "writeOnly"}[answer]
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		property, _ := p.(map[string]any)
		out := property[word] == true
		if ref, ok := property["$ref"].(string); ok && property[word] == nil {
			if name, part := component(ref); part == "" && m.components[name] != nil && m.components[name].Value != nil {
				meant := m.components[name].Value
				out = answer && meant.WriteOnly || !answer && meant.ReadOnly
			}
		}
		if !out {
			continue
		}
		properties[name] = false
		if required, ok := schema["required"].([]any); ok {
			schema["required"] = slices.DeleteFunc(required, func(needed any) bool { return needed == name })
		}
	}
}
