package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
	storenats "github.com/grow-platform/grow/host/store/nats"
	"github.com/grow-platform/grow/host/sweep"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/upload"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	client "github.com/nats-io/nats.go"
)

// PlatformOptions is what a host that services are deployed to is started with.
type PlatformOptions struct {
	Data     string // the host's folder
	Mount    *Mount // a service's folder to serve, in place of Data; nil: none
	Journal  Journal
	Listen   string // host:port of the services; "": DefaultListen
	CacheDir string // of compiled modules; "": the user's cache folder
	// Secret looks secrets up by name before Secrets and the sealed store; nil: the
	// environment.
	Secret func(name string) (string, bool)
	// Secrets is a folder with a file for each secret; "": none.
	Secrets string
	// Networks are addresses that are not public, and that the host lets grants reach.
	Networks []netip.Prefix
	Signed   bool // modules must be signed by a key that the host trusts
	// Keep says which deployments stay.
	Keep deploy.Retention
	// DebugReadOnly has nobody stop what is live: copies may be debugged.
	DebugReadOnly bool
	// Control is the host:port of the control API; "": DefaultControl. CertFile and
	// KeyFile, in PEM, have it speak TLS.
	Control           string
	CertFile, KeyFile string
	Version           string // of grow
	// Clock is what messages and schedules go by; nil: that of the computer.
	Clock shard.Clock
	// Step is told of each step of a deployment before it is taken; nil: nobody is.
	Step   func(name string)
	Stderr io.Writer
	Level  slog.Level
	Color  bool
}

// DefaultControl is the address of the control API when none is given.
const DefaultControl = "127.0.0.1:8600"

// Platform is a host that services are deployed to while it runs. Its methods may be
// called concurrently.
type Platform struct {
	opts    PlatformOptions
	started time.Time
	log     *slog.Logger
	store   store.Store
	shared  *Shared
	end     context.CancelFunc // ends shared.ending

	Documents *documents.Documents
	Tokens    *token.Tokens
	Keys      *signing.Keys
	Sealed    *secrets.Sealed
	acts      *audit.Log // with secrets
	Uploads   *upload.Uploads
	Deployer  *deploy.Deployer

	services *front          // of the services' endpoints
	control  *front          // of the control API
	api      func() *api.API // made when it is first asked for
	mounted  *Mounted        // nil: no folder is
	socket   *control.Server // of the mounted folder
	took     time.Duration   // StartPlatform

	mu     sync.RWMutex // guards all, idle, hidden and faults
	all    map[documents.Service]*placed
	idle   map[documents.Service]*placed // of which something is live and nothing runs; without a Host
	faults map[documents.Service]string  // why those do not run that are meant to
	hidden map[string]*discretion        // by namespace
	trials sync.WaitGroup                // that are watched
	sweeps sync.WaitGroup                // of the store, until shared.ending, and the making of api
	routes atomic.Pointer[routes]        // to those of all and idle

	backing  atomic.Bool   // a backup of all of it is under way
	sweeping chan struct{} // holds a token while the store is swept, or while nothing in it may go

	stopping sync.Once // sets what follows
	left     Leftover
	stopErr  error
}

// placed is a service that runs on a platform.
type placed struct {
	*Host
	id        documents.Service
	since     time.Time  // of its first deployment
	switching sync.Mutex // held while another revision takes over
	mu        sync.Mutex // guards those below
	candidate deploy.Candidate
	folder    bool     // it runs what is, or was, in the mounted folder
	trial     *watched // nil: none
}

// change has the service run another revision. It ends a trial.
func (h *placed) change(ctx context.Context, service *specs.Service, c deploy.Candidate) ([]Change, error) {
	h.switching.Lock()
	defer h.switching.Unlock()
	changes, err := h.Apply(ctx, service, c.Modules)
	if err == nil {
		h.unwatch()
		h.mu.Lock()
		h.candidate, h.folder = c, c.Actors == nil
		h.mu.Unlock()
	}
	return changes, err
}

