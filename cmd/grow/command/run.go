package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/live"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// graceTime is how long a service may take to end what it has begun when
// nothing else is said.
const graceTime = 30 * time.Second

// runOptions are the flags of run.
type runOptions struct {
	listen, level  string
	control        string
	noBuild, watch bool
	grace          time.Duration
	journal        app.Journal
	networks       networks
	secrets        string // folder
}

func (s *shell) run() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use: "run [FOLDER]", Short: "build a service and serve it", Args: cobra.MaximumNArgs(1),
		Long: "run checks a service, compiles what has changed, starts it and serves its endpoints until it is interrupted.\n" +
			"Then it takes no more requests, finishes what it has accepted, and lists what waits for its time.\n" +
			"What it has accepted, and all state, is kept in .grow/journal of the service's folder and goes on with the next start; with\n" +
			"--journal memory nothing is kept, and with --journal nats://HOST:PORT a NATS server with JetStream keeps it. Its credentials\n" +
			"stand in the address, in a file, or in GROW_NATS_USER and GROW_NATS_PASSWORD, or GROW_NATS_TOKEN.\n" +
			"Secrets come from the environment, from a folder (--secrets), and from what grow secret set has sealed, in this order.\n\n" +
			"It is a host as grow serve starts one, with the folder as its service: in the folder, and with -C FOLDER, all commands work with it,\n" +
			"deploy, upload, rollback and history too, and need no token. Others reach it at --control, with a token. What others have deployed\n" +
			"runs until the folder is edited: with the next start, or with the next edit under --watch, the folder takes its place.\n\n" +
			"With --watch an edit of the service's files is live in the next message: files are checked, what changed is built and\n" +
			"tested, and takes over between two messages; state is kept, and no request is lost. Where an edit is wrong the old\n" +
			"revision goes on, and every response says why in the header Grow-Dev-Error.",
		Example: "  grow run\n  grow run --watch\n  grow run shop --listen 127.0.0.1:9000\n  SHOP_SECRET=... grow run shop",
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkLevel(o.level), checkListen("--listen", o.listen), checkListen("--control", o.control), o.checkJournal()); err != nil {
				return err
			}
			if o.watch && o.noBuild {
				return usage("--watch builds what is edited; it does not go with --no-build")
			}
			dir, err := s.folder(args)
			if err != nil {
				return err
			}
			if err := control.Running(app.StateDir(dir)); err != nil {
				return err
			}
			if o.watch {
				return s.runWatched(c.Context(), dir, o)
			}
			service, p, err := s.start(c.Context(), dir, o)
			if err != nil {
				return err
			}
			return s.serve(c.Context(), p, service, o, nil)
		},
	}
	c.Flags().StringVar(&o.listen, "listen", app.DefaultListen, "`address` to serve at; port 0 takes any free port")
	c.Flags().StringVar(&o.control, "control", "127.0.0.1:0", "`address` of the control API and the console; port 0 takes any free port")
	c.Flags().StringVar(&o.level, "level", "info", "log lines of this `level` and above: debug, info, warn or error")
	fixed(c, "level", levels...)
	c.Flags().DurationVar(&o.grace, "grace", graceTime, "how long what was accepted may take to finish at the end")
	c.Flags().BoolVar(&o.noBuild, "no-build", false, "serve the modules that are there")
	c.Flags().Var(&o.networks, "allow-network", networkHelp)
	c.Flags().StringVar(&o.secrets, "secrets", "", secretsHelp)
	o.kept(c)
	c.Flags().BoolVar(&o.watch, "watch", false, "have edits of the files take effect while it runs")
	return c
}

