package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// visitsMax is how often values may be held against schemas for one request or answer:
// alternatives within each other would have it take for ever.
const visitsMax = 1 << 20

// Error is what of a request or an answer is not as the document says.
type Error struct {
	At  string // "params.country", "body/items/0/price", "answer/rate"
	Why string
}

// Error implements error.
func (e *Error) Error() string { return e.At + ": " + e.Why }

// checker holds values against schemas.
type checker struct {
	modern *modern // those of JSON Schema 2020-12, as of version 3.1; nil: they are of 3.0
}

// value holds JSON that was decoded against a schema; nil: anything fits.
func (c checker) value(schema *openapi3.Schema, v any, at string, answer bool) error {
	if schema == nil {
		return nil
	}
	counted := &counter{seen: map[visit]int{}}
	if n := counted.count(schema, v); max(n, counted.total) > visitsMax {
		return &Error{at, "takes too long to hold against the document: it has alternatives within alternatives, or a schema that is a part of itself"}
	}
	if c.modern != nil {
		return c.modern.value(schema, v, at, answer)
	}
	options := []openapi3.SchemaValidationOption{openapi3.SetSchemaRegexCompiler(pattern), openapi3.VisitAsRequest(), openapi3.DisableSchemaErrorDetails()}
	if answer {
		options[1] = openapi3.VisitAsResponse()
	}
	if !held.admit(counted.patterns) {
		options = append(options, openapi3.DisablePatternValidation())
	}
	err := schema.VisitJSON(v, options...)
	var wrong *openapi3.SchemaError
	if errors.As(err, &wrong) {
		for _, part := range wrong.JSONPointer() {
			at += "/" + part
		}
		why := wrong.Reason
		if why == "" {
			why = "does not fit " + wrong.SchemaField
		}
		return &Error{clip(at), clip(why)}
	}
	if err != nil {
		return &Error{clip(at), clip(short(err).Error())}
	}
	return nil
}

// textMax is how much of what came from elsewhere an error tells, in bytes.
const textMax = 200

func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > textMax {
		text = strings.ToValidUTF8(text[:textMax], "") + "…"
	}
	return text
}

// pattern compiles a pattern. One that is not of those which run in linear time is not
// held against anything.
func pattern(text string) (openapi3.RegexMatcher, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return regexp.MustCompile(""), nil //nolint:nilerr // as said
	}
	return re, nil
}

// Limits of the patterns of all documents that were ever read: the library keeps them until
// the process ends. What is more is not held against anything.
const (
	PatternsMax     = 4096
	patternBytesMax = 1 << 20
)

// held are the patterns that the library keeps.
var held patterns

// patterns are those that were admitted. It is safe for concurrent use.
type patterns struct {
	mu    sync.Mutex
	known map[string]bool
	bytes int
}

// admit reports whether all of a list may be kept, and keeps them.
func (p *patterns) admit(list []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string]bool{}
	}
	for _, text := range list {
		if p.known[text] {
			continue
		}
		if len(p.known) >= PatternsMax || p.bytes+len(text) > patternBytesMax {
			return false
		}
		p.known[strings.Clone(text)], p.bytes = true, p.bytes+len(text)
	}
	return true
}

// counter counts how often schemas are applied when a value is held against one, at
// most: a value within alternatives is once for each of them.
type counter struct {
	seen     map[visit]int // what is not counted to its end has -1
	total    int
	patterns []string // that values may be held against
}

// visit is a schema that a list or object is held against.
type visit struct {
	schema *openapi3.Schema
	value  uintptr
}

// count returns the number for a part and has total grow with every pair that it meets,
// so that counting itself has an end.
func (c *counter) count(s *openapi3.Schema, v any) int {
	if c.total > visitsMax {
		return 0
	}
	c.total++
	key := visit{schema: s}
	if k := reflect.ValueOf(v); k.Kind() == reflect.Map || k.Kind() == reflect.Slice {
		key.value = k.Pointer()
	}
	if n, ok := c.seen[key]; ok && n < 0 {
		c.total = visitsMax + 1 // it is held against itself for ever
		return 0
	} else if ok && key.value != 0 {
		c.total += n
		return n
	}
	c.seen[key] = -1
	n := 1 + len(s.Enum)
	c.total += len(s.Enum)
	if s.Pattern != "" {
		c.patterns = append(c.patterns, s.Pattern)
	}
	add := func(part *openapi3.SchemaRef, v any) {
		if part != nil && part.Value != nil {
			n = min(n+c.count(part.Value, v), visitsMax+1)
		}
	}
	// The validator visits an alternative that fits once more, for its defaults.
	for _, list := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.AnyOf, s.OneOf, s.OneOf} {
		for _, part := range list {
			add(part, v)
		}
	}
	for _, part := range s.DependentSchemas {
		add(part, v)
	}
	for _, part := range []*openapi3.SchemaRef{s.Not, s.If, s.Then, s.Else} {
		add(part, v)
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			add(s.Items, item)
			add(s.Contains, item)
			add(s.UnevaluatedItems.Schema, item)
			for _, part := range s.PrefixItems {
				add(part, item)
			}
		}
	case map[string]any:
		for name, field := range v {
			if p := s.Properties[name]; p != nil {
				add(p, field)
			} else {
				add(s.AdditionalProperties.Schema, field)
			}
			add(s.UnevaluatedProperties.Schema, field)
			add(s.PropertyNames, name)
			for _, part := range s.PatternProperties {
				add(part, field)
			}
		}
	}
	c.seen[key] = n
	if key.value == 0 {
		delete(c.seen, key)
	}
	return n
}

// decode reads JSON, with numbers as they are written.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("is no JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is no JSON: something follows it")
	}
	return v, nil
}
