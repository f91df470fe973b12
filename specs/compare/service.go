package compare

import (
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Services compares two revisions of a service: its endpoints first, then the
// types in the roles they are used in, actors and workflows.
func Services(old, new *specs.Service, o Options) []Change {
	r := &report{opts: o}
	r.about("service %s", new.Name)
	if old.Name != new.Name {
		r.add("service", shape.Warn, Interface, "renamed", "was %s", old.Name)
	}
	moved(r, "version", "the version", old.Version, new.Version, text)
	r.endpoints(old, new)
	r.sources(old, new)
	r.usedTypes(old, new)
	for _, name := range union(old.Actors, new.Actors) {
		a, b := old.Actors[name], new.Actors[name]
		if b == nil && onlyMigrates(old, name) {
			r.about("actor %s", name)
			r.add("", shape.Ok, State, "removed", "is gone: it has migrated state")
			continue
		}
		if r.present("actor "+name, a != nil, b != nil) {
			r.actor(a, b, shape.Warn)
		}
	}
	for _, name := range union(old.Workflows, new.Workflows) {
		a, b := old.Workflows[name], new.Workflows[name]
		if r.present("workflow "+name, a != nil, b != nil) {
			r.workflow(old, new, a, b, shape.Warn)
		}
	}
	return r.changes
}

// onlyMigrates reports whether an actor is there to migrate the state of others: no endpoint
// and no workflow sends it anything.
func onlyMigrates(s *specs.Service, name string) bool {
	for _, e := range s.Endpoints {
		if e.To == name {
			return false
		}
	}
	for _, w := range s.Workflows {
		if slices.ContainsFunc(w.Nodes, func(n *specs.Node) bool { return n.Actor == name }) {
			return false
		}
	}
	for _, a := range s.Actors {
		for i := range a.State {
			if a.State[i].Back == name || slices.ContainsFunc(a.State[i].From, func(m specs.Migration) bool { return m.Actor.Name == name }) {
				return true
			}
		}
	}
	return false
}

// present reports whether both revisions have something; it says which has not.
func (r *report) present(subject string, was, is bool) bool {
	r.subject = subject
	switch {
	case !is:
		r.add("", shape.Break, Interface, "removed", "is gone: nothing takes what is sent to it")
	case !was:
		r.add("", shape.Ok, Interface, "added", "is new")
	}
	return was && is
}

// usedTypes compares the types that both revisions have, each in the roles in
// which the old revision uses it: what is new makes no promise yet.
func (r *report) usedTypes(old, new *specs.Service) {
	uses := uses(old)
	for _, name := range union(old.Types, new.Types) {
		a, b := old.Types[name], new.Types[name]
		if a == nil || b == nil || uses[name] == nil {
			continue // endpoints, actors and workflows say it
		}
		var roles []shape.Role
		where := map[shape.Role]string{}
		for _, role := range []shape.Role{shape.In, shape.Out} {
			if users := uses[name][role]; users != nil {
				roles = append(roles, role)
				where[role] = strings.Join(users, ", ")
			}
		}
		r.about("type %s", name)
		r.both(name, a, b, roles, where)
	}
}

// uses finds who takes and who sends each type.
func uses(s *specs.Service) map[string]map[shape.Role][]string {
	all := map[string]map[shape.Role][]string{}
	add := func(name string, role shape.Role, user string) {
		if all[name] == nil {
			all[name] = map[shape.Role][]string{}
		}
		if !slices.Contains(all[name][role], user) {
			all[name][role] = append(all[name][role], user)
		}
	}
	for _, e := range s.Endpoints {
		add(e.Send, shape.In, e.Name())
		for _, name := range union(e.Reply, nil) {
			add(name, shape.Out, e.Name())
		}
	}
	for _, x := range s.Sources {
		if x.Subscription != nil { // whose messages others make
			add(x.Send, shape.In, x.Name)
		}
	}
	for _, name := range union(s.Actors, nil) {
		for _, t := range s.Actors[name].In {
			add(t, shape.In, "actor "+name)
		}
		for _, t := range s.Actors[name].Out {
			add(t, shape.Out, "actor "+name)
		}
	}
	for _, name := range union(s.Workflows, nil) {
		for _, t := range s.Workflows[name].In {
			add(t, shape.In, "workflow "+name)
		}
		for _, t := range s.Workflows[name].Out {
			add(t, shape.Out, "workflow "+name)
		}
	}
	return all
}
