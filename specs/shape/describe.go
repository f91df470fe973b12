package shape

import (
	"fmt"
	"strconv"
	"strings"
)

// PartsMax is how many values Describe lists at most.
const PartsMax = 2000

// Part is one value that a type has, in words.
type Part struct {
	// Path is where it is: customer.name, lines[].sku, counts.* for every value
	// of a map, (card).number in the form of a union that is told by "card"; ""
	// is the value itself.
	Path string
	// About is what it may be: "a string of at most 200 characters".
	About    string
	Required bool   // a message without it is refused
	Default  []byte // JSON that stands for it when it is left out; nil: nothing does
}

// Describe lists what a type says, for people: first the whole value, then each
// value within, in the order of the definition.
func (t *Type) Describe() []Part {
	d := &describer{}
	d.parts = append(d.parts, Part{About: t.words(), Required: true, Default: t.def})
	d.within(t, "")
	return d.parts
}

type describer struct{ parts []Part }

// within lists what is inside of the value at a path.
func (d *describer) within(t *Type, path string) {
	if t.any {
		return
	}
	forms := t.forms()
	for i, a := range t.branches() {
		at := path
		if forms > 1 && a.kinds&Object != 0 {
			at = below(path, "("+t.told(a, i)+")")
		}
		d.inside(a, at)
	}
}

func (d *describer) inside(a *Type, path string) {
	if a.kinds&Object != 0 && a.obj != nil {
		for _, f := range a.obj.list {
			d.add(f.typ, Part{Path: below(path, spoken(f.name)), Required: f.required, Default: f.typ.def})
		}
		for _, p := range a.obj.patterns {
			switch words := p.key.words(); {
			case words != "a string":
				d.add(p.typ, Part{Path: below(path, "* ("+words+")")})
			case len(a.obj.list) > 0 || len(a.obj.patterns) > 1:
				d.add(p.typ, Part{Path: below(path, "*")})
			default: // the words for the map say the rest
				d.within(p.typ, below(path, "*"))
			}
		}
	}
	if a.kinds&List != 0 && a.list != nil {
		for i, e := range a.list.prefix {
			d.add(e, Part{Path: fmt.Sprintf("%s[%d]", path, i), Required: true})
		}
		if r := a.list.rest; r != nil && r.composed() {
			d.within(r, path+"[]")
		}
	}
}

func (d *describer) add(t *Type, p Part) {
	if len(d.parts) >= PartsMax {
		return
	}
	p.About = t.words()
	d.parts = append(d.parts, p)
	d.within(t, p.Path)
}

// composed reports whether there is more to a value than one line says.
func (t *Type) composed() bool { return !t.any && t.kinds&(Object|List) != 0 }

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// spoken is a name of a field, in quotes where it would be misread in a path.
func spoken(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return strconv.Quote(name)
	}
	return name
}

// told is what the arm of a union is told by.
func (t *Type) told(arm *Type, i int) string {
	if t.tag != nil {
		var texts []string
		for _, text := range t.tag.order {
			if t.tag.byVal[text] == arm {
				texts = append(texts, text)
			}
		}
		if len(texts) > 0 {
			return t.tag.name + ": " + strings.Join(texts, " or ")
		}
	}
	return "form " + strconv.Itoa(i+1)
}

// words say what a value may be, on one line.
func (t *Type) words() string {
	switch {
	case t.raw:
		return "bytes"
	case t.any:
		return "anything"
	case t.arms != nil:
		return t.unionWords()
	}
	var all []string
	if t.kinds&Object != 0 {
		all = append(all, t.obj.words())
	}
	if t.kinds&List != 0 {
		all = append(all, t.list.words())
	}
	if t.kinds&String != 0 {
		all = append(all, t.str.words())
	}
	if t.kinds&Number != 0 {
		all = append(all, t.numberWords())
	}
	if k := t.kinds & (Bool | Null); k != 0 {
		all = append(all, k.String())
	}
	return strings.Join(all, " or ")
}

// forms counts the alternatives that are objects.
func (t *Type) forms() int {
	n := 0
	for _, a := range t.arms {
		if a.kinds&Object != 0 {
			n++
		}
	}
	return n
}

func (t *Type) unionWords() string {
	var all []string
	n := t.forms()
	if n > 1 {
		text := fmt.Sprintf("an object in one of %d forms", n)
		if t.tag != nil {
			text += ", told by " + spoken(t.tag.name)
		}
		all = append(all, text)
	}
	for _, a := range t.arms {
		if n < 2 || a.kinds != Object {
			all = append(all, a.words())
		}
	}
	return strings.Join(all, ", or ")
}

func (r *fields) words() string {
	switch {
	case r != nil && len(r.list) == 0 && len(r.patterns) == 1:
		return "a map of names to: " + r.patterns[0].typ.words()
	case r != nil && len(r.list) == 0 && !r.open:
		return "an object without fields"
	case r != nil && r.open:
		return "an object, with any other fields"
	}
	return "an object"
}

func (r *items) words() string {
	if r == nil {
		return "a list"
	}
	text := "a list"
	if count := span(r.min, r.max, "item"); count != "" {
		text += " of " + count
	}
	if r.rest != nil && !r.rest.any && len(r.prefix) == 0 {
		text += ", each " + r.rest.words()
	}
	return text
}

// span says how many there may be; "" for any number.
func span(least, most int, what string) string {
	some := func(n int) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	switch {
	case most >= 0 && least == most:
		return some(most)
	case most >= 0 && least > 0:
		return fmt.Sprintf("%d to %s", least, some(most))
	case most >= 0:
		return "at most " + some(most)
	case least > 0:
		return "at least " + some(least)
	}
	return ""
}

func (r *texts) words() string {
	if r == nil {
		return "a string"
	}
	if r.enum != nil {
		return choice(quoted(r.enum))
	}
	text := "a string"
	if count := span(r.min, r.max, "character"); count != "" {
		text += " of " + count
	}
	var rules []string
	for _, f := range r.formats {
		rules = append(rules, "is "+f.about)
	}
	for _, p := range r.patterns {
		verb := "matches "
		if p.negate {
			verb = "does not match "
		}
		rules = append(rules, verb+p.re.String())
	}
	switch {
	case len(r.not) == 1 && r.not[0] == "":
		rules = append(rules, "is not empty")
	case len(r.not) > 0:
		rules = append(rules, "is not "+choice(quoted(r.not)))
	}
	if len(rules) > 0 {
		text += " that " + strings.Join(rules, " and ")
	}
	return text
}

func (t *Type) numberWords() string {
	r := t.num
	if r == nil {
		return (t.kinds & Number).String()
	}
	if r.enum != nil {
		return choice(figures(r.enum))
	}
	var rules []string
	for _, b := range []struct {
		bound          *bound
		strict, within string
	}{{r.min, "more than ", "at least "}, {r.max, "less than ", "at most "}} {
		switch {
		case b.bound == nil:
		case b.bound.strict:
			rules = append(rules, b.strict+string(b.bound.text))
		default:
			rules = append(rules, b.within+string(b.bound.text))
		}
	}
	if len(r.multiple) > 0 {
		rules = append(rules, "a multiple of "+strings.Join(figures(r.multiple), " and of "))
	}
	if len(r.not) > 0 {
		rules = append(rules, "not "+choice(figures(r.not)))
	}
	if len(rules) == 0 {
		return (t.kinds & Number).String()
	}
	return (t.kinds & Number).String() + ", " + strings.Join(rules, ", ")
}

// choice joins words as a choice.
func choice(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
