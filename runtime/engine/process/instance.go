package process

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// errBroken is what a closed instance, or one that failed before, answers.
var errBroken = errors.New("call instance: it is closed or has failed before")

// bufferFirst is the memory in bytes that an instance has for what is reported
// to it at first.
const bufferFirst = 4 << 10

// instance implements engine.Instance.
type instance struct {
	_      apart
	worker *worker
	index  int // of the line
	line   line
	broken bool // it must not be asked any more
	idle   bool // the worker waits for orders
	closed bool
	memory int64
	buffer []byte // what was reported last
	head   [orderHead]byte
	looked
	traced *traced // nil: nobody follows it
	talk
	_ apart
}

// apart keeps what one goroutine writes for every message out of the cache
// lines of its neighbour in memory.
type apart [128]byte

// talk is what the host knows of one conversation: an order, what the guest
// asks, and the report that ends it.
type talk struct {
	ctx     context.Context // ends it too
	host    engine.Host
	err     error     // ended it, and is what it fails with
	lied    error     // it cannot be spoken to any more
	handed  time.Time // the turn, as far as it was counted; of one who is debugged
	silence int       // times that quiet was called since, and the worker could have answered
	starved int       // times that it could not
	look    look
	refused int // reports that came since
	asks    int
	starts  int    // calls of the guest, by the slices that were asked for at their start
	used    uint64 // fuel, as last reported
	granted uint64
}

const (
	startsMax  = 8 // calls of the guest that begin in one conversation
	refusedMax = 8 // reports until a guest that must end is unwound
)

func start(ctx context.Context, m *module, w *worker, k int, h engine.Host) (engine.Instance, error) {
	i := &instance{looked: looked{can: m.about.Language != ""}, worker: w, index: k, line: w.region.line(k, turnHost), idle: true, buffer: make([]byte, 0, bufferFirst)}
	if _, err := i.order(ctx, h, orderStart, engine.Frame(nil)); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	if m.probed != nil && m.probed.Attach != nil {
		i.trace(m.probed, h)
	}
	return i, nil
}

// Init implements engine.Instance.
func (i *instance) Init(h engine.Host, frame []byte) error {
	_, err := i.call(h, orderInit, engine.Frame(frame))
	return err
}

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	if size := in.Size(); size > orderMax-orderHead {
		i.broken = true
		return engine.Answer{}, &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf("an input of %d bytes is more than any actor's memory holds", size)}
	}
	return i.call(h, orderHandle, in)
}

// call gives the worker an order to have the guest do something. Whoever follows the
// instance is told.
func (i *instance) call(h engine.Host, kind byte, in engine.Input) (engine.Answer, error) {
	t := i.traced
	if t == nil || i.broken {
		return i.order(context.Background(), h, kind, in)
	}
	if err := t.tracer.Begin(); err != nil {
		i.broken = true
		return engine.Answer{}, err
	}
	a, err := i.order(context.Background(), h, kind, in)
	t.tracer.End(err)
	return a, err
}

// MemorySize implements engine.Instance. It is what the worker last said, and
// never more than the instance may have.
func (i *instance) MemorySize() int64 { return i.memory }

// Gone implements engine.Mortal.
func (i *instance) Gone() bool { return i.worker.dead() }

// Close implements engine.Instance. Closing again does nothing.
func (i *instance) Close() error {
	if i.closed {
		return nil
	}
	i.closed = true
	if i.idle && !i.worker.dead() {
		i.broken = false
		// Whether the worker does it or not, the instance is of no more use.
		_, _ = i.order(context.Background(), &nobody{}, orderClose, engine.Frame(nil))
	}
	i.broken = true
	if i.traced != nil {
		i.traced.leave()
	}
	i.line = line{} // its memory may go
	if i.idle {
		return i.worker.give(i.index)
	}
	return i.worker.release()
}

