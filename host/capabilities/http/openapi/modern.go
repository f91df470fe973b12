package openapi

import (
	"bytes"
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

// rootURL is what a schema is called while it is compiled; nothing is loaded from there.
const rootURL = "https://schema.invalid/root"

// modern holds the schemas of a document of version 3.1, which are those of JSON Schema
// 2020-12. Each is compiled when it is first needed, and kept: there are no more than the
// document has. It is safe for concurrent use.
type modern struct {
	components openapi3.Schemas

	mu       sync.Mutex // guards compiled
	compiled map[use]compiled
}

// use is a schema as requests or answers are held against it.
type use struct {
	schema *openapi3.Schema
	answer bool
}

// compiled is what became of a schema.
type compiled struct {
	*jsonschema.Schema
	err error
}

func newModern(doc *openapi3.T) *modern {
	m := &modern{compiled: map[use]compiled{}}
	if doc.Components != nil {
		m.components = doc.Components.Schemas
	}
	return m
}

// value holds JSON that was decoded against a schema. Its error is an *[Error].
func (m *modern) value(schema *openapi3.Schema, v any, at string, answer bool) error {
	m.mu.Lock()
	c, ok := m.compiled[use{schema, answer}]
	if !ok {
		c.Schema, c.err = m.compile(schema, answer)
		m.compiled[use{schema, answer}] = c
	}
	m.mu.Unlock()
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

// compile makes a schema with all that it refers to.
func (m *modern) compile(schema *openapi3.Schema, answer bool) (*jsonschema.Schema, error) {
	root, err := plain(schema)
	if err != nil {
		return nil, err
	}
	named := map[string]any{}
	whole := map[string]any{"root": root, "components": map[string]any{"schemas": named}}
	for waiting := []any{root}; len(waiting) > 0; waiting = waiting[1:] {
		for _, name := range references(waiting[0]) {
			ref := m.components[name]
			if named[name] != nil || ref == nil || ref.Value == nil {
				continue // one that is not there is told below
			}
			if named[name], err = plain(ref.Value); err != nil {
				return nil, err
			}
			waiting = append(waiting, named[name])
		}
	}
	direct(whole, named, map[bool]string{false: "readOnly", true: "writeOnly"}[answer])
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		re, err := regexp.Compile(text)
		if err != nil { // it does not run in linear time: it is not held against anything
			return regexp.MustCompile(""), nil //nolint:nilerr // as said
		}
		return re, nil
	})
	if err := c.AddResource(rootURL, whole); err != nil {
		return nil, fmt.Errorf("the document's schema cannot be read: %w", err)
	}
	s, err := c.Compile(rootURL + "#/root")
	if err != nil {
		return nil, fmt.Errorf("the document's schema cannot be read: %w", err)
	}
	return s, nil
}

// nowhere loads nothing: references lead nowhere out of the document.
type nowhere struct{}

func (nowhere) Load(string) (any, error) {
	return nil, errors.New("it leads out of the document")
}

// plain is a schema as JSON that was decoded.
func plain(schema *openapi3.Schema) (any, error) {
	data, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return v, nil
}

// references are the names of the schemas that JSON refers to.
func references(v any) (names []string) {
	each(v, func(object map[string]any) {
		if ref, ok := object["$ref"].(string); ok {
			names = append(names, component(ref))
		}
	})
	return names
}

// component is the name of the schema that a reference means; "": none.
func component(ref string) string {
	rest, ok := strings.CutPrefix(ref, componentsPrefix)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// each visits the objects in JSON.
func each(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, part := range v {
			each(part, visit)
		}
	case []any:
		for _, part := range v {
			each(part, visit)
		}
	}
}

// direct takes what does not go that way out of schemas: properties that word, readOnly in
// requests or writeOnly in answers, says of.
func direct(whole any, named map[string]any, word string) {
	each(whole, func(object map[string]any) {
		properties, _ := object["properties"].(map[string]any)
		for name, p := range properties {
			schema, _ := p.(map[string]any)
			if ref, ok := schema["$ref"].(string); ok && schema[word] == nil {
				schema, _ = named[component(ref)].(map[string]any)
			}
			if schema[word] != true {
				continue
			}
			properties[name] = false
			if required, ok := object["required"].([]any); ok {
				object["required"] = slices.DeleteFunc(required, func(needed any) bool { return needed == name })
			}
		}
	})
}
