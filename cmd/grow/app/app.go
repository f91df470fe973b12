// Package app puts a host together: it is where implementations are picked.
// The command line and the benchmarks start services through it, so that what
// is measured is what runs.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/gateway"
	"github.com/grow-platform/grow/host/logs"
	hoststore "github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/specs"

	// The capabilities and languages of this build.
	_ "github.com/grow-platform/grow/compiler/golang"
	_ "github.com/grow-platform/grow/compiler/rust"
	_ "github.com/grow-platform/grow/compiler/wasm"
	_ "github.com/grow-platform/grow/host/capabilities/actor"
	_ "github.com/grow-platform/grow/host/capabilities/blob"
	_ "github.com/grow-platform/grow/host/capabilities/connector"
	_ "github.com/grow-platform/grow/host/capabilities/files"
	_ "github.com/grow-platform/grow/host/capabilities/http"
	_ "github.com/grow-platform/grow/host/capabilities/kv"
	_ "github.com/grow-platform/grow/host/capabilities/llm"
	_ "github.com/grow-platform/grow/host/capabilities/mail"
	_ "github.com/grow-platform/grow/host/capabilities/publish"
	_ "github.com/grow-platform/grow/host/capabilities/secret"
	_ "github.com/grow-platform/grow/host/capabilities/sql"
)

// DefaultNamespace is that of services that nobody has put into another.
const DefaultNamespace = "main"

// DefaultListen is the address a service is served at when none is given.
const DefaultListen = "127.0.0.1:8080"

// Options is what a host is started with.
type Options struct {
	Dir     string         // the service's folder
	Service *specs.Service // as Load returned it
	// Modules gives the path of each actor's module by the actor's name.
	Modules  map[string]string
	Listen   string // host:port; "": DefaultListen
	CacheDir string // of compiled modules; "": the user's cache folder
	// Secret looks secrets up by name; nil: the environment.
	Secret func(name string) (string, bool)
	// Keep keeps what a secret was, to be hidden when it has another value; nil: nothing does.
	Keep func(name, value string) error
	// Given is told of each secret that the actor of a node is given; nil: nobody is.
	Given func(node, name string) error
	// Networks are addresses that are not public, and that the host lets grants reach.
	Networks []netip.Prefix
	// Stderr gets log lines at Level or above; nil: none.
	Stderr  io.Writer
	Level   slog.Level
	Color   bool    // Stderr is a terminal that shows colours
	Journal Journal // where what was accepted is kept; zero: in Dir
	// Watched is set when the service is edited while it runs; see Host.Fault.
	Watched bool
	// Namespace is what the service belongs to; "": main.
	Namespace string
	// Shared is what services of one process share; nil: the host has all by itself.
	Shared *Shared
	// URL is where a service that shares is served, for people.
	URL string
	// Modes are those that the service and its actors begin in.
	Modes shard.Modes
	// Module reads a module for a message that is handled again: of an actor's revision,
	// or of a digest. nil: modules are named by their paths.
	Module func(ctx context.Context, actor, on string) ([]byte, error)
	// Debuggers are the languages that can be debugged; nil: those of this build.
	Debuggers []debug.Language
	// DebugHold is how long a live actor is held while it handles one message; 0: DebugHold.
	DebugHold time.Duration
	// DebugReadOnly has nobody stop what is live: copies may be debugged.
	DebugReadOnly bool
	// Seed keys the random streams of the service's messages; nil: that in Dir.
	Seed []byte
	// Own is the host's folder when the service is the only one that it is for; "": it is not.
	Own string
	// Sealed is the folder of the host's sealed secrets, for backups; "": there is none.
	Sealed string
	// Acts is who did what with the host's secrets, for backups; nil: nothing is noted.
	Acts *audit.Log
	// Clock is what messages and schedules go by; nil: that of the computer.
	Clock shard.Clock
	// Apart keeps schedules and subscriptions from running, for a host that is to be looked at.
	Apart bool
	// hidden is the namespace's; nil: the service has its own.
	hidden *discretion
}

// Shared is what services of one process share. Whoever made it closes it, after the
// last of them has stopped. A service that shares listens nowhere: see Host.Handler.
type Shared struct {
	engine *ownEngine
	store  journal.Store
	logs   *logs.Store
	kept   bool // what the store holds outlives the process
	// remembered is what the host keeps of documents, revisions and tokens; nil: nothing.
	remembered hoststore.Store
	// ending ends when the process is about to stop: who follows a log is let go.
	ending context.Context
}

// Host is a running service. Its methods may be called concurrently.
type Host struct {
	opts       Options
	service    atomic.Pointer[specs.Service]     // that runs
	built      atomic.Pointer[map[string]string] // paths of its modules, by actor
	started    time.Time
	took       time.Duration // Start
	logs       *logs.Store
	log        *slog.Logger
	discretion *discretion // of all that is told
	warned     sync.Map    // what could not be done about secrets, and is in the log

	engine     *ownEngine
	store      journal.Store
	journal    journal.Journal
	shard      *shard.Shard
	supervisor *supervisor.Supervisor
	gateway    *gateway.Gateway
	listener   net.Listener
	sources    sources
	cancel     context.CancelFunc
	serving    chan error // the gateway's last word
	applying   sync.Mutex // held by Apply
	binaries   binaries
	actions    actions
	debugging  debugging
	consoles   consoles
	expiry     expiry
	copies     atomic.Int32 // that handle messages for people
	looked     lastLook
	saving     sync.Mutex // held while its databases are copied for a backup
	stop       sync.Once
	stopping   atomic.Bool
}