func (h *placed) ofFolder() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.folder
}

func (p *placed) dir() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.candidate.Dir
}

func (p *placed) modules() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.candidate.Modules
}

// StartPlatform starts a host and all services that are live on it. A service that
// cannot be started does not keep the others from it: it is logged.
func StartPlatform(ctx context.Context, o PlatformOptions) (p *Platform, err error) {
	o.Listen, o.Control = cmp.Or(o.Listen, DefaultListen), cmp.Or(o.Control, DefaultControl)
	if o.Mount != nil {
		o.Data = o.Mount.Dir
	}
	p = &Platform{opts: o, started: time.Now(), all: map[documents.Service]*placed{}, idle: map[documents.Service]*placed{}, faults: map[documents.Service]string{}, hidden: map[string]*discretion{}, sweeping: make(chan struct{}, 1)}
	p.routes.Store(routesOf(nil, nil))
	lines := logs.New(logs.Options{Writer: o.Stderr, Level: o.Level, Color: o.Color})
	p.log = slog.New(lines.Handler("", "host"))
	if o.Mount != nil { // whose lines are for who looks at its service
		p.log = slog.New(lines.Handler(DefaultNamespace, o.Mount.Service.Name))
	}
	p.shared = &Shared{logs: lines, kept: o.Journal.At != Memory}
	p.shared.ending, p.end = context.WithCancel(context.Background())
	if o.Mount != nil {
		p.mounted = &Mounted{platform: p, mount: o.Mount, id: documents.Service{Namespace: DefaultNamespace, Name: o.Mount.Service.Name}}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.abandon(ctx))
			p = nil
		}
	}()
	if p.services, err = listenFront(o.Listen, "--listen"); err != nil {
		return p, err
	}
	if p.control, err = listenFront(o.Control, "--control"); err != nil {
		return p, err
	}
	if err := p.open(ctx); err != nil {
		return p, err
	}
	if err := p.startServices(ctx); err != nil {
		return p, err
	}
	return p, p.serve()
}

// serve answers requests from now on.
func (p *Platform) serve() error {
	if err := p.control.secure(p.opts.CertFile, p.opts.KeyFile); err != nil {
		return err
	}
	handler, err := p.controlHandler()
	if err != nil {
		return err
	}
	if p.mounted != nil {
		if err := p.mounted.listen(); err != nil {
			return err
		}
	}
	if p.control.bare() {
		p.log.Warn("the control API is served to other machines without a certificate: whoever is on the way reads tokens; give --cert and --key", "control", p.ControlURL())
	}
	p.services.serve(http.HandlerFunc(p.route), p.log)
	p.control.serve(handler, p.log)
	p.sweeps.Go(func() { p.api() }) // so that the first command does not wait for it
	p.sweeps.Go(func() {
		sweep.Run(p.shared.ending, sweep.Options{Store: p.store, Documents: p.Documents, Deployer: p.Deployer, Keep: p.opts.Keep, Services: p.expiring, Log: p.log, Turn: p.sweeping})
	})
	p.took = time.Since(p.started)
	return nil
}

// open opens all that the host remembers.
func (p *Platform) open(ctx context.Context) error {
	place := p.opts.Data
	if p.opts.Mount != nil {
		place = StateDir(place)
	}
	if err := finished(place); err != nil {
		return err
	}
	if err := p.clearMemory(); err != nil {
		return err
	}
	s, err := p.openStore(ctx)
	if err != nil {
		return err
	}
	p.store, p.shared.remembered = s, s
	p.Documents, p.Tokens, p.Keys = documents.New(s, nil), token.New(s, nil), signing.New(s, nil)
	if p.Sealed, err = sealedOf(p.own(secretsDir)); err != nil {
		return err
	}
	p.acts = audit.New(p.own(auditDir), nil)
	if p.Uploads, err = upload.New(upload.Options{Dir: p.own("uploads"), Store: s, SizeMax: ModuleMax}); err != nil {
		return err
	}
	if p.Deployer, err = deploy.New(deploy.Options{Store: s, Documents: p.Documents, Runner: p, Dir: p.own("work"), Step: p.opts.Step}); err != nil {
		return err
	}
	if p.shared.engine, err = newEngine(ctx, p.opts.CacheDir, p.log); err != nil {
		return err
	}
	j, err := p.opts.Journal.OpenStore(ctx, p.opts.Data, p.log)
	if err != nil {
		return p.journalError(err)
	}
	p.shared.store = j
	return allRestored(ctx, j)
}

