package messages

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// words splits a name: order.placed, order_placed and orderPlaced are two words.
func words(name string) []string {
	var all []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			all = append(all, word.String())
			word.Reset()
		}
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			end()
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		word.WriteRune(r)
	}
	end()
	return all
}

// camel is a name of a class: OrderPlaced.
func camel(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		b.WriteString(title(w))
	}
	if s := b.String(); s != "" && !unicode.IsDigit(rune(s[0])) {
		return s
	}
	return "N" + b.String()
}

func title(w string) string {
	for i, r := range w {
		if i == 0 {
			return string(unicode.ToUpper(r)) + w[len(string(r)):]
		}
	}
	return w
}

// snake is a name of a field: order_placed.
func snake(name string) string {
	all := words(name)
	for i, w := range all {
		all[i] = strings.ToLower(w)
	}
	s := strings.Join(all, "_")
	if s == "" || unicode.IsDigit(rune(s[0])) {
		return "n" + s
	}
	return s
}

// singular is the name of one of several.
func singular(name string) string {
	switch {
	case strings.HasSuffix(name, "ies") && len(name) > 4:
		return strings.TrimSuffix(name, "ies") + "y"
	case strings.HasSuffix(name, "sses"), strings.HasSuffix(name, "xes"), strings.HasSuffix(name, "ches"), strings.HasSuffix(name, "shes"):
		return strings.TrimSuffix(name, "es")
	case strings.HasSuffix(name, "ss"), strings.HasSuffix(name, "us"), strings.HasSuffix(name, "is"):
		return name
	case strings.HasSuffix(name, "s") && len(name) > 1:
		return strings.TrimSuffix(name, "s")
	}
	return name
}

// itemName is what an item of a list or a map is called.
func itemName(name string) string {
	if name == "" {
		return "item"
	}
	return singular(name)
}

func joined(name, more string) string {
	if name == "" {
		return more
	}
	return name + "_" + more
}

func ordinal(i int) string { return "form_" + strconv.Itoa(i+1) }

// taken are names that mean something else in one of the languages.
var taken = map[string]bool{
	"Any": true, "ClassVar": true, "Literal": true, "Union": true, "None": true, "True": true, "False": true, // Python
	"Option": true, "Some": true, "Ok": true, "Err": true, "String": true, "Vec": true, "Box": true, "Value": true, "BTreeMap": true, "Self": true,
	"Result": true, "Error": true, "Context": true, "Message": true, "Deserialize": true, "Serialize": true, // Rust, and what handlers import
}

// name gives each class a name of its own. A part that occurs in several places
// is called by its field alone, when that name is free.
func (r *reader) name(whole []*class) {
	used := map[string]bool{}
	claim := func(c *class, name string) bool {
		if used[name] || taken[name] {
			return false
		}
		c.name, used[name] = name, true
		return true
	}
	number := func(c *class, name string) {
		for i := 2; !claim(c, name+strconv.Itoa(i)); i++ {
		}
	}
	for _, c := range whole {
		if !claim(c, c.name) {
			number(c, c.name)
		}
	}
	for _, c := range r.classes {
		if c.named || c.uses > 1 && claim(c, camel(c.wanted)) || claim(c, c.name) {
			continue
		}
		number(c, c.name)
	}
}

func sortedKeys(set map[string]bool) []string {
	return slices.Sorted(maps.Keys(set))
}
