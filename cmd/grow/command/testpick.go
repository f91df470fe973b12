package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// choose picks the tests of a service that are asked for. A name picks the tests
// of an actor, a workflow or the service; with a part behind a slash those of
// them whose name holds it; any other those of all whose name holds it.
func choose(service *specs.Service, o testOptions) ([]*specs.Test, error) {
	all := service.AllTests()
	known := subjectsOf(service)
	picked := map[*specs.Test]bool{}
	for _, name := range o.names {
		found := calledBy(all, known, name)
		if found == nil {
			return nil, unknownTest(name, known, all)
		}
		for _, t := range found {
			picked[t] = true
		}
	}
	list := []*specs.Test{}
	for _, t := range all {
		if (len(o.names) == 0 || picked[t]) && (o.pattern == nil || o.pattern.MatchString(t.Name)) {
			list = append(list, t)
		}
	}
	if len(list) == 0 && o.match != "" && len(all) > 0 {
		return nil, &control.Error{Code: control.CodeNotFound, Message: "no test has a name that matches " + o.match, At: o.match, Next: "list them: grow test --verbose"}
	}
	return list, nil
}

// subjectsOf are the names of what can be tested.
func subjectsOf(service *specs.Service) []string {
	list := append(slices.Collect(maps.Keys(service.Actors)), slices.Collect(maps.Keys(service.Workflows))...)
	list = append(list, service.Name)
	slices.Sort(list)
	return slices.Compact(list)
}

// calledBy finds the tests of one name; nil: it names nothing.
func calledBy(all []*specs.Test, known []string, name string) []*specs.Test {
	subject, part, _ := strings.Cut(name, "/")
	list := []*specs.Test{}
	for _, t := range all {
		if t.Subject == subject && strings.Contains(t.Name, part) {
			list = append(list, t)
		}
	}
	if len(list) > 0 || part == "" && slices.Contains(known, subject) {
		return list
	}
	for _, t := range all {
		if strings.Contains(strings.ToLower(t.Name), strings.ToLower(name)) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

func unknownTest(name string, known []string, all []*specs.Test) error {
	e := &control.Error{Code: control.CodeNotFound, Message: "there is no actor, workflow or test " + name, At: name, Next: "the service has " + strings.Join(known, ", ")}
	subject, part, of := strings.Cut(name, "/")
	if of && slices.Contains(known, subject) {
		e.Message, e.Next = "no test of "+subject+" has "+part+" in its name", "list them: grow test "+subject+" --verbose"
		return e
	}
	words := slices.Clone(known)
	for _, t := range all {
		words = append(words, t.Name)
	}
	if near := shape.Near(subject, words); near != "" {
		e.Next = "did you mean " + near + "?"
	}
	return e
}

// needs are the names of the actors that tests run, sorted: those that no
// double stands in for.
func needs(service *specs.Service, tests []*specs.Test) ([]string, error) {
	found := map[string]bool{}
	var table *router.Table
	for _, t := range tests {
		need := func(node, actor string) {
			if list := t.Doubles[node]; len(list) == 0 || list[0].Instead == nil {
				found[actor] = true
			}
		}
		switch t.Of {
		case specs.OfActor:
			found[t.Subject] = true
		case specs.OfWorkflow:
			actorsIn(service, service.Workflows[t.Subject], "", need)
		case specs.OfService:
			if table == nil {
				var err error
				if table, err = router.Compile(service); err != nil {
					return nil, err
				}
			}
			for _, n := range table.Nodes {
				need(n.Path, n.Actor.Name)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// actorsIn visits every actor inside a workflow by the path of its node.
func actorsIn(service *specs.Service, w *specs.Workflow, prefix string, visit func(node, actor string)) {
	for _, n := range w.Nodes {
		if n.Workflow != "" {
			actorsIn(service, service.Workflows[n.Workflow], prefix+n.Name+"/", visit)
		} else {
			visit(prefix+n.Name, n.Actor)
		}
	}
}