// journalError is what journalError makes of an error, naming the folder that is looked
// over: who starts a host stands elsewhere.
func (p *Platform) journalError(err error) error {
	err = journalError(p.opts.Journal, err)
	var fault *Error
	if errors.As(err, &fault) && p.mounted == nil && p.opts.Journal.At == "" {
		fault.Hint = strings.ReplaceAll(fault.Hint, "grow fsck", "grow fsck "+p.opts.Data)
	}
	return err
}

// openStore opens what the host remembers besides its journal: on NATS servers when the
// journal is there, else in its folder; what it remembers of a mounted folder is always
// kept there.
func (p *Platform) openStore(ctx context.Context) (store.Store, error) {
	j := p.opts.Journal
	if j.At == "" || j.At == Memory || p.opts.Mount != nil {
		open := files.Open
		if p.opts.Mount != nil && j.At == Memory { // it ends with the process, see memoryDir
			open = files.OpenPassing
		}
		s, err := open(p.own("store"))
		if err != nil {
			code, hint := "serve.store", "give --data a folder of your own, or stop the host that has it"
			if p.opts.Mount != nil {
				hint = "see whether another process has the folder: grow status; it must be this user's to write"
				if errors.Is(err, store.ErrLocked) {
					code = CodeJournalLocked
				}
			}
			return nil, &Error{Code: code, Err: err, Hint: hint}
		}
		return s, nil
	}
	if err := j.Check(); err != nil {
		return nil, err
	}
	o := j.options(p.opts.Data)
	o.Log = p.log
	conn, err := nats.Dial(o)
	if err != nil {
		return nil, journalError(j, err)
	}
	s, err := storenats.Open(ctx, conn, 1)
	if err != nil {
		conn.Close()
		return nil, journalError(j, err)
	}
	return onServer{s, conn}, nil
}

// onServer is a store with a connection of its own.
type onServer struct {
	store.Store
	conn *client.Conn
}

// Close implements store.Store.
func (s onServer) Close() error {
	defer s.conn.Close()
	return s.Store.Close()
}

func (p *Platform) startServices(ctx context.Context) error {
	if p.mounted != nil {
		if err := p.mounted.start(ctx); err != nil {
			return err
		}
	}
	list, err := p.Documents.Services(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := p.rest(ctx, s); err != nil {
			p.log.Error("keep the names of a service", "service", s.String(), "error", err)
		}
	}
	for _, s := range list {
		stopped, err := p.stopped(ctx, s)
		if err != nil {
			return err
		}
		if stopped || p.isMounted(s) {
			continue
		}
		n, err := p.Deployer.Start(ctx, s)
		switch {
		case errors.Is(err, store.ErrNotFound): // it has documents, and nothing of it is live
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			p.fail(s, err)
			p.log.Error("a service cannot be started", "service", s.String(), "deployment", n.Number, "error", err)
		}
	}
	return nil
}

// running returns a service that runs, nil for one that does not.
func (p *Platform) running(s documents.Service) *placed {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.all[s]
}

// Prepare implements deploy.Runner.
func (p *Platform) Prepare(ctx context.Context, c deploy.Candidate) error {
	service, err := loadDeployed(c.Dir)
	if err != nil {
		return err
	}
	if h := p.running(c.Service); h != nil {
		return h.Prepare(ctx, service, c.Modules)
	}
	return nil // it is started in Switch, with nobody waiting for another
}

