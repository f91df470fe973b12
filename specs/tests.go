package specs

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// TestsMax is how many tests a service may have.
const TestsMax = 20_000

// own is the key of attributes beside a message.
const own = "_"

// loadTests reads the tests of actors, workflows and endpoints. What they say of
// types and nodes is checked by what has been loaded already.
func (l *loader) loadTests() {
	var c expect.Compiler
	for _, name := range names(l.actors) {
		l.actorTests(&c, l.actors[name])
	}
	for _, name := range names(l.flows) {
		w := l.flows[name]
		l.inline(&c, w.file, w.tree, OfWorkflow, name, path.Dir(w.file), func(t *Test) { w.def.Tests = append(w.def.Tests, t) })
	}
	if l.tree != nil {
		l.inline(&c, l.file, l.tree, OfService, l.service.Name, ".", func(t *Test) { l.service.Tests = append(l.service.Tests, t) })
	}
	c.Finish()
}

// actorTests reads actors/NAME/tests/*.yaml.
func (l *loader) actorTests(c *expect.Compiler, a *actorFile) {
	dir := path.Join(path.Dir(a.file), "tests")
	for _, e := range l.list(dir) {
		file := path.Join(dir, e.Name())
		switch ext := path.Ext(file); {
		case e.IsDir():
			continue
		case ext == ".yml":
			l.warn(file, schema.Pos{}, "", "spec.file", "is not read", "rename it to "+strings.TrimSuffix(e.Name(), ext)+".yaml")
			continue
		case ext != ".yaml":
			continue
		}
		data, ok := l.read(file)
		if !ok {
			continue
		}
		l.report.file(file)
		tree, faults := schema.ReadYAML(data)
		l.faults(file, faults)
		if tree == nil {
			continue
		}
		l.faults(file, schema.Lookup("#Tests").Check(tree))
		if tree.Kind != schema.List {
			continue
		}
		r := &testReader{loader: l, c: c, file: file, of: OfActor, subject: a.def.Name, actor: a, docs: []string{path.Dir(a.file), "."}}
		r.all(tree, "", func(t *Test) { a.def.Tests = append(a.def.Tests, t) })
	}
}

// inline reads the tests that stand in the definition itself.
func (l *loader) inline(c *expect.Compiler, file string, tree *schema.Node, of Subject, subject, dir string, add func(*Test)) {
	n := tree.Get("tests")
	if n == nil || n.Kind != schema.List {
		return
	}
	r := &testReader{loader: l, c: c, file: file, of: of, subject: subject, docs: []string{dir, "."}}
	r.all(n, "tests", add)
}

// testReader reads the tests of one file.
type testReader struct {
	*loader
	c       *expect.Compiler
	file    string
	of      Subject
	subject string
	actor   *actorFile // of an actor's test
	docs    []string   // folders that documents are looked for in

	test  *Test
	where string // path of the test in the file
}

func (r *testReader) all(list *schema.Node, where string, add func(*Test)) {
	seen := map[string]int{}
	for i, n := range list.Items {
		if n.Kind != schema.Map {
			continue
		}
		if r.count++; r.count > TestsMax {
			r.problem(r.file, n.Pos, schema.At(where, i), "spec.limit", fmt.Sprintf("there are more than %d tests", TestsMax))
			return
		}
		r.where = schema.At(where, i)
		r.test = &Test{
			Name: n.Get("test").String(), Of: r.of, Subject: r.subject, Now: NowDefault, At: at(r.file, n.Get("test").Place()),
			Ordered: n.Get("ordered").Bool(), Unordered: n.Get("unordered").Bool(),
		}
		if line, ok := seen[r.test.Name]; ok && r.test.Name != "" {
			r.wrong(n.Get("test"), "test", "spec.duplicate", fmt.Sprintf("there is another test of this name on line %d", line))
		}
		seen[r.test.Name] = n.Get("test").Place().Line
		r.read(n)
		add(r.test)
	}
}

// wrong reports a mistake at n, which stands at path in the test.
func (r *testReader) wrong(n *schema.Node, at, code, message string, hint ...string) {
	r.problem(r.file, n.Place(), r.where+"."+at, code, message, hint...)
}

func (r *testReader) fault(f schema.Fault) {
	r.problem(r.file, f.Pos, f.Path, f.Code, f.Message, f.Hint)
}

