package specs

import (
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/specs/shape"
)

// Service is one folder of definitions, loaded and resolved: names refer to
// things that exist, defaults are filled in, types are compiled. It is
// immutable once Load has returned it and may be read concurrently.
type Service struct {
	Dir       string // absolute path of the folder
	Name      string
	About     string
	Version   string
	Docs      []string
	Endpoints []*Endpoint // in the order of grow.yaml
	Sources   []*Source   // schedules, then subscriptions, each in the order of grow.yaml
	Actors    map[string]*Actor
	Workflows map[string]*Workflow
	Types     map[string]*shape.Type // message and state types by name
	Tests     []*Test                // of its endpoints
	Warnings  []Problem              // what may be meant, in file order; Warning is set in each
}

// Endpoint is one HTTP face of a service.
type Endpoint struct {
	Method      string // GET, POST, …
	Path        string // as written: /orders/{id}
	Params      []string
	Send        string         // type of the message it makes
	To          string         // actor, workflow or node path that takes the message
	Reply       map[string]int // message type -> status; nil when none is declared
	Accepted    bool           // `reply: 202`: answered with the id once the message is kept
	Timeout     time.Duration
	Direct      bool // delivery: direct
	Body        Body
	Headers     []string // lower-case names of the headers that become attributes
	Webhook     *Webhook // nil: no signature is asked for
	Idempotency string   // lower-case name of the header that de-duplicates requests; "" for none
	MaxBody     int64    // bytes
	At          Position
}

// Source is what sends messages to a service besides its endpoints: a schedule or a
// subscription.
type Source struct {
	Name     string // in logs and sources of messages: "schedule nightly"
	Send, To string // as those of an endpoint
	At       Position

	Schedule     *Schedule     // or
	Subscription *Subscription // nil
}

// Schedule is when a message is sent.
type Schedule struct {
	Cron, Zone string
	Data       []byte // JSON
	Missed     Missed
}

// Missed says what becomes of the times at which the host was not there.
type Missed string

// The policies.
const (
	MissedSkip Missed = "skip" // none is made up for
	MissedOnce Missed = "once" // the last one is
	MissedAll  Missed = "all"
)

// Subscription is what a message is taken from.
type Subscription struct {
	Via     Via
	Server  string // as the host knows it
	Subject string // or topic, or stream
	New     bool   // what the stream had before is left out
}

// Via is a sort of server that messages are taken from.
type Via string

// The sorts.
const (
	ViaNATS  Via = "nats"
	ViaKafka Via = "kafka"
	ViaRedis Via = "redis"
)

// Takes reports whether something from outside goes to a target.
func (s *Service) Takes(target string) bool {
	return slices.ContainsFunc(s.Endpoints, func(e *Endpoint) bool { return e.To == target }) ||
		slices.ContainsFunc(s.Sources, func(x *Source) bool { return x.To == target })
}

// Name is how the endpoint is called in logs, errors and sources of messages: "POST /orders".
func (e *Endpoint) Name() string { return e.Method + " " + e.Path }

// Body says what an endpoint does with a request's body.
type Body int

// The kinds of body.
const (
	BodyNone Body = iota // no body: data is an object of path parameters and query
	BodyJSON             // checked against the type, passed on byte for byte
	BodyRaw              // passed on byte for byte with its content type
)

// Webhook names a signature scheme and the secret it is checked with.
type Webhook struct {
	Scheme string // "github" or "standard"
	Secret string // name of the secret
}

// Actor is the definition of one actor.
type Actor struct {
	Name  string
	Dir   string // absolute path of its folder
	About string
	Docs  []string
	Code  Code
	// Config checks a node's config; nil when the actor takes none.
	Config *shape.Type
	// ConfigDefault is the config with every default filled in, as JSON; a node's own config is laid over it.
	ConfigDefault []byte
	In            []string
	Out           []string
	// Key maps a message type to the CEL expression of its key; "" stands for every type not named. nil: no key.
	Key   map[string]string
	State []State // nil: no state
	Uses  []Grant // in order of name
	// Provides are the operations that it serves to others, in the order of the file.
	Provides []Provision
	Scale    Scale
	Limits   Limits
	// Isolated actors run in a process of their own.
	Isolated bool
	Retry    Retry
	Targets  Targets
	Rehearse Rehearse
	Tests    []*Test // in the order of their files
	At       Position
}

// Targets say how fast an actor or a workflow is meant to be; what is 0 is not said.
type Targets struct {
	P99  time.Duration // of handling a message, in a workflow with all that it causes
	Rate float64       // messages a second of one instance, or that a workflow takes one after the other
}

// Rehearse says how a new revision is rehearsed, and what may differ then. A place begins
// with data, for every output, or with state, and goes on with names of fields.
type Rehearse struct {
	Last      int                // messages; 0: none, unless they are asked for
	Ignore    []string           // places that are not compared
	Near      map[string]float64 // by how much of the larger one numbers may differ, by place
	Unordered bool               // outputs may come in any order
}

// Code names the live implementation of an actor.
type Code struct {
	Language string // rust, go, wasm, …
	Source   string // absolute path of the source folder, or of the .wasm file
	Digest   string // in place of Source, of a module on the host: 64 hex digits
}