// Switch implements deploy.Runner.
func (p *Platform) Switch(ctx context.Context, c deploy.Candidate) error {
	service, err := loadDeployed(c.Dir)
	if err != nil {
		return err
	}
	h := p.running(c.Service)
	if h == nil {
		stopped, err := p.stopped(ctx, c.Service)
		if err != nil {
			return err
		}
		if stopped {
			return p.rest(ctx, c.Service) // it runs once it is started again
		}
		return p.start(ctx, c, service)
	}
	_, err = h.change(ctx, service, c)
	return err
}

// start runs a service that did not run.
func (p *Platform) start(ctx context.Context, c deploy.Candidate, service *specs.Service) error {
	modes, err := p.Deployer.Modes(ctx, c.Service)
	if err != nil {
		return err
	}
	seed, err := p.seed(ctx, c.Service)
	if err != nil {
		return err
	}
	own := p.secretsOf(c.Service)
	h, err := Start(ctx, Options{
		Own: p.ownOf(c.Service), Sealed: p.own(secretsDir), Acts: p.acts, Modes: modes, Dir: p.opts.Data, Service: service, Modules: c.Modules, Secret: own.Get, Keep: own.Keep, Given: p.givenOf(c.Service), hidden: p.discretionOf(c.Service.Namespace), Networks: p.opts.Networks, Journal: p.opts.Journal,
		Namespace: c.Service.Namespace, Shared: p.shared, URL: p.urlOf(c.Service), Seed: seed, Module: p.moduleOf(c.Service), Watched: p.isMounted(c.Service) && p.opts.Mount.Watched,
		DebugReadOnly: p.opts.DebugReadOnly, Clock: p.opts.Clock,
	})
	if err != nil {
		return err
	}
	p.place(c.Service, &placed{Host: h, id: c.Service, since: p.sinceStart(ctx, c.Service), candidate: c, folder: c.Actors == nil})
	return nil
}

// ownOf is the host's folder when it is a mounted one, whose service has it for itself.
func (p *Platform) ownOf(s documents.Service) string {
	if !p.isMounted(s) || p.opts.Journal.At == Memory {
		return ""
	}
	return StateDir(p.opts.Data)
}

// secretsOf are the secrets of a service.
func (p *Platform) secretsOf(s documents.Service) Secrets {
	return Secrets{Env: p.opts.Secret, Folder: p.opts.Secrets, Sealed: p.Sealed, Place: secrets.Place{Namespace: s.Namespace, Service: s.Name}, Log: p.log}
}

// expiring are the services that run.
func (p *Platform) expiring() []sweep.Service {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var list []sweep.Service
	for _, h := range p.all {
		list = append(list, h)
	}
	return list
}

// givenEvery is how often it is noted that the same actor is given the same secret.
const givenEvery = 24 * time.Hour

// givenOf notes which secrets the actors of a service are given.
func (p *Platform) givenOf(s documents.Service) func(node, name string) error {
	return func(node, name string) error {
		return p.acts.Once(audit.Entry{Act: audit.Give, Namespace: s.Namespace, Service: s.Name, Name: name, Node: node}, givenEvery)
	}
}

// discretionOf hides the secrets of a namespace.
func (p *Platform) discretionOf(namespace string) *discretion {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.hidden[namespace]
	if d == nil {
		d = newDiscretion(p.Sealed, namespace, p.log)
		p.hidden[namespace] = d
	}
	return d
}

