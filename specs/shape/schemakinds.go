package shape

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// texts reads what a schema says of strings; nil when it says nothing.
func (s *Schemas) texts(n *schema.Node, path string) (*texts, error) {
	r := &texts{max: -1}
	if err := s.lengths(n, path, "Length", &r.min, &r.max); err != nil {
		return nil, err
	}
	f := schemaFormats[n.Get("format").String()]
	if f == nil && strings.HasPrefix(n.Get("format").String(), "time.Format(") {
		of := strings.TrimSuffix(strings.TrimPrefix(n.Get("format").Text, "time.Format("), ")")
		f = layout(of)
	}
	if n.Get("format").String() == "binary" {
		return nil, s.refuse(n.Get("format"), schema.Join(path, "format"), "bytes can only be the whole of a message type; a field in JSON is text")
	}
	if f != nil {
		r.formats = []*format{f}
	}
	if v := n.Get("pattern"); v != nil && (f == nil || f.pattern != v.Text) {
		p, err := s.pattern(v, schema.Join(path, "pattern"), false)
		if err != nil {
			return nil, err
		}
		r.patterns = []*pattern{p}
	}
	if r.min == 0 && r.max < 0 && r.formats == nil && r.patterns == nil {
		return nil, nil
	}
	return r, nil
}

// lengths reads minLength and maxLength, or minItems and maxItems.
func (s *Schemas) lengths(n *schema.Node, path, of string, least, most *int) error {
	for key, to := range map[string]*int{"min" + of: least, "max" + of: most} {
		v := n.Get(key)
		if v == nil {
			continue
		}
		whole, ok := Whole(nil, []byte(v.Text))
		i, err := strconv.ParseInt(string(whole), 10, 31)
		if !ok || err != nil || i < 0 || v.Kind == schema.String {
			return s.refuse(v, schema.Join(path, key), "must be a whole number of at least 0")
		}
		*to = int(i)
	}
	return nil
}

// pattern reads a regular expression of ECMA-262.
func (s *Schemas) pattern(v *schema.Node, path string, negate bool) (*pattern, error) {
	if v.Kind != schema.String {
		return nil, s.refuse(v, path, "is %s; a pattern is text", v.Kind)
	}
	p, err := newPattern(fromECMA(v.Text), negate)
	if err != nil {
		message := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		if strings.Contains(v.Text, "(?=") || strings.Contains(v.Text, "(?!") || strings.Contains(v.Text, "(?<") {
			message = "looking ahead or behind cannot be done in one pass"
		}
		return nil, s.refuse(v, path, "its pattern cannot be matched: %s", message)
	}
	return p, nil
}

