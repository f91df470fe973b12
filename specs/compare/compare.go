// Package compare says what has changed between two revisions of a service, or
// of an actor, a workflow or a type, and what each change means for those who
// keep to the old one. Types are compared by [shape.Compare]; here stand the
// rules of what is built from them, and which role a type has where it is used.
package compare

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/specs/shape"
)

// Change is one difference, judged.
type Change struct {
	Subject string // what it is in: "type order.placed", "actor pricing", "endpoint POST /orders", "service shop"
	Path    string // of the value in the subject: in, limits.memory; in a type a JSON pointer: /total
	// Role is the side that the verdict is about: in (what is sent to it), out
	// (what is received from it), state or config; "" when there is but one.
	Role    string
	Where   string // for a type, what gives it the role: "POST /orders, actor pricing"
	Verdict shape.Verdict
	Class   string // "types", "interface", "state", "grants" (what it may reach) or "info" (how it runs)
	Code    string // stable, such as required.added
	Message string // what changed, lower case
	// Example is a message that works with one side and fails with the other,
	// Refusal why it fails; nil when none could be built, or the change has none.
	Example []byte
	Refusal string
	// Undecided: there is no proof either way, so it is taken for a break.
	Undecided bool
	Recorded  int // messages that spoke for an undecided change
}

// The classes of change.
const (
	Types     = "types"
	Interface = "interface"
	State     = "state"
	Grants    = "grants"
	Info      = "info"
)

// The roles besides those of shape.
const (
	roleState  = "state"
	roleConfig = "config"
)

// Options says what else is known.
type Options struct {
	// Recorded are messages of the old revision by type, which decide what
	// proof cannot for a type in the role in.
	Recorded map[string][][]byte
	// Rehearsed are messages that the new revision sent, for the role out.
	Rehearsed map[string][][]byte
}

// Worst is the gravest verdict.
func Worst(changes []Change) shape.Verdict {
	worst := shape.Ok
	for i := range changes {
		worst = max(worst, changes[i].Verdict)
	}
	return worst
}

// report collects the changes of one subject after the other.
type report struct {
	opts    Options
	subject string
	changes []Change
}

func (r *report) about(format string, args ...any) { r.subject = fmt.Sprintf(format, args...) }

func (r *report) add(path string, v shape.Verdict, class, code, format string, args ...any) {
	r.changes = append(r.changes, Change{Subject: r.subject, Path: path, Verdict: v, Class: class, Code: code, Message: fmt.Sprintf(format, args...)})
}

// info adds what changes how something runs and breaks nobody.
func (r *report) info(path, format string, args ...any) {
	r.add(path, shape.Ok, Info, "changed", format, args...)
}

// moved adds an info when two values differ.
func moved[T comparable](r *report, path, what string, old, new T, say func(T) string) {
	if old != new {
		r.info(path, "%s changed from %s to %s", what, say(old), say(new))
	}
}

// types adds the changes of a type in one role. prefix stands before their paths.
func (r *report) types(prefix string, role shape.Role, name, where string, changes []shape.Change) {
	for _, c := range changes {
		j := c.Of(role)
		r.changes = append(r.changes, Change{
			Subject: r.subject, Path: prefix + c.Path, Role: name, Where: where, Verdict: j.Verdict, Class: Types, Code: c.Code, Message: c.Message,
			Example: j.Example, Refusal: j.Refusal, Undecided: j.Undecided, Recorded: j.Recorded,
		})
	}
}

// Type compares two types that no role is known of: every change is judged in
// both, or in those given.
func Type(name string, old, new *shape.Type, o Options, roles ...shape.Role) []Change {
	r := &report{opts: o}
	r.about("type %s", name)
	if len(roles) == 0 {
		roles = []shape.Role{shape.In, shape.Out}
	}
	r.both(name, old, new, roles, map[shape.Role]string{})
	return r.changes
}

// both adds each change of a type once for every role.
func (r *report) both(name string, old, new *shape.Type, roles []shape.Role, where map[shape.Role]string) {
	changes := shape.Compare(old, new, r.recorded(name))
	for i := range changes {
		for _, role := range roles {
			r.types("", role, role.String(), where[role], changes[i:i+1])
		}
	}
}

func (r *report) recorded(name string) shape.CompareOptions {
	return shape.CompareOptions{Sent: r.opts.Recorded[name], Received: r.opts.Rehearsed[name]}
}

// TypeSet compares types by name, such as those of a file: what is gone breaks
// whoever uses it, in the roles given.
func TypeSet(old, new map[string]*shape.Type, o Options, roles ...shape.Role) []Change {
	var all []Change
	for _, name := range union(old, new) {
		switch a, b := old[name], new[name]; {
		case b == nil:
			r := &report{subject: "type " + name}
			r.add("", shape.Break, Types, "type.removed", "is gone")
			all = append(all, r.changes...)
		case a == nil:
			r := &report{subject: "type " + name}
			r.add("", shape.Ok, Types, "type.added", "is new")
			all = append(all, r.changes...)
		default:
			all = append(all, Type(name, a, b, o, roles...)...)
		}
	}
	return all
}

// union are the keys of two maps, sorted.
func union[K cmp.Ordered, V any](a, b map[K]V) []K {
	keys := make([]K, 0, len(a)+len(b))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// less are those of a that are not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