// start loads, builds and starts the service in dir.
func (s *shell) start(ctx context.Context, dir string, o runOptions) (*specs.Service, *app.Platform, error) {
	service, err := s.load([]string{dir})
	if err != nil {
		return nil, nil, err
	}
	if !o.noBuild {
		if _, err := s.compile(ctx, service, project.Options{}); err != nil {
			return nil, nil, err
		}
	}
	options := app.PlatformOptions{Mount: s.mount(service, dir, o.watch), Listen: o.listen, Control: o.control, Journal: o.journal, Networks: o.networks, Secrets: o.secrets, Version: thisRelease().Version}
	if err := options.Level.UnmarshalText([]byte(o.level)); err != nil {
		return nil, nil, fmt.Errorf("read --level: %w", err)
	}
	if !s.json() {
		options.Stderr, options.Color = s.stderr, s.color(s.stderr)
	}
	p, err := app.StartPlatform(ctx, options)
	if err != nil {
		return nil, nil, located(err)
	}
	return service, p, nil
}

// serve goes on until ctx ends, with follow beside it when that is not nil, and
// ends the service in order.
func (s *shell) serve(ctx context.Context, p *app.Platform, service *specs.Service, o runOptions, follow *live.Follower) error {
	urged, release := again(ctx)
	defer release()
	err := s.serving(p, service, o.watch)
	end := s.relay(p, o.level)
	if err == nil && follow != nil {
		follow.Run(ctx)
	}
	if err == nil {
		<-ctx.Done()
	}
	left, stopErr := s.stop(urged, p, o.grace)
	end()
	return errors.Join(err, s.left(left, stopErr == nil), stopErr)
}

// checkListen reports what is no address to serve at: "host:port", where the
// host may be empty and the port is a number.
func checkListen(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil {
		return nil
	}
	return &usageError{control.Error{
		Code: codeListen, Message: fmt.Sprintf("%s takes HOST:PORT, the port from 0 to 65535, not %q", flag, address), At: address,
		Next: "give " + flag + " an address of this machine, such as " + app.DefaultListen,
	}}
}

// located says of an address that could not be had which one it was, and that
// some ports are not everybody's.
func located(err error) error {
	var start *app.Error
	if !errors.As(err, &start) || start.Code != codePort && start.Code != codeListen {
		return err
	}
	e := &control.Error{Code: start.Code, Message: start.Error(), At: start.At, Next: start.Hint}
	if errors.Is(err, fs.ErrPermission) {
		e.Code, e.Next = codePermission, "take a port from 1024 on: --listen "+app.DefaultListen+"; those below may be the administrator's only"
	}
	return e
}

// paths are the modules of a service as build leaves them.
func paths(service *specs.Service) map[string]string {
	list := map[string]string{}
	for name := range service.Actors {
		list[name] = project.Module(service.Dir, name)
	}
	return list
}

// serving tells that the service is up, and how to try it.
func (s *shell) serving(h *app.Platform, service *specs.Service, edits bool) error {
	took, came := h.StartTime(), h.Mounted().Came()
	if s.json() {
		line := map[string]any{"event": "serving", "service": service.Name, "url": h.URL(), "control": h.ControlURL(), "pid": os.Getpid(), "took_ms": took.Milliseconds()}
		if came.Kept != nil {
			line["deployment"] = came.Kept.Number // in place of the folder
		}
		if came.Replaced != nil {
			line["replaced"] = came.Replaced.Number
		}
		return s.line(line)
	}
	w := s.stdout
	fmt.Fprintf(w, "\n%s is served at %s: %s, %s, ready in %s\n", service.Name, h.URL(), count(len(service.Actors), "actor"), count(len(service.Endpoints), "endpoint"), short(took))
	if err := s.came(h, service, came); err != nil {
		return err
	}
	if lines := try(service, h.URL()); lines != "" {
		note := ""
		if names := signers(service); len(names) > 0 {
			note = "The lines sign with " + strings.Join(names, " and ") + ", which is to be exported there as it is here.\n\n"
		}
		fmt.Fprintf(w, "\nTry it, from another terminal:\n\n%s\n\n%s", strings.TrimRight(lines, "\n"), note)
	}
	watched := ""
	if edits {
		watched = "Edits of its files take effect. "
	}
	_, err := fmt.Fprintf(w, "Look at it: grow status -C %s; or in a browser: %s. %sCtrl-C ends it.\n\n", quote(service.Dir), h.ControlURL(), watched)
	return err
}