// Error is a fault at start with a stable code and a hint for a person.
type Error struct {
	Code string
	At   string // what it is about; "": the service
	Hint string
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Load loads the service in dir for what this build can serve.
func Load(dir string) (*specs.Service, error) { return specs.Load(dir, served()) }

// loadDeployed loads a service from documents alone: its modules lie elsewhere.
func loadDeployed(dir string) (*specs.Service, error) {
	o := served()
	o.NoSources = true
	return specs.Load(dir, o)
}

// Outline reads what there is of the service in dir, and what is wrong with it.
func Outline(dir string) (*specs.Service, specs.Problems, error) { return specs.Outline(dir, served()) }

// served is what this build can serve.
func served() specs.Options {
	return specs.Options{Kinds: capability.Names(), Languages: compiler.Languages(), CheckGrant: capability.CheckGrantIn, CheckDouble: capability.CheckDouble}
}

// Start runs a service. When it returns without an error, requests are answered.
func Start(ctx context.Context, o Options) (h *Host, err error) {
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	if o.Secret == nil {
		o.Secret = os.LookupEnv
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	h = &Host{opts: o, started: time.Now()}
	h.service.Store(o.Service)
	if o.Shared != nil {
		h.engine, h.store, h.logs = o.Shared.engine, o.Shared.store, o.Shared.logs
	} else {
		h.logs = logs.New(logs.Options{Writer: o.Stderr, Level: o.Level, Color: o.Color})
	}
	if h.discretion = o.hidden; h.discretion == nil {
		h.discretion = newDiscretion(nil, o.Namespace, nil)
	}
	h.learn(o.Service)
	h.log = slog.New(discreet{h.logs.Handler(o.Namespace, o.Service.Name), h.discretion.text})
	defer func() {
		if err != nil {
			err = errors.Join(err, h.abandon(ctx))
			h = nil
		}
	}()
	if err := h.secrets(); err != nil {
		return h, err
	}
	if o.Shared == nil {
		if err := h.listen(); err != nil {
			return h, err
		}
	}
	if err := h.run(ctx); err != nil {
		return h, secretError(err)
	}
	if err := h.serve(ctx); err != nil {
		return h, err
	}
	if err := errors.Join(h.openSources(ctx, o.Service), h.runSources(o.Service)); err != nil {
		return h, err
	}
	h.took = time.Since(h.started)
	return h, nil
}

// secrets finds out early what is missing.
func (h *Host) secrets() error {
	return errors.Join(secretError(gateway.Secrets(h.opts.Service, h.opts.Secret)), h.checkSources(h.opts.Service))
}

func (h *Host) listen() (err error) {
	h.listener, err = listen(h.opts.Listen, "--listen")
	return err
}

// listen opens an address; flag is what people give it by.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &Error{Code: "run.port", At: address, Err: fmt.Errorf("listen on %s: another program has the port", address),
			Hint: "stop it, or pick another: " + flag + " 127.0.0.1:0 takes any free port"}
	}
	if err != nil {
		return nil, &Error{Code: "run.listen", At: address, Err: fmt.Errorf("listen: %w", err), Hint: "give " + flag + " an address of this machine, such as 127.0.0.1:0 for any free port"}
	}
	return l, nil
}

// run starts everything behind the gateway.
func (h *Host) run(ctx context.Context) error {
	wanted, err := h.wanted(h.opts.Service, h.opts.Modules)
	if err != nil {
		return err
	}
	seed := h.opts.Seed
	if seed == nil {
		if seed, err = ownSeed(StateDir(h.opts.Dir)); err != nil {
			return err
		}
	}
	if h.engine == nil {
		if h.engine, err = newEngine(ctx, h.opts.CacheDir, h.log); err != nil {
			return err
		}
	}
	if err := h.keep(ctx); err != nil {
		return err
	}
	h.supervisor = supervisor.New(supervisor.Options{
		Engine: h.engine, Owner: h.owner(), Shard: h.shard, Secret: seed, Logger: h.log, Log: h.guestLine, Secrets: h.discretion,
		Environment: h.environment(), Pacer: pacer(),
	})
	h.built.Store(&h.opts.Modules)
	return bucketFault(h.supervisor.Apply(ctx, wanted))
}

// owner is whose modules those of the service are in an engine that services share.
func (h *Host) owner() string { return h.opts.Namespace + "/" + h.opts.Service.Name }

