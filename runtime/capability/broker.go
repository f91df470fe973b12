package capability

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

type grant struct {
	name       string
	capability Capability
	operations map[string]Effect
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
		b.grants[g.Name] = &grant{name: g.Name, capability: c, operations: c.Operations()}
	}
	return b, nil
}

// Of makes a broker of capabilities that are open already, by the name of their
// grant. Closing it closes them.
func Of(capabilities map[string]Capability, calls int) *Broker {
	b := &Broker{grants: map[string]*grant{}, calls: calls, most: standard}
	for name, c := range capabilities {
		b.grants[name] = &grant{name: name, capability: c, operations: c.Operations()}
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

// Recorded is an answer that a later run of the message must be given again.
type Recorded struct {
	Call      int // number of the request within the message, from 1
	Operation string
	Use       string
	Request   []byte // SHA-256 of the request's operation, attributes and data
	Frame     []byte // the answer, a frame of one
	Duration  time.Duration
	Failed    bool // the request failed
	Passing   bool // it may be answered otherwise another time: another attempt asks again
	Kept      bool // the journal has it: something outside may have been changed by it
}

// Lasts reports whether another attempt at the message is given the answer again. One that
// failed for good counts once something outside may have been changed because of it. Those of
// streams, which end with their attempt, are given to nobody.
func (r *Recorded) Lasts() bool {
	return r.Use != "" && !r.Passing && (!r.Failed || r.Kept) && !IsStream(r.Operation)
}

// Ledger is what the broker knows of the message being handled: what it may
// see and what it has asked for. It belongs to the goroutine that handles.
type Ledger struct {
	Context context.Context
	ID      string
	Config  []byte
	State   *State // nil when the actor declares none
	// Log takes a log line; fields yields the attributes x.<name>.
	Log func(level string, text []byte, fields *abi.View)
	// RealTime is the wall clock in nanoseconds since 1970.
	RealTime func() int64
	// Wait is called once before the first request that may wait for the
	// outside; nil does nothing.
	Wait func()
	// Allow is how long the message may still take, asked before a request goes
	// outside; nil: CallTimeMax.
	Allow func() time.Duration
	// Rest is called before the handling waits; nil does nothing.
	Rest func()
	// Effect is called before requests that may change the outside: the message
	// must be kept first, and what it was told so far. An error ends the message.
	Effect func() error

	calls    int
	bytes    int
	fuel     uint64
	recorded []Recorded
	waited   bool
	requests []abi.View
	answer   []byte
	last     int // where the last answer of the frame begins
	streams  streams

	// Again are the successful answers that earlier attempts at the message were
	// given, and all that were given to this one before the process ended, one for
	// each request. One that agrees with a request in number, operation, grant and
	// content is given again, and nobody is asked.
	Again []Recorded
}

// End ends what the message has left open, once it has been handled; it may wait for that.
func (l *Ledger) End() { l.streams.end() }

// Reset prepares the ledger for another message.
func (l *Ledger) Reset() {
	clear(l.recorded)
	l.calls, l.bytes, l.fuel, l.recorded, l.waited = 0, 0, 0, l.recorded[:0], false
}

// Fuel is what others used to answer the requests since Reset.
func (l *Ledger) Fuel() uint64 { return l.fuel }

// Recorded are the answers to keep, in the order of the requests. Valid until Reset.
func (l *Ledger) Recorded() []Recorded { return l.recorded }

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
	if l.calls+n > b.calls {
		return nil, fmt.Errorf("%w: the limit is %d", ErrTooMany, b.calls)
	}
	l.requests = l.requests[:0]
	for {
		var v abi.View
		more, err := r.Next(&v)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		l.requests = append(l.requests, v)
	}
	l.answer = abi.AppendCount(l.answer[:0], n)
	if err := b.serveAll(l); err != nil {
		return nil, err
	}
	l.calls += n
	l.bytes += len(l.answer)
	return l.answer, nil
}

// serveAll answers l.requests in their order; those that go outside run at the
// same time, those the host answers itself run one after the other.
func (b *Broker) serveAll(l *Ledger) error {
	outside := make([]*outward, 0, 4)
	asked, changes := 0, false
	for i := range l.requests {
		o := b.outside(l, i)
		if o == nil {
			continue
		}
		outside = append(outside, o)
		if o.streamer == nil { // an attempt that ended has taken its streams with it
			o.again = l.recall(o.number, o.use, &l.requests[i])
		}
		if o.again != nil {
			continue
		}
		if asked++; asked == 1 && l.Rest != nil {
			l.Rest()
		}
		changes = changes || o.effect == Changes
	}
	if changes && l.Effect != nil {
		if err := l.Effect(); err != nil {
			return err
		}
	}
	if asked > 0 {
		b.ask(l, outside)
	}
	for i := range l.requests {
		v := &l.requests[i]
		if len(outside) > 0 && outside[0].index == i {
			l.answered(v, outside[0])
			outside = outside[1:]
		} else {
			b.here(l, l.calls+i+1, v)
		}
		if l.bytes+len(l.answer) > b.most.answers {
			return fmt.Errorf("%w: answers exceed %d bytes", ErrTooMany, b.most.answers)
		}
	}
	return nil
}

// outward is a request that a capability serves.
type outward struct {
	index, number int
	use           string
	grant         *grant
	effect        Effect
	request       Request
	streamer      Streamer // serves it in place of grant; nil: it is of no stream
	ledger        *Ledger
	timeout       time.Duration
	answer        Answer
	took          time.Duration
	again         *Recorded // what answers it in place of the capability; nil: nothing does
}

// countSize is how many bytes of a frame say how many messages it holds.
const countSize = 4

// recall is the answer that was given to the same request before; nil: there is none.
func (l *Ledger) recall(number int, use string, v *abi.View) *Recorded {
	for i := range l.Again {
		r := &l.Again[i]
		if r.Call == number && r.Operation == string(v.Type) && r.Use == use && len(r.Frame) > countSize && bytes.Equal(r.Request, digest(v)) {
			return r
		}
	}
	return nil
}

// repeat adds an answer that was given before.
func (l *Ledger) repeat(r *Recorded) {
	l.last = len(l.answer)
	l.answer = append(l.answer, r.Frame[countSize:]...)
	l.recorded = append(l.recorded, *r)
}

// answered adds the answer to a request that went outside.
func (l *Ledger) answered(v *abi.View, o *outward) {
	if o.again != nil {
		l.repeat(o.again)
		return
	}
	l.append(&o.answer)
	l.fuel += o.answer.Fuel
	if o.effect != Hides {
		l.record(o.number, v, o.use, o.took)
		last := &l.recorded[len(l.recorded)-1]
		last.Failed, last.Passing = o.answer.Code != "", o.answer.Retry || o.answer.Passing
	}
}

// outside returns the request when a grant serves it, nil when the host answers.
func (b *Broker) outside(l *Ledger, i int) *outward {
	v := &l.requests[i]
	use, ok := v.Attr("use")
	if !ok {
		return nil
	}
	g := b.grants[string(use)]
	if g == nil {
		return nil
	}
	effect, ok := g.operations[string(v.Type)]
	if !ok && g.operations != nil {
		return nil
	}
	number := l.calls + i + 1
	o := &outward{index: i, number: number, use: g.name, grant: g, effect: effect, ledger: l, timeout: b.most.time}
	if s, ok := g.capability.(Streamer); ok && IsStream(string(v.Type)) {
		o.streamer = s
	}
	if l.Allow != nil {
		o.timeout = min(b.most.time, l.Allow())
	}
	if ms, ok := v.Attr("timeout"); ok {
		if n, err := strconv.Atoi(string(ms)); err == nil && n > 0 && int64(n) < o.timeout.Milliseconds() {
			o.timeout = time.Duration(n) * time.Millisecond
		}
	}
	o.request = Request{
		Operation: string(v.Type), Data: v.Data, Stable: l.ID + "/" + strconv.Itoa(number),
		Attr: func(name string) (string, bool) { a, ok := v.Attr(name); return string(a), ok },
		Each: func(yield func(string, string) bool) {
			for name, value := range v.All() {
				if !yield(string(name), string(value)) {
					return
				}
			}
		},
	}
	if j, ok := g.capability.(Judge); ok {
		o.effect = j.Effect(&o.request)
	}
	return o
}

// ask runs requests at the same time and waits for all of them.
func (b *Broker) ask(l *Ledger, all []*outward) {
	list := make([]*outward, 0, len(all))
	for _, o := range all {
		if o.again == nil {
			list = append(list, o)
		}
	}
	if !l.waited && l.Wait != nil {
		l.waited = true
		l.Wait()
	}
	var wait sync.WaitGroup
	for _, o := range list[1:] {
		wait.Go(o.do)
	}
	list[0].do()
	wait.Wait()
}

func (o *outward) do() {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(o.ledger.Context, o.timeout)
	defer cancel()
	// A fault of a capability is one failed request, not the end of the process.
	defer func() {
		if fault := recover(); fault != nil {
			o.answer = Fail(Unavailable, "%s is at fault: %v", o.use, fault)
		}
	}()
	if o.streamer != nil {
		o.answer = o.ledger.streams.serve(ctx, o)
	} else {
		o.answer = o.grant.capability.Do(ctx, &o.request)
	}
	if o.took = o.answer.Took; o.took == 0 {
		o.took = time.Since(begin)
	}
	if ctx.Err() != nil && o.answer.Code != "" {
		o.answer = Fail(Timeout, "%s did not answer within %v", o.use, o.timeout)
	}
}

// here answers what the host itself serves, and refuses the rest.
func (b *Broker) here(l *Ledger, number int, v *abi.View) {
	switch string(v.Type) {
	case "log.debug", "log.info", "log.warn", "log.error":
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
		l.record(number, v, "", 0)
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

// The range of limit of state.list.
const (
	listDefault = 100
	listMax     = 1000
)

func (l *Ledger) state(v *abi.View) Answer {
	if l.State == nil {
		return Fail(Denied, "the definition declares no state")
	}
	raw, _ := v.Attr("name")
	name := string(raw)
	switch string(v.Type) {
	case "state.get":
		value := l.State.Get(name)
		return Answer{Attrs: []string{"revision", strconv.FormatUint(value.Revision, 10)}, Data: value.Data}
	case "state.set":
		revision, err := l.State.Set(name, v.Data)
		if errors.Is(err, ErrFull) {
			return Fail(Limit, "set state %q: %v", name, err)
		}
		if err != nil {
			return Fail(Invalid, "set state %q: %v", name, err)
		}
		return Answer{Attrs: []string{"revision", strconv.FormatUint(revision, 10)}}
	case "state.delete":
		l.State.Delete(name)
		return Answer{}
	}
	prefix, _ := v.Attr("prefix")
	var after *string
	if text, ok := v.Attr("after"); ok {
		name := string(text)
		after = &name
	}
	limit := listDefault
	if text, ok := v.Attr("limit"); ok {
		n, err := strconv.Atoi(string(text))
		if err != nil || n < 1 || n > listMax {
			return Fail(Invalid, "limit %q is not a number from 1 to %d", text, listMax)
		}
		limit = n
	}
	names := l.State.List(string(prefix), after, limit)
	if names == nil {
		names = []string{}
	}
	data, err := json.Marshal(names)
	if err != nil {
		return Fail(Invalid, "list state: %v", err)
	}
	return Answer{Data: data}
}

// append adds an answer to the answer frame.
func (l *Ledger) append(a *Answer) {
	b := l.answer
	l.last = len(b)
	if a.Code == "" {
		b = abi.AppendAttrCount(b, 1+len(a.Attrs)/2)
		b = abi.AppendAttr(b, abi.Type, abi.TypeOK)
		for i := 0; i+1 < len(a.Attrs); i += 2 {
			b = abi.AppendAttr(b, a.Attrs[i], a.Attrs[i+1])
		}
		l.answer = abi.AppendData(b, a.Data)
		return
	}
	retry := "no"
	if a.Retry {
		retry = "yes"
	}
	b = abi.AppendAttrCount(b, 3)
	b = abi.AppendAttr(b, abi.Type, abi.TypeError)
	b = abi.AppendAttr(b, abi.Code, a.Code)
	b = abi.AppendAttr(b, abi.RetryAttr, retry)
	l.answer = abi.AppendData(b, []byte(strings.ToValidUTF8(a.Text, "\uFFFD")))
}

// record keeps the last answer appended.
func (l *Ledger) record(number int, v *abi.View, use string, took time.Duration) {
	frame := append(abi.AppendCount(nil, 1), l.answer[l.last:]...)
	l.recorded = append(l.recorded, Recorded{
		Call: number, Operation: string(v.Type), Use: use, Request: digest(v), Frame: frame, Duration: took,
	})
}

// digest is that of a request's operation, attributes and data.
func digest(v *abi.View) []byte {
	h := sha256.New()
	h.Write(v.Encoded())
	h.Write(v.Data)
	return h.Sum(nil)
}
