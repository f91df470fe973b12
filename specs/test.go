package specs

import (
	"slices"
	"time"

	"github.com/grow-platform/grow/specs/expect"
)

// Subject is what a test is of.
type Subject uint8

// The subjects of tests.
const (
	OfActor Subject = iota
	OfWorkflow
	OfService // by its endpoints
)

// String names the subject in one word.
func (s Subject) String() string { return [...]string{"actor", "workflow", "service"}[s] }

// Test is one example of what an actor, a workflow or an endpoint does. It is
// immutable, like the [Service] it belongs to.
//
// Nodes are named by their path as seen from the subject: "" is an actor
// itself, pricing a node of the workflow that is tested, checkout/pricing one
// of a service.
type Test struct {
	Name    string
	Of      Subject
	Subject string // name of the actor, the workflow or the service
	Proves  []Proof
	Now     time.Time         // when it begins
	Config  map[string][]byte // whole config by node, where the test sets one
	State   []KeyState        // before
	Doubles map[string][]*Double
	Ordered bool // doubles of a node are asked in their order
	Steps   []Step

	// Then are the messages expected, nil when nothing is said of them.
	Then      []Wanted
	Unordered bool
	// Refused, Failed and Later are how the last message is not handled.
	Refused, Failed, Later *Fault
	StateAfter             []KeyStateWanted
	Path                   []string // nodes passed, nil when nothing is said of them
	Replies                []Reply  // of endpoints, one for each request

	At     Position
	ThenAt Position // of the value of then; Line 0 when there is none
}

// NowDefault is when a test begins that does not say.
var NowDefault = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Proof names the part of a document that a test proves.
type Proof struct {
	Doc     string // path relative to the service's folder
	Section string // after #; "" for the whole document
	At      Position
}

// KeyState is one value of the state of a node.
type KeyState struct {
	Node string
	Key  *string // nil: the key of the first message
	Name string
	Data []byte // JSON; nil: no value
	At   Position
}

// KeyStateWanted is one value expected of the state of a node.
type KeyStateWanted struct {
	Node  string
	Key   *string // nil: the key of the first message
	Name  string
	Value *expect.Value // nil: no value
	At    Position
}

// Step is one thing that happens in a test.
type Step struct {
	Advance time.Duration // time moves; the rest is empty
	Type    string        // of the message
	Data    []byte
	Attrs   []string // name, value, name, value
	Request *Request // of an endpoint's test
	At      Position
}

// Request is an HTTP request of a test.
type Request struct {
	Method  string
	Target  string // path and query
	Body    []byte
	Headers map[string]string // by lower-case name
	// Unsigned leaves out the signature that the endpoint asks for.
	Unsigned bool
}

// Wanted is one message expected.
type Wanted struct {
	Type  string
	Data  *expect.Value // nil: of bytes, nothing is said
	Attrs []WantedAttr
	At    Position
}

// WantedAttr is an attribute expected of a message.
type WantedAttr struct {
	Name  string
	Value *expect.Value
}

// Fault is how a message is expected not to be handled; nil values say nothing.
type Fault struct {
	Code, Text *expect.Value
	Node       string
	After      time.Duration // 0: nothing is said
	At         Position
}

// Reply is an HTTP answer expected; nil values say nothing.
type Reply struct {
	Status  int // 0: nothing is said
	Body    *expect.Value
	Headers []WantedAttr
	At      Position
}

// Double stands in for a capability, or for a whole node.
type Double struct {
	// Use and Operation are the grant and what is asked of it, as the actor
	// sends it: tax and http.fetch.
	Use       string
	Operation string
	// Request are the attributes of the request or the fields of its data that
	// must fit; "data" is all of its data.
	Request []WantedAttr
	Answer  DoubleAnswer
	After   time.Duration // that the answer takes
	Times   int           // how often it is given; 0: any number, and at least once

	// Instead is set when the double stands in for a node.
	Instead *NodeDouble
	At      Position
}

// DoubleAnswer is what the double of a capability answers.
type DoubleAnswer struct {
	Attrs []string // name, value, name, value
	Data  []byte
	Error string // a code: the request failed
	Text  string
	Retry bool
}

// NodeDouble is what the double of a node does with a message that fits.
type NodeDouble struct {
	When Wanted // Data nil: any data
	Send []Sent
}

// Sent is a message that the double of a node sends.
type Sent struct {
	Type  string
	Data  []byte
	Attrs []string
}

// TestsOf are the declared tests of actors, of workflows, and of the service itself, by
// their names.
func (s *Service) TestsOf(names []string) []*Test {
	var list []*Test
	for _, name := range names {
		if a := s.Actors[name]; a != nil {
			list = append(list, a.Tests...)
		}
		if w := s.Workflows[name]; w != nil {
			list = append(list, w.Tests...)
		}
	}
	if slices.Contains(names, s.Name) {
		list = append(list, s.Tests...)
	}
	return list
}
