package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
)

// replType is the type of the message that a copy is given in place of one.
const replType = "grow.repl"

// consoles are the copies of a host's actors that people type at. It is safe for
// concurrent use.
type consoles struct {
	mu     sync.Mutex
	list   map[string]*typing // by id
	closed bool
	ended  sync.WaitGroup // those that were listed
}

// typing is one of them: a copy of an actor that handles one message for as long as
// somebody types.
type typing struct {
	control.REPL
	by      string
	host    *Host
	mask    mask
	world   *sealed
	fork    *supervisor.Fork
	state   capability.State
	console *python.Console
	idle    *time.Timer
	one     chan struct{} // has an item while an input is carried out
	left    atomic.Bool   // nobody waits for that input any more
	why     string        // it has ended; written before console.Ended

	over chan struct{} // closed when nothing of it is left, and the journal says so
}

// sealed is the world of a copy that people type at: it refuses whatever is asked of
// grants, secrets too, and notes it.
type sealed struct {
	*python.Console
	mask  mask
	mu    sync.Mutex
	asked []control.ReplayAsked
}

var _ supervisor.Compiler = (*sealed)(nil)

// askedMax is how many requests of an input are told.
const askedMax = 100

// Broker implements supervisor.World.
func (s *sealed) Broker(live *capability.Broker) *capability.Broker { return live.Seal(s.refuse) }

// Seed implements supervisor.World.
func (s *sealed) Seed(string) (seed [32]byte) {
	_, _ = rand.Read(seed[:]) // never fails
	return seed
}

func (s *sealed) refuse(_ context.Context, use string, q *capability.Request) capability.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) < askedMax {
		s.asked = append(s.asked, control.ReplayAsked{Call: len(s.asked) + 1, Use: use, Operation: q.Operation, Data: shorter(s.mask.hide(q.Data))})
	}
	return capability.Fail(capability.Denied, "a copy asks nothing of the outside: %s of %s is refused", q.Operation, use)
}

// shorter is data as a line tells it.
func shorter(data []byte) string {
	if len(data) > toldMax {
		return fmt.Sprintf("%s… (%d bytes)", data[:toldMax], len(data))
	}
	return string(data)
}

// take are the requests since it was called last.
func (s *sealed) take() []control.ReplayAsked {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := append([]control.ReplayAsked{}, s.asked...)
	s.asked = nil
	return asked
}

// OpenREPL implements control.Backend.
func (b backend) OpenREPL(ctx context.Context, r control.REPLRequest, by string) (_ control.REPL, err error) {
	service := b.service.Load()
	n, err := inspected(service, r.Node)
	if err != nil {
		return control.REPL{}, err
	}
	if err := typable(n, r.Key); err != nil {
		return control.REPL{}, err
	}
	values, err := b.stateOf(ctx, n.Path, r.Key)
	if err != nil {
		return control.REPL{}, err
	}
	now, err := b.wanted(service, *b.built.Load())
	if err != nil {
		return control.REPL{}, err
	}
	t := &typing{by: by, host: b.Host, mask: b.mask(service), console: python.NewConsole(), one: make(chan struct{}, 1), over: make(chan struct{})}
	t.REPL = control.REPL{ID: rand.Text(), Node: n.Path, Key: r.Key, Language: n.Actor.Code.Language}
	t.world = &sealed{Console: t.console, mask: t.mask}
	if err := b.consoles.add(t); err != nil {
		return control.REPL{}, err
	}
	defer func() {
		if err != nil {
			b.consoles.remove(t)
		}
	}()
	if t.fork, err = b.supervisor.Fork(ctx, now, n.Path, 1, t.world); err != nil {
		return control.REPL{}, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: n.Path, Next: "see what it takes to run: grow vet FILE.wasm"}
	}
	t.Revision = t.fork.Revision
	i, err := start(ctx, t.fork.Actor)
	if err == nil {
		err = t.audit(false)
	}
	if err != nil {
		if i != nil {
			t.fork.Discard(i)
		}
		return control.REPL{}, errors.Join(err, t.fork.Close())
	}
	t.idle = time.AfterFunc(control.REPLIdle, t.console.Close)
	go t.run(i, values) // ends when the console is left, at the latest with the host
	return t.REPL, nil
}

// typable reports what people cannot type at.
func typable(n *router.Node, key string) error {
	switch {
	case n.Actor.Code.Language != python.Name:
		return &control.Error{
			Code: control.CodeREPLLanguage, Message: fmt.Sprintf("%s is in %s, and only Python is carried out line by line", n.Path, n.Actor.Code.Language), At: n.Path,
			Next: "have a copy handle a message: fork TYPE DATA in grow shell; or step through one: grow debug " + n.Path + " --fork",
		}
	case key != "" && !n.Keyed():
		return &control.Error{Code: control.CodeInvalid, Message: n.Path + " has no keys", At: n.Path, Next: "leave the key out"}
	}
	return nil
}

// start starts the instance of a copy.
func start(ctx context.Context, a *actor.Actor) (*actor.Instance, error) {
	i, more, err := a.Take()
	if errors.Is(err, actor.ErrBusy) && more {
		i, err = a.Start(ctx)
	}
	return i, err
}

