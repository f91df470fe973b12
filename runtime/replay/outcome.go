package replay

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
)

// Outcome is what came of a message.
type Outcome struct {
	What    string // handled, refused, later or failed
	Code    string // when not handled
	Text    string // likewise; not compared
	Outputs []Output
	State   []capability.Change // in the order of first writing
	Calls   []Call              // that were asked of grants, in their order
	Fuel    uint64
	// Took is how long it took; as far as it was measured, of a recorded one.
	Took    time.Duration
	Memory  int64   // bytes of all instances of the actor afterwards; 0: not known
	Unknown []Asked // requests that the record has no answer for
	Heard   []Heard // requests of grants, by number, when they were asked for
	Ungiven []int   // answers given in place of recorded ones that no request asked for, by index
	before  map[string]capability.Value
}

// Output is a message that was sent, wherever it went.
type Output struct {
	Type  string
	Data  []byte
	Attrs map[string]string // content-type, x.<name>, http.status, http.header.<name>
	Delay time.Duration     // -1: not recorded, since it went to no node
}

// Call is a request of a grant.
type Call struct {
	Use, Operation string
	Digest         string // of the request
}

// outcomes are the words for how a handling ended.
var outcomes = [...]string{actor.Handled: "handled", actor.Refused: "refused", actor.Later: "later", actor.Failed: "failed"}

// ran copies what came of running a message; before is the state it began with.
func ran(a *actor.Actor, r *actor.Result, s *capability.State, before map[string]capability.Value) *Outcome {
	o := &Outcome{What: outcomes[r.Outcome], Code: strings.Clone(r.Code), Text: strings.Clone(r.Text), Fuel: r.Fuel, before: before}
	for i := range r.Outputs {
		from := &r.Outputs[i]
		out := Output{Type: a.Def.Out[from.Index], Data: slices.Clone(from.Data), Delay: from.Delay}
		if from.ContentType != nil {
			out.attr(abi.ContentType, string(from.ContentType))
		}
		if from.Extra {
			for name, value := range from.View.All() {
				out.attr(string(name), string(value))
			}
		}
		o.Outputs = append(o.Outputs, out)
	}
	if s != nil && r.Outcome == actor.Handled {
		o.State = slices.Clone(s.Changes())
	}
	for i := range r.Recorded {
		if c := &r.Recorded[i]; c.Use != "" {
			o.Calls = append(o.Calls, Call{c.Use, c.Operation, string(c.Digest())})
		}
	}
	return o
}

// recorded copies what an entry says came of a message.
func (o *Outcome) recorded(h *journal.Handled, r *room) error {
	o.What, o.Code, o.Text, o.Fuel, o.Took = "handled", r.string(h.Code), r.string(h.Reason), h.Fuel, time.Duration(h.Duration)
	if h.Outcome == journal.OutcomeRefused {
		o.What = "refused"
	}
	o.State = changesOf(h.State)
	for i := range h.Answers {
		if a := &h.Answers[i]; a.Use != "" {
			o.Calls = append(o.Calls, Call{r.string(a.Use), r.string(a.Operation), string(a.Request)})
		}
	}
	return o.sent(h, r)
}

// changesOf copies changes of a state; the data of a value that is deleted is nil, and of no
// other.
func changesOf(list []journal.StateChange) (copied []capability.Change) {
	for i := range list {
		c := capability.Change{Name: strings.Clone(list[i].Name), Revision: list[i].Revision, Type: list[i].Type}
		if !list[i].Deleted {
			c.Data = append([]byte{}, list[i].Value...)
		}
		copied = append(copied, c)
	}
	return copied
}

// sent are the outputs, each once: an entry has a copy for each receiver, and
// copies of the nth are called <id>.n, <id>.n-2 and so on.
func (o *Outcome) sent(h *journal.Handled, r *room) error {
	var numbers []int // of those in o.Outputs
	last := 0         // the highest
	var v abi.View
	for i := range h.Outputs {
		copied := &h.Outputs[i]
		n, err := numbered(copied.Frame, h.ID, &v)
		if err != nil {
			return fmt.Errorf("read an output of %s: %w", h.ID, err)
		}
		at := -1
		if n <= last { // mostly they come in their order
			at = slices.Index(numbers, n)
		}
		if at < 0 {
			at, numbers, last = len(numbers), append(numbers, n), max(n, last)
			o.Outputs = append(o.Outputs, outputOf(&v, r))
		}
		switch out := &o.Outputs[at]; {
		case copied.Due > 0:
			out.Delay = time.Duration(copied.Due - h.Time - h.Duration)
		case copied.Grave == nil && copied.To != "output" && copied.To != "drop" && out.Delay < 0:
			out.Delay = 0
		}
	}
	if !slices.IsSorted(numbers) {
		sort.Sort(&byNumber{numbers, o.Outputs})
	}
	return nil
}