func (r *testReader) read(n *schema.Node) {
	t := r.test
	r.proves(n.Get("proves"))
	if v := n.Get("now"); v != nil && schema.Lookup("#Instant").Fits(v.String()) {
		r.now(v)
	}
	r.config(n.Get("config"))
	r.states(n)
	r.given(n.Get("given"))
	r.then(n.Get("then"))
	r.when(n.Get("when"))
	if r.of == OfService {
		r.counted(n.Get("then"))
	}
	t.Refused, t.Failed, t.Later = r.outcome(n, "refused"), r.outcome(n, "failed"), r.outcome(n, "later")
	r.path(n.Get("path"))
	if t.Then == nil && t.Replies == nil && t.Refused == nil && t.Failed == nil && t.Later == nil && t.StateAfter == nil && t.Path == nil && n.Get("then") == nil && n.Get("when") != nil {
		r.problem(r.file, n.Pos, r.where, "spec.missing", "expects nothing: it needs then"+map[Subject]string{
			OfActor: ", refused, failed, later or state_after", OfWorkflow: ", path, refused, failed or states_after", OfService: ", path or states_after",
		}[r.of])
	}
	if len(t.Then) > 0 && t.Refused != nil {
		r.wrong(n.Get("then"), "then", "spec.value", "stands beside refused: what is refused sends nothing")
	}
}

func (r *testReader) now(v *schema.Node) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, v.Text); err == nil {
			r.test.Now = at.UTC()
			return
		}
	}
	r.wrong(v, "now", "spec.value", fmt.Sprintf("%s is no time that a calendar has", v.Text))
}

// proves resolves the documents that a test says it proves.
func (r *testReader) proves(n *schema.Node) {
	if n == nil {
		return
	}
	items, list := []*schema.Node{n}, n.Kind == schema.List
	if list {
		items = n.Items
	}
	for i, item := range items {
		where := r.where + ".proves"
		if list {
			where = schema.At(where, i)
		}
		doc, section, _ := strings.Cut(item.String(), "#")
		if doc == "" {
			continue
		}
		named := *item
		named.Text = doc
		if file := r.resolve(r.file, &named, where, wantFile, r.docs...); file != "" {
			r.test.Proves = append(r.test.Proves, Proof{Doc: file, Section: section, At: at(r.file, item.Pos)})
		}
	}
}

// place finds the actor that fills a node, named as seen from the subject.
func (r *testReader) place(n *schema.Node, where, node string) *actorFile {
	if r.of == OfActor {
		return r.actor
	}
	steps := strings.Split(node, "/")
	at := r.subject
	if r.of == OfService {
		at, steps = steps[0], steps[1:]
	}
	for i, step := range steps {
		w := r.flows[at]
		if w == nil {
			break
		}
		inside := w.nodes[step]
		if inside == nil {
			if !r.broken[at] {
				r.problem(r.file, n.Place(), where, "spec.unknown", fmt.Sprintf("%s has no node %s", at, step), mean(step, names(w.nodes)))
			}
			return nil
		}
		if at = inside.filling(); i < len(steps)-1 && inside.Workflow == "" {
			r.problem(r.file, n.Place(), where, "spec.unknown", fmt.Sprintf("%s is an actor and has no nodes", strings.Join(steps[:i+1], "/")))
			return nil
		}
	}
	if a := r.actors[at]; a != nil {
		return a
	}
	switch {
	case r.broken[at]:
	case r.flows[at] != nil:
		r.problem(r.file, n.Place(), where, "spec.unknown", fmt.Sprintf("%s is a workflow; name one of its nodes", node), "known: "+enumerate(names(r.flows[at].nodes)))
	default:
		r.problem(r.file, n.Place(), where, "spec.unknown", fmt.Sprintf("there is no actor or workflow %s", at), mean(at, append(names(r.actors), names(r.flows)...)))
	}
	return nil
}

// config lays what a test sets over the config that the node has.
func (r *testReader) config(n *schema.Node) {
	if n == nil || n.Kind != schema.Map {
		return
	}
	t := r.test
	t.Config = map[string][]byte{}
	where := r.where + ".config"
	if r.of == OfActor {
		t.Config[""] = r.nodeConfig(r.file, n, n.Pos, where, r.actor.def)
		return
	}
	for _, f := range n.Fields {
		at := schema.Join(where, f.Key)
		a := r.place(&schema.Node{Pos: f.Pos}, at, f.Key)
		if a == nil || f.Value.Kind != schema.Map {
			continue
		}
		t.Config[f.Key] = r.nodeConfig(r.file, over(r.flowConfig(f.Key), f.Value), f.Value.Pos, at, a.def)
	}
}

// flowConfig is what the workflow itself sets at a node, nil for nothing.
func (r *testReader) flowConfig(node string) *schema.Node {
	steps := strings.Split(node, "/")
	at := r.subject
	if r.of == OfService {
		at, steps = steps[0], steps[1:]
	}
	var set *schema.Node
	for _, step := range steps {
		w := r.flows[at]
		if w == nil || w.nodes[step] == nil {
			return nil
		}
		set = w.tree.Get("nodes").Get(step).Get("config")
		at = w.nodes[step].filling()
	}
	return set
}

