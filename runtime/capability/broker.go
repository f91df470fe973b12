package capability

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
)

// CallTimeMax bounds the capability requests of one message, together.
const CallTimeMax = 60 * time.Second

// ErrTooMany ends a message that made more requests, or was given more bytes
// of answers, than it may.
var ErrTooMany = errors.New("message made more capability requests than it may")

// Broker holds the grants of one node. It is safe for concurrent use; what
// belongs to one message is a [Ledger].
type Broker struct {
	grants map[string]*grant
	calls  int
	most   bounds
}

// grant is a capability with what requests to it are looked up by.
type grant struct {
	name       string
	capability Capability
	judge      Judge    // the capability, if it is one
	streamer   Streamer // likewise
	preparer   Preparer // likewise
	any        bool     // it serves any operation
	operations map[string]operation
}

type operation struct {
	name   string
	effect Effect
}

func newGrant(name string, c Capability) *grant {
	list := c.Operations()
	g := &grant{name: name, capability: c, any: list == nil, operations: make(map[string]operation, len(list))}
	g.judge, _ = c.(Judge)
	g.streamer, _ = c.(Streamer)
	g.preparer, _ = c.(Preparer)
	for op, effect := range list {
		g.operations[op] = operation{op, effect}
	}
	return g
}

// effects is what Operations of the capability said.
func (g *grant) effects() map[string]Effect {
	if g.any {
		return nil
	}
	list := make(map[string]Effect, len(g.operations))
	for name, op := range g.operations {
		list[name] = op.effect
	}
	return list
}

// Open opens every grant. calls bounds the requests of one message.
func Open(ctx context.Context, grants []specs.Grant, calls int, env Environment) (*Broker, error) {
	b := &Broker{grants: map[string]*grant{}, calls: calls, most: standard}
	for _, g := range grants {
		kind, ok := Lookup(g.Kind)
		if !ok {
			return nil, errors.Join(fmt.Errorf("open grant %s: there is no capability of kind %q", g.Name, g.Kind), b.Close())
		}
		c, err := kind.Open(ctx, g, env)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open grant %s: %w", g.Name, err), b.Close())
		}
		b.grants[g.Name] = newGrant(g.Name, c)
	}
	return b, nil
}

// Of makes a broker of capabilities that are open already, by the name of their
// grant. Closing it closes them.
func Of(capabilities map[string]Capability, calls int) *Broker {
	b := &Broker{grants: map[string]*grant{}, calls: calls, most: standard}
	for name, c := range capabilities {
		b.grants[name] = newGrant(name, c)
	}
	return b
}

// LimitAnswers bounds the bytes of all answers to one message, which are what is recorded of
// it; 0 leaves [abi.AnswerBytesMax]. It is called before the broker serves.
func (b *Broker) LimitAnswers(bytes int64) {
	if bytes > 0 {
		b.most.answers = int(min(bytes, abi.AnswerBytesMax))
	}
}

// Close closes every capability.
func (b *Broker) Close() error {
	var errs []error
	for _, g := range b.grants {
		errs = append(errs, g.capability.Close())
	}
	return errors.Join(errs...)
}

// Serve answers one request frame. The answer is valid until the next call.
// An error ends the message: the frame is malformed, or the message asked too much.
func (b *Broker) Serve(l *Ledger, frame []byte) ([]byte, error) {
	if len(frame) > b.most.request {
		return nil, fmt.Errorf("request of %d bytes: %w", len(frame), abi.ErrLimit)
	}
	r, err := abi.NewReader(frame)
	if err != nil {
		return nil, err
	}
	n := r.Left()
	if n < 1 || n > b.most.perCall {
		return nil, fmt.Errorf("request frame of %d messages, not 1 to %d: %w", n, b.most.perCall, abi.ErrCount)
	}
	l.requests, l.same = l.requests[:0], false
	for i := range n {
		if i == cap(l.requests) {
			l.requests = append(l.requests, abi.View{})
		}
		l.requests = l.requests[:i+1]
		if n == 1 {
			_, l.same, err = r.NextMemo(&l.requests[i], &l.memo)
		} else {
			_, err = r.Next(&l.requests[i])
		}
		if err != nil {
			return nil, err
		}
	}
	if most := b.calls + l.logged; l.calls+n > most && l.calls+n-lines(l.requests) > most {
		return nil, fmt.Errorf("%w: the limit is %d", ErrTooMany, b.calls)
	}
	l.answer = abi.AppendCount(l.answer[:0], n)
	if err := b.serveAll(l); err != nil {
		return nil, err
	}
	l.calls += n
	l.bytes += len(l.answer)
	return l.answer, nil
}

// lines counts log lines among requests. They have limits of their own: what is more than
// a message may write is dropped, and the message goes on.
func lines(requests []abi.View) (n int) {
	for i := range requests {
		switch string(requests[i].Type) {
		case "log.debug", "log.info", "log.warn", "log.error":
			n++
		}
	}
	return n
}

// here answers what the host itself serves, and refuses the rest.
func (b *Broker) here(l *Ledger, number int, v *abi.View) {
	switch string(v.Type) {
	case "log.debug", "log.info", "log.warn", "log.error":
		l.logged++
		l.Log(string(v.Type[len("log."):]), v.Data, v)
		l.append(&Answer{})
	case "config.get":
		l.append(&Answer{Data: l.Config})
	case "time.now":
		if r := l.recall(number, "", v); r != nil {
			l.repeat(r)
			return
		}
		l.append(&Answer{Attrs: []string{"unix_ns", strconv.FormatInt(l.RealTime(), 10)}})
		l.record(number, "time.now", "", v, 0)
	case "state.get", "state.set", "state.delete", "state.list":
		a := l.state(v)
		l.append(&a)
	default:
		a := b.refuse(v)
		l.append(&a)
	}
}

func (b *Broker) refuse(v *abi.View) Answer {
	use, named := v.Attr("use")
	switch {
	case len(v.Type) == 0:
		return Fail(Invalid, "request has no type: it names the operation")
	case !named:
		return Fail(Denied, "%s needs a grant: name it in the attribute use", v.Type)
	case b.grants[string(use)] == nil:
		return Fail(Denied, "the definition grants nothing called %q; add it under uses", use)
	default:
		return Fail(Invalid, "%q does not serve %s", use, v.Type)
	}
}