// fromECMA puts \uXXXX, \u{X} and \cX into Go's words.
func fromECMA(expr string) string {
	var b strings.Builder
	for i := 0; i < len(expr); i++ {
		rest := expr[i:]
		switch {
		case len(rest) >= 6 && rest[:2] == `\u` && isHex(rest[2:6]):
			fmt.Fprintf(&b, `\x{%s}`, rest[2:6])
			i += 5
		case strings.HasPrefix(rest, `\u{`):
			b.WriteString(`\x`)
			i++
		case len(rest) >= 3 && rest[:2] == `\c` && rest[2] >= '@':
			fmt.Fprintf(&b, `\x%02x`, rest[2]&0x1f)
			i += 2
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(rest[:2])
			i++
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// ranges are the formats of OpenAPI that bound a number.
var ranges = map[string][2]string{
	"int32": {"-2147483648", "2147483647"}, "int64": {"-9223372036854775808", "9223372036854775807"},
}

// numbers reads what a schema says of numbers; nil when it says nothing.
func (s *Schemas) numbers(n *schema.Node, path string) (*numbers, error) {
	r := &numbers{}
	for _, key := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"} {
		v := n.Get(key)
		if v == nil || v.Kind == schema.Bool && s.dialect == OpenAPI3_0 && strings.HasPrefix(key, "exclusive") {
			continue
		}
		f, err := s.figure(v, schema.Join(path, key))
		if err != nil {
			return nil, err
		}
		b := &bound{number: f, strict: strings.HasPrefix(key, "exclusive") || n.Get("exclusive"+strings.ToUpper(key[:1])+key[1:]).Bool()}
		if strings.HasSuffix(strings.ToLower(key), "minimum") {
			r.min = r.min.tighter(b, 1)
		} else {
			r.max = r.max.tighter(b, -1)
		}
	}
	if of, ok := ranges[n.Get("format").String()]; ok {
		low, _ := value([]byte(of[0]), 0)
		high, _ := value([]byte(of[1]), 0)
		r.min, r.max = r.min.tighter(&bound{number: low}, 1), r.max.tighter(&bound{number: high}, -1)
	}
	if v := n.Get("multipleOf"); v != nil {
		f, err := s.figure(v, schema.Join(path, "multipleOf"))
		if err != nil {
			return nil, err
		}
		if f.f <= 0 {
			return nil, s.refuse(v, schema.Join(path, "multipleOf"), "must be more than 0")
		}
		r.multiple = []number{f}
	}
	if r.min == nil && r.max == nil && r.multiple == nil {
		return nil, nil
	}
	return r, nil
}

// items reads what a schema says of lists; nil when it says nothing.
func (s *Schemas) items(n *schema.Node, path string) (*items, error) {
	r := &items{rest: anything, max: -1}
	first, firstPath := n.Get("prefixItems"), schema.Join(path, "prefixItems")
	rest, restPath := n.Get("items"), schema.Join(path, "items")
	switch {
	case s.dialect == Draft2020 && rest != nil && rest.Kind == schema.List:
		return nil, s.refuse(rest, restPath, "is a list of schemas; in this dialect they stand under prefixItems")
	case s.dialect == Draft2020 && n.Get("additionalItems") != nil:
		return nil, s.refuse(n.Get("additionalItems"), schema.Join(path, "additionalItems"), "has no meaning in this dialect; write items")
	case s.dialect != OpenAPI3_0 && rest != nil && rest.Kind == schema.List:
		first, firstPath = rest, restPath
		rest, restPath = n.Get("additionalItems"), schema.Join(path, "additionalItems")
	}
	var err error
	if first != nil {
		if r.prefix, err = s.list(first, firstPath); err != nil {
			return nil, err
		}
		for i, t := range r.prefix {
			r.prefix[i] = t.withoutDefault()
		}
	}
	if err := s.lengths(n, path, "Items", &r.min, &r.max); err != nil {
		return nil, err
	}
	switch {
	case rest == nil:
	case rest.Kind == schema.Bool && !rest.Bool():
		r.rest, r.max = nil, least(r.max, len(r.prefix))
	default:
		t, err := s.read(rest, restPath)
		if err != nil {
			return nil, err
		}
		r.rest = t.withoutDefault()
	}
	if r.prefix == nil && r.min == 0 && r.max < 0 && r.rest != nil && r.rest.any {
		return nil, nil
	}
	return r, nil
}

// fields reads what a schema says of objects; nil when it says nothing.
func (s *Schemas) fields(n *schema.Node, path string) (*fields, error) {
	r := &fields{index: map[string]*field{}}
	for _, part := range []func(*fields, *schema.Node, string) error{s.patterned, s.properties, s.additional} {
		if err := part(r, n, path); err != nil {
			return nil, err
		}
	}
	additional := n.Get("additionalProperties") != nil || n.Get("unevaluatedProperties") != nil
	if len(r.list) == 0 && r.patterns == nil && !additional && n.Get("properties") == nil {
		return nil, nil
	}
	return r, nil
}

// properties reads the fields that a schema names.
func (s *Schemas) properties(r *fields, n *schema.Node, path string) error {
	required, err := s.required(n, path)
	if err != nil {
		return err
	}
	properties := n.Get("properties")
	path = schema.Join(path, "properties")
	if properties != nil && properties.Kind != schema.Map {
		return s.refuse(properties, path, "is %s; it must be a map of names and schemas", properties.Kind)
	}
	if properties != nil {
		for _, f := range properties.Fields {
			t, err := s.read(f.Value, schema.Join(path, f.Key))
			if err != nil {
				return err
			}
			if err := s.property(r, f, schema.Join(path, f.Key), t, required[f.Key]); err != nil {
				return err
			}
			delete(required, f.Key)
		}
	}
	// Names that are required and not described may be anything.
	if v := n.Get("required"); v != nil {
		for _, name := range v.Items {
			if required[name.Text] {
				if err := s.property(r, &schema.Field{Key: name.Text, Value: name}, path, anything, true); err != nil {
					return err
				}
				delete(required, name.Text)
			}
		}
	}
	return nil
}

func (s *Schemas) required(n *schema.Node, path string) (map[string]bool, error) {
	names := map[string]bool{}
	v := n.Get("required")
	if v == nil {
		return names, nil
	}
	if v.Kind != schema.List {
		return nil, s.refuse(v, schema.Join(path, "required"), "is %s; it must be a list of names, beside properties", v.Kind)
	}
	for _, name := range v.Items {
		if name.Kind != schema.String {
			return nil, s.refuse(name, schema.Join(path, "required"), "is %s; a name is text", name.Kind)
		}
		names[name.Text] = true
	}
	return names, nil
}

// property adds one field, with what patterns say of its name.
func (s *Schemas) property(r *fields, f *schema.Field, path string, t *Type, required bool) error {
	if len(r.list) == FieldsMax {
		return s.refuse(f.Value, path, "it has more than %d fields", FieldsMax)
	}
	for _, p := range r.patterns {
		if !p.key.admitsText(f.Key) {
			continue
		}
		var err error
		if t, err = s.meet(f.Value, path, t, p.typ); err != nil {
			return err
		}
	}
	about := t.about
	if t = t.withAbout(""); required {
		t = t.withoutDefault()
	}
	r.add(f.Key, t, required, required).about = about
	return nil
}

// patterned reads patternProperties, which hold for named fields too.
func (s *Schemas) patterned(r *fields, n *schema.Node, path string) error {
	patterns := n.Get("patternProperties")
	if patterns == nil {
		return nil
	}
	path = schema.Join(path, "patternProperties")
	if patterns.Kind != schema.Map {
		return s.refuse(patterns, path, "is %s; it must be a map of patterns and schemas", patterns.Kind)
	}
	for _, f := range patterns.Fields {
		at := schema.Join(path, f.Key)
		p, err := s.pattern(&schema.Node{Kind: schema.String, Text: f.Key, Pos: f.Pos}, at, false)
		if err != nil {
			return err
		}
		key := &Type{kinds: String, str: &texts{max: -1, patterns: []*pattern{p}}}
		if err := s.keyed(r, key, f.Value, at); err != nil {
			return err
		}
	}
	return nil
}

// keyed adds the type of fields whose names fit key.
func (s *Schemas) keyed(r *fields, key *Type, n *schema.Node, path string) error {
	t, err := s.read(n, path)
	if err != nil {
		return err
	}
	r.patterns = append(r.patterns, keyed{key, t.withoutDefault().withAbout("")})
	return nil
}

// additional reads what a schema says of all other fields. That there are none
// is not held against a message: consumers ignore what they do not know.
func (s *Schemas) additional(r *fields, n *schema.Node, path string) error {
	key, rest, at := &Type{kinds: String}, n.Get("additionalProperties"), schema.Join(path, "additionalProperties")
	if rest == nil {
		rest, at = n.Get("unevaluatedProperties"), schema.Join(path, "unevaluatedProperties")
	}
	names := n.Get("propertyNames")
	if names != nil {
		var err error
		if key, err = s.names(names, schema.Join(path, "propertyNames")); err != nil {
			return err
		}
	}
	switch {
	case rest == nil && names != nil:
		r.patterns = append(r.patterns, keyed{key, anything})
		return nil
	case rest == nil || rest.Kind == schema.Bool && !rest.Bool():
		return nil
	case names == nil && (rest.Kind == schema.Bool || rest.Kind == schema.Map && len(rest.Fields) == 0):
		r.open = true
		return nil
	case len(r.patterns) > 0:
		return s.refuse(rest, at, "a schema for what fits none of the patterns is not among what a message type can say; give it a pattern too")
	}
	return s.keyed(r, key, rest, at)
}

// names reads what names of fields may be.
func (s *Schemas) names(n *schema.Node, path string) (*Type, error) {
	t, err := s.read(n, path)
	if err != nil {
		return nil, err
	}
	if t.any {
		return &Type{kinds: String}, nil
	}
	if t.arms != nil || t.kinds&String == 0 {
		return nil, s.refuse(n, path, "names of fields are strings, with one set of rules")
	}
	return &Type{kinds: String, str: t.str}, nil
}