// numbered reads a frame of the nth output of a message, and returns n.
func numbered(frame []byte, id string, v *abi.View) (n int, err error) {
	r, err := abi.NewReader(frame)
	if err != nil {
		return 0, err
	}
	if r.Left() != 1 {
		return 0, fmt.Errorf("%d messages in the frame, not one: %w", r.Left(), abi.ErrCount)
	}
	if _, err := r.Next(v); err != nil {
		return 0, err
	}
	own, _ := v.Attr(abi.ID)
	rest, ok := bytes.CutPrefix(own, []byte(id))
	if ok {
		rest, _ = bytes.CutPrefix(rest, []byte("."))
	}
	text, _, _ := bytes.Cut(rest, []byte("-"))
	if n, err = strconv.Atoi(string(text)); err != nil {
		return 0, fmt.Errorf("its id %q does not say which it is", own)
	}
	return n, nil
}

// outputOf copies an output, without what every message has by itself.
func outputOf(v *abi.View, r *room) Output {
	kind, _ := v.Attr(abi.Type)
	out := Output{Type: r.string(string(kind)), Data: r.bytes(v.Data), Delay: -1}
	for name, value := range v.All() {
		if name := string(name); told(name) {
			out.attr(name, string(value))
		}
	}
	return out
}

// byNumber sorts outputs, which mostly are, by their numbers.
type byNumber struct {
	numbers []int
	outputs []Output
}

func (b *byNumber) Len() int           { return len(b.numbers) }
func (b *byNumber) Less(i, j int) bool { return b.numbers[i] < b.numbers[j] }
func (b *byNumber) Swap(i, j int) {
	b.numbers[i], b.numbers[j] = b.numbers[j], b.numbers[i]
	b.outputs[i], b.outputs[j] = b.outputs[j], b.outputs[i]
}

// told reports whether an attribute is one that an actor may give its output.
func told(name string) bool {
	return name == abi.ContentType || strings.HasPrefix(name, abi.OwnPrefix) || name == abi.HTTPStatus || strings.HasPrefix(name, abi.HTTPHeaderPrefix)
}

// attr notes an attribute of an output; what every one has by itself is left out.
func (o *Output) attr(name, value string) {
	if !told(name) || name == abi.ContentType && value == abi.ContentJSON {
		return
	}
	if o.Attrs == nil {
		o.Attrs = map[string]string{}
	}
	o.Attrs[strings.Clone(name)] = strings.Clone(value)
}

// migrated is what came of a message, with the values that its key kept afterwards as an
// actor that migrates them would find them.
func (c *Case) migrated(a *actor.Actor) (*Outcome, error) {
	after := maps.Clone(c.State)
	if after == nil {
		after = map[string]capability.Value{}
	}
	for _, ch := range c.Then.State {
		if delete(after, ch.Name); ch.Data != nil {
			after[ch.Name] = capability.Value{Data: ch.Data, Revision: ch.Revision, Type: ch.Type}
		}
	}
	values, err := a.Migrated(after)
	if err != nil {
		return nil, err
	}
	then := c.Then
	then.State = slices.Clone(then.State)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if v.Revision == after[name].Revision {
			continue
		}
		i := slices.IndexFunc(then.State, func(ch capability.Change) bool { return ch.Name == name })
		if i < 0 {
			i, then.State = len(then.State), append(then.State, capability.Change{Name: name})
		}
		then.State[i].Data, then.State[i].Revision, then.State[i].Type = v.Data, v.Revision, v.Type
	}
	return &then, nil
}

// after is the state afterwards, by name, of the values that either of two
// outcomes changed.
func (o *Outcome) after(before map[string]capability.Value, name string) []byte {
	for i := range o.State {
		if o.State[i].Name == name {
			return o.State[i].Data
		}
	}
	return before[name].Data
}
