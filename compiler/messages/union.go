package messages

import (
	"encoding/json"
	"slices"

	"github.com/grow-platform/grow/specs/shape"
)

// shared reads alternatives, unless they were read before.
func (r *reader) shared(schema []byte, schemas []json.RawMessage, in *class, name string) (*value, error) {
	form := formOf(schema)
	if c := r.byForm[form]; c != nil && c != in {
		c.uses++
		if err := r.whole(c); err != nil {
			return nil, err
		}
		v := *c.of
		return &v, nil
	}
	v, err := r.union(schemas, in, name)
	if err == nil && v.kind == union && v.class != in {
		r.byForm[form] = v.class
	}
	return v, err
}

// same says whether two values are written alike.
func same(a, b *value) bool {
	if a.kind != b.kind || a.class != b.class || a.nullable != b.nullable || len(a.parts) != len(b.parts) || len(a.enum) != len(b.enum) {
		return false
	}
	for i := range a.parts {
		if !same(a.parts[i], b.parts[i]) {
			return false
		}
	}
	return slices.EqualFunc(a.enum, b.enum, func(x, y constant) bool { return string(x) == string(y) }) && (a.elem == nil || same(a.elem, b.elem))
}

// alike says whether all of some values are written alike.
func alike(all []*value) bool {
	return !slices.ContainsFunc(all, func(v *value) bool { return !same(v, all[0]) })
}

// union reads alternatives.
func (r *reader) union(schemas []json.RawMessage, in *class, name string) (*value, error) {
	docs := make([]schemaDoc, len(schemas))
	nullable := false
	var kept []json.RawMessage
	var keptDocs []*schemaDoc
	for i, s := range schemas {
		if err := json.Unmarshal(s, &docs[i]); err != nil {
			return nil, err
		}
		if isNull(&docs[i]) {
			nullable = true
			continue
		}
		kept, keptDocs = append(kept, s), append(keptDocs, &docs[i])
	}
	v, err := r.alternatives(kept, keptDocs, in, name)
	if err != nil {
		return nil, err
	}
	v.nullable = v.nullable || nullable
	return v, nil
}

func isNull(d *schemaDoc) bool {
	return slices.Equal(d.types(), []string{"null"}) || len(d.Enum) == 1 && string(d.Enum[0]) == "null"
}

func (r *reader) alternatives(schemas []json.RawMessage, docs []*schemaDoc, in *class, name string) (*value, error) {
	if tag, texts := tagOf(docs); tag != "" {
		v := &value{kind: union, tag: tag}
		for i, s := range schemas {
			c, err := r.part(s, docs[i], in, joined(name, texts[i]), tag)
			if err != nil {
				return nil, err
			}
			v.parts = append(v.parts, &value{kind: object, class: c})
		}
		v.class = r.unionClass(v, in, name)
		return v, nil
	}
	var all []*value
	for i, s := range schemas {
		part := name
		if len(schemas) > 1 && docs[i].Properties != nil {
			part = joined(name, ordinal(i))
		}
		v, err := r.value(s, in, part)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return r.either(all, in, name), nil
}

// either is one of some values.
func (r *reader) either(all []*value, in *class, name string) *value {
	switch len(all) {
	case 0:
		return &value{kind: anything, nullable: true}
	case 1:
		return all[0]
	}
	v := &value{kind: union, parts: all}
	if merged, ok := oneKind(all); ok {
		return merged
	}
	for _, p := range all {
		if p.kind == anything {
			return &value{kind: anything}
		}
		v.nullable = v.nullable || p.nullable
	}
	v.class = r.unionClass(v, in, name)
	return v
}

// oneKind is a value that is all of some, when they differ in no more than which
// values of a plain kind there may be.
func oneKind(all []*value) (*value, bool) {
	v := *all[0]
	v.class = nil
	for _, p := range all {
		switch {
		case p.kind != text && p.kind != whole && p.kind != number && p.kind != truth:
			return nil, false
		case p.kind == number && v.kind == whole:
			v.kind = number
		case p.kind == whole && v.kind == number:
		case p.kind != v.kind:
			return nil, false
		}
		v.nullable = v.nullable || p.nullable
		v.enum = nil
	}
	return &v, true
}

// unionClass is the name of a union, for languages that name it.
func (r *reader) unionClass(v *value, in *class, name string) *class {
	if name == "" { // a whole type
		return in
	}
	c := &class{wanted: name, name: in.name + camel(name), of: v, uses: 1}
	r.classes = append(r.classes, c)
	return c
}

// tagOf finds the field whose text tells objects apart, and its texts; "" when
// there is none.
func tagOf(docs []*schemaDoc) (tag string, texts []string) {
	if len(docs) < 2 {
		return "", nil
	}
	for _, candidate := range docs[0].Required {
		texts, seen := []string{}, map[string]bool{}
		for _, d := range docs {
			t, ok := constantOf(d, candidate)
			if !ok || seen[t] {
				break
			}
			seen[t] = true
			texts = append(texts, t)
		}
		if len(texts) == len(docs) {
			return candidate, texts
		}
	}
	return "", nil
}

// constantOf is the one text that a field of an object may hold.
func constantOf(d *schemaDoc, name string) (string, bool) {
	if !structured(d) || !slices.Contains(d.Required, name) {
		return "", false
	}
	said, ok := "", false
	shape.Fields(d.Properties, func(have string, schema []byte) {
		if have != name {
			return
		}
		var of schemaDoc
		if json.Unmarshal(schema, &of) == nil && len(of.Enum) == 1 && of.Enum[0][0] == '"' {
			said, ok = constant(of.Enum[0]).text(), true
		}
	})
	return said, ok
}
