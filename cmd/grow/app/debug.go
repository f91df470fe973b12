package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/observed"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/runtime/wasm"
)

// Limits of debugging.
const (
	DebugHold = 10 * time.Minute // that a live actor is held for, while it handles one message
	debugsMax = 32               // sessions of a service at a time
	permitAge = 10 * time.Second // after which who debugs is asked for their permission again
	auditTime = 10 * time.Second // for the journal to take an entry
)

// debugging are the sessions of a host. It is safe for concurrent use.
type debugging struct {
	mu     sync.Mutex
	list   map[*Debugged]bool
	closed bool
	ended  sync.WaitGroup // what tends those that were listed
}

// Debugged is something that a person looks into: a session, and what is run for it.
// Start and Close may be called concurrently.
type Debugged struct {
	*debug.Session
	host   *Host
	target control.DebugTarget
	by     string
	node   *router.Node
	id     string            // of the message; "": those to come
	wanted supervisor.Wanted // as it runs
	probe  *probe
	// sources is the folder of the actor's sources; nil: they are not here.
	sources *os.Root

	context context.Context // ends with Close
	cancel  context.CancelFunc
	runs    sync.WaitGroup // what Start has begun, and what asks for permission
	once    sync.Once
	close   sync.Once

	opening sync.Mutex   // held until what follows is there, or will not be
	begin   func()       // runs what is to be seen
	leave   func() error // ends what is run; nil: nothing is
	audited bool         // the journal has it
}

// OpenDebugger opens a session of what a person, by, wants to look into. Nothing is run for it
// before Start. The caller closes it. It fails with a *control.Error.
func (h *Host) OpenDebugger(ctx context.Context, t control.DebugTarget, by string) (_ *Debugged, err error) {
	d := &Debugged{host: h, target: t, by: by, probe: &probe{guests: observed.New()}}
	if d.wanted, err = h.wanted(h.service.Load(), *h.built.Load()); err != nil {
		return nil, err
	}
	if err := d.find(ctx); err != nil {
		return nil, err
	}
	if err := d.permitted(); err != nil {
		return nil, err
	}
	if err := control.Permitted(ctx); err != nil {
		return nil, err
	}
	if err = d.program(ctx); err != nil {
		return nil, errors.Join(err, d.closeSources())
	}
	d.Session = debug.NewSession(d.probe.program, d.options())
	d.probe.session = d.Session
	d.context, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.opening.Lock()
	if err := h.debugging.add(d); err != nil {
		d.opening.Unlock()
		d.cancel()
		d.Session.Close()
		return nil, errors.Join(err, d.closeSources())
	}
	err = d.open(ctx)
	d.opening.Unlock()
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// options are what a session may do.
func (d *Debugged) options() debug.Options {
	h := d.host
	o := debug.Options{
		Secrets: h.mask(d.wanted.Service).forms,
		Name:    d.probe.guests.Title, Handles: d.probe.guests.Handles, Hold: d.probe.guests.Hold,
		Panicked: func(v any, stack []byte) {
			h.log.Error("the debugger has failed at what it was asked for", "node", d.node.Path, "panic", fmt.Sprintf("%T", v), "stack", string(stack))
		},
	}
	if d.target.Mode() == control.DebugLive {
		o.HoldMax = cmp.Or(h.opts.DebugHold, DebugHold)
	}
	return o
}

// open has ready what is run, unless the session is ended meanwhile. d.opening is held.
func (d *Debugged) open(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.context, cancel)()
	err := d.ready(ctx)
	if err == nil {
		err = d.host.audit(ctx, d, false)
		d.audited = err == nil
	}
	if d.context.Err() != nil { // a failure that this led to included
		return stopping()
	}
	if err == nil {
		d.runs.Go(func() {
			tick := time.NewTicker(permitAge)
			defer tick.Stop()
			d.permit(tick.C)
		})
	}
	return err
}

func stopping() error { return &control.Error{Code: "host.stopping", Message: "the service stops"} }

// permit ends the session once who debugs may no longer do so.
func (d *Debugged) permit(tick <-chan time.Time) {
	for {
		select {
		case <-tick:
			if err := control.Permitted(d.context); err != nil {
				d.End("nothing more may be debugged: " + err.Error())
				return
			}
		case <-d.context.Done():
			return
		}
	}
}

// ready has ready what is run.
func (d *Debugged) ready(ctx context.Context) error {
	switch d.target.Mode() {
	case control.DebugMessage:
		return d.openMessage(ctx)
	case control.DebugFork:
		return d.openFork(ctx)
	}
	return d.openLive(ctx)
}

