package specs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// advance is the key of a step that moves time.
const advance = "advance"

// when reads what happens.
func (r *testReader) when(n *schema.Node) {
	if n == nil {
		return
	}
	if n.Kind == schema.Map {
		r.step(n, r.where+".when")
		return
	}
	for i, item := range n.Items {
		r.step(item, schema.At(r.where+".when", i))
	}
}

// step reads one message, one request, or a move of time.
func (r *testReader) step(n *schema.Node, where string) {
	if n.Kind != schema.Map {
		return
	}
	s := Step{At: at(r.file, n.Pos)}
	if v := n.Get(advance); v != nil && n.Get(own) == nil && v.Kind == schema.String {
		if !schema.Lookup("#Duration").Fits(v.Text) {
			r.problem(r.file, v.Pos, schema.Join(where, advance), "spec.value", fmt.Sprintf("%q is not %s", v.Text, "a time: a number and ms, s, m or h, such as 10s"))
			return
		}
		s.Advance = duration(v.Text)
		r.test.Steps = append(r.test.Steps, s)
		return
	}
	f := r.single(n, where, "message")
	if f == nil {
		return
	}
	at := schema.Join(where, f.Key)
	if r.of == OfService {
		s.Request = r.request(f, n.Get(own), at)
		r.test.Steps = append(r.test.Steps, s)
		return
	}
	s.Type = f.Key
	if !r.oneOf(f, at, r.takesOf()) {
		return
	}
	s.Data = r.data(f, at)
	s.Attrs = r.attributes(n.Get(own), schema.Join(where, own), settable)
	r.test.Steps = append(r.test.Steps, s)
}

// single returns the one field of a map besides its attributes.
func (r *testReader) single(n *schema.Node, where, what string) *schema.Field {
	var found *schema.Field
	for _, f := range n.Fields {
		if f.Key == own {
			continue
		}
		if found != nil {
			r.problem(r.file, f.Pos, schema.Join(where, f.Key), "spec.value", fmt.Sprintf("stands beside %s: each %s is an entry of its own", found.Key, what), besides(found, f))
			return nil
		}
		found = f
	}
	if found == nil {
		r.problem(r.file, n.Pos, where, "spec.missing", "names no "+what)
	}
	return found
}

// takesOf and sendsOf are the types that the subject takes and sends.
func (r *testReader) takesOf() []string {
	if r.of == OfWorkflow {
		return r.service.Workflows[r.subject].In
	}
	return r.actor.def.In
}

func (r *testReader) sendsOf() []string {
	if r.of == OfWorkflow {
		return r.service.Workflows[r.subject].Out
	}
	return r.actor.def.Out
}

// oneOf reports a type that the subject neither takes nor sends.
func (r *testReader) oneOf(f *schema.Field, where string, types []string) bool {
	return r.typeOf(f, where, r.subject, types)
}

func (r *testReader) typeOf(f *schema.Field, where, owner string, types []string) bool {
	if slices.Contains(types, f.Key) {
		return true
	}
	if !r.knownType(r.file, &schema.Node{Pos: f.Pos}, where, f.Key) {
		if !isType(f.Key) {
			r.problem(r.file, f.Pos, where, "spec.name", fmt.Sprintf("%q is no type of message", f.Key), schema.Mean(f.Key, types))
		}
		return false
	}
	if !r.loose[owner] && !r.broken[owner] {
		r.problem(r.file, f.Pos, where, "spec.unknown", fmt.Sprintf("%s has no %s here", owner, f.Key), "it has "+enumerate(types))
	}
	return false
}

// data is the data of a message that is sent: JSON that its type allows, or the bytes of a text.
func (r *testReader) data(f *schema.Field, where string) []byte {
	t := r.service.Types[f.Key]
	if t != nil && t.Raw() {
		if f.Value.Kind != schema.String {
			r.problem(r.file, f.Value.Pos, where, "spec.type", fmt.Sprintf("is %s; %s is bytes, so write text", f.Value.Kind, f.Key))
		}
		return []byte(f.Value.Text)
	}
	data := f.Value.JSON(nil)
	r.fits(f.Value, where, f.Key, t, data)
	return data
}

// fits holds data against a type, and reports where it does not fit.
func (r *testReader) fits(n *schema.Node, where, name string, t *shape.Type, data []byte) {
	if t == nil {
		return
	}
	err := t.Check(data)
	var v *shape.Violation
	if err == nil || !errors.As(err, &v) {
		return
	}
	pos, path := within(n, where, v.Path)
	r.problem(r.file, pos, path, "spec.data", v.Message, "the type "+name+" says so")
}

// within finds the place that a JSON pointer leads to, as far as there is one.
func within(n *schema.Node, where, pointer string) (schema.Pos, string) {
	pos := n.Place()
	if pointer == "" {
		return pos, where
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		step = unescape.Replace(step)
		if i, err := strconv.Atoi(step); err == nil && n != nil && n.Kind == schema.List {
			where = schema.At(where, i)
			if i < len(n.Items) {
				n = n.Items[i]
			} else {
				n = nil
			}
		} else {
			n, where = n.Get(step), schema.Join(where, step)
		}
		if n != nil {
			pos = n.Pos
		}
	}
	return pos, where
}

