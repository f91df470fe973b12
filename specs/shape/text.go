package shape

import (
	"fmt"
	"strconv"
	"strings"
)

// FromText makes the JSON object of a message out of texts, as path parameters
// and a query give them: names lists what was given, get returns its values,
// several when it was repeated. Each becomes what the type's field of that name
// is: a number, true or false, a string, or a list of these; where a field may
// be several, a number or a bool is preferred to a string. Fields that were not
// given stay out, so their defaults are the reader's. The result passes Check.
//
// The error is a *[Violation] whose path begins with the parameter's name. A
// name that the type does not declare is one, unless the type is Any or its
// struct ends in `...`; such parameters are strings, or lists of them.
func (t *Type) FromText(get func(name string) ([]string, bool), names []string) ([]byte, error) {
	if t.raw || !t.any && t.kinds&Object == 0 {
		return nil, &Violation{Message: "the type is no object, so it cannot be made of parameters"}
	}
	out := []byte{'{'}
	done := map[string]bool{}
	for _, name := range names {
		values, given := get(name)
		if !given || done[name] {
			continue
		}
		done[name] = true
		ft, declared := t.Field(name)
		if !declared {
			return nil, &Violation{Path: pointer(name), Message: "there is no such parameter" + mean(name, t.Names())}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(quote(out, name), ':')
		var err error
		if out, err = ft.appendTexts(out, name, values); err != nil {
			return nil, err
		}
	}
	out = append(out, '}')
	if err := t.Check(out); err != nil {
		return nil, err
	}
	return out, nil
}

func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// mean is the end of a sentence about an unknown name.
func mean(name string, names []string) string {
	if n := Near(name, names); n != "" {
		return "; did you mean " + strconv.Quote(n) + "?"
	}
	return ""
}

func (t *Type) appendTexts(out []byte, name string, values []string) ([]byte, error) {
	one := t.kinds & (Null | Bool | Number | String)
	switch {
	case len(values) == 1 && one != 0:
		return t.appendText(out, name, values[0])
	case t.kinds&List == 0 && one == 0:
		return nil, &Violation{Path: pointer(name), Message: fmt.Sprintf("must be %v, which a parameter cannot give", t.kinds)}
	case t.kinds&List == 0:
		return nil, &Violation{Path: pointer(name), Message: fmt.Sprintf("is given %d times, must be given once", len(values))}
	}
	out = append(out, '[')
	for i, s := range values {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = t.item(i).appendText(out, name, s); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// item is the type of a list's item.
func (t *Type) item(i int) *Type {
	for _, a := range t.branches() {
		if a.any || a.kinds&List == 0 {
			continue
		}
		switch {
		case a.list == nil:
			return &Type{kinds: String}
		case i < len(a.list.prefix):
			return a.list.prefix[i]
		case a.list.rest != nil:
			return a.list.rest
		}
	}
	return &Type{kinds: String}
}

func (t *Type) appendText(out []byte, name, s string) ([]byte, error) {
	if t.any {
		return quote(out, s), nil
	}
	if s == "true" && t.kinds&True != 0 || s == "false" && t.kinds&False != 0 || s == "null" && t.kinds&Null != 0 && t.kinds&String == 0 {
		return append(out, s...), nil
	}
	if t.kinds&Number != 0 && s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') {
		// A number is taken as such when it is one the type admits, or when
		// there is no other way to take it: Check then says what is wrong.
		if n, end := value([]byte(s), 0); end == len(s) && (t.kinds&String == 0 || t.takes(n)) {
			return append(out, n.text...), nil
		}
	}
	if t.kinds&String != 0 {
		return quote(out, s), nil
	}
	return nil, &Violation{Path: pointer(name), Message: fmt.Sprintf("is %q, must be %v", s, t.kinds)}
}

func (t *Type) takes(n number) bool {
	for _, a := range t.branches() {
		if a.admitsNumber(n) {
			return true
		}
	}
	return false
}