// Actor implements dap.Named.
func (d *Debugged) Actor() string { return d.node.Actor.Name }

// Start implements dap.Starter: it begins what is run, once the client has said where to
// stop. Later calls do nothing.
func (d *Debugged) Start() error {
	d.once.Do(func() { d.runs.Go(d.begin) })
	return nil
}

// Close ends the session and what is run for it, and returns once what was live goes on as
// it was. A session that has ended by itself is closed by then, or soon.
func (d *Debugged) Close() error {
	var err error
	d.close.Do(func() {
		err = d.end()
		if d.audited {
			ctx, cancel := context.WithTimeout(context.Background(), auditTime)
			defer cancel()
			if audit := d.host.audit(ctx, d, true); audit != nil && !errors.Is(audit, shard.ErrStopping) {
				err = errors.Join(err, audit)
			}
		}
		d.host.debugging.remove(d)
	})
	return err
}

// end lets all guests go on, and waits for what was begun.
func (d *Debugged) end() (err error) {
	d.once.Do(func() {}) // nothing begins any more
	d.cancel()
	d.Session.Close()
	d.opening.Lock() // until it is known what there is to leave
	leave := d.leave
	d.opening.Unlock()
	d.runs.Wait()
	if leave != nil {
		err = leave()
	}
	return errors.Join(err, d.closeSources())
}

// tend closes a session that has ended, whoever ended it: nobody waits for its client.
func (d *Debugged) tend() {
	<-d.Session.Done()
	if err := d.Close(); err != nil {
		d.host.log.Error("end debugging", "node", d.node.Path, "error", err)
	}
}

// add lists a session, unless somebody else is at what it is of.
func (l *debugging) add(d *Debugged) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return stopping()
	}
	if len(l.list) >= debugsMax {
		return &control.Error{Code: control.CodeDebugBusy, Message: fmt.Sprintf("%d sessions are open, and no more may be", len(l.list)), Next: "end one of them"}
	}
	for other := range l.list {
		if d.target.Mode() == control.DebugLive && other.target.Mode() == control.DebugLive && other.node.Path == d.node.Path {
			return &control.Error{
				Code: control.CodeDebugBusy, Message: fmt.Sprintf("%s debugs %s already", cmp.Or(other.by, "somebody"), d.node.Path), At: d.node.Path,
				Next: "wait until that ends, or debug a copy of it: grow debug " + d.node.Path + " --fork",
			}
		}
	}
	if l.list == nil {
		l.list = map[*Debugged]bool{}
	}
	l.list[d] = true
	l.ended.Go(d.tend)
	return nil
}

func (l *debugging) remove(d *Debugged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.list, d)
}

// shut ends all sessions, says why, and lets none begin. It waits until what they ran has
// ended.
func (l *debugging) shut(why string) {
	l.mu.Lock()
	l.closed = true
	list := slices.Collect(maps.Keys(l.list))
	l.mu.Unlock()
	for _, d := range list {
		d.End(why)
		_ = d.Close() // its client is told by its own
	}
	l.ended.Wait()
}

// audit has the journal say that somebody looks, or has looked.
func (h *Host) audit(ctx context.Context, d *Debugged, ends bool) error {
	l := shard.Looked{Ends: ends, Node: d.node.Path, ID: d.id}
	if d.target.Key != nil {
		l.Key = *d.target.Key
	}
	mode := d.target.Mode()
	if err := h.shard.Look(ctx, l, shard.Act{By: d.by, Reason: mode}); err != nil {
		return &control.Error{Code: CodeJournal, Message: "nobody debugs without an entry in the journal, which does not take one: " + err.Error(), Next: "it goes on by itself when the cause is gone; see: grow status"}
	}
	what := "debugging begins"
	if ends {
		what = "debugging ends"
	}
	h.log.Info(what, "node", l.Node, "mode", mode, "key", l.Key, "message", l.ID, "by", d.by)
	return nil
}

// permitted reports what the host has nobody debug.
func (d *Debugged) permitted() error {
	at := d.node.Path
	switch {
	case d.target.Mode() == control.DebugLive && d.host.opts.DebugReadOnly:
		return &control.Error{
			Code: control.CodeDebugReadOnly, Message: "this host has nobody stop what is live", At: at,
			Next: "debug a copy on the next message: grow debug " + at + " --fork; or one that was handled: --message ID",
		}
	}
	return nil
}

