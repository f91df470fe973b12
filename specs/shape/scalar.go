package shape

import (
	"strings"

	"cuelang.org/go/cue"
)

// scalar reads a string, number, bool, null, or what is left open.
func (r *reader) scalar(v cue.Value, op cue.Op, args []cue.Value) (*Type, error) {
	switch op {
	case cue.NoOp:
		return r.plain(v)
	case cue.AndOp:
		t := anything
		for _, a := range args {
			next, err := r.read(a)
			if err != nil {
				return nil, err
			}
			if t, err = r.meet(v, t, next.withoutDefault()); err != nil {
				return nil, err
			}
		}
		return t, nil
	case cue.GreaterThanOp, cue.GreaterThanEqualOp, cue.LessThanOp, cue.LessThanEqualOp, cue.NotEqualOp:
		return r.bound(v, op, args)
	case cue.RegexMatchOp, cue.NotRegexMatchOp:
		expr, err := args[0].String()
		if err != nil {
			return nil, r.refuse(v, "a pattern is a string in quotes")
		}
		p, err := newPattern(expr, op == cue.NotRegexMatchOp)
		if err != nil {
			return nil, r.refuse(v, "its pattern is not a regular expression: %v", err)
		}
		return &Type{kinds: String, str: &texts{max: -1, patterns: []*pattern{p}}}, nil
	case cue.CallOp:
		return r.call(v, args)
	case cue.SelectorOp, cue.IndexOp:
		return nil, r.refuse(v, "it refers to a value that is not known yet")
	case cue.InterpolationOp:
		return nil, r.refuse(v, "text made of other fields is computed; only an actor computes")
	}
	return nil, r.refuse(v, "%s (%v)", computed, op)
}

var kindOf = map[cue.Kind]Kind{
	cue.NullKind: Null, cue.BoolKind: Bool, cue.IntKind: Int, cue.FloatKind: Number,
	cue.StringKind: String, cue.ListKind: List, cue.StructKind: Object,
}

// plain reads a basic type or a constant.
func (r *reader) plain(v cue.Value) (*Type, error) {
	if v.IsConcrete() {
		return r.constant(v)
	}
	k := v.IncompleteKind()
	if k == cue.TopKind {
		return anything, nil
	}
	if k&cue.BytesKind != 0 {
		return nil, r.refuse(v, "bytes can only be the whole of a message type; a field in JSON is text: use string")
	}
	t := &Type{}
	for kind, ours := range kindOf {
		if k&kind != 0 {
			t.kinds |= ours
		}
	}
	return t, nil
}

func (r *reader) constant(v cue.Value) (*Type, error) {
	switch v.Kind() {
	case cue.NullKind:
		return &Type{kinds: Null}, nil
	case cue.BoolKind:
		if b, _ := v.Bool(); b {
			return &Type{kinds: True}, nil
		}
		return &Type{kinds: False}, nil
	case cue.StringKind:
		s, err := v.String()
		if err != nil {
			return nil, r.broken(v, err)
		}
		return &Type{kinds: String, str: &texts{max: -1, enum: []string{s}}}, nil
	case cue.IntKind, cue.FloatKind:
		n, err := r.number(v)
		if err != nil {
			return nil, err
		}
		return &Type{kinds: kindOfNumber(n), num: &numbers{enum: []number{n}}}, nil
	case cue.BytesKind:
		return nil, r.refuse(v, "bytes can only be the whole of a message type; a field in JSON is text: use string")
	}
	return nil, r.refuse(v, "%s (%v)", computed, v)
}

func kindOfNumber(n number) Kind {
	if n.whole {
		return Int
	}
	return Frac
}

func (r *reader) number(v cue.Value) (number, error) {
	text, err := v.MarshalJSON()
	if err != nil {
		return number{}, r.refuse(v, "it is not a number")
	}
	n, end := value(text, 0)
	if end != len(text) {
		return number{}, r.refuse(v, "%s is beyond the range of a number", text)
	}
	return n, nil
}

