package amend

import (
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs/schema"
)

// faultKeys are the keys of how a message is not handled.
var faultKeys = []struct {
	key     string
	outcome actor.Outcome
}{{"refused", actor.Refused}, {"failed", actor.Failed}, {"later", actor.Later}}

// outcomes writes how messages were not handled.
func (a *author) outcomes() {
	left := slices.Clone(a.result.Seen.Faults)
	var unmet []string
	for _, k := range faultKeys {
		want := a.test.s.Get(k.key)
		if want == nil {
			continue
		}
		node := want.Get("node").String()
		at := slices.IndexFunc(left, func(f actortest.Fault) bool {
			return f.Outcome == k.outcome && (node == "" || node == f.Node)
		})
		if at < 0 {
			unmet = append(unmet, k.key)
			continue
		}
		a.fault(k.key, left[at])
		left = slices.Delete(left, at, at+1)
	}
	switch {
	case len(left) == 0 && len(unmet) == 0:
	case len(left) > 1 || len(unmet) > 1:
		a.leave(a.test, fmt.Sprintf("%d messages were not handled otherwise than is expected", max(len(left), len(unmet))))
	case len(left) == 0:
		a.handled(unmet[0])
	case len(unmet) == 1:
		a.swapped(unmet[0], left[0])
	default:
		a.unhandled(left[0])
	}
}

// fault writes the code, the text and the time of a fault that was expected.
func (a *author) fault(key string, got actortest.Fault) {
	c, ok, err := a.field(a.test, key)
	if err != nil || !ok {
		a.try(a.test, err)
		return
	}
	if c.shared() {
		if a.failedAt(key) {
			a.leave(c, whyShared)
		}
		return
	}
	for _, part := range [][2]string{{"code", got.Code}, {"text", got.Text}} {
		if f, ok, err := a.field(c, part[0]); err != nil {
			a.leave(c, err.Error())
		} else if ok {
			a.text(f, part[1])
		}
	}
	f, ok, err := a.field(c, "after")
	switch want, _ := time.ParseDuration(f.s.String()); {
	case err != nil:
		a.leave(c, err.Error())
	case !ok || want == got.After:
	case got.After == 0:
		a.try(c, a.restructure(c, map[int]bool{index(c.y, "after"): true}, nil))
	default:
		a.try(f, a.replace(f, text(schema.Duration(got.After))))
	}
}

// failedAt reports whether the test failed at one of its keys.
func (a *author) failedAt(key string) bool {
	return slices.ContainsFunc(a.result.Failures, func(f actortest.Failure) bool { return f.Where == key })
}

func text(s string) *schema.Node { return &schema.Node{Kind: schema.String, Text: s} }

// faultNode is a fault as a test expects it.
func faultNode(f actortest.Fault) *schema.Node {
	n := &schema.Node{Kind: schema.Map}
	add := func(key, value string) {
		if value != "" {
			n.Fields = append(n.Fields, &schema.Field{Key: key, Value: text(value)})
		}
	}
	add("node", f.Node)
	add("code", f.Code)
	if f.Outcome == actor.Later && f.After > 0 && schema.Lookup("#Duration").Fits(schema.Duration(f.After)) {
		add("after", schema.Duration(f.After))
	}
	return n
}

func keyOf(o actor.Outcome) string {
	for _, k := range faultKeys {
		if k.outcome == o {
			return k.key
		}
	}
	return ""
}

// handled has the test expect messages instead of a fault.
func (a *author) handled(key string) {
	if index(a.test.y, "then") >= 0 {
		if a.removable(key) {
			a.try(a.test, a.restructure(a.test, map[int]bool{index(a.test.y, key): true}, nil))
		}
		return
	}
	list := &schema.Node{Kind: schema.List}
	for _, m := range a.result.Seen.Messages {
		n, err := a.message(m)
		if err != nil {
			a.leave(a.test, err.Error())
			return
		}
		list.Items = append(list.Items, n)
	}
	a.rename(key, "then", list)
}

// swapped has the test expect another fault.
func (a *author) swapped(key string, f actortest.Fault) {
	a.rename(key, keyOf(f.Outcome), faultNode(f))
	a.withoutThen(f)
}

// unhandled has the test expect a fault where it expected none.
func (a *author) unhandled(f actortest.Fault) {
	key := keyOf(f.Outcome)
	if index(a.test.y, key) >= 0 {
		a.leave(a.test, "another message is expected to be "+key+" already")
		return
	}
	if index(a.test.y, "then") >= 0 && (f.Outcome == actor.Refused || len(a.result.Seen.Messages) == 0) {
		a.settled = true
		a.rename("then", key, faultNode(f))
		return
	}
	a.try(a.test, a.restructure(a.test, nil, []addition{{len(a.test.s.Fields), key, faultNode(f)}}))
}

// withoutThen takes messages out that a refusal cannot stand beside.
func (a *author) withoutThen(f actortest.Fault) {
	i := index(a.test.y, "then")
	if i < 0 || f.Outcome != actor.Refused || len(a.test.s.Get("then").Items) == 0 {
		return
	}
	if a.settled = true; a.removable("then") {
		a.try(a.test, a.restructure(a.test, map[int]bool{i: true}, nil))
	}
}

// removable reports whether an expectation may go altogether; if not, it is told.
func (a *author) removable(key string) bool {
	c, ok, err := a.field(a.test, key)
	if err != nil || !ok {
		a.leave(a.test, errPlace.Error())
		return false
	}
	return a.droppable(c)
}

// rename puts one expectation in the place of another.
func (a *author) rename(from, to string, value *schema.Node) {
	i := index(a.test.y, from)
	if !a.removable(from) {
		return
	}
	c, err := a.fieldAt(a.test, i)
	if err != nil {
		a.leave(a.test, err.Error())
		return
	}
	if unwritable(value) {
		a.leave(c, whyMore)
		return
	}
	key := a.test.y.Content[2*i]
	end, err := a.src.end(key, a.test.flow || isFlow(a.test.y))
	if err == nil {
		err = a.replace(c, value)
	}
	if err != nil {
		a.leave(c, err.Error())
		return
	}
	a.add(a.src.start(key), end, to)
}