// program finds what the node's module is to its programmer. The folder of its sources,
// which links do not lead out of, stays open until closeSources.
func (d *Debugged) program(ctx context.Context) error {
	h, n := d.host, d.node
	binary, err := d.wanted.Modules[n.Actor.Name].Bytes()
	if err != nil {
		return moduleError(n.Actor.Name, err)
	}
	var files fs.FS
	m, _ := wasm.Decode(binary) // what is wrong with it is said by who opens it
	if source := SourceFolder(n.Actor, m); source != "" {
		if root, err := os.OpenRoot(source); err == nil { // else it is not here any more
			d.sources, files = root, root.FS()
		}
	}
	for _, l := range h.opts.debuggers() {
		p, err := l.Open(ctx, binary, files)
		if err != nil {
			return &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("read what the module of %s says of its source: %v", n.Actor.Name, err), At: n.Path}
		}
		if p != nil {
			d.probe.program = p
			return nil
		}
	}
	return &control.Error{Code: control.CodeInvalid, Message: "there is no debugger for the module of " + n.Actor.Name, At: n.Path}
}

func (d *Debugged) closeSources() error {
	if d.sources == nil {
		return nil
	}
	return d.sources.Close()
}

// debuggers are the languages that can be debugged.
func (o *Options) debuggers() []debug.Language {
	if o.Debuggers != nil {
		return o.Debuggers
	}
	return debuggers()
}

// probe compiles a module so that a session is told what its instances do.
type probe struct {
	guests  *observed.Guests
	program debug.Program
	session *debug.Session
}

// Compile implements supervisor.Compiler.
func (p *probe) Compile(ctx context.Context, e engine.Engine, _ []byte, c engine.Config) (engine.Module, error) {
	return p.guests.Compile(ctx, p.program, e, c, p.session)
}

// apart is the world of a fork that is debugged.
type apart struct {
	*replay.Record
	*probe
}

var _ supervisor.Compiler = apart{}

// find finds the node, and the message if one was named.
func (d *Debugged) find(ctx context.Context) error {
	table, err := router.Compile(d.wanted.Service)
	if err != nil {
		return err
	}
	if d.target.Mode() == control.DebugMessage {
		var at string
		if d.id, at, err = d.host.settledAt(ctx, d.target.Message); err != nil {
			return err
		}
		n, ok := table.Node(at)
		if !ok {
			return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s, which had message %s, is no longer part of the service", at, d.id), At: d.id}
		}
		d.node = n
		if name := d.target.Actor; name != "" && name != n.Path && name != n.Actor.Name {
			return &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("message %s was not %s's but %s's", d.id, name, n.Path), At: d.id, Next: "leave the actor out: a message says by itself whose it was"}
		}
		return nil
	}
	d.node, err = nodeOf(table, d.target.Actor)
	if err == nil && d.target.Key != nil && !d.node.Keyed() {
		err = &control.Error{Code: control.CodeInvalid, Message: d.node.Path + " has no keys", At: d.node.Path, Next: "leave --key out"}
	}
	return err
}

// nodeOf is the node of a path, or the only one that an actor fills.
func nodeOf(table *router.Table, name string) (*router.Node, error) {
	if n, ok := table.Node(name); ok {
		return n, nil
	}
	var paths, all []string
	for _, n := range table.Nodes {
		all = append(all, n.Path)
		if n.Actor.Name == name {
			paths = append(paths, n.Path)
		}
	}
	slices.Sort(paths)
	switch {
	case len(paths) == 1:
		n, _ := table.Node(paths[0])
		return n, nil
	case len(paths) > 1:
		return nil, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%s is at %d nodes", name, len(paths)), At: name, Next: "name one of them: " + strings.Join(paths, ", ")}
	}
	slices.Sort(all)
	return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no actor or node %q", name), At: name, Next: "there are " + strings.Join(all, ", ")}
}

// settledAt is the whole id of a message that was handled or given up on, and the node
// that did it.
func (h *Host) settledAt(ctx context.Context, id string) (whole, node string, err error) {
	t, err := h.shard.Trace(ctx, id)
	if err != nil {
		return "", "", traceError(err)
	}
	for i := range t.Hops {
		if k := &t.Hops[i]; k.ID == t.ID && (k.What == shard.HopHandled || k.What == shard.HopRefused || k.What == shard.HopDead && k.Revision != "") {
			whole, node = t.ID, k.Node
		}
	}
	if node == "" {
		return "", "", unhandled(t.ID)
	}
	return whole, node, nil
}

// state is what a key keeps now, for a message whose journal does not go back to the begin.
func (d *Debugged) state(ctx context.Context, key string) (map[string]capability.Value, error) {
	return d.host.stateOf(ctx, d.node.Path, key)
}