func (r *reader) bound(v cue.Value, op cue.Op, args []cue.Value) (*Type, error) {
	a := args[0]
	if !a.IsConcrete() {
		return nil, r.refuse(v, "a bound cannot refer to another field; compare fields in a rule or in the actor")
	}
	if op == cue.NotEqualOp {
		return r.unlike(v, a)
	}
	if a.Kind()&cue.NumberKind == 0 {
		return nil, r.refuse(v, "bounds are for numbers; for a string use a pattern, or strings.MinRunes and strings.MaxRunes")
	}
	n, err := r.number(a)
	if err != nil {
		return nil, err
	}
	b := &bound{number: n, strict: op == cue.GreaterThanOp || op == cue.LessThanOp}
	rule := &numbers{}
	if op == cue.GreaterThanOp || op == cue.GreaterThanEqualOp {
		rule.min = b
	} else {
		rule.max = b
	}
	return &Type{kinds: Number, num: rule}, nil
}

// unlike reads !="x", !=3 and !=null.
func (r *reader) unlike(v, a cue.Value) (*Type, error) {
	switch a.Kind() {
	case cue.NullKind:
		return &Type{kinds: all &^ Null}, nil
	case cue.BoolKind:
		if b, _ := a.Bool(); b {
			return &Type{kinds: False}, nil
		}
		return &Type{kinds: True}, nil
	case cue.StringKind:
		s, err := a.String()
		if err != nil {
			return nil, r.broken(v, err)
		}
		return &Type{kinds: String, str: &texts{max: -1, not: []string{s}}}, nil
	case cue.IntKind, cue.FloatKind:
		n, err := r.number(a)
		if err != nil {
			return nil, err
		}
		return &Type{kinds: Number, num: &numbers{not: []number{n}}}, nil
	}
	return nil, r.refuse(v, "only null, strings, numbers, true and false can be excluded with !=")
}

// call reads a validator of CUE's packages.
func (r *reader) call(v cue.Value, args []cue.Value) (*Type, error) {
	name := strings.TrimSuffix(strings.TrimSpace(show(args[0])), "()")
	if f := formats[name]; f != nil && len(args) == 1 {
		return &Type{kinds: String, str: &texts{max: -1, formats: []*format{f}}}, nil
	}
	if name == "close" && len(args) == 2 {
		return r.read(args[1])
	}
	if len(args) == 2 && args[1].IsConcrete() {
		switch name {
		case "time.Format":
			if s, err := args[1].String(); err == nil {
				return &Type{kinds: String, str: &texts{max: -1, formats: []*format{layout(s)}}}, nil
			}
		case "math.MultipleOf":
			n, err := r.number(args[1])
			if err != nil {
				return nil, err
			}
			if n.f == 0 {
				return nil, r.refuse(v, "nothing is a multiple of 0")
			}
			return &Type{kinds: Number, num: &numbers{multiple: []number{n}}}, nil
		case "strings.MinRunes", "strings.MaxRunes", "list.MinItems", "list.MaxItems":
			n, err := args[1].Int64()
			if err != nil || n < 0 || n > 1<<30 {
				return nil, r.refuse(v, "%s takes a whole number of at least 0", name)
			}
			return length(name, int(n)), nil
		}
	}
	return nil, r.refuse(v, "%s is not among what a message type can say; use bounds, patterns, %s", name,
		"strings.MinRunes, strings.MaxRunes, list.MinItems, list.MaxItems, math.MultipleOf, time.Time, time.Format, time.Duration, "+
			"net.IP, net.IPv4, net.IPv6, net.IPCIDR, net.URL or net.AbsURL")
}

func length(name string, n int) *Type {
	switch name {
	case "strings.MinRunes":
		return &Type{kinds: String, str: &texts{min: n, max: -1}}
	case "strings.MaxRunes":
		return &Type{kinds: String, str: &texts{max: n}}
	case "list.MinItems":
		return &Type{kinds: List, list: &items{rest: anything, min: n, max: -1}}
	}
	return &Type{kinds: List, list: &items{rest: anything, max: n}}
}
