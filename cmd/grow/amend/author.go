package amend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"go.yaml.in/yaml/v3"
)

// author writes what one test expects.
type author struct {
	*editor
	service *specs.Service
	result  *actortest.Result
	test    slot
	settled bool // then is done with
}

func (a *author) write() {
	if why := unplayed(a.result); why != "" {
		a.leave(a.test, why)
		return
	}
	if a.result.Test.Of == specs.OfService {
		a.replies()
	} else if a.outcomes(); !a.settled {
		a.messages()
	}
	a.path()
	a.state()
}

// unplayed says why what was seen says nothing of what is to be expected.
func unplayed(r *actortest.Result) string {
	for _, f := range r.Failures {
		switch {
		case strings.HasPrefix(f.Where, "given"):
			return "its doubles do not fit what was asked for"
		case f.Where == "when" || f.Where == "" && len(r.Seen.Faults) == 0:
			return "it could not be played to its end"
		}
	}
	return ""
}

// message is a message as a test expects it.
func (a *author) message(m actortest.Message) (*schema.Node, error) {
	d, err := data(m.Data, a.raw(m.Type))
	if err != nil {
		return nil, err
	}
	return &schema.Node{Kind: schema.Map, Fields: []*schema.Field{{Key: m.Type, Value: d}}}, nil
}

func (a *author) raw(typ string) bool {
	t := a.service.Types[typ]
	return t != nil && t.Raw()
}

// messages writes what was sent.
func (a *author) messages() {
	c, ok, err := a.field(a.test, "then")
	if err != nil {
		a.leave(a.test, err.Error())
		return
	}
	if !ok {
		return
	}
	if c.shared() {
		if a.failedUnder("then[") {
			a.leave(c, whyShared)
		}
		return
	}
	got, unordered := a.result.Seen.Messages, a.result.Test.Unordered
	want := wantedIn(c.s)
	pairs := align(want, got)
	if unordered {
		pairs = a.nearest(want, got)
	}
	drop, taken := map[int]bool{}, map[int]bool{}
	for i, k := range pairs {
		switch {
		case k >= 0:
			taken[k] = true
			a.sent(a.item(c, i), got[k])
		case a.droppable(a.item(c, i)):
			drop[i] = true
		}
	}
	a.try(c, a.restructure(c, drop, a.unexpected(c, pairs, taken, unordered)))
}

// unexpected are the messages that came and were not expected, each before the
// next one that was.
func (a *author) unexpected(c slot, pairs []int, taken map[int]bool, unordered bool) (add []addition) {
	got := a.result.Seen.Messages
	before := len(pairs)
	for k := len(got) - 1; k >= 0; k-- {
		if taken[k] {
			if !unordered {
				before = slices.Index(pairs, k)
			}
			continue
		}
		n, err := a.message(got[k])
		if err == nil && unwritable(n) {
			err = errData
		}
		if err != nil {
			a.leave(c, err.Error())
			continue
		}
		add = append(add, addition{before, "", n})
	}
	slices.Reverse(add)
	return add
}

// failedUnder reports whether the test failed at a place that begins so.
func (a *author) failedUnder(prefix string) bool {
	return slices.ContainsFunc(a.result.Failures, func(f actortest.Failure) bool { return strings.HasPrefix(f.Where, prefix) })
}

// sent writes one message that is expected by its type.
func (a *author) sent(c slot, m actortest.Message) {
	f, ok, err := a.field(c, m.Type)
	if err != nil || !ok {
		a.leave(c, errPlace.Error())
		return
	}
	if a.raw(m.Type) {
		a.text(f, string(m.Data))
	} else if n, err := data(m.Data, false); err != nil {
		a.leave(f, err.Error())
	} else {
		a.value(f, n)
	}
	own, ok, err := a.field(c, own)
	if err != nil || !ok {
		a.try(c, err)
		return
	}
	a.attributes(own, func(name string) (string, bool) {
		for i := 0; i+1 < len(m.Attrs); i += 2 {
			if m.Attrs[i] == name {
				return m.Attrs[i+1], true
			}
		}
		return "", false
	})
}

