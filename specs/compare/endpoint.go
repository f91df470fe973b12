package compare

import (
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// matched is an endpoint's name without the names of its parameters: what a
// client sees of it.
func matched(e *specs.Endpoint) string {
	return parameter.ReplaceAllString(e.Method+" "+strings.TrimSuffix(e.Path, "/"), "{}")
}

func (r *report) endpoints(old, new *specs.Service) {
	was, is := map[string]*specs.Endpoint{}, map[string]*specs.Endpoint{}
	for _, e := range old.Endpoints {
		was[matched(e)] = e
	}
	for _, e := range new.Endpoints {
		is[matched(e)] = e
	}
	for _, name := range union(was, is) {
		a, b := was[name], is[name]
		switch {
		case b == nil:
			r.about("endpoint %s", a.Name())
			r.add("", shape.Break, Interface, "endpoint.removed", "is gone")
		case a == nil:
			r.about("endpoint %s", b.Name())
			r.add("", shape.Ok, Interface, "endpoint.added", "is new")
		default:
			r.about("endpoint %s", b.Name())
			(&endpoints{r, old, new, a, b}).compare()
		}
	}
}

// endpoints are an endpoint in both revisions.
type endpoints struct {
	*report
	oldService, newService *specs.Service
	old, new               *specs.Endpoint
}

func (e *endpoints) compare() {
	a, b := e.old, e.new
	if a.Path != b.Path {
		e.info("path", "was %s", a.Path)
	}
	e.send()
	e.body()
	e.replies()
	e.auth()
	for _, h := range less(a.Headers, b.Headers) {
		e.info("headers", "%s is no longer passed on", h)
	}
	for _, h := range less(b.Headers, a.Headers) {
		e.info("headers", "%s is passed on now", h)
	}
	switch {
	case a.Idempotency == b.Idempotency:
	case a.Idempotency == "":
		e.add("idempotency", shape.Ok, Interface, "idempotency.added", "requests with the same %s are handled once now", b.Idempotency)
	case b.Idempotency == "":
		e.add("idempotency", shape.Warn, Interface, "idempotency.removed", "requests sent again are handled again; %s told them apart", a.Idempotency)
	default:
		e.add("idempotency", shape.Warn, Interface, "idempotency.changed", "%s told requests apart, now it is %s", a.Idempotency, b.Idempotency)
	}
	switch {
	case a.Direct == b.Direct:
	case b.Direct:
		e.add("delivery", shape.Warn, Interface, "delivery.changed", "is direct now: what was accepted is lost with the host")
	default:
		e.info("delivery", "is durable now")
	}
	moved(e.report, "to", "the target", a.To, b.To, text)
	moved(e.report, "timeout", "the timeout", a.Timeout, b.Timeout, text)
}

// send compares what a request becomes. A type of the same name is compared by itself.
func (e *endpoints) send() {
	a, b := e.old, e.new
	was, is := e.oldService.Types[a.Send], e.newService.Types[b.Send]
	if a.Send != b.Send {
		e.info("send", "makes %s now, made %s", b.Send, a.Send)
		e.types("send", shape.In, shape.In.String(), "", shape.Compare(was, is, e.recorded(a.Send)))
	}
	if a.Body != specs.BodyNone || b.Body != specs.BodyNone || is.Open() {
		return
	}
	for _, name := range less(was.Names(), is.Names()) {
		if !slices.Contains(a.Params, name) {
			e.add("send/"+name, shape.Break, Interface, "parameter.removed", "is no parameter any more: a request that gives it is refused")
		}
	}
}

var bodies = map[specs.Body]string{specs.BodyNone: "no body", specs.BodyJSON: "JSON", specs.BodyRaw: "raw bytes"}

func (e *endpoints) body() {
	a, b := e.old.Body, e.new.Body
	if a == b {
		return
	}
	v := shape.Break
	if a == specs.BodyJSON && b == specs.BodyRaw {
		v = shape.Ok // all is passed on that was checked before
	}
	e.add("body", v, Interface, "body.changed", "takes %s now, took %s", bodies[b], bodies[a])
}

// auth compares who may call.
func (e *endpoints) auth() {
	switch a, b := e.old.Webhook, e.new.Webhook; {
	case a == nil && b == nil:
	case a == nil:
		e.add("auth", shape.Break, Interface, "auth.added", "requests must be signed now, as %s webhooks are", b.Scheme)
	case b == nil:
		e.add("auth", shape.Warn, Grants, "auth.removed", "anybody may call now: no signature is asked for")
	case a.Scheme != b.Scheme:
		e.add("auth", shape.Break, Interface, "auth.changed", "signatures are those of %s webhooks now, were of %s", b.Scheme, a.Scheme)
	default:
		moved(e.report, "auth.secret", "the secret", a.Secret, b.Secret, text)
	}
}

// answer says how an endpoint answers, apart from the types.
func answer(e *specs.Endpoint) string {
	switch {
	case e.Accepted:
		return "202 and the message's id"
	case e.Reply == nil:
		return "204 when the work is done"
	}
	return "what the message became"
}

// replies compares what clients receive, by type and status.
func (e *endpoints) replies() {
	a, b := e.old, e.new
	if was, is := answer(a), answer(b); was != is {
		e.add("reply", shape.Break, Interface, "reply.changed", "the answer is %s now, was %s", is, was)
		return
	}
	for _, name := range union(a.Reply, b.Reply) {
		was, had := a.Reply[name]
		is, has := b.Reply[name]
		path := "reply." + name
		switch {
		case !has:
			e.add(path, shape.Ok, Interface, "reply.removed", "is no answer any more; it had status %d", was)
		case !had:
			e.reply(path, name, is)
		case was != is:
			e.add(path, shape.Break, Interface, "reply.status", "the status changed from %d to %d", was, is)
		}
		e.changes = outward(e.changes, path)
	}
}

// outward marks a change of a reply as what clients receive.
func outward(changes []Change, path string) []Change {
	if n := len(changes); n > 0 && changes[n-1].Path == path {
		changes[n-1].Role = shape.Out.String()
	}
	return changes
}

// reply is about an answer that the old revision did not give: clients take it
// for one that had its status.
func (e *endpoints) reply(path, name string, status int) {
	const failed = 400 // from here on a status says that nothing was done
	var alike []string
	for _, old := range union(e.old.Reply, nil) {
		if e.old.Reply[old] == status {
			alike = append(alike, old)
		}
	}
	var least []shape.Change
	for i, old := range alike {
		changes := shape.Compare(e.oldService.Types[old], e.newService.Types[name], e.recorded(name))
		if i == 0 || shape.Worst(changes, shape.Out) < shape.Worst(least, shape.Out) {
			least = changes
		}
	}
	switch {
	case alike != nil && shape.Worst(least, shape.Out) < shape.Break:
		e.add(path, shape.Ok, Interface, "reply.added", "is one more answer of status %d, and fits what there was", status)
	case alike != nil:
		e.add(path, shape.Break, Interface, "reply.added", "is one more answer of status %d, and does not fit %s", status, strings.Join(alike, " or "))
		for _, c := range least {
			if last := &e.changes[len(e.changes)-1]; c.Out.Example != nil {
				last.Example, last.Refusal = c.Out.Example, c.Out.Refusal
				break
			}
		}
	case status >= failed:
		e.add(path, shape.Warn, Interface, "reply.added", "is one more way to fail, with status %d", status)
	default:
		e.add(path, shape.Break, Interface, "reply.added", "is one more answer, with status %d", status)
	}
}