func (h *Host) serve(ctx context.Context) error {
	g, err := gateway.New(gateway.Options{Service: h.opts.Service, Shard: h.intake(), Health: h.intake().well, Secret: h.secret, Hide: h.discretion.text, Log: h.log, Watched: h.opts.Watched})
	if err != nil {
		return err
	}
	h.gateway = g
	if h.listener == nil {
		return nil
	}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.serving = make(chan error, 1)
	go func() { h.serving <- g.Serve(ctx, h.listener) }() // ends with Shutdown
	return nil
}

func (h *Host) guestLine(l actor.Line) {
	fields := make(map[string]string, len(l.Fields))
	for name, text := range l.Fields {
		fields[h.discretion.text(name)] = h.discretion.text(text)
	}
	h.logs.Add(logs.Record{
		Time: l.Time, Level: l.Level, Namespace: h.opts.Namespace, Service: h.opts.Service.Name, Node: l.Node, Message: l.Message, Text: h.discretion.text(l.Text), Fields: fields,
	})
}

// URL is where the service is served.
func (h *Host) URL() string {
	if h.listener == nil {
		return h.opts.URL
	}
	return "http://" + h.listener.Addr().String()
}

// Handler serves the service's endpoints, for who listens in its place.
func (h *Host) Handler() http.Handler { return h.gateway.Handler() }

// StartTime is how long Start took.
func (h *Host) StartTime() time.Duration { return h.took }

// Shard is the host's shard, for benchmarks and tests.
func (h *Host) Shard() *shard.Shard { return h.shard }

// Logs is the store of the host's log lines.
func (h *Host) Logs() *logs.Store { return h.logs }

// Leftover is what a stopped host could not finish.
type Leftover struct {
	// Waiting are delayed messages and retries, and what was not finished in time.
	Waiting []shard.Waiting
	// Kept says that they go on with the next start. What a journal in memory
	// held is gone.
	Kept bool
}

// Stop ends the host in order: no more requests are accepted, those under way
// are answered, what was accepted is handled. When ctx ends first the rest is
// abandoned: it is listed, and ctx's error returned.
func (h *Host) Stop(ctx context.Context) (left Leftover, err error) {
	h.stop.Do(func() {
		h.stopping.Store(true)
		h.sources.pause(true)
		h.debugging.shut("the host stops")
		h.consoles.shut()
		err = h.gateway.Shutdown(ctx)
		waiting, stopErr := h.shard.Stop(ctx)
		left.Waiting, left.Kept = waiting, h.kept() && h.store.Health() == nil
		err = errors.Join(err, stopErr, h.abandon(ctx))
	})
	return left, err
}

// kept reports whether the journal outlives the process.
func (h *Host) kept() bool {
	if h.opts.Shared != nil {
		return h.opts.Shared.kept
	}
	return h.opts.Journal.At != Memory
}

// abandon releases everything, finished or not.
func (h *Host) abandon(ctx context.Context) error {
	h.sources.pause(true)
	var errs []error
	if h.cancel != nil {
		h.cancel()
		if err := <-h.serving; err != nil {
			errs = append(errs, err)
		}
	} else if h.listener != nil {
		errs = append(errs, h.listener.Close())
	}
	h.debugging.shut("the host stops")
	h.consoles.shut()
	if h.shard != nil {
		h.shard.Close()
	}
	if h.supervisor != nil {
		errs = append(errs, h.supervisor.Close())
	}
	if h.opts.Shared != nil {
		return errors.Join(errs...)
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.engine != nil {
		errs = append(errs, h.engine.Close(context.WithoutCancel(ctx)))
	}
	return errors.Join(errs...)
}

// ModuleMax is the size in bytes of the largest module that is read.
const ModuleMax = 32 << 20

// StateDir is the folder of a service in which a host keeps what is its own.
func StateDir(dir string) string { return filepath.Join(dir, ".grow") }

// seedBytes is the size of a seed.
const seedBytes = 32

// ownSeed returns the seed, kept in dir, that keys the random streams of a service's
// messages, making it at the first start.
func ownSeed(dir string) ([]byte, error) {
	path := filepath.Join(dir, "secret")
	if b, err := os.ReadFile(path); err == nil && len(b) == seedBytes {
		return b, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the host's folder: %w", err)
	}
	b, err := newSeed()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("keep the service's secret: %w", err)
	}
	return b, nil
}

func newSeed() ([]byte, error) {
	b := make([]byte, seedBytes)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("draw a secret: %w", err)
	}
	return b, nil
}

// processors is how many of them messages are handled on. Go is given one more,
// once: one that is not busy with guests looks for what arrives from outside,
// and the operating system runs it beside the others.
var processors = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + 1)
	return n
})

// pacer is what takes turns on those.
var pacer = sync.OnceValue(func() *pace.Pacer { return &pace.Pacer{Processors: processors()} })

// aside is what takes turns beside them that nobody waits for.
var aside = sync.OnceValue(func() *pace.Aside { return pace.NewAside(pacer()) })

// Pacer is what the guests of all hosts of this process take turns at. Go is given
// one processor more when it is first asked for.
func Pacer() *pace.Pacer { return pacer() }

func owner() string {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return fmt.Sprintf("%s/%d", name, os.Getpid())
}