// order gives the worker an order and serves what its guest asks until it is done.
func (i *instance) order(ctx context.Context, h engine.Host, kind byte, body engine.Input) (engine.Answer, error) {
	if i.broken {
		return engine.Answer{}, errBroken
	}
	i.talk = talk{ctx: ctx, host: h}
	i.idle = false
	putOrder(&i.head, kind, i.world())
	r, err := i.converse(body)
	if err != nil {
		i.stop(i.fault(err))
	}
	answer, err := engine.Answer{Frame: r.body, Fuel: max(r.value, i.used)}, i.err
	if err != nil {
		answer.Frame = nil
		if _, whole := err.(*engine.Stopped); !whole {
			i.broken = true
		}
	}
	i.part()
	i.talk = talk{}
	return answer, err
}

// fault says what it means that the worker cannot be spoken to any more, and
// makes sure of it.
func (i *instance) fault(err error) error {
	if errors.Is(err, errGone) {
		err = nil // what it ended of says more
	}
	i.worker.condemn(err)
	<-i.worker.gone
	return i.worker.died()
}

// converse returns the report that ends the conversation. i.err is set when the
// instance failed; an error says that the worker did.
func (i *instance) converse(body engine.Input) (report, error) {
	for {
		if i.looks != nil {
			i.handed = time.Now()
		}
		if err := i.line.send(i.head[:], body, i); err != nil {
			return report{}, err
		}
		r, err := i.receive(i)
		if err != nil {
			return report{}, err
		}
		i.stop(i.took())
		if err := i.listen(r.outputs); err != nil {
			i.stop(err)
		}
		if r.kind == reportDone || r.kind == reportFailed {
			return r, i.ended(&r)
		}
		if err := i.plausible(&r); err != nil {
			return report{}, err
		}
		var answer []byte
		if i.err == nil {
			answer, err = i.serve(&r)
			if i.lied != nil {
				return report{}, i.lied
			}
			i.stop(err)
		}
		if i.err != nil {
			answer = []byte(cut(i.err.Error(), ReasonMax))
			putOrder(&i.head, orderFail, world{})
		}
		body = engine.Frame(answer)
	}
}

// stop has the conversation end with err, if that is one.
func (i *instance) stop(err error) {
	if i.err == nil {
		i.err = err
	}
}

// receive returns the next report.
func (i *instance) receive(w watcher) (report, error) {
	if cap(i.buffer) > bufferMax {
		i.buffer = make([]byte, 0, bufferFirst)
	}
	b, err := i.line.receive(i.buffer, max(reportMax, reportHead+OutputMax+i.worker.answerMax), w)
	i.buffer = b
	if err != nil {
		return report{}, err
	}
	return decodeReport(b, i.worker.answerMax)
}

// ended takes the report that ends a conversation.
func (i *instance) ended(r *report) error {
	if r.memory > i.worker.memoryMax {
		return fmt.Errorf("an instance with %d bytes of memory, of %d", r.memory, i.worker.memoryMax)
	}
	if r.value > 0 && r.value < i.used || r.value > i.granted+fuelSlack { // 0 where the engine does not say
		return fmt.Errorf("%d units of fuel used, of %d", r.value, i.granted)
	}
	i.idle = true
	i.memory = max(i.memory, r.memory)
	if r.kind == reportDone {
		return nil
	}
	fault, bad := decodeFault(r.body)
	r.body = nil
	if stopped, ok := fault.(*engine.Stopped); ok {
		if i.err == nil {
			return errors.New("a guest that was stopped, and nobody stopped it")
		}
		stopped.Cause = i.err
		i.err = stopped
	}
	i.stop(fault)
	return bad
}

// GraceMax and StarvedMax in steps of quiet.
const (
	graceSteps   = int(GraceMax / quietStep)
	starvedSteps = int(StarvedMax / quietStep)
)

// quiet implements watcher: the guest has asked nothing for a while. Whether it
// may go on is the host's to say, which a sleep of nothing asks it.
func (i *instance) quiet() error {
	if i.err == nil {
		if i.ctx.Err() != nil {
			i.err = fmt.Errorf("start instance: %w", context.Cause(i.ctx))
		} else if err := i.late(); err != nil {
			i.err = err
		} else if err := i.took(); err != nil { // its clocks may stand
			i.err = err
		} else {
			return nil
		}
	}
	if i.worker.kept(&i.look) && i.starved < starvedSteps { // it is the machine that is slow
		i.starved++
	} else {
		i.silence++
	}
	if i.silence > graceSteps {
		return errSilent
	}
	return nil
}

