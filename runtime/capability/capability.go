// Package capability is what stands between an actor and everything it may
// use. A [Kind] is one sort of capability (a secret, an HTTP API, a database);
// a grant in an actor's definition opens one; the [Broker] of a node checks
// every request against the node's grants, runs it under a deadline and
// records the answer, so that the message can be run again without the world.
//
// Kinds register themselves by name in init and are listed in one file of
// blank imports in cmd/grow.
package capability

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// Kind is one sort of capability. It is safe for concurrent use.
type Kind interface {
	// Name is the word after `kind:` in a grant.
	Name() string
	// Check says what is wrong with a grant's parameters, for grow vet.
	Check(params map[string]any) error
	// Open prepares the capability for one node. Secrets and connections are
	// looked up here, so that a missing one is an error at start.
	Open(ctx context.Context, g specs.Grant, env Environment) (Capability, error)
}

// SecretError says that a grant or a subscription names a secret which the host does not have.
type SecretError struct {
	Name string
	Of   string // what is where the secret says, as "server events"; "": the secret is for an actor
}

// Error implements error.
func (e *SecretError) Error() string {
	if e.Of != "" {
		return e.Of + ": say in the secret " + e.Name + " where it is"
	}
	return "secret " + e.Name + " is not set: grow secret set " + e.Name + ", or give it in the environment"
}

// Capability serves the requests of one grant at one node. It is safe for
// concurrent use.
type Capability interface {
	// Operations lists what Do serves and whether it changes the outside; nil
	// is anything, and changes nothing.
	Operations() map[string]Effect
	// Do serves one request. ctx carries its deadline.
	Do(ctx context.Context, r *Request) Answer
	// Close releases what Open took.
	Close() error
}

// Effect says what an operation does to the world outside.
type Effect uint8

// The effects.
const (
	Reads   Effect = iota // nothing changes outside; may be asked again freely
	Changes               // something may change outside
	Hides                 // as Reads, and the answer is a secret: it is never recorded
)

// Judge is a capability whose operations change something outside or do not by what is
// asked of them: it is asked in place of what Operations says.
type Judge interface {
	Effect(r *Request) Effect
}

// Preparer is a capability that can begin with a request that changes something outside
// while the journal takes what the actor was told before, which Do has to wait for.
type Preparer interface {
	// Prepare does what of a request shows nowhere: it looks up what Do needs to know, for
	// example. What it returns is Prepared of the request that Do is called with, if it
	// is: the message may end before. It is called for requests that change something
	// only, at most once each, and not for all of them.
	Prepare(ctx context.Context, r *Request) any
}

// Printer is a kind whose grants reach what is in the documents of a revision.
type Printer interface {
	// Print stands for what a grant reaches in the folder of documents: another one makes
	// another revision of the actor.
	Print(params map[string]any, documents string) string
}

// DocumentsChecker is a kind whose grants name documents that have to be right.
type DocumentsChecker interface {
	// CheckDocuments says what is wrong with the documents that a grant names, in the
	// service's folder.
	CheckDocuments(params map[string]any, documents string) error
}

// Print is the Print of a grant's kind; "": it reaches no documents.
func Print(g specs.Grant, documents string) string {
	if k, ok := Lookup(g.Kind); ok {
		if p, ok := k.(Printer); ok {
			return p.Print(g.Params, documents)
		}
	}
	return ""
}

// Environment is what the host offers to capabilities.
type Environment struct {
	Namespace string
	Service   string
	Node      string
	// Secret looks a secret up by name.
	Secret func(name string) (string, bool)
	// Given is told of each secret that the actor of a node is given; nil: nobody is.
	Given func(node, name string)
	// Networks are addresses that are not public, and that the host lets grants reach.
	Networks []netip.Prefix
	// Data is the folder for what capabilities keep of the service; "": they keep nothing.
	Data string
	// Documents is the folder of the revision's documents; "": there is none.
	Documents string
	// Buckets hold values that actors share; nil: there are none.
	Buckets bucket.Store
	// Objects hold what is large and actors share; nil: there are none.
	Objects object.Store
	// Apart is set for a copy of a node that touches nothing outside: Open connects to
	// nobody and makes no file, and Do is called for what gives secrets at most.
	Apart bool
	// Actors are those that the definition's grants of kind actor name, by name.
	Actors map[string]Provider
}