// State declares the type of the state values whose name fits Pattern.
type State struct {
	Pattern string // a name, or a path.Match pattern; "" is the usual single value
	Type    *shape.Type
	Name    string // name of the type
	// Print stands for the type in what is kept: two of one print are the same. 0: the
	// type is not known.
	Print uint64
	// From says how values of older types become ones of Type, in the order of the file.
	From []Migration
	// Back is the actor that makes values of Type what they were before, of one of the
	// types of From; "": there is none.
	Back string
}

// Migration is how values of an older type become ones of the type that is kept: an
// actor takes a message of the one and sends one message of the other.
type Migration struct {
	Type  *shape.Type // the older one
	Name  string      // of it
	Print uint64      // of it, as in State
	Actor *Actor
}

// Migrates reports whether values of the type with a print become ones of this by a
// migration that is named for it.
func (s *State) Migrates(print uint64) bool {
	return slices.ContainsFunc(s.From, func(m Migration) bool { return m.Print == print })
}

// Shares reports whether two revisions of an actor can have the same values by turns: they
// keep them under the same names and of one type, or each migrates what the other keeps.
func (a *Actor) Shares(b *Actor) bool {
	return slices.EqualFunc(a.State, b.State, func(a, b State) bool {
		return a.Pattern == b.Pattern && (a.Name == b.Name && a.Type.Fingerprint() == b.Type.Fingerprint() || a.Migrates(b.Print) && b.Migrates(a.Print))
	})
}

// Provision is an operation that an actor serves to others: a message that it takes, and
// answers with one. Its name is the type that it takes.
type Provision struct {
	Takes, Gives string
	Changes      bool // something outside may change
}

// KindActor is the kind of grants of operations that another actor provides.
const KindActor = "actor"

// Provider is the actor whose operations a grant is of; nil: it is of another kind.
func (s *Service) Provider(g Grant) *Actor {
	name, _ := g.Params["actor"].(string)
	if g.Kind != KindActor {
		return nil
	}
	return s.Actors[name]
}

// Grant is the permission to use one capability.
type Grant struct {
	Name   string         // what the actor calls it by
	Kind   string         // the capability: secret, http, sql, …
	Params map[string]any // the rest of the entry, validated by the capability's own schema
	At     Position
}

// Scale bounds what runs of one node.
type Scale struct {
	Min, Max int // instances
	Mailbox  int // messages waiting
}

// Limits bounds the handling of one message.
type Limits struct {
	Memory int64 // bytes of linear memory an instance
	Output int64 // bytes of outputs a message
	Calls  int   // capability requests a message
	// Answers are the bytes of what capabilities answer a message; 0: abi.AnswerBytesMax.
	Answers int64
	Fuel    uint64 // units of fuel a message: instructions, roughly
	// Time is how long handling a message may take; 0: abi.TimeDefault, or
	// abi.TimeCallsDefault from the first request to a capability that is granted.
	Time time.Duration
}

// Retry says what becomes of a message that failed or asked to be tried later.
type Retry struct {
	Max     int           // attempts after the first
	Backoff time.Duration // before the second attempt
	Factor  float64       // by which the wait grows with each further attempt
	Hold    bool          // later messages of the key wait too
}

// Workflow is a graph of nodes.
type Workflow struct {
	Name   string
	Dir    string
	About  string
	Docs   []string
	In     []string
	Out    []string
	Nodes  []*Node  // in the order of the file
	Routes []*Route // in the order of the file
	// Targets are of the whole workflow; those of its actors are apart.
	Targets Targets
	Tests   []*Test
	At      Position
}

// Node is a place in a workflow that an actor or another workflow fills.
type Node struct {
	Name     string
	Actor    string // name of the actor, or ""
	Workflow string // name of the workflow, or ""
	// Config is the node's whole config as JSON: the actor's defaults with the node's own values laid over; nil when the actor takes none.
	Config []byte
	Scale  Scale
	At     Position
}

// Route is an edge: where messages of a node go.
type Route struct {
	From string   // node, or Input
	Type string   // "" for any type
	When string   // CEL rule, "" for always
	To   []string // nodes, Output, Drop or DeadLetter; each gets a copy
	At   Position
}

// The places a route may name besides nodes.
const (
	Input      = "input"
	Output     = "output"
	Drop       = "drop"
	DeadLetter = "deadletter"
)

// Position is a place in a file a user wrote. Line and Col count from 1; 0 means unknown.
type Position struct {
	File string // relative to the service's folder
	Line int
	Col  int
}

// EndpointOf finds the endpoint that takes a request for target, a path that a
// query may follow; nil: none does.
func (s *Service) EndpointOf(method, target string) *Endpoint {
	target, _, _ = strings.Cut(target, "?")
	given := strings.Split(strings.Trim(target, "/"), "/")
	var found *Endpoint
	for _, e := range s.Endpoints {
		parts := strings.Split(strings.Trim(e.Path, "/"), "/")
		if e.Method != method || len(parts) != len(given) {
			continue
		}
		fits, exact := true, true
		for i, p := range parts {
			if strings.HasPrefix(p, "{") {
				exact = false
			} else if p != given[i] {
				fits = false
			}
		}
		if fits && (found == nil || exact) {
			found = e
		}
	}
	return found
}