// request reads a request: METHOD /path?query, and its body.
func (r *testReader) request(f *schema.Field, attrs *schema.Node, where string) *Request {
	q := &Request{Headers: map[string]string{}}
	var ok bool
	if q.Method, q.Target, ok = strings.Cut(f.Key, " "); !ok || !strings.HasPrefix(q.Target, "/") {
		r.problem(r.file, f.Pos, where, "spec.value", fmt.Sprintf("%q is no request", f.Key), "write the method and the path: POST /orders")
		return nil
	}
	e := r.service.EndpointOf(q.Method, q.Target)
	if e == nil && !r.expectsNone() {
		var known []string
		for _, e := range r.service.Endpoints {
			known = append(known, e.Name())
		}
		r.problem(r.file, f.Pos, where, "spec.unknown", fmt.Sprintf("no endpoint takes %s", f.Key), mean(f.Key, known))
	}
	switch body := f.Value; {
	case body.Kind == schema.Null || body.Kind == schema.Map && len(body.Fields) == 0 && (e == nil || e.Body == BodyNone):
	case body.Kind == schema.String && (e == nil || e.Body == BodyRaw):
		q.Body = []byte(body.Text)
	default:
		q.Body = body.JSON(nil)
		q.Headers["content-type"] = abi.ContentJSON
		if e != nil && e.Body == BodyNone {
			r.problem(r.file, body.Pos, where, "spec.value", e.Name()+" takes no body", "parameters stand in the path and behind ?; write {}")
		}
	}
	r.headersOf(q, attrs, where)
	return q
}

// headersOf reads what stands beside a request.
func (r *testReader) headersOf(q *Request, attrs *schema.Node, where string) {
	where = strings.TrimSuffix(where, "."+schema.Join("", q.Method+" "+q.Target))
	given := r.attributes(attrs, schema.Join(where, own), func(name string) bool {
		return name == "signature" || strings.HasPrefix(name, abi.HTTPHeaderPrefix)
	})
	for i := 0; i+1 < len(given); i += 2 {
		if name, ok := strings.CutPrefix(given[i], abi.HTTPHeaderPrefix); ok {
			q.Headers[strings.ToLower(name)] = given[i+1]
		} else if q.Unsigned = given[i+1] == "none"; !q.Unsigned {
			r.problem(r.file, attrs.Get("signature").Place(), schema.Join(where, own)+".signature", "spec.value", `the signature is made by the test; "none" leaves it out`)
		}
	}
}

// expectsNone reports whether the test shows that there is no such endpoint.
func (r *testReader) expectsNone() bool {
	for _, reply := range r.test.Replies {
		if reply.Status == 404 || reply.Status == 405 {
			return true
		}
	}
	return false
}

// then reads what is expected to come.
func (r *testReader) then(n *schema.Node) {
	if n == nil {
		return
	}
	r.test.ThenAt = at(r.file, n.Pos)
	where := r.where + ".then"
	if r.of == OfService {
		r.replies(n, where)
		return
	}
	r.test.Then = []Wanted{}
	for i, item := range n.Items {
		if w, ok := r.wanted(item, schema.At(where, i), r.subject, r.sendsOf()); ok {
			r.test.Then = append(r.test.Then, w)
		}
	}
}

func (r *testReader) wanted(n *schema.Node, where, owner string, types []string) (Wanted, bool) {
	w := Wanted{At: at(r.file, n.Pos)}
	if n.Kind != schema.Map {
		return w, false
	}
	f := r.single(n, where, "message")
	if f == nil || !r.typeOf(f, schema.Join(where, f.Key), owner, types) {
		return w, false
	}
	w.Type = f.Key
	w.Data = r.c.Read(f.Value, schema.Join(where, f.Key), r.fault)
	w.Attrs = r.wantedAttrs(n.Get(own), schema.Join(where, own), sayable)
	return w, true
}

func (r *testReader) wantedAttrs(n *schema.Node, where string, known func(string) bool) []WantedAttr {
	if n == nil || n.Kind != schema.Map {
		return nil
	}
	var list []WantedAttr
	for _, f := range n.Fields {
		at := schema.Join(where, f.Key)
		if known != nil && !known(f.Key) {
			r.problem(r.file, f.Pos, at, "spec.unknown", f.Key+" is no attribute that an actor sets", "these can be expected: datacontenttype, delay, http.status, http.header.…, x.…")
			continue
		}
		list = append(list, WantedAttr{f.Key, r.c.Read(f.Value, at, r.fault)})
	}
	return list
}

func (r *testReader) replies(n *schema.Node, where string) {
	items, list := []*schema.Node{n}, n.Kind == schema.List
	if list {
		items = n.Items
	}
	r.test.Replies = []Reply{}
	for i, item := range items {
		at := where
		if list {
			at = schema.At(where, i)
		}
		reply := Reply{Status: int(item.Get("status").Int()), At: Position{r.file, item.Pos.Line, item.Pos.Col}}
		if body := item.Get("body"); body != nil {
			reply.Body = r.c.Read(body, at+".body", r.fault)
		}
		reply.Headers = r.wantedAttrs(item.Get("headers"), at+".headers", nil)
		r.test.Replies = append(r.test.Replies, reply)
	}
}

// counted checks, once steps and replies are read, that each request has its answer.
func (r *testReader) counted(n *schema.Node) {
	requests := 0
	for _, s := range r.test.Steps {
		if s.Request != nil {
			requests++
		}
	}
	if have := len(r.test.Replies); n != nil && have != requests && requests > 0 {
		r.wrong(n, "then", "spec.value", fmt.Sprintf("answers are expected: %d; requests: %d", have, requests), "write one for each, {} where nothing is expected")
	}
}

// besides is what to write instead of two keys of one entry.
func besides(a, b *schema.Field) string {
	if b.Key == "type" {
		a, b = b, a
	}
	if a.Key == "type" && b.Key == "data" && a.Value.Kind == schema.String {
		return fmt.Sprintf("the type is the key: {%s: {…}}", a.Value.Text)
	}
	return "make a list of them: [{…}, {…}]"
}
