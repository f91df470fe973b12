package shape

import (
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// unions reads anyOf and oneOf.
func (s *Schemas) unions(n *schema.Node, path string) ([]*Type, error) {
	var found []*Type
	for _, key := range []string{"anyOf", "oneOf"} {
		v, refused := n.Get(key), len(s.refused)
		arms, err := s.list(v, schema.Join(path, key))
		if err != nil {
			return nil, err
		}
		if arms == nil {
			continue
		}
		if err := s.discriminate(n, path, v, arms); err != nil {
			return nil, err
		}
		if key == "oneOf" && len(s.refused) == refused {
			if err := s.apart(v, schema.Join(path, key), arms); err != nil {
				return nil, err
			}
		}
		for i, a := range arms {
			arms[i] = a.withoutDefault()
		}
		found = append(found, join(arms...))
	}
	return found, nil
}

// apart refuses alternatives of oneOf that one value may fit several of.
func (s *Schemas) apart(v *schema.Node, path string, arms []*Type) error {
	if len(arms) > alternativesMax {
		return s.refuse(v, path, "it has more than %d alternatives", alternativesMax)
	}
	for i, a := range arms {
		for k, b := range arms[:i] {
			if !disjoint(a, b) {
				return s.refuse(v.Items[i], schema.At(path, i), "one value may fit this and %s, which oneOf forbids: write anyOf, or give both a required field with another constant in each", schema.At("oneOf", k))
			}
		}
	}
	return nil
}

// alternativesMax is how many alternatives of oneOf are compared.
const alternativesMax = 200

// disjoint reports whether plainly no value fits both types.
func disjoint(a, b *Type) bool {
	for _, x := range a.branches() {
		for _, y := range b.branches() {
			if !apart(x, y) {
				return false
			}
		}
	}
	return true
}

func apart(x, y *Type) bool {
	both := x.kinds & y.kinds
	if both&(Null|Bool|List) != 0 {
		return false
	}
	if both&String != 0 && !textsApart(x.str, y.str) && !textsApart(y.str, x.str) {
		return false
	}
	if both&Number != 0 && !x.numbersApart(y) && !y.numbersApart(x) {
		return false
	}
	return both&Object == 0 || structsApart(x.obj, y.obj)
}

func textsApart(a, b *texts) bool {
	return a != nil && a.enum != nil && b != nil && !slices.ContainsFunc(a.enum, func(s string) bool { return a.admits([]byte(s)) && b.admits([]byte(s)) })
}

func (t *Type) numbersApart(b *Type) bool {
	if t.num == nil {
		return false
	}
	if t.num.enum != nil {
		return !slices.ContainsFunc(t.num.enum, func(n number) bool { return t.admitsNumber(n) && b.admitsNumber(n) })
	}
	if t.num.max == nil || b.num == nil || b.num.min == nil {
		return false
	}
	c := t.num.max.compare(b.num.min.number)
	return c < 0 || c == 0 && (t.num.max.strict || b.num.min.strict)
}

func structsApart(a, b *fields) bool {
	if a == nil || b == nil {
		return false
	}
	for _, f := range a.list {
		if g := b.index[f.name]; g != nil && f.required && g.required && disjoint(f.typ, g.typ) {
			return true
		}
	}
	return false
}

// discriminate gives each alternative the constants that OpenAPI's
// discriminator tells it by: the schema's name, or what the mapping says.
func (s *Schemas) discriminate(n *schema.Node, path string, v *schema.Node, arms []*Type) error {
	d := n.Get("discriminator")
	name := d.Get("propertyName").String()
	if name == "" {
		return nil
	}
	mapping := map[string][]string{}
	if m := d.Get("mapping"); m != nil {
		for _, f := range m.Fields {
			mapping[f.Value.String()] = append(mapping[f.Value.String()], f.Key)
		}
	}
	for i, item := range v.Items {
		ref := item.Get("$ref").String()
		if ref == "" {
			return s.refuse(item, path, "a discriminator tells schemas apart by their names; put this one under components and refer to it")
		}
		short := ref[strings.LastIndexByte(ref, '/')+1:]
		values := slices.Concat(mapping[ref], mapping[short])
		if values == nil {
			values = []string{short}
		}
		obj := &fields{index: map[string]*field{}}
		obj.add(name, &Type{kinds: String, str: &texts{max: -1, enum: values}}, true, true)
		var err error
		if arms[i], err = s.meet(item, path, arms[i], &Type{kinds: Object, obj: obj}); err != nil {
			return err
		}
	}
	return nil
}
