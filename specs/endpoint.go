package specs

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// ownPaths is where the host's own endpoints are.
const ownPaths = "/.grow"

// lastPart is the last part of a node path.
func lastPart(p string) string { return path.Base(p) }

// resolveEndpoints reads grow.yaml's http and checks what endpoints say of
// types and targets; with graph set, the ways through the workflows too.
func (l *loader) resolveEndpoints(graph bool) {
	http := l.tree.Get("http")
	if http == nil || http.Kind != schema.Map {
		return
	}
	patterns := map[string]*schema.Field{}
	for _, f := range http.Fields {
		if f.Value.Kind != schema.Map {
			continue
		}
		e := &endpointFile{loader: l, n: f.Value, where: schema.Join("http", f.Key), def: &Endpoint{At: at(l.file, f.Pos), MaxBody: abi.DataMax}}
		if !schema.Lookup("#EndpointName").Fits(f.Key) {
			e.nameless()
			continue
		}
		e.path(f)
		if have := patterns[pattern(f.Key)]; have != nil {
			l.problem(l.file, f.Pos, e.where, "spec.duplicate", fmt.Sprintf("takes the same requests as %s on line %d", have.Key, have.Pos.Line))
		}
		patterns[pattern(f.Key)] = f
		e.read()
		e.resolve(graph)
		l.service.Endpoints = append(l.service.Endpoints, e.def)
	}
}

