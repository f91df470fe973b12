// Package router compiles a service's workflows into a table that says, for a
// message a node sends, which nodes get it next. A table is a pure value: it
// never changes once compiled, so it is shared without locks and replaced
// whole.
package router

import (
	"fmt"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/shape"
)

// Table is a service's routing. It is immutable.
type Table struct {
	Nodes   []*Node // by Index
	Edges   []Edge  // what a message may go along
	byPath  map[string]*Node
	entries map[string]*Entry
	types   map[string]*shape.Type // by name
	routes  func() []byte          // see Routes; nil: there are none
	expressions
}

// Node is a place an actor fills.
type Node struct {
	Index            int
	keyed, exclusive bool
	Path             string // workflow/node, nested workflow/node/node, or the actor's own name
	Actor            *specs.Actor
	Config           []byte // nil when the actor takes none
	Scale            specs.Scale
	Outs             []*Out  // in the order of the actor's out
	Next             []*Node // that it may send to, by path

	keys   map[string]*rule.Key
	anyKey *rule.Key
	in     map[string]bool
}

// Out is a type of message that a node sends.
type Out struct {
	Type  string
	Shape *shape.Type // nil: not checked
	// Sender is what all messages of this type from here share: type and source.
	Sender *abi.Shared
	// SenderJSON is Sender with the content type of JSON.
	SenderJSON *abi.Shared

	choice *choice
	always *Target // the one target of every message, when no rule has to be asked
	along  []int32 // the edges to always
	most   int     // targets of one message
}

// Edge is what messages of a type may go along: a route to one of its targets, or an
// endpoint's to what it sends to. Its ends are named as specs/graph names them.
type Edge struct {
	From, To string
	When     string // rule, with single blanks; "": always
	Type     string
}

// Way is where a message goes. One may be used again for the next message.
type Way struct {
	Targets []Target
	Edges   []int32 // that lead there, as indexes of Table.Edges
	// Faults are rules that ended in an error and so were not taken.
	Faults int
	Last   error
}

// Keyed reports whether the node's messages have keys.
func (n *Node) Keyed() bool { return n.keyed }

// Exclusive reports whether messages of one key, or without keys all of the
// node's, are handled one at a time.
func (n *Node) Exclusive() bool { return n.exclusive }

// Key returns the expression of a type's key, or nil when such messages have none.
func (n *Node) Key(messageType string) *rule.Key {
	if k := n.keys[messageType]; k != nil {
		return k
	}
	return n.anyKey
}

// Takes reports whether the node takes messages of a type.
func (n *Node) Takes(messageType string) bool { return n.in[messageType] }

// Node returns the node of that path.
func (t *Table) Node(path string) (*Node, bool) {
	n, ok := t.byPath[path]
	return n, ok
}

// Entry is where messages from outside come in: an actor, a workflow or a node path.
type Entry struct {
	Name   string
	node   *Node              // when it is one
	inputs map[string]*choice // when it is a workflow
	from   map[string]int32   // edges of the endpoints that send here, by their names
}

// Entry returns the entry of that name.
func (t *Table) Entry(name string) (*Entry, bool) {
	e, ok := t.entries[name]
	return e, ok
}

// Takes reports whether messages of a type may come in here.
func (e *Entry) Takes(messageType string) bool {
	if e.node != nil {
		return e.node.Takes(messageType)
	}
	return e.inputs[messageType] != nil
}

// Types are those that may come in here, in their order.
func (e *Entry) Types() []string {
	if e.node != nil {
		return sorted(e.node.in)
	}
	return sorted(e.inputs)
}

// Place is what kind of target a message goes to.
type Place uint8

// The places a message may go to.
const (
	ToNode   Place = iota
	ToOutput       // out of the outermost workflow: a reply, if somebody waits
	ToDrop
	ToDeadLetter // a route says so
	Nowhere      // no route fits
)

// Target is one place a message goes to.
type Target struct {
	Place Place
	Node  *Node  // when ToNode
	From  string // when ToDeadLetter or Nowhere: the node path or workflow whose routes decided
}

// Enter adds to w where a message from outside goes. at is what checking the data noted;
// nil: nothing.
func (e *Entry) Enter(m *abi.Message, at *shape.Places, w *Way) {
	if i, ok := e.from[m.Source()]; ok {
		w.Edges = append(w.Edges, i)
	}
	if e.node != nil {
		w.Targets = append(w.Targets, Target{Place: ToNode, Node: e.node})
		return
	}
	c := e.inputs[m.Type()]
	if c == nil {
		w.Targets = append(w.Targets, Target{Place: Nowhere, From: e.Name})
		return
	}
	c.follow(m, at, w)
}

// Only returns the one target of every message of this type when no rule has
// to be asked, else nil. It must not be changed.
func (o *Out) Only() *Target { return o.always }

// Along are the edges that lead to Only. They must not be changed.
func (o *Out) Along() []int32 { return o.along }

// Most is how many targets a message of this type may have.
func (o *Out) Most() int { return o.most }

// Next adds to w where a message of this type goes. at is what checking the data noted;
// nil: nothing.
func (o *Out) Next(m *abi.Message, at *shape.Places, w *Way) { o.choice.follow(m, at, w) }

// choice is the compiled routes of one place and one message type.
type choice struct {
	from    string
	options []option
	targets int // see most; 0: not counted yet
}

type option struct {
	rule  *rule.Rule // nil: always
	named string     // the rule, and where it stands
	steps []step
}

// step is one target of a route: a final one, or the choice of another scope.
type step struct {
	target Target
	next   *choice // not nil: leave or enter a workflow, and choose there
	edge   int32   // index of Table.Edges
}

// only is the one target of every message and the edges to it, or nil.
func (c *choice) only() (to *Target, along []int32) {
	for {
		if len(c.options) == 0 {
			return &Target{Place: Nowhere, From: c.from}, along
		}
		o := &c.options[0]
		if o.rule != nil || len(o.steps) != 1 {
			return nil, nil
		}
		along = append(along, o.steps[0].edge)
		if o.steps[0].next == nil {
			return &o.steps[0].target, along
		}
		c = o.steps[0].next
	}
}

// most is how many targets a message may have.
func (c *choice) most() int {
	if c.targets > 0 {
		return c.targets
	}
	most := 1
	for i := range c.options {
		n := 0
		for j := range c.options[i].steps {
			if next := c.options[i].steps[j].next; next != nil {
				n += next.most()
			} else {
				n++
			}
		}
		most = max(most, n)
	}
	c.targets = most
	return most
}

// follow takes the first option that fits. Scopes are nested at most as deep
// as workflows are, so it ends.
func (c *choice) follow(m *abi.Message, at *shape.Places, w *Way) {
	for i := range c.options {
		o := &c.options[i]
		if o.rule != nil {
			ok, err := o.rule.MatchAt(m, at)
			if err != nil {
				w.Faults++
				w.Last = fmt.Errorf("%s: %w", o.named, err)
			}
			if err != nil || !ok {
				continue
			}
		}
		for j := range o.steps {
			w.Edges = append(w.Edges, o.steps[j].edge)
			if o.steps[j].next != nil {
				o.steps[j].next.follow(m, at, w)
			} else {
				w.Targets = append(w.Targets, o.steps[j].target)
			}
		}
		return
	}
	w.Targets = append(w.Targets, Target{Place: Nowhere, From: c.from})
}
