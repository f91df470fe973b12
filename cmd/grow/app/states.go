package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Codes of what is wrong with a state.
const (
	CodeState = "state.invalid" // a value that it may not have
	CodeBusy  = "state.busy"    // a message of its key was being handled all the time
)

// State implements control.Backend.
func (b backend) State(ctx context.Context, r control.StateRequest) (control.State, error) {
	ctx, cancel, err := patience(ctx, &r.Timeout)
	if err != nil {
		return control.State{}, err
	}
	defer cancel()
	values, err := b.shard.GetState(ctx, r.Node, r.Key)
	if err != nil {
		return control.State{}, stateError(b.service.Load(), r.Node, r.Timeout, err)
	}
	return stateReply(b.service.Load(), &r, values, b.mask(b.service.Load()))
}

// stateReply is a state as it is told.
func stateReply(service *specs.Service, r *control.StateRequest, values map[string]capability.Value, m mask) (control.State, error) {
	if len(values) == 0 {
		e := &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s keeps nothing of the key %q", r.Node, r.Key), At: r.Node, Next: "see which keys there are: grow state list " + r.Node}
		if r.Key == "" {
			e.Message = r.Node + " keeps nothing without a key"
		}
		return control.State{}, e
	}
	s := control.State{Node: r.Node, Key: r.Key}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s.Values = append(s.Values, *m.stateValue(name, values[name]))
	}
	err := older(service, &s, values)
	s.Key = m.text(s.Key)
	for i := range s.Values {
		s.Values[i].Name = m.text(s.Values[i].Name)
	}
	return s, err
}

// older says of values that the next message of their key has migrated first of which type
// they are.
func older(service *specs.Service, s *control.State, values map[string]capability.Value) error {
	table, err := router.Compile(service)
	if err != nil {
		return err
	}
	n, ok := table.Node(s.Node)
	if !ok {
		return nil // it is gone since
	}
	var state capability.State
	state.Reset(n.Actor.State, values, capability.Size(values))
	for _, o := range state.Older() {
		for i := range s.Values {
			if s.Values[i].Name == o.Name {
				s.Values[i].Older = &control.OlderValue{Type: o.From.Name, By: o.From.Actor.Name}
			}
		}
	}
	return nil
}

func (m mask) stateValue(name string, v capability.Value) *control.StateValue {
	out := &control.StateValue{Name: name, Revision: v.Revision, Bytes: len(v.Data)}
	out.Data, out.Raw = m.value(v.Data)
	return out
}

// unmasked reports data that somebody sets in which there is what stands in the place of a
// secret, where the value as it is has one: it would be lost.
func (b backend) unmasked(ctx context.Context, r *control.StateSet) error {
	m := b.mask(b.service.Load())
	if !bytes.Contains(r.Data, []byte(hidden)) {
		return nil
	}
	values, err := b.shard.GetState(ctx, r.Node, r.Key)
	if err != nil {
		return setError(b.service.Load(), r, err)
	}
	if was := values[r.Name].Data; !bytes.Equal(m.hide(was), was) {
		return &control.Error{
			Code: CodeState, Message: "the value has a secret in it, which is shown as " + hidden + ": to set that would lose it", At: r.Node,
			Next: "have the actor keep no secrets, or set a value without " + hidden,
		}
	}
	return nil
}

// States implements control.Backend.
func (b backend) States(ctx context.Context, f control.StateFilter) (control.StateList, error) {
	return listStates(ctx, b.service.Load(), b.shard, f, b.mask(b.service.Load()))
}

// lister is what knows keys: a shard, or a journal without one.
type lister interface {
	ListStates(ctx context.Context, f *shard.StateFilter) ([]shard.KeyState, error)
}

func listStates(ctx context.Context, s *specs.Service, from lister, f control.StateFilter, m mask) (control.StateList, error) {
	list := control.StateList{Keys: []control.State{}}
	if f.Node == "" {
		var err error
		list.Nodes, err = stateNodes(s)
		return list, err
	}
	if f.Limit < 0 || f.Limit > control.StatesMax {
		return list, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("a list has 1 to %d keys, not %d", control.StatesMax, f.Limit), Next: "ask for the rest by --after"}
	}
	if f.Limit == 0 {
		f.Limit = control.StatesMax
	}
	if err := hasState(s, f.Node); err != nil {
		return list, err
	}
	keys, next, err := m.page(ctx, from, f)
	if err != nil {
		return list, stateError(s, f.Node, 0, err)
	}
	list.Next = next
	for _, k := range keys {
		one := control.State{Node: f.Node, Key: m.text(k.Key)}
		for _, v := range k.Values {
			one.Values = append(one.Values, control.StateValue{Name: m.text(v.Name), Revision: v.Revision, Bytes: v.Bytes})
		}
		list.Keys = append(list.Keys, one)
	}
	return list, nil
}