// nameless checks what can be told of an endpoint whose method and path are wrong.
func (e *endpointFile) nameless() {
	e.def.Send, e.def.To = e.n.Get("send").String(), e.n.Get("to").String()
	if e.def.Send != "" {
		e.isNamed(e.n.Get("send"), e.where+".send", e.def.Send)
	}
	if e.def.To != "" {
		e.target()
	}
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// pattern is an endpoint's name without the names of its parameters.
func pattern(name string) string {
	return strings.TrimSuffix(braces.ReplaceAllString(name, "{}"), "/")
}

// endpointFile is one endpoint while it is read.
type endpointFile struct {
	*loader
	n     *schema.Node
	where string
	def   *Endpoint
}

func (e *endpointFile) wrong(key, code, message string, hint ...string) {
	e.problem(e.file, e.n.Get(key).Place(), e.where+"."+key, code, message, hint...)
}

func (e *endpointFile) path(f *schema.Field) {
	e.def.Method, e.def.Path, _ = strings.Cut(f.Key, " ")
	if strings.HasPrefix(e.def.Path, ownPaths+"/") || e.def.Path == ownPaths {
		e.problem(e.file, f.Pos, e.where, "spec.endpoint", fmt.Sprintf("paths below %s are the host's own", ownPaths))
	}
	for _, p := range braces.FindAllString(e.def.Path, -1) {
		name := strings.Trim(p, "{}")
		if slices.Contains(e.def.Params, name) {
			e.problem(e.file, f.Pos, e.where, "spec.endpoint", fmt.Sprintf("the parameter {%s} stands in the path twice", name))
			continue
		}
		e.def.Params = append(e.def.Params, name)
	}
}

// read fills the endpoint with what needs nothing but its own entry.
func (e *endpointFile) read() {
	d, n := e.def, e.n
	d.Send, d.To = n.Get("send").String(), n.Get("to").String()
	d.Direct = n.Get("delivery").String() == "direct"
	if v := n.Get("timeout"); v != nil && schema.Lookup("#Duration").Fits(v.String()) {
		if d.Timeout = duration(v.String()); d.Timeout <= 0 || d.Timeout > duration(durationMax) {
			e.wrong("timeout", "spec.value", fmt.Sprintf("%s is out of range; it must be more than 0s and at most %s", v, durationMax))
		}
	}
	switch reply := n.Get("reply"); {
	case reply == nil:
	case reply.Kind == schema.Map:
		d.Reply = map[string]int{}
		for _, f := range reply.Fields {
			d.Reply[f.Key] = int(f.Value.Int())
		}
	default:
		d.Accepted = true
		if d.Direct {
			e.wrong("reply", "spec.delivery", "202 is given once the message is kept, and delivery: direct keeps none")
		}
	}
	if auth := n.Get("auth"); auth != nil && auth.Kind == schema.Map {
		d.Webhook = &Webhook{Scheme: auth.Get("webhook").String(), Secret: auth.Get("secret").String()}
	}
	e.headers()
	e.body()
}

func (e *endpointFile) headers() {
	if v := e.n.Get("headers"); v != nil && v.Kind == schema.List {
		for i, item := range v.Items {
			name := strings.ToLower(item.String())
			where := schema.At(e.where+".headers", i)
			switch {
			case secretHeader(name):
				e.problem(e.file, item.Pos, where, "spec.endpoint", fmt.Sprintf("%s is never given to actors", name))
			case slices.Contains(e.def.Headers, name):
				e.problem(e.file, item.Pos, where, "spec.duplicate", name+" is given twice")
			default:
				e.def.Headers = append(e.def.Headers, name)
			}
		}
	}
	if v := e.n.Get("idempotency"); v != nil {
		e.def.Idempotency = strings.ToLower(v.String())
		if secretHeader(e.def.Idempotency) {
			e.wrong("idempotency", "spec.endpoint", fmt.Sprintf("%s is the same for different requests", e.def.Idempotency))
		}
	}
}

func secretHeader(name string) bool { return name == "authorization" || name == "cookie" }

func (e *endpointFile) body() {
	hasBody := slices.Contains([]string{"POST", "PUT", "PATCH"}, e.def.Method)
	v := e.n.Get("body")
	switch {
	case v != nil && (e.def.Method == "GET" || e.def.Method == "HEAD"):
		e.wrong("body", "spec.endpoint", fmt.Sprintf("a %s request has no body", e.def.Method))
	case v.String() == "raw":
		e.def.Body = BodyRaw
	case v.String() == "json" || hasBody:
		e.def.Body = BodyJSON
	}
}

// isNamed reports a type that does not exist; it returns true also for one that
// could not be read.
func (e *endpointFile) isNamed(n *schema.Node, at, name string) bool {
	return e.knownType(e.file, n, at, name) || e.mayBeType(name)
}

// resolve checks the endpoint against types and graph.
func (e *endpointFile) resolve(graph bool) {
	d := e.def
	sendOK := d.Send != "" && e.isNamed(e.n.Get("send"), e.where+".send", d.Send)
	replies := true
	if reply := e.n.Get("reply"); reply != nil && reply.Kind == schema.Map {
		for _, f := range reply.Fields {
			replies = e.isNamed(&schema.Node{Pos: f.Pos}, schema.Join(e.where+".reply", f.Key), f.Key) && replies
		}
	}
	if t := e.service.Types[d.Send]; t != nil {
		e.fitsBody(t)
	}
	if d.To == "" {
		return
	}
	target := e.target()
	if target == nil || !sendOK {
		return
	}
	if !slices.Contains(target.takes, d.Send) {
		if e.loose[target.name] {
			return
		}
		e.wrong("send", "spec.endpoint", fmt.Sprintf("%s does not take %s; it takes %s", d.To, d.Send, enumerate(target.takes)))
		return
	}
	if !graph {
		return
	}
	ways := e.follow(target)
	if ways == nil {
		return
	}
	if replies && !ways.unsure {
		e.canReply(ways)
	}
	if d.Direct {
		e.mayBeDirect(ways)
	}
}

// fitsBody checks that the type is one that the request can become.
func (e *endpointFile) fitsBody(t *shape.Type) {
	switch {
	case t.Any():
	case e.def.Body == BodyRaw && !t.Raw():
		e.wrong("body", "spec.endpoint", fmt.Sprintf("is raw, and %s is not bytes", e.def.Send), "write body: json, or define the type as bytes or _")
	case e.def.Body == BodyJSON && t.Raw():
		e.wrong("send", "spec.endpoint", fmt.Sprintf("%s is bytes, and the body is read as JSON", e.def.Send), "write body: raw")
	case e.def.Body == BodyNone && t.Raw():
		e.wrong("send", "spec.endpoint", fmt.Sprintf("%s is bytes, and the request has no body", e.def.Send))
	case e.def.Body == BodyNone:
		for _, p := range e.def.Params {
			if _, ok := t.Field(p); !ok {
				e.problem(e.file, schema.Pos{Line: e.def.At.Line, Col: e.def.At.Col}, e.where, "spec.endpoint",
					fmt.Sprintf("%s has no field %s for the parameter of the path", e.def.Send, p))
			}
		}
	}
}

// canReply refuses a reply that no way leads to.
func (e *endpointFile) canReply(w *ways) {
	reply := e.n.Get("reply")
	if reply == nil || reply.Kind != schema.Map {
		return
	}
	for _, f := range reply.Fields {
		if w.out[f.Key] {
			continue
		}
		out := names(w.out)
		hint := schema.Mean(f.Key, out)
		if hint == "" {
			hint = "what can: " + enumerate(out)
		}
		e.problem(e.file, f.Pos, schema.Join(e.where+".reply", f.Key), "spec.reply", fmt.Sprintf("%s can never answer a message to %s", f.Key, e.def.To), hint)
	}
}

// mayBeDirect refuses delivery: direct where something would be lost with it.
func (e *endpointFile) mayBeDirect(w *ways) {
	for _, name := range names(w.actors) {
		a := e.service.Actors[name]
		if len(a.State) > 0 || e.actors[name].tree.Get("state") != nil {
			e.wrong("delivery", "spec.delivery", fmt.Sprintf("direct is not allowed: the actor %s on the way keeps state", name), "write delivery: durable")
			return
		}
		for _, g := range a.Uses {
			if changes(g) {
				e.wrong("delivery", "spec.delivery", fmt.Sprintf("direct is not allowed: the actor %s on the way may change something outside, by %s", name, g.Name), "write delivery: durable")
				return
			}
		}
	}
}

// changes reports whether a grant may change the outside. Of what is not
// known to read only, it is assumed.
func changes(g Grant) bool {
	switch g.Kind {
	case "secret":
		return false
	case "http":
		methods, _ := g.Params["methods"].([]any)
		for _, m := range methods {
			if m != "GET" && m != "HEAD" {
				return true
			}
		}
		return len(methods) == 0
	default:
		return g.Params["access"] != "read"
	}
}