// attributes writes texts that are expected by name.
func (a *author) attributes(c slot, got func(name string) (string, bool)) {
	drop := map[int]bool{}
	for i, f := range c.s.Fields {
		child, err := a.fieldAt(c, i)
		if err != nil {
			a.leave(c, err.Error())
			return
		}
		if text, ok := got(f.Key); ok {
			a.text(child, text)
		} else if a.droppable(child) {
			drop[i] = true
		}
	}
	a.try(c, a.restructure(c, drop, nil))
}

// replies writes the answers to requests.
func (a *author) replies() {
	c, ok, err := a.field(a.test, "then")
	if err != nil || !ok {
		a.try(a.test, err)
		return
	}
	if c.shared() {
		if a.failedUnder("then") {
			a.leave(c, whyShared)
		}
		return
	}
	list := []slot{c}
	if c.y.Kind == yaml.SequenceNode {
		list = nil
		for i := range c.y.Content {
			list = append(list, a.item(c, i))
		}
	}
	for i, reply := range list {
		if i < len(a.result.Seen.Replies) {
			a.reply(reply, &a.result.Seen.Replies[i])
		} else {
			a.leave(reply, "the request was not made")
		}
	}
}

func (a *author) reply(c slot, got *actortest.Reply) {
	if got.Status == 0 {
		a.leave(c, "there is no answer while time stands")
		return
	}
	if f, ok, err := a.field(c, "status"); err != nil {
		a.leave(c, err.Error())
	} else if ok {
		a.value(f, &schema.Node{Kind: schema.Int, Text: fmt.Sprint(got.Status)})
	}
	if f, ok, err := a.field(c, "body"); err != nil {
		a.leave(c, err.Error())
	} else if ok {
		if n, err := data(got.Body, false); err != nil {
			a.leave(f, err.Error())
		} else if n.Kind == schema.String {
			a.text(f, n.Text)
		} else {
			a.value(f, n)
		}
	}
	if f, ok, err := a.field(c, "headers"); err != nil {
		a.leave(c, err.Error())
	} else if ok {
		a.attributes(f, func(name string) (string, bool) { return got.Headers.Get(name), got.Headers.Values(name) != nil })
	}
}

// path writes the nodes that messages passed.
func (a *author) path() {
	c, ok, err := a.field(a.test, "path")
	if err != nil || !ok {
		a.try(a.test, err)
		return
	}
	list := &schema.Node{Kind: schema.List}
	for _, node := range a.result.Seen.Path {
		list.Items = append(list.Items, text(node))
	}
	a.value(c, list)
}

// state writes values of the state.
func (a *author) state() {
	if c, ok, err := a.field(a.test, "state_after"); err != nil {
		a.leave(a.test, err.Error())
	} else if ok {
		a.kept(c, "", nil, "")
	}
	c, ok, err := a.field(a.test, "states_after")
	if err != nil || !ok {
		a.try(a.test, err)
		return
	}
	if c.shared() {
		if a.failedUnder("states_after") {
			a.leave(c, whyShared)
		}
		return
	}
	for i, f := range c.s.Fields { // by name
		if v, err := a.fieldAt(c, i); err != nil {
			a.leave(c, err.Error())
		} else {
			a.kept(v, "", nil, f.Key)
		}
	}
	for i, s := range c.s.Items {
		v, ok, err := a.field(a.item(c, i), "value")
		if err != nil || !ok {
			a.leave(c, errPlace.Error())
			continue
		}
		var key *string
		if k := s.Get("key"); k != nil {
			key = &k.Text
		}
		a.kept(v, s.Get("node").String(), key, s.Get("name").String())
	}
}

// kept writes one value of the state.
func (a *author) kept(c slot, node string, key *string, name string) {
	var found []byte
	for _, v := range a.result.Seen.State {
		if v.Node != node {
			continue
		}
		if key == nil { // the first key that the node was asked for
			key = &v.Key
		}
		if v.Key == *key && v.Name == name {
			found = v.Data
		}
	}
	n := &schema.Node{Kind: schema.Null}
	if found != nil {
		var err error
		if n, err = decode(found); err != nil {
			a.leave(c, err.Error())
			return
		}
	}
	if c.s != nil && c.s.Kind == schema.Null && n.Kind == schema.Null {
		return
	}
	a.value(c, n)
}