// over lays the fields of top over those of base.
func over(base, top *schema.Node) *schema.Node {
	if base == nil {
		return top
	}
	both := &schema.Node{Kind: schema.Map, Pos: top.Pos, Fields: slices.Clone(top.Fields)}
	for _, f := range base.Fields {
		if top.Get(f.Key) == nil {
			both.Fields = append(both.Fields, f)
		}
	}
	return both
}

// path checks the nodes that messages are said to pass.
func (r *testReader) path(n *schema.Node) {
	if n == nil || n.Kind != schema.List {
		return
	}
	r.test.Path = []string{}
	for i, item := range n.Items {
		if r.place(item, schema.At(r.where+".path", i), item.String()) != nil {
			r.test.Path = append(r.test.Path, item.Text)
		}
	}
}

func (r *testReader) outcome(n *schema.Node, key string) *Fault {
	v := n.Get(key)
	if v == nil || v.Kind != schema.Map {
		return nil
	}
	where := r.where + "." + key
	f := &Fault{At: at(r.file, v.Pos)}
	if c := v.Get("code"); c != nil {
		f.Code = r.c.Read(c, where+".code", r.fault)
	}
	if c := v.Get("text"); c != nil {
		f.Text = r.c.Read(c, where+".text", r.fault)
	}
	if c := v.Get("after"); c != nil && schema.Lookup("#Duration").Fits(c.String()) {
		f.After = duration(c.String())
	}
	if c := v.Get("node"); c != nil && r.of == OfActor {
		r.wrong(c, key+".node", "spec.value", "is for tests of workflows; an actor's test is of one node")
	} else if c != nil && r.place(c, where+".node", c.String()) != nil {
		f.Node = c.Text
	}
	return f
}

// declared reports the state value of that name that an actor declares, or what is wrong with it.
func (r *testReader) declared(a *actorFile, n *schema.Node, where, name string) (State, bool) {
	if len(a.def.State) == 0 {
		if a.tree.Get("state") == nil {
			r.problem(r.file, n.Place(), where, "spec.state", fmt.Sprintf("the actor %s declares no state", a.def.Name))
		}
		return State{}, false
	}
	for _, s := range a.def.State {
		if ok, err := path.Match(s.Pattern, name); s.Pattern == name || ok && err == nil && s.Pattern != "" {
			return s, true
		}
	}
	var have []string
	for _, s := range a.def.State {
		have = append(have, fmt.Sprintf("%q", s.Pattern))
	}
	r.problem(r.file, n.Place(), where, "spec.state", fmt.Sprintf("the actor %s declares no state named %q", a.def.Name, name), "it declares "+enumerate(have))
	return State{}, false
}

// AllTests returns every test of the service: of actors, of workflows, of its
// endpoints, each in the order of their files.
func (s *Service) AllTests() []*Test {
	var all []*Test
	for _, name := range names(s.Actors) {
		all = append(all, s.Actors[name].Tests...)
	}
	for _, name := range names(s.Workflows) {
		all = append(all, s.Workflows[name].Tests...)
	}
	return append(all, s.Tests...)
}

// attributes reads the attributes that a step gives a message.
func (r *testReader) attributes(n *schema.Node, where string, taken func(name string) bool) []string {
	if n == nil {
		return nil
	}
	if n.Kind != schema.Map {
		r.problem(r.file, n.Pos, where, "spec.type", fmt.Sprintf("is %s; it must be a map of attributes", n.Kind))
		return nil
	}
	var list []string
	for _, f := range n.Fields {
		at := schema.Join(where, f.Key)
		switch {
		case f.Value.Kind == schema.Map || f.Value.Kind == schema.List || f.Value.Kind == schema.Null:
			r.problem(r.file, f.Value.Pos, at, "spec.type", fmt.Sprintf("is %s; an attribute is text", f.Value.Kind))
		case !taken(f.Key):
			r.problem(r.file, f.Pos, at, "spec.unknown", f.Key+" is no attribute that a test can set", "these can be set: datacontenttype, http.…, x.…")
		default:
			list = append(list, f.Key, f.Value.Text)
		}
	}
	return list
}

// settable are the attributes that a message from outside may come with.
func settable(name string) bool {
	return name == abi.ContentType || name == abi.TraceParent || strings.HasPrefix(name, "http.") || strings.HasPrefix(name, abi.OwnPrefix)
}

// sayable are the attributes that an actor may give its messages.
func sayable(name string) bool {
	return name == abi.ContentType || name == abi.Delay || name == abi.HTTPStatus || strings.HasPrefix(name, abi.HTTPHeaderPrefix) || strings.HasPrefix(name, abi.OwnPrefix)
}