// page is a page of keys, and the one that the next page comes after, nil for none. That is told
// as it is: a page ends with a key that has no secret in it, and is longer for that if need be.
func (m mask) page(ctx context.Context, from lister, f control.StateFilter) ([]shard.KeyState, *string, error) {
	for most := f.Limit; ; most = min(2*most, control.StatesMax) {
		keys, err := from.ListStates(ctx, &shard.StateFilter{Node: f.Node, Prefix: f.Prefix, After: f.After, Limit: most + 1})
		if err != nil || len(keys) <= most && len(keys) <= f.Limit {
			return keys, nil, err
		}
		for n := f.Limit; n <= min(most, len(keys)-1); n++ {
			if last := &keys[n-1].Key; m.text(*last) == *last {
				return keys[:n], last, nil
			}
		}
		if len(keys) <= most {
			return keys, nil, nil
		}
		if most == control.StatesMax {
			return nil, nil, &control.Error{Code: control.CodeInvalid, Message: "there are too many keys with secrets in them to list the others", At: f.Node, Next: "list a part of them: --prefix"}
		}
	}
}

// stateNodes are the nodes whose actors have state, by path.
func stateNodes(s *specs.Service) ([]control.StateNode, error) {
	table, err := router.Compile(s)
	if err != nil {
		return nil, err
	}
	nodes := []control.StateNode{}
	for _, n := range table.Nodes {
		if len(n.Actor.State) == 0 {
			continue
		}
		one := control.StateNode{Node: n.Path, Actor: n.Actor.Name, Keyed: n.Keyed()}
		for _, d := range n.Actor.State {
			one.State = append(one.State, control.StateType{Name: d.Pattern, Type: d.Name})
		}
		nodes = append(nodes, one)
	}
	slices.SortFunc(nodes, func(a, b control.StateNode) int { return strings.Compare(a.Node, b.Node) })
	return nodes, nil
}

// hasState says what is wrong with a name that is of no node with state.
func hasState(s *specs.Service, node string) error {
	table, err := router.Compile(s)
	if err != nil {
		return err
	}
	spec, ok := table.Node(node)
	if ok && len(spec.Actor.State) > 0 {
		return nil
	}
	var names []string
	for _, n := range table.Nodes {
		if len(n.Actor.State) > 0 {
			names = append(names, n.Path)
		}
	}
	slices.Sort(names)
	e := &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no node %q", node), At: node, Next: "see which nodes keep state: grow state list"}
	if near := shape.Near(node, names); near != "" && !ok {
		e.Next = "did you mean " + near + "?"
	}
	if inside := slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, node+"/") }); len(inside) > 0 {
		e.Message, e.Next = node+" is a workflow; its nodes have the states", "name one of them: "+strings.Join(inside, ", ")
	}
	if ok {
		e.Code, e.Message = control.CodeInvalid, node+" keeps no state: its actor's definition declares none"
	}
	return e
}

