package compare

import (
	"slices"
	"time"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Actors compares an actor of one service with one of another, types included:
// what it takes, sends, keeps, can be set to, and may reach.
func Actors(old *specs.Service, oldName string, new *specs.Service, newName string, o Options) []Change {
	r := &report{opts: o}
	a, b := old.Actors[oldName], new.Actors[newName]
	r.actor(a, b, shape.Break)
	r.ports(old, new, a.In, b.In, shape.In, "actor "+newName)
	r.ports(old, new, a.Out, b.Out, shape.Out, "actor "+newName)
	return r.changes
}

// ports compares the types that two lists have both, in one role.
func (r *report) ports(old, new *specs.Service, was, is []string, role shape.Role, where string) {
	for _, name := range is {
		if slices.Contains(was, name) {
			r.about("type %s", name)
			r.both(name, old.Types[name], new.Types[name], []shape.Role{role}, map[shape.Role]string{role: where})
		}
	}
}

// actor compares two definitions, without the types that have a name. sending
// is the verdict on a type that is sent now and was not.
func (r *report) actor(a, b *specs.Actor, sending shape.Verdict) {
	r.about("actor %s", b.Name)
	if a.Name != b.Name {
		r.add("actor", shape.Break, Interface, "renamed", "was %s", a.Name)
	}
	r.lists(a.In, b.In, a.Out, b.Out, sending)
	r.key(a, b)
	r.state(a, b)
	r.config(a, b)
	r.grants(a.Uses, b.Uses)
	r.running(a, b)
}

// lists compares the names of types that come in and go out.
func (r *report) lists(in, newIn, out, newOut []string, sending shape.Verdict) {
	for _, name := range less(in, newIn) {
		r.port("in", shape.Break, "in.removed", "%s is no longer taken", name)
	}
	for _, name := range less(newIn, in) {
		r.port("in", shape.Ok, "in.added", "%s is taken now", name)
	}
	for _, name := range less(out, newOut) {
		r.port("out", shape.Ok, "out.removed", "%s is no longer sent", name)
	}
	for _, name := range less(newOut, out) {
		r.port("out", sending, "out.added", "%s is sent now, which nothing of the old revision expects", name)
	}
}

func (r *report) port(role string, v shape.Verdict, code, format, name string) {
	r.add(role, v, Interface, code, format, name)
	r.changes[len(r.changes)-1].Role = role
}

// key compares what orders messages and owns state.
func (r *report) key(a, b *specs.Actor) {
	v, what := shape.Warn, "messages are put in order by it"
	if len(a.State) > 0 {
		v, what = shape.Break, "what is kept under the old keys is not found"
	}
	names, path := []string{""}, "key"
	if byType(a) || byType(b) {
		names = slices.DeleteFunc(slices.Clone(b.In), func(name string) bool { return !slices.Contains(a.In, name) })
	}
	for _, name := range names {
		if name != "" {
			path = "key." + name
		}
		switch was, is := keyOf(a, name), keyOf(b, name); {
		case was == is:
		case was == "":
			r.add(path, v, State, "key.changed", "is %s now, there was none: %s", is, what)
		case is == "":
			r.add(path, v, State, "key.changed", "was %s, there is none now: %s", was, what)
		default:
			r.add(path, v, State, "key.changed", "changed from %s to %s: %s", was, is, what)
		}
	}
}

// byType reports whether an actor's key depends on the type of a message.
func byType(a *specs.Actor) bool {
	_, one := a.Key[""]
	return len(a.Key) > 1 || len(a.Key) == 1 && !one
}

// keyOf is the key of a type: its own, or that of every type.
func keyOf(a *specs.Actor, name string) string {
	if k, ok := a.Key[name]; ok {
		return k
	}
	return a.Key[""]
}

// state compares what is kept: the new type must take what the old has written.
func (r *report) state(a, b *specs.Actor) {
	was, is := map[string]specs.State{}, map[string]specs.State{}
	for _, s := range a.State {
		was[s.Pattern] = s
	}
	for _, s := range b.State {
		is[s.Pattern] = s
	}
	for _, pattern := range union(was, is) {
		path := "state"
		if pattern != "" {
			path += "." + pattern
		}
		old, had := was[pattern]
		new, has := is[pattern]
		switch {
		case !has:
			r.add(path, shape.Break, State, "state.removed", "is gone: what was kept is no longer read, and there is no migration")
		case !had:
			r.add(path, shape.Ok, State, "state.added", "is new, of type %s", new.Name)
		default:
			if old.Name != new.Name {
				r.info(path, "the type is %s now, was %s", new.Name, old.Name)
			}
			r.kept(path, old, new)
		}
	}
}

func (r *report) kept(path string, old, new specs.State) {
	back := r.read(path, old, new)
	r.oldest(path, old, new)
	switch {
	case back != shape.Break || new.Back != "" || old.Migrates(new.Print):
		return
	case new.Migrates(old.Print):
		r.add(path, shape.Warn, State, "state.back", "rollback ends here: the old revision cannot read what the new one keeps, and the definition names no actor under back")
	default:
		r.add(path, shape.Warn, State, "state.back", "the old revision cannot read what the new one keeps: there is no way back")
	}
	r.changes[len(r.changes)-1].Role = roleState
}

// oldest is about values that the old revision would still have migrated: those of keys
// that no message has come to since.
func (r *report) oldest(path string, old, new specs.State) {
	for _, m := range old.From {
		if m.Print == new.Print || new.Migrates(m.Print) {
			continue
		}
		for _, c := range shape.Compare(m.Type, new.Type, r.recorded(m.Name)) {
			if c.In.Verdict == shape.Break {
				r.add(path, shape.Break, State, "state.oldest", "values of %s are not migrated any more, and keys that no message has come to since still have them; keep it under from", m.Name)
				r.changes[len(r.changes)-1].Role = roleState
				break
			}
		}
	}
}

// read compares the types of what is kept, and returns the verdict on the old revision
// when it reads what the new one has written, without any migration.
func (r *report) read(path string, old, new specs.State) shape.Verdict {
	changes := shape.Compare(old.Type, new.Type, r.recorded(old.Name))
	back := shape.Ok
	for i := range changes {
		back = max(back, changes[i].Out.Verdict)
	}
	if i := slices.IndexFunc(new.From, func(m specs.Migration) bool { return m.Print == old.Print }); i >= 0 {
		m := new.From[i]
		r.add(path, shape.Ok, State, "state.migrated", "each value of %s becomes one of %s by %s, before the next message of its key", m.Name, new.Name, m.Actor.Name)
		r.changes[len(r.changes)-1].Role = roleState
		return back
	}
	from := len(r.changes)
	r.types(path, shape.In, roleState, "", changes)
	for i := range changes {
		c := &r.changes[from+i]
		c.Class = State
		if c.Verdict == shape.Break {
			c.Message += "; there is no migration"
		}
	}
	return back
}

// config compares what can be set: the new type must take the config of old nodes.
func (r *report) config(a, b *specs.Actor) {
	const path = "config"
	switch {
	case a.Config == nil && b.Config == nil:
	case a.Config == nil:
		if _, err := b.Config.Defaults(nil); err != nil {
			r.add(path, shape.Break, Interface, "required.added", "is new, and nodes that set nothing do not fit it")
			last := &r.changes[len(r.changes)-1]
			last.Example, last.Refusal = []byte("{}"), err.Error()
		} else {
			r.add(path, shape.Ok, Interface, "optional.added", "is new, and may be left out")
		}
	case b.Config == nil:
		r.add(path, shape.Break, Interface, "removed", "is gone: nodes that set any of it are refused")
	default:
		from := len(r.changes)
		r.types(path, shape.In, roleConfig, "", shape.Compare(a.Config, b.Config, shape.CompareOptions{Config: true}))
		for i := range r.changes[from:] {
			r.changes[from+i].Class = Interface
		}
	}
}

// running compares what an actor costs and how it is run.
func (r *report) running(a, b *specs.Actor) {
	moved(r, "code.language", "the language", a.Code.Language, b.Code.Language, text)
	moved(r, "limits.memory", "memory", a.Limits.Memory, b.Limits.Memory, bytes)
	moved(r, "limits.output", "output", a.Limits.Output, b.Limits.Output, bytes)
	moved(r, "limits.calls", "calls a message", a.Limits.Calls, b.Limits.Calls, text)
	moved(r, "limits.answers", "answers a message", a.Limits.Answers, b.Limits.Answers, bytes)
	moved(r, "limits.time", "time a message", a.Limits.Time, b.Limits.Time, patience)
	moved(r, "limits.fuel", "fuel a message", a.Limits.Fuel, b.Limits.Fuel, schema.Count)
	moved(r, "isolation", "where instances run", a.Isolated, b.Isolated, process)
	r.scale("scale", a.Scale, b.Scale)
	moved(r, "retry.max", "attempts after the first", a.Retry.Max, b.Retry.Max, text)
	moved(r, "retry.backoff", "the wait before the second attempt", a.Retry.Backoff, b.Retry.Backoff, text)
	moved(r, "retry.factor", "the factor of the wait", a.Retry.Factor, b.Retry.Factor, text)
	moved(r, "retry.hold", "holding the key while it waits", a.Retry.Hold, b.Retry.Hold, text)
}

// patience is a limit of time as a definition has it.
func patience(d time.Duration) string {
	if d == 0 {
		return "its default"
	}
	return schema.Duration(d)
}

func process(isolated bool) string {
	if isolated {
		return "a process of their own"
	}
	return "the host's process"
}

func (r *report) scale(path string, a, b specs.Scale) {
	moved(r, path+".instances.min", "the least number of instances", a.Min, b.Min, text)
	moved(r, path+".instances.max", "the greatest number of instances", a.Max, b.Max, text)
	moved(r, path+".mailbox", "the mailbox", a.Mailbox, b.Mailbox, text)
}