// relay passes log lines to a program as they come, until end is called.
func (s *shell) relay(h *app.Platform, level string) (end func()) {
	if !s.json() {
		return func() {} // the host writes them itself
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Logs().Follow(ctx, logs.Filter{Level: level}, func(r logs.Record) error { // whoever read them is gone
			return s.line(struct {
				Event string `json:"event"`
				logs.Record
			}{"log", r})
		})
	}()
	return func() { cancel(); <-done }
}

// leftover is what a stopped host could not finish, for programs.
type leftover struct {
	Event   string    `json:"event"`
	Kept    bool      `json:"kept"` // what waits goes on with the next start
	Waiting []waiting `json:"waiting"`
}

type waiting struct {
	ID      string    `json:"id"`
	Node    string    `json:"node"`
	Key     string    `json:"key,omitempty"`
	Due     time.Time `json:"due,omitzero"`
	Attempt int       `json:"attempt"`
}

// again returns a context that ends with the second signal; the first ends that of the
// command. It is asked for before the first comes: between the two there is no moment at which
// a signal would be the system's, which ends the process on the spot.
func again(first context.Context) (ctx context.Context, release func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	expected := 2
	if first.Err() != nil && len(signals) == 0 { // it came before
		expected = 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with release
		defer close(done)
		for range expected {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

// stop ends the service in order, within a time, and at once when urged ends.
func (s *shell) stop(urged context.Context, h *app.Platform, grace time.Duration) (app.Leftover, error) {
	ctx, cancelTime := context.WithTimeout(urged, grace)
	defer cancelTime()
	s.say("stopping: no more requests are taken; what was accepted is finished (again to stop at once)")
	left, err := h.Stop(ctx)
	switch early := errors.Is(err, context.DeadlineExceeded); {
	case errors.Is(err, context.Canceled) && left.Kept:
		err = &control.Error{Code: codeInterrupted, Message: "stopped at once: what was not finished goes on with the next start"}
	case errors.Is(err, context.Canceled):
		err = &control.Error{Code: codeInterrupted, Message: "stopped at once: what was not finished is lost"}
	case early && left.Kept:
		err = &control.Error{Code: codeStopTimeout, Message: "not everything was finished within " + short(grace) + "; the rest goes on with the next start"}
	case early:
		err = &control.Error{Code: codeStopTimeout, Message: "not everything was finished within " + short(grace) + "; the rest is lost"}
	}
	return left, err
}

// left lists messages that would have been handled later: those that go on with
// the next start, or are lost.
func (s *shell) left(all app.Leftover, finished bool) error {
	list := all.Waiting
	if s.json() {
		out := leftover{Event: "stopped", Kept: all.Kept, Waiting: []waiting{}}
		for _, w := range list {
			out.Waiting = append(out.Waiting, waiting{w.ID, w.Node, w.Key, w.Due, w.Attempt})
		}
		return s.line(out)
	}
	if len(list) == 0 {
		if finished {
			s.say("stopped; everything accepted was finished")
		}
		return nil
	}
	fmt.Fprintf(s.stderr, "stopped; %s:\n", fate(len(list), finished, all.Kept))
	var rows [][]string
	for _, w := range list {
		due := "under way" // in a mailbox, or being handled
		if !w.Due.IsZero() {
			due = w.Due.Local().Format("2006-01-02 15:04:05")
		}
		rows = append(rows, []string{w.ID, w.Node, w.Key, due, fmt.Sprint(w.Attempt)})
	}
	return table(s.stdout, "ID NODE KEY DUE ATTEMPT", rows)
}

// fate says what becomes of messages that were not handled.
func fate(n int, finished, kept bool) string {
	was, it, goes, is := "were", "their", "go", "are"
	if n == 1 {
		was, it, goes, is = "was", "its", "goes", "is"
	}
	text := count(n, "message") + " " + was + " not finished and "
	if finished {
		text = count(n, "message") + " waited for " + it + " time and "
	}
	if kept {
		return text + goes + " on with the next start"
	}
	return text + is + " lost, since this host keeps messages in memory"
}