// patience is a context for a state that somebody waits for so long; 0 becomes
// what that stands for.
func patience(ctx context.Context, limit *time.Duration) (context.Context, context.CancelFunc, error) {
	switch {
	case *limit < 0 || *limit > control.StateTimeMax:
		return nil, nil, &control.Error{
			Code: control.CodeInvalid, Message: fmt.Sprintf("a state is waited for up to %v, not %v", control.StateTimeMax, *limit), Next: "give a time in between: --timeout",
		}
	case *limit == 0:
		*limit = control.StateTime
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	return ctx, cancel, nil
}

// stateError is what a person is told of a state that cannot be had or changed,
// although it was waited for so long.
func stateError(s *specs.Service, node string, limit time.Duration, err error) error {
	var known *control.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	if wrong := hasState(s, node); wrong != nil {
		return wrong
	}
	e := &control.Error{Code: control.CodeInternal, Message: err.Error(), At: node}
	switch {
	case errors.Is(err, shard.ErrHandled):
		e.Code, e.Message = CodeBusy, fmt.Sprintf("a message of this key has been handled for the last %v, and its state cannot be had before that ends", limit)
		e.Next = "wait longer: --timeout; or see what it does: grow top, grow logs " + node
	case errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Message, e.Next = control.CodeTimeout, fmt.Sprintf("the state could not be had within %v", limit), "see how the host and its journal are: grow status"
	case errors.Is(err, shard.ErrMoved):
		e.Code, e.Next = control.CodeConflict, "look at it again: grow state get "+node
	case errors.Is(err, shard.ErrState):
		e.Code = CodeState
	case errors.Is(err, shard.ErrStopping):
		e.Code = "host.stopping"
	case errors.Is(err, shard.ErrJournal):
		e.Code, e.Next = CodeJournal, "it goes on by itself when the cause is gone; see: grow status"
	}
	return e
}

// SetState implements control.Backend.
func (b backend) SetState(ctx context.Context, r control.StateSet) (control.StateSetReply, error) {
	if r.Delete != (r.Data == nil) {
		return control.StateSetReply{}, &control.Error{Code: control.CodeInvalid, Message: "a value is set to data, or deleted: one of them"}
	}
	set := &shard.StateSet{Node: r.Node, Key: r.Key, Name: r.Name, Data: r.Data, Revision: shard.AnyRevision, Plan: r.Plan}
	if r.Revision != nil {
		set.Revision = *r.Revision
	}
	ctx, cancel, err := patience(ctx, &r.Timeout)
	if err != nil {
		return control.StateSetReply{}, err
	}
	defer cancel()
	if err := b.unmasked(ctx, &r); err != nil {
		return control.StateSetReply{}, err
	}
	was, revision, err := b.shard.SetState(ctx, set, shard.Act(r.Act))
	if err != nil {
		return control.StateSetReply{}, setError(b.service.Load(), &r, err)
	}
	m := b.mask(b.service.Load())
	reply := control.StateSetReply{Node: r.Node, Key: r.Key, Name: r.Name, Revision: revision, Plan: r.Plan}
	if was.Revision > 0 {
		reply.Was = m.stateValue(r.Name, was)
	}
	reply.Changes, _ = differences(m.hide(was.Data), m.hide(r.Data))
	if !r.Plan {
		b.log.Info("state is changed", "node", r.Node, "key", r.Key, "name", r.Name, "revision", revision, "by", r.Act.By, "reason", r.Act.Reason)
	}
	return reply, nil
}

// setError is stateError with what is declared.
func setError(s *specs.Service, r *control.StateSet, err error) error {
	told := stateError(s, r.Node, r.Timeout, err)
	var e *control.Error
	if errors.As(told, &e) && e.Code == control.CodeConflict && r.Key != "" {
		e.Next += " " + r.Key
	}
	if e == nil || e.Code != CodeState {
		return told
	}
	nodes, err := stateNodes(s)
	if err != nil {
		return told
	}
	for _, n := range nodes {
		if n.Node != r.Node {
			continue
		}
		var names []string
		for _, d := range n.State {
			if d.Name == "" {
				d.Name = "one without a name"
			}
			names = append(names, d.Name+": "+d.Type)
		}
		e.Next = "its actor declares " + strings.Join(names, ", ")
	}
	return e
}

// StateDiff implements control.Backend.
func (b backend) StateDiff(ctx context.Context, r control.DiffRequest) (control.StateDiff, error) {
	if err := hasState(b.service.Load(), r.Node); err != nil {
		return control.StateDiff{}, err
	}
	return diffState(ctx, r, b.mask(b.service.Load()), func(span shard.Span) (*shard.History, error) {
		return b.shard.StateHistory(ctx, r.Node, r.Key, span)
	})
}

func diffState(ctx context.Context, r control.DiffRequest, m mask, history func(shard.Span) (*shard.History, error)) (control.StateDiff, error) {
	h, err := history(shard.Span{From: point(r.From), To: point(r.To)})
	switch {
	case errors.Is(err, shard.ErrSpan):
		return control.StateDiff{}, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%s comes after %s", r.From, r.To), Next: "give --from the earlier one"}
	case err != nil:
		return control.StateDiff{}, traceError(err)
	}
	d := control.StateDiff{Node: r.Node, Key: m.text(r.Key), Count: h.Count, Steps: []control.StateStep{}, Values: []control.ValueDiff{}, First: h.First, Since: h.Since}
	for _, c := range h.Changes {
		d.Steps = append(d.Steps, control.StateStep{Record: c.Sequence, Time: c.Time, ID: c.ID, By: c.By, Reason: m.text(c.Reason), Names: m.texts(c.Names)})
	}
	for _, v := range h.Values {
		one := control.ValueDiff{Name: m.text(v.Name), Was: v.Was.Revision, Is: v.Is.Revision, Unknown: v.Unknown}
		one.Changes, one.More = differences(m.hide(v.Was.Data), m.hide(v.Is.Data))
		d.Values = append(d.Values, one)
	}
	return d, ctx.Err()
}

// point reads a place in the journal: a record's number, a time, or else an id.
func point(text string) shard.Point {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return shard.Point{Sequence: n}
	}
	for _, form := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return shard.Point{Time: t}
		}
	}
	return shard.Point{ID: text}
}

// traceError is what a person is told of a journal that does not tell.
func traceError(err error) error {
	var none *shard.AbsentError
	var many *shard.AmbiguousError
	switch {
	case errors.As(err, &none):
		e := &control.Error{Code: control.CodeNotFound, Message: "there is no message " + none.ID + " in the journal", At: none.ID, Next: "check the id; the journal has no messages yet"}
		if !none.Since.IsZero() {
			e.Next = fmt.Sprintf("check the id; the journal goes back to record %d, of %s", none.First, none.Since.Local().Format(time.DateTime))
		}
		return e
	case errors.As(err, &many):
		return &control.Error{Code: control.CodeInvalid, Message: many.Error(), At: many.Prefix, Next: "write more of it: " + strings.Join(many.IDs, ", ")}
	case errors.Is(err, journal.ErrDamaged):
		return &control.Error{Code: CodeJournalDamaged, Message: err.Error(), Next: "see what can be saved: grow fsck"}
	}
	return err
}
