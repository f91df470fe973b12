package specs

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// PlacesMax is how many nodes all workflows may have, those of workflows
// inside of workflows counted at each use.
const PlacesMax = 10_000

// loadWorkflows reads workflows/*.yaml and *.cue.
func (l *loader) loadWorkflows() {
	done := map[string]bool{}
	for _, e := range l.list("workflows") {
		ext := path.Ext(e.Name())
		base := strings.TrimSuffix(e.Name(), ext)
		if ext == ".yml" {
			l.broken[base] = true
			l.problem(path.Join("workflows", e.Name()), schema.Pos{}, "", "spec.file", "is not read", "rename it to "+base+".yaml")
		}
		if ext != ".yaml" && ext != ".cue" || done[base] {
			continue
		}
		done[base] = true
		file, tree := l.definition(path.Join("workflows", base), "#Workflow")
		name := tree.Get("workflow").String()
		if name == "" {
			l.broken[base] = true
			continue
		}
		n := tree.Get("workflow")
		if have := l.flows[name]; have != nil {
			l.problem(file, n.Pos, "workflow", "spec.duplicate", fmt.Sprintf("there is another workflow %s, in %s", name, have.file))
			continue
		}
		if have := l.actors[name]; have != nil {
			l.problem(file, n.Pos, "workflow", "spec.duplicate", fmt.Sprintf("there is an actor %s, in %s", name, have.file), "targets are found by name: give one of them another")
			continue
		}
		w := &Workflow{
			Name: name, Dir: filepath.Join(l.service.Dir, "workflows"), About: tree.Get("about").String(),
			Docs: l.docs(file, tree, "workflows", "."), Targets: targets(tree.Get("targets")), At: at(file, n.Pos),
		}
		l.flows[name] = &flowFile{file: file, tree: tree, def: w, nodes: map[string]*Node{}, routes: map[string][]*Route{}}
		l.service.Workflows[name] = w
	}
}

// resolveWorkflows checks nodes and routes. It returns false when workflows hold
// themselves, so that there is no end to the ways through them.
func (l *loader) resolveWorkflows() bool {
	for _, name := range names(l.flows) {
		w := l.flows[name]
		w.def.In = l.typeList(name, w.file, w.tree, "in")
		w.def.Out = l.typeList(name, w.file, w.tree, "out")
		l.nodes(w)
	}
	if !l.containment() {
		return false
	}
	for _, name := range names(l.flows) {
		l.routes(l.flows[name])
	}
	for _, p := range l.all {
		l.dirty[p.File] = l.dirty[p.File] || !p.Warning
	}
	l.circles()
	return true
}

// nodes reads what fills each node.
func (l *loader) nodes(w *flowFile) {
	n := w.tree.Get("nodes")
	if n == nil || n.Kind != schema.Map {
		w.unknown = true
		return
	}
	if len(n.Fields) > PlacesMax {
		l.problem(w.file, n.Pos, "nodes", "spec.limit", fmt.Sprintf("there are more than %d nodes", PlacesMax))
		return
	}
	for _, f := range n.Fields {
		where := schema.Join("nodes", f.Key)
		if slices.Contains([]string{Input, Output, Drop, DeadLetter}, f.Key) {
			l.problem(w.file, f.Pos, where, "spec.name", fmt.Sprintf("%s is the name of a place that every workflow has", f.Key))
			continue
		}
		node := &Node{Name: f.Key, At: at(w.file, f.Pos)}
		if l.fill(w, node, f.Value, where) {
			w.def.Nodes = append(w.def.Nodes, node)
			w.nodes[f.Key] = node
		}
	}
}