// rehearsal starts a candidate once, apart from all that runs: its modules are taken in
// and started, and its secrets are looked up. What it logs and keeps is thrown away.
func (p *Platform) rehearsal(ctx context.Context, c deploy.Candidate, service *specs.Service) (err error) {
	seed, err := newSeed()
	if err != nil {
		return err
	}
	memory := Journal{At: Memory}
	kept, err := memory.OpenStore(ctx, "", p.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	h, err := Start(ctx, Options{
		Dir: c.Dir, Service: service, Modules: c.Modules, Secret: p.secretsOf(c.Service).Get, Networks: p.opts.Networks, Journal: memory, Namespace: c.Service.Namespace,
		Shared: &Shared{engine: p.shared.engine, store: kept, logs: logs.New(logs.Options{})}, Seed: seed, Apart: true,
	})
	if err != nil {
		return err
	}
	_, err = h.Stop(ctx)
	return err
}

// URL is where the services are served.
func (p *Platform) URL() string { return p.services.url() }

// ControlURL is where the control API is served.
func (p *Platform) ControlURL() string { return p.control.url() }

// FirstToken makes the first token of a host that has none: its text, "" when there are
// tokens.
func (p *Platform) FirstToken(ctx context.Context) (string, error) {
	list, err := p.Tokens.List(ctx)
	if err != nil || len(list) > 0 {
		return "", err
	}
	text, _, err := p.Tokens.Create(ctx, token.Token{Name: "first", Scopes: []token.Scope{token.Admin}, Namespaces: []string{token.AnyNamespace}, By: "the host"})
	return text, err
}

// StartTime is how long StartPlatform took.
func (p *Platform) StartTime() time.Duration { return p.took }

// Logs is the store of the log lines of the host and its services.
func (p *Platform) Logs() *logs.Store { return p.shared.logs }

// Stop ends the host and its services in order, as Host.Stop does with one, and says
// what they could not finish. Called again, or by another goroutine meanwhile, it returns
// the same when the host has ended; ctx is that of the first call.
func (p *Platform) Stop(ctx context.Context) (Leftover, error) {
	p.stopping.Do(func() { p.left, p.stopErr = p.stop(ctx) })
	return p.left, p.stopErr
}

func (p *Platform) stop(ctx context.Context) (left Leftover, err error) {
	p.mu.RLock()
	list := slices.Collect(maps.Values(p.all))
	p.mu.RUnlock()
	for _, h := range list {
		h.stopping.Store(true)
		h.unwatch()
	}
	p.trials.Wait()
	err = p.services.shutdown(ctx)
	left.Kept = p.shared.kept
	for _, h := range list {
		one, stopErr := h.Stop(ctx)
		err = errors.Join(err, stopErr)
		left.Waiting, left.Kept = append(left.Waiting, one.Waiting...), left.Kept && one.Kept
		p.place(h.id, nil)
	}
	p.end()
	err = errors.Join(err, p.control.shutdown(ctx))
	if p.mounted != nil {
		p.mounted.settle(context.WithoutCancel(ctx))
	}
	return left, errors.Join(err, p.abandon(ctx))
}

// abandon releases everything.
func (p *Platform) abandon(ctx context.Context) error {
	p.end()
	p.trials.Wait()
	p.sweeps.Wait()
	errs := []error{p.control.close(), p.services.close()}
	if p.mounted != nil {
		p.mounted.settle(context.WithoutCancel(ctx))
	}
	if p.socket != nil {
		errs = append(errs, p.socket.Close())
	}
	for _, h := range p.all {
		errs = append(errs, h.abandon(ctx))
	}
	if p.shared.store != nil {
		errs = append(errs, p.shared.store.Close())
	}
	if p.shared.engine != nil {
		errs = append(errs, p.shared.engine.Close(context.WithoutCancel(ctx)))
	}
	if p.acts != nil {
		errs = append(errs, p.acts.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close(), p.clearMemory())
	}
	return errors.Join(errs...)
}

// filesIn are the paths of the files in a folder.
func filesIn(root fs.FS) iter.Seq[string] {
	return func(yield func(string) bool) {
		_ = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error { // what cannot be read is missed when it is opened
			if err == nil && !e.IsDir() && !yield(path) {
				return fs.SkipAll
			}
			return nil
		})
	}
}