// run has the instance handle what is typed, until nobody does any more.
func (t *typing) run(i *actor.Instance, values map[string]capability.Value) {
	at := time.Now()
	m := abi.NewMessage(nil, abi.Type, replType, abi.Source, "grow shell", abi.ID, forkID, abi.Subject, t.Key, abi.Time, at.UTC().Format(time.RFC3339Nano))
	task := actor.Task{Message: m, ID: t.ID, Now: at.UnixNano()}
	if decl := i.Def().State; len(decl) > 0 {
		t.state.Reset(decl, values, capability.Size(values))
		task.State = &t.state
	}
	r := i.Handle(&task)
	t.why = "the copy has ended"
	if r.Outcome == actor.Failed {
		t.why = cmp.Or(r.Text, t.why)
	}
	t.console.Ended()
	t.idle.Stop()
	t.fork.Discard(i)
	err := errors.Join(t.fork.Close(), t.audit(true))
	if err != nil && !errors.Is(err, shard.ErrStopping) {
		t.host.log.Warn("end a copy that was typed at", "node", t.Node, "error", err)
	}
	t.host.consoles.remove(t)
	close(t.over)
}

// audit has the journal say that somebody types, or has typed.
func (t *typing) audit(ends bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), auditTime)
	defer cancel()
	if err := t.host.shard.Look(ctx, shard.Looked{Ends: ends, Node: t.Node, Key: t.Key}, shard.Act{By: t.by, Reason: "repl"}); err != nil {
		return fmt.Errorf("write to the journal who types at a copy of %s: %w", t.Node, err)
	}
	what := "typing at a copy begins"
	if ends {
		what = "typing at a copy ends"
	}
	t.host.log.Info(what, "node", t.Node, "key", t.Key, "by", t.by)
	return nil
}

// Evaluate implements control.Backend.
func (b backend) Evaluate(ctx context.Context, r control.REPLInput, by string) (control.REPLOutput, error) {
	t, err := b.consoles.of(r.ID, by)
	if err != nil {
		return control.REPLOutput{}, err
	}
	if len(r.Source) > python.SourceMax {
		return control.REPLOutput{}, &control.Error{Code: control.CodeTooLarge, Message: fmt.Sprintf("an input has at most %d bytes, not %d", python.SourceMax, len(r.Source))}
	}
	done, err := t.begin(ctx)
	if err != nil {
		return control.REPLOutput{}, err
	}
	defer done()
	t.idle.Reset(control.REPLIdle)
	c, err := t.console.Evaluate(ctx, r.Source)
	if errors.Is(err, python.ErrLeft) {
		<-t.console.Gone()
		return control.REPLOutput{}, &control.Error{Code: control.CodeREPLEnded, Message: "the copy is gone: " + t.mask.text(t.why), At: t.Node, Next: "begin another: repl"}
	}
	if err != nil {
		return control.REPLOutput{}, err
	}
	return control.REPLOutput{More: c.More, Output: t.mask.text(c.Output), Fault: t.mask.text(c.Fault), Asked: t.world.take()}, nil
}

// begin waits for an input that is being ended since nobody waits for it, and refuses to go
// beside another one. The input that begins has to be done.
func (t *typing) begin(ctx context.Context) (done func(), err error) {
	select {
	case t.one <- struct{}{}:
	default:
		if !t.left.Load() {
			return nil, &control.Error{Code: control.CodeConflict, Message: "the copy carries out another input", At: t.Node, Next: "wait for that, or end it"}
		}
		select {
		case t.one <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t.left.Store(false)
	stop := context.AfterFunc(ctx, func() { t.left.Store(true) })
	return func() {
		stop()
		<-t.one
	}, nil
}

// CloseREPL implements control.Backend.
func (b backend) CloseREPL(_ context.Context, id, by string) (control.REPL, error) {
	t, err := b.consoles.of(id, by)
	if err != nil {
		return control.REPL{}, err
	}
	t.console.Close()
	<-t.over
	return t.REPL, nil
}

// add lists a copy.
func (l *consoles) add(t *typing) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &control.Error{Code: "host.stopping", Message: "the service stops"}
	}
	if len(l.list) >= control.REPLsMax {
		return &control.Error{Code: control.CodeDebugBusy, Message: fmt.Sprintf("people type at %d copies, and at no more they may", len(l.list)), Next: "end one of them: quit"}
	}
	if l.list == nil {
		l.list = map[string]*typing{}
	}
	l.list[t.ID] = t
	l.ended.Add(1)
	return nil
}

func (l *consoles) remove(t *typing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list[t.ID] != nil {
		delete(l.list, t.ID)
		l.ended.Done()
	}
}

// of is the copy of an id that somebody has opened.
func (l *consoles) of(id, by string) (*typing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.list[id]
	if t == nil || t.by != by {
		return nil, &control.Error{Code: control.CodeREPLEnded, Message: "the copy has ended, or is somebody else's", Next: "begin another: repl"}
	}
	return t, nil
}

// shut ends all copies, and lets none begin. It waits until they have ended.
func (l *consoles) shut() {
	l.mu.Lock()
	l.closed = true
	list := slices.Collect(maps.Values(l.list))
	l.mu.Unlock()
	for _, t := range list {
		t.console.Close()
	}
	l.ended.Wait()
}
