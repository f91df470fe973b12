package specs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// states reads the state before and the state expected afterwards.
func (r *testReader) states(n *schema.Node) {
	before := func(v *schema.Node, where, node string, key *string, name string) {
		a := r.place(v, where, node)
		if a == nil {
			return
		}
		s, ok := r.declared(a, v, where, name)
		if !ok {
			return
		}
		k := KeyState{Node: node, Key: key, Name: name, At: at(r.file, v.Pos)}
		if v.Kind != schema.Null {
			k.Data = v.JSON(nil)
			r.fits(v, where, s.Name, s.Type, k.Data)
		}
		r.test.State = append(r.test.State, k)
	}
	after := func(v *schema.Node, where, node string, key *string, name string) {
		a := r.place(v, where, node)
		if a == nil {
			return
		}
		if _, ok := r.declared(a, v, where, name); !ok {
			return
		}
		k := KeyStateWanted{Node: node, Key: key, Name: name, At: at(r.file, v.Pos)}
		if v.Kind != schema.Null {
			k.Value = r.c.Read(v, where, r.fault)
		}
		r.test.StateAfter = append(r.test.StateAfter, k)
	}
	r.eachState(n, "state", "states", before)
	r.eachState(n, "state_after", "states_after", after)
}

// eachState visits the values under one key, for the usual single value, and
// another, for several.
func (r *testReader) eachState(n *schema.Node, one, several string, visit func(v *schema.Node, where, node string, key *string, name string)) {
	if v := n.Get(one); v != nil && r.of == OfActor {
		visit(v, r.where+"."+one, "", nil, "")
	}
	list := n.Get(several)
	if list == nil {
		return
	}
	where := r.where + "." + several
	for _, f := range list.Fields {
		visit(f.Value, schema.Join(where, f.Key), "", nil, f.Key)
	}
	for i, item := range list.Items {
		v := item.Get("value")
		if v == nil {
			continue
		}
		var key *string
		if k := item.Get("key"); k != nil {
			text := k.String()
			key = &text
		}
		visit(v, schema.At(where, i)+".value", item.Get("node").String(), key, item.Get("name").String())
	}
}

// given reads the doubles of capabilities and nodes.
func (r *testReader) given(n *schema.Node) {
	if n == nil {
		return
	}
	r.test.Doubles = map[string][]*Double{}
	if r.of == OfActor {
		r.doubles(n, r.where+".given", "", r.actor)
		return
	}
	for _, f := range n.Fields {
		where := schema.Join(r.where+".given", f.Key)
		if a := r.place(&schema.Node{Pos: f.Pos}, where, f.Key); a != nil {
			r.doubles(f.Value, where, f.Key, a)
		}
	}
}

func (r *testReader) doubles(n *schema.Node, where, node string, a *actorFile) {
	for i, item := range n.Items {
		if item.Kind != schema.Map {
			continue
		}
		at := schema.At(where, i)
		d := &Double{At: Position{r.file, item.Pos.Line, item.Pos.Col}, Times: int(item.Get("times").Int())}
		if v := item.Get("after"); v != nil && schema.Lookup("#Duration").Fits(v.String()) {
			d.After = duration(v.String())
		}
		ok := false
		if item.Get("when") != nil {
			ok = r.nodeDouble(d, item, at, a)
		} else {
			ok = r.grantDouble(d, item, at, a)
		}
		if ok {
			r.test.Doubles[node] = append(r.test.Doubles[node], d)
		}
	}
}

var operation = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)

// kindConnector is the kind of grants whose operations are called what somebody else calls
// them, as those of [KindActor] are.
const kindConnector = "connector"

// ofDouble are the keys of a double that are no grant.
var ofDouble = map[string]bool{"request": true, "answer": true, "after": true, "times": true, "when": true, "then": true}

// meanGrant says which key of a double may be meant, a grant or one of its own.
func meanGrant(name string, grants []string) string {
	if hint := schema.Mean(name, slices.Concat(grants, slices.Sorted(maps.Keys(ofDouble)))); hint != "" {
		return hint
	}
	return mean(name, grants)
}