// Provider is an actor that serves operations to others. It is safe for concurrent use.
type Provider interface {
	// Operations lists what Do serves and whether it changes the outside.
	Operations() map[string]Effect
	// Do serves one request. ctx carries its deadline.
	Do(ctx context.Context, r *Request) Answer
}

// HostSecret reports whether a secret of that name is the host's own, as the address of a
// server with its password: a grant gives it to nobody.
func HostSecret(name string) bool { return strings.HasPrefix(name, "GROW_") }

// Request is one operation asked for. It is valid until Do returns.
type Request struct {
	Operation string
	Data      []byte
	// Stable identifies the request over every attempt and recovery:
	// <message id>/<number of the request>. Send it along as the
	// idempotency key where the other side takes one.
	Stable string
	// First says that nobody has made the request before: its message is handled for the first
	// time, by this process. Otherwise somebody may have.
	First bool
	// Attr returns an attribute of the request.
	Attr func(name string) (string, bool)
	// Each yields all attributes; nil: there are none but those that Attr knows.
	Each iter.Seq2[string, string]
	// Prepared is what Prepare of a [Preparer] returned; nil: it was not called, or had nothing.
	Prepared any
}

// Answer is what came of a request: data and attributes, or an error code.
type Answer struct {
	Attrs []string // name, value, name, value
	Data  []byte

	Code  string // not empty: the request failed
	Text  string // why, for a person; never holds a secret
	Retry bool   // trying again later may help

	// Passing says that another attempt at the message asks again, although this is an
	// answer: the other side was not able to give a better one now.
	Passing bool

	Took time.Duration // 0: what Do took
	Fuel uint64        // that others used for it, which whoever asked pays
}

// Codes of failed requests that have one meaning everywhere.
const (
	Denied      = "denied"
	NotFound    = "not_found"
	Conflict    = "conflict"
	Timeout     = "timeout"
	Limit       = "limit"
	Unavailable = "unavailable"
	Invalid     = "invalid"
	Damaged     = "damaged" // what is kept is there, and cannot be read
)

// Fail makes a failed answer.
func Fail(code, format string, args ...any) Answer {
	return Answer{Code: code, Text: fmt.Sprintf(format, args...), Retry: code == Timeout || code == Unavailable}
}

var (
	kindsMu sync.RWMutex
	kinds   = map[string]Kind{}
)

// Register makes a kind known. It panics when the name is taken: two kinds of
// one name are a fault of the build.
func Register(k Kind) {
	kindsMu.Lock()
	defer kindsMu.Unlock()
	if _, taken := kinds[k.Name()]; taken {
		panic("capability: kind " + k.Name() + " registered twice")
	}
	kinds[k.Name()] = k
}

// Lookup returns the kind of that name.
func Lookup(name string) (Kind, bool) {
	kindsMu.RLock()
	defer kindsMu.RUnlock()
	k, ok := kinds[name]
	return k, ok
}

// Names lists the registered kinds, sorted.
func Names() []string {
	kindsMu.RLock()
	defer kindsMu.RUnlock()
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// CheckGrant is the Check of the grant's kind.
func CheckGrant(g specs.Grant) error {
	k, ok := Lookup(g.Kind)
	if !ok {
		return fmt.Errorf("there is no capability of kind %q", g.Kind)
	}
	return k.Check(g.Params)
}

// CheckGrantIn is CheckGrant, and the CheckDocuments of the grant's kind in the service's
// folder.
func CheckGrantIn(g specs.Grant, documents string) error {
	if err := CheckGrant(g); err != nil {
		return err
	}
	if k, _ := Lookup(g.Kind); k != nil {
		if d, ok := k.(DocumentsChecker); ok {
			return d.CheckDocuments(g.Params, documents)
		}
	}
	return nil
}
