package capability

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
)

// outward is a request that a capability serves. A ledger uses it again for later
// requests, since what a capability is given is valid until it has answered only.
type outward struct {
	index, number int
	view          *abi.View
	grant         *grant
	effect        Effect // of the operation, or of the request alone
	request       Request
	streamer      Streamer // serves it in place of grant; nil: it is of no stream
	ledger        *Ledger
	timeout       time.Duration
	answer        Answer
	took          time.Duration
	again         *Recorded // what answers it in place of the capability; nil: nothing does
}

// newOutward makes one whose request reads the attributes of whatever view it has.
func newOutward() *outward {
	o := &outward{}
	o.request.Attr = func(name string) (string, bool) { a, ok := o.view.Attr(name); return string(a), ok }
	o.request.Each = func(yield func(string, string) bool) {
		for name, value := range o.view.All() {
			if !yield(string(name), string(value)) {
				return
			}
		}
	}
	return o
}

// serveAll answers l.requests in their order; those that go outside run at the
// same time, those the host answers itself run one after the other.
func (b *Broker) serveAll(l *Ledger) error {
	outside, err := b.goOutside(l)
	if err != nil {
		return err
	}
	for i := range l.requests {
		v := &l.requests[i]
		if len(outside) > 0 && outside[0].index == i {
			l.answered(outside[0])
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

// goOutside has capabilities answer what is theirs of l.requests, and returns that in its order.
func (b *Broker) goOutside(l *Ledger) ([]*outward, error) {
	var now time.Time
	n, asked, changes := 0, 0, false
	var several served
	s := &l.served
	if len(l.requests) > 1 {
		s = &several
	}
	for i := range l.requests {
		v := &l.requests[i]
		if n == len(l.outwards) {
			l.outwards = append(l.outwards, newOutward())
		}
		o := l.outwards[n]
		if !l.same || s.by != b {
			s.find(b, v)
		}
		if s.grant == nil {
			continue
		}
		if n == 0 {
			now = l.now()
		}
		n++
		o.begin(l, i, v, s, now)
		if o.again = nil; o.streamer == nil { // an attempt that ended has taken its streams with it
			o.again = l.recall(o.number, s.grant.name, v)
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
		if err := l.prepareAnd(l.outwards[:n], now); err != nil {
			return nil, err
		}
		now = l.now()
	}
	if asked > 0 {
		l.ask(l.outwards[:n], now)
	}
	return l.outwards[:n], nil
}

// prepareGrace is how much longer than the journal takes a request may take to prepare.
const prepareGrace = 50 * time.Millisecond

// prepares reports whether its capability prepares it, since it will change something.
func (o *outward) prepares() bool {
	return o.again == nil && o.effect == Changes && o.streamer == nil && o.grant.preparer != nil
}

// prepareAnd calls l.Effect. Meanwhile capabilities prepare those of all that will change
// something; they have ended when it returns.
func (l *Ledger) prepareAnd(all []*outward, now time.Time) error {
	if !slices.ContainsFunc(all, (*outward).prepares) {
		return l.Effect()
	}
	ctx, cancel := context.WithCancel(l.Context)
	defer cancel()
	var wait sync.WaitGroup
	for _, o := range all {
		if o.prepares() {
			until := l.until(o, now)
			until.message = &scope{ctx, l.began}
			wait.Go(func() { o.prepare(until) })
		}
	}
	err := l.Effect()
	if err != nil {
		cancel()
	}
	late := time.AfterFunc(prepareGrace, cancel)
	defer late.Stop()
	wait.Wait()
	return err
}

// prepare has the capability prepare the request until a deadline, which it ends.
func (o *outward) prepare(until *deadline) {
	defer func() {
		until.end()
		if recover() != nil { // then nothing is prepared, and Do says what is at fault
			o.request.Prepared = nil
		}
	}()
	o.request.Prepared = o.grant.preparer.Prepare(until, &o.request)
}

// served is what the attributes of a request lead to.
type served struct {
	by        *Broker
	grant     *grant // nil: the host answers
	operation operation
	stream    bool          // it is one of a stream
	timeout   time.Duration // that is asked for; 0: none is
}

// find makes it what a request leads to that may be like the last one.
func (s *served) find(b *Broker, v *abi.View) {
	use, ok := v.Attr("use")
	if alike := ok && s.by == b && s.grant != nil && s.grant.name == string(use) && s.operation.name == string(v.Type); !alike {
		*s = served{by: b}
		if g := b.grants[string(use)]; ok && g != nil {
			s.look(g, v)
		}
	}
	if s.grant == nil {
		return
	}
	s.timeout = 0
	if ms, ok := v.Attr("timeout"); ok {
		if n, err := strconv.Atoi(string(ms)); err == nil && n > 0 {
			s.timeout = time.Duration(min(n, int(CallTimeMax/time.Millisecond))) * time.Millisecond
		}
	}
}

// look has a grant serve a request, if it does.
func (s *served) look(g *grant, v *abi.View) {
	op, ok := g.operations[string(v.Type)]
	if !ok && g.any {
		op = operation{name: string(v.Type)}
	}
	if ok || g.any {
		s.grant, s.operation, s.stream = g, op, g.streamer != nil && IsStream(op.name)
	}
}

// within is how long a request may take that is made now.
func (s *served) within(l *Ledger, now time.Time) time.Duration {
	most := s.by.most.time
	if l.Allow != nil {
		most = min(most, l.Allow(now))
	}
	if s.timeout > 0 {
		most = min(most, s.timeout)
	}
	return most
}

// begin makes it the nth request of a frame.
func (o *outward) begin(l *Ledger, n int, v *abi.View, s *served, now time.Time) {
	g, op := s.grant, &s.operation
	o.index, o.number, o.view, o.grant, o.effect, o.timeout = n, l.calls+n+1, v, g, op.effect, s.within(l, now)
	o.ledger, o.streamer = l, nil
	if s.stream {
		o.streamer = g.streamer
	}
	o.request.Operation, o.request.Data, o.request.Stable, o.request.Prepared = op.name, v.Data, l.stable.name(l.ID, o.number), nil
	o.request.First = l.First
	if g.judge != nil {
		o.effect = g.judge.Effect(&o.request)
	}
}

// answered adds the answer to a request that went outside.
func (l *Ledger) answered(o *outward) {
	if o.again != nil {
		l.repeat(o.again)
		return
	}
	l.append(&o.answer)
	l.fuel += o.answer.Fuel
	if o.effect != Hides {
		r := l.record(o.number, o.request.Operation, o.grant.name, o.view, o.took)
		r.Failed, r.Passing = o.answer.Code != "", o.answer.Retry || o.answer.Passing
	}
	o.answer = Answer{} // which may be large
}

// ask runs the requests that nothing answers yet at the same time and waits for all of them.
func (l *Ledger) ask(all []*outward, now time.Time) {
	if !l.waited && l.Wait != nil {
		l.waited = true
		l.Wait()
	}
	if len(all) == 1 {
		all[0].do(l.until(all[0], now), now)
		return
	}
	l.askTogether(all, now)
}

func (l *Ledger) askTogether(all []*outward, now time.Time) {
	var here *outward
	var hereUntil *deadline
	var wait sync.WaitGroup
	for _, o := range all {
		switch {
		case o.again != nil:
		case here == nil:
			here, hereUntil = o, l.until(o, now)
		default:
			until := l.until(o, now)
			wait.Go(func() { o.do(until, now) })
		}
	}
	here.do(hereUntil, now)
	wait.Wait()
}

// do has the capability answer until a deadline, which it ends.
func (o *outward) do(until *deadline, begin time.Time) {
	defer func() {
		until.end()
		// A fault of a capability is one failed request, not the end of the process.
		if fault := recover(); fault != nil {
			o.answer = Fail(Unavailable, "%s is at fault: %v", o.grant.name, fault)
		}
	}()
	if o.streamer != nil {
		o.answer = o.ledger.streams.serve(until, o)
	} else {
		o.answer = o.grant.capability.Do(until, &o.request)
	}
	if o.took = o.answer.Took; o.took == 0 {
		o.took = time.Since(begin)
	}
	if o.answer.Code != "" && until.Err() != nil {
		o.answer = Fail(Timeout, "%s did not answer within %v", o.grant.name, o.timeout)
	}
}