// grantDouble reads the double of a capability.
func (r *testReader) grantDouble(d *Double, n *schema.Node, where string, a *actorFile) bool {
	var grant Grant
	for _, f := range n.Fields {
		if ofDouble[f.Key] {
			continue
		}
		if d.Use != "" {
			r.problem(r.file, f.Pos, schema.Join(where, f.Key), "spec.value", fmt.Sprintf("stands beside %s: each double is an entry of its own", d.Use))
			return false
		}
		d.Use, d.Operation = f.Key, f.Value.String()
		kind, known := "", []string{}
		for _, g := range a.def.Uses {
			if known = append(known, g.Name); g.Name == f.Key {
				kind, grant = g.Kind, g
			}
		}
		if kind == "" {
			if uses := a.tree.Get("uses"); uses.Get(f.Key) == nil { // otherwise it is said there
				r.problem(r.file, f.Pos, schema.Join(where, f.Key), "spec.unknown", fmt.Sprintf("the actor %s has no grant %s", a.def.Name, f.Key), meanGrant(f.Key, known))
			}
			return false
		}
		if !operation.MatchString(d.Operation) {
			r.problem(r.file, f.Value.Pos, schema.Join(where, f.Key), "spec.type", "must be an operation, such as fetch")
			return false
		}
		if !strings.Contains(d.Operation, ".") && d.Operation != kind && kind != KindActor && kind != kindConnector {
			d.Operation = kind + "." + d.Operation
		}
	}
	if d.Use == "" {
		r.problem(r.file, n.Pos, where, "spec.missing", "names no grant", "write {GRANT: OPERATION, request: {…}, answer: {…}}")
		return false
	}
	if v := n.Get("request"); v != nil {
		for _, f := range v.Fields {
			d.Request = append(d.Request, WantedAttr{f.Key, r.c.Read(f.Value, schema.Join(where+".request", f.Key), r.fault)})
		}
	}
	d.Answer = r.answer(n.Get("answer"), where+".answer")
	if check := r.opts.CheckDouble; check != nil {
		if err := check(grant, d); err != nil {
			r.problem(r.file, n.Pos, where, "spec.data", err.Error())
			return false
		}
	}
	return true
}

func (r *testReader) answer(n *schema.Node, where string) DoubleAnswer {
	var a DoubleAnswer
	if n == nil {
		return a
	}
	failed := n.Get("error") != nil
	for _, f := range n.Fields {
		at := schema.Join(where, f.Key)
		switch {
		case f.Key == "error":
			if a.Error = f.Value.String(); a.Error == "" {
				r.problem(r.file, f.Value.Pos, at, "spec.type", "must be a code, such as unavailable")
			}
		case failed && f.Key == "text":
			a.Text = f.Value.String()
		case failed && f.Key == "retry":
			a.Retry = f.Value.Bool()
		case failed:
			r.problem(r.file, f.Pos, at, "spec.unknown-field", "stands beside error", "an error has text and retry")
		case f.Key == "data" && f.Value.Kind == schema.String:
			a.Data = []byte(f.Value.Text)
		case f.Key == "data":
			a.Data = f.Value.JSON(nil)
		case f.Value.Kind == schema.Map || f.Value.Kind == schema.List:
			r.problem(r.file, f.Value.Pos, at, "spec.type", fmt.Sprintf("is %s; an attribute is text", f.Value.Kind), "what the answer holds stands under data")
		default:
			a.Attrs = append(a.Attrs, f.Key, f.Value.String())
		}
	}
	return a
}

// nodeDouble reads what stands in for a node.
func (r *testReader) nodeDouble(d *Double, n *schema.Node, where string, a *actorFile) bool {
	if r.of == OfActor {
		r.problem(r.file, n.Pos, where, "spec.value", "an actor cannot be doubled in its own test")
		return false
	}
	when, ok := r.wanted(n.Get("when"), where+".when", a.def.Name, a.def.In)
	if !ok {
		return false
	}
	d.Instead = &NodeDouble{When: when}
	if list := n.Get("then"); list != nil {
		for i, item := range list.Items {
			at := schema.At(where+".then", i)
			f := r.single(item, at, "message")
			if f == nil || !r.typeOf(f, schema.Join(at, f.Key), a.def.Name, a.def.Out) {
				continue
			}
			d.Instead.Send = append(d.Instead.Send, Sent{
				Type: f.Key, Data: r.data(f, schema.Join(at, f.Key)), Attrs: r.attributes(item.Get(own), schema.Join(at, own), sayable),
			})
		}
	}
	return true
}