// fill finds the actor or the workflow that a node is.
func (l *loader) fill(w *flowFile, node *Node, v *schema.Node, where string) bool {
	whole, what := v, "actor or workflow"
	actor, flow := v.Get("actor"), v.Get("workflow")
	switch {
	case v.Kind == schema.String:
	case v.Kind != schema.Map:
		return false
	case actor != nil && flow != nil:
		l.problem(w.file, flow.Pos, where+".workflow", "spec.value", "stands beside actor", "a node is one or the other")
		return false
	case actor != nil:
		v, what = actor, "actor"
	case flow != nil:
		v, what = flow, "workflow"
	default:
		l.problem(w.file, v.Pos, where, "spec.missing", "names neither an actor nor a workflow")
		return false
	}
	name := v.String()
	a, f := l.actors[name], l.flows[name]
	switch {
	case name == "":
		return false
	case a != nil && what != "workflow":
		node.Actor = name
		node.Scale = l.scale(w.file, whole.Get("scale"), where+".scale", a.def.Scale)
		node.Config = l.nodeConfig(w.file, whole.Get("config"), whole.Pos, where+".config", a.def)
		return true
	case f != nil && what != "actor":
		node.Workflow = name
		for _, key := range []string{"config", "scale"} {
			if n := whole.Get(key); n != nil {
				l.problem(w.file, n.Pos, where+"."+key, "spec.value", fmt.Sprintf("%s is a workflow; %s is set at its own nodes", name, key))
			}
		}
		return true
	case l.broken[name]:
		l.dirty[w.file] = true
		return false // what is wrong with it is said already
	}
	var known []string
	quiet := l.wrong > ProblemsMax // it is counted only
	if what != "workflow" && !quiet {
		known = names(l.actors)
	}
	if what != "actor" && !quiet {
		known = append(known, names(l.flows)...)
	}
	if what != "actor or workflow" {
		where += "." + what
	}
	l.problem(w.file, v.Pos, where, "spec.unknown", fmt.Sprintf("there is no %s %s", what, name), mean(name, known))
	return false
}

// mean asks for the nearest name, or lists what there is when that is little.
func mean(name string, known []string) string {
	if hint := schema.Mean(name, known); hint != "" {
		return hint
	}
	if len(known) == 0 || len(known) > 12 {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}

// containment refuses workflows that hold themselves, and those that grow too large.
func (l *loader) containment() bool {
	size := map[string]int{}
	var stack []string
	good := true
	var visit func(name string) int
	visit = func(name string) int {
		if n, ok := size[name]; ok {
			return n
		}
		if i := slices.Index(stack, name); i >= 0 {
			l.selfHolding(append(slices.Clone(stack[i:]), name))
			good = false
			return 0
		}
		stack = append(stack, name)
		defer func() { stack = stack[:len(stack)-1] }()
		total := 0
		for _, n := range l.flows[name].def.Nodes {
			if n.Workflow == "" {
				total++
			} else if good {
				total += visit(n.Workflow)
			}
			total = min(total, PlacesMax+1)
		}
		size[name] = total
		return total
	}
	total := 0
	for _, name := range names(l.flows) {
		total = min(total+visit(name), PlacesMax+1)
		if good && total > PlacesMax {
			w := l.flows[name]
			l.problem(w.file, w.tree.Get("nodes").Place(), "nodes", "spec.limit", fmt.Sprintf("workflows inside of workflows come to more than %d nodes", PlacesMax))
			return false
		}
	}
	return good
}

func (l *loader) selfHolding(way []string) {
	w := l.flows[way[0]]
	for _, n := range w.def.Nodes {
		if n.Workflow == way[1] {
			message := "a workflow cannot hold itself"
			if len(way) > 2 {
				message += ": " + strings.Join(way, " holds ")
			}
			l.problem(w.file, schema.Pos{Line: n.At.Line, Col: n.At.Col}, schema.Join("nodes", n.Name), "spec.cycle", message)
			return
		}
	}
}

// filling is the actor or the workflow that a node is.
func (n *Node) filling() string { return n.Actor + n.Workflow }

// takes and sends are the types of what fills a node.
func (l *loader) takes(n *Node) []string {
	if n.Workflow != "" {
		return l.service.Workflows[n.Workflow].In
	}
	return l.service.Actors[n.Actor].In
}

func (l *loader) sends(n *Node) []string {
	if n.Workflow != "" {
		return l.service.Workflows[n.Workflow].Out
	}
	return l.service.Actors[n.Actor].Out
}