func (i *instance) late() (err error) {
	defer guard(&err)
	return i.host.Sleep(0)
}

// guard turns a panic of the host's own code, which is a fault of grow, into an
// error.
func guard(err *error) {
	if r := recover(); r != nil {
		cause, _ := r.(error)
		*err = &engine.Error{Code: engine.CodePanic, Reason: fmt.Sprintf("host panicked: %v", r), Stack: string(debug.Stack()), Cause: cause}
	}
}

// world is what the guest is told with an order. What the host fails to say is
// asked for again if the guest wants to know it.
func (i *instance) world() (w world) {
	defer func() { _ = recover() }()
	w.now, w.mono = i.host.Now(), i.host.Monotonic()
	w.knows |= knowsClocks | i.wanted()
	grant, err := i.host.Slice(0)
	if err == nil && grant > 0 {
		w.grant = grant
		w.knows |= knowsGrant
		i.grant(grant)
	}
	return w
}

// grant counts fuel.
func (i *instance) grant(n uint64) { i.granted = max(i.granted, i.granted+n) }

// listen passes on what the guest wrote.
func (i *instance) listen(b []byte) (err error) {
	if len(b) == 0 {
		return nil
	}
	defer guard(&err)
	return eachOutput(b, i.host.Output)
}

// plausible holds what a guest asks against what it can ask at this point.
func (i *instance) plausible(r *report) error {
	i.asks++
	if i.err != nil {
		if i.refused++; i.refused > refusedMax {
			return errSilent
		}
		return nil
	}
	if r.kind != reportSlice {
		return nil
	}
	if r.value == 0 {
		i.starts, i.used, i.granted = i.starts+1, 0, 0
	}
	if r.value < i.used || r.value > i.granted+fuelSlack || i.starts > startsMax {
		return fmt.Errorf("%d units of fuel used, after %d", r.value, i.used)
	}
	i.used = r.value
	return nil
}

// serve asks the host what the guest wants to know, and makes the order that
// answers; its body is returned.
func (i *instance) serve(r *report) (answer []byte, err error) {
	defer guard(&err)
	if i.asks%asksMax == 0 { // it may be lying about its fuel
		if err := i.host.Sleep(0); err != nil {
			return nil, err
		}
	}
	var w world
	switch r.kind {
	case reportCall:
		answer, err = i.host.Call(r.body)
	case reportSleep:
		err = i.host.Sleep(int64(r.value))
	case reportRandom:
		answer = make([]byte, r.value)
		i.host.Random(answer)
	case reportSlice:
		w.grant, err = i.host.Slice(r.value)
		w.knows |= knowsGrant
		i.grant(w.grant)
	case reportDebug:
		answer, w.grant, err = i.debugged(r)
	case reportArrive, reportTrap:
		err = i.arrived(r)
	case reportLooked:
		err = i.lies("it shows what nobody asked for")
	}
	if err != nil {
		return nil, err
	}
	w.knows |= i.wanted()
	if r.kind != reportOutput && r.kind != reportRandom {
		w.now, w.mono = i.host.Now(), i.host.Monotonic()
		w.knows |= knowsClocks
	}
	putOrder(&i.head, orderReply, w)
	return answer, nil
}

// nobody is the host of an instance that is being closed. It waits for the
// worker for as long as CloseMax.
type nobody struct {
	engine.Host
	asked time.Duration
}

func (*nobody) Now() int64                   { return 0 }
func (*nobody) Monotonic() int64             { return 0 }
func (*nobody) Slice(uint64) (uint64, error) { return 1, nil }
func (*nobody) Output(int, []byte)           {}

func (n *nobody) Sleep(int64) error {
	if n.asked += quietStep; n.asked > CloseMax {
		return errSilent
	}
	return nil
}
