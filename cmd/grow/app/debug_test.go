package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/debugtest/requests"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
)

// hogs serves two actors of the module hog, which a program of requests debugs: hog has a
// state for each key, which is its message, and other has none.
func hogs(t *testing.T, change func(*Options)) *Host {
	t.Helper()
	dir := t.TempDir()
	const actor = "about: Uses what it is told.\ncode: {language: wasm, source: ../module.wasm}\nin: [hog.do]\nout: [hog.done]\nretry: {max: 0}\n"
	writeFiles(t, dir, map[string]string{
		"grow.yaml":               "service: hogs\nabout: Is debugged.\n",
		"types/hog.cue":           "\"hog.do\": string\n\"hog.done\": _\n",
		"actors/module.wasm":      string(wat.Module("hog")),
		"actors/hog/actor.yaml":   "actor: hog\nkey: data\nstate: {\"*\": hog.done}\nlimits: {time: 2s}\n" + actor,
		"actors/other/actor.yaml": "actor: other\n" + actor,
		"actors/alone/actor.yaml": "actor: alone\nisolation: process\n" + actor,
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(), Journal: Journal{At: Memory}, Modules: map[string]string{}, Debuggers: []debug.Language{requests.Language{}}}
	for name, a := range service.Actors {
		o.Modules[name] = a.Code.Source
	}
	if change != nil {
		change(&o)
	}
	h, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func accepted(t *testing.T, h *Host, to, what string) *shard.Flow {
	t.Helper()
	f, err := h.Shard().Accept(t.Context(), &shard.Request{To: to, Source: "test", Type: "hog.do", Data: fmt.Appendf(nil, "%q", what), AnyReply: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func answered(f *shard.Flow) shard.Answer {
	<-f.Done()
	return f.Answer()
}

// opened is a session that ends with the test.
func opened(t *testing.T, h *Host, target control.DebugTarget) *Debugged {
	t.Helper()
	d, err := h.OpenDebugger(t.Context(), target, "ann")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// until reads what a session says up to an event of a kind, which it returns with all text.
func until(t *testing.T, d *Debugged, kind debug.EventKind) (debug.Event, string) {
	t.Helper()
	var all strings.Builder
	for {
		select {
		case e := <-d.Events():
			all.WriteString(e.Text + "\n")
			if e.Kind == kind {
				return e, all.String()
			}
		case <-t.Context().Done():
			t.Fatalf("no event %s; there were:\n%s", kind, &all)
		}
	}
}

// begin is what a client does once it has said where to stop.
func begin(t *testing.T, d *Debugged) {
	t.Helper()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
}

// breakAt stops at lines.
func breakAt(d *Debugged, lines ...int) {
	var list []debug.Breakpoint
	for _, l := range lines {
		list = append(list, debug.Breakpoint{Line: l})
	}
	d.SetBreakpoints(requests.File, list)
}

// handledBy is how many messages a node has handled.
func handledBy(h *Host, node string) (n uint64) {
	for _, s := range h.Shard().Status() {
		if s.Node == node {
			n = s.Handled
		}
	}
	return n
}

// TestDebugMessage: a message that was handled is run again in steps, with what it had
// then, and nothing comes of it.
func TestDebugMessage(t *testing.T) {
	h := hogs(t, nil)
	f := accepted(t, h, "hog", "e12")
	if a := answered(f); a.Code != "" {
		t.Fatal(a)
	}
	before := handledBy(h, "hog")
	d := opened(t, h, control.DebugTarget{Message: f.ID()[:20]})
	breakAt(d, 2)
	begin(t, d)
	e, _ := until(t, d, debug.Stopped)
	if e.Reason != debug.ReasonBreakpoint || e.Position.Line != 2 {
		t.Fatalf("%+v", e)
	}
	if list := d.Threads(); len(list) != 1 || list[0].Name != "hog.do "+f.ID()+" of e12" {
		t.Errorf("%+v", list)
	}
	err := d.With(t.Context(), e.Thread, func(s debug.Halt) error {
		v, err := s.Evaluate(0, "message")
		if !strings.Contains(v.Value, "e12") {
			t.Errorf("the message is %q", v.Value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if _, all := until(t, d, debug.Terminated); !strings.Contains(all, "now handled; then handled\nwould keep the state 0 \"") || !strings.Contains(all, errDone.Error()) {
		t.Error(all)
	}
	if n := handledBy(h, "hog"); n != before {
		t.Errorf("%d messages were handled, and now %d", before, n)
	}
}

// TestDebugDead: so is one that was given up on, and it fails where it failed.
func TestDebugDead(t *testing.T) {
	h := hogs(t, nil)
	f := accepted(t, h, "hog", "e1048577")
	if a := answered(f); a.Code != "trap" {
		t.Fatal(a)
	}
	d := opened(t, h, control.DebugTarget{Message: f.ID(), Actor: "hog"})
	d.SetExceptions(false, true)
	begin(t, d)
	e, _ := until(t, d, debug.Stopped)
	if e.Reason != debug.ReasonException || !strings.Contains(e.Text, "unreachable") {
		t.Fatalf("%+v", e)
	}
	if err := d.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if _, all := until(t, d, debug.Terminated); !strings.Contains(all, "then failed with trap") {
		t.Error(all)
	}
}

// TestDebugFork: the next message of a key is handled as ever, and then stepped through.
func TestDebugFork(t *testing.T) {
	h := hogs(t, nil)
	d := opened(t, h, control.DebugTarget{Actor: "hog", Fork: true, Key: new("c2")})
	breakAt(d, 3)
	begin(t, d)
	for _, what := range []string{"c1", "c2"} {
		if a := answered(accepted(t, h, "hog", what)); a.Code != "" {
			t.Fatal(a)
		}
	}
	e, all := until(t, d, debug.Stopped)
	if e.Position.Line != 3 || !strings.Contains(d.Threads()[0].Name, "of c2") {
		t.Fatalf("%+v\n%s", e, all)
	}
	if err := d.Close(); err != nil { // and the copy goes on to its end
		t.Fatal(err)
	}
}

// TestDebugLive: an actor is stopped under load. Its key waits, other keys and its
// neighbour go on, and nothing is lost, doubled or comes in another order; when its client
// is gone, all is as it was.
func TestDebugLive(t *testing.T) {
	h := hogs(t, nil)
	d := opened(t, h, control.DebugTarget{Actor: "hog"})
	breakAt(d, 2)
	begin(t, d)
	held := []*shard.Flow{accepted(t, h, "hog", "c1"), accepted(t, h, "hog", "c1")}
	e, _ := until(t, d, debug.Stopped)
	if e.Position.Line != 2 {
		t.Fatalf("%+v", e)
	}
	const each = 50
	sentBy := make([][]string, 8)
	var all sync.WaitGroup
	for n := range sentBy {
		all.Go(func() {
			to, what := "hog", fmt.Sprintf("o%d", n+1)
			if n >= 4 {
				to = "other"
			}
			var flows []*shard.Flow
			for range each {
				f, err := h.Shard().Accept(context.Background(), &shard.Request{To: to, Source: "test", Type: "hog.do", Data: fmt.Appendf(nil, "%q", what), AnyReply: true})
				if err != nil {
					t.Error(err)
					return
				}
				flows = append(flows, f)
				sentBy[n] = append(sentBy[n], f.ID())
			}
			for _, f := range flows {
				if a := answered(f); a.Outcome != shard.Replied {
					t.Errorf("%s of %s: %+v", what, to, a)
				}
			}
		})
	}
	all.Wait() // while the guest stands still
	for i, f := range held {
		if a := f.Answer(); a.Outcome != shard.Pending {
			t.Errorf("message %d of the key that is held: %+v", i, a)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for i, f := range held {
		if a := answered(f); a.Code != "" {
			t.Errorf("message %d of the key that was held: %+v", i, a)
		}
	}
	order := map[string][]string{}
	if _, err := h.Shard().Recent(t.Context(), 1<<16, func(p *shard.Hop) error {
		if p.What == shard.HopHandled {
			order[p.Node+" "+p.Key] = append(order[p.Node+" "+p.Key], p.ID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		if got := order[fmt.Sprintf("hog o%d", n+1)]; !slices.Equal(got, sentBy[n]) {
			t.Errorf("key o%d: %d messages were sent, and %d handled, or in another order", n+1, len(sentBy[n]), len(got))
		}
	}
	if got := order["hog c1"]; len(got) != 2 || got[0] != held[0].ID() {
		t.Errorf("the key that was held: %v", got)
	}
	if got := len(order["other "]); got != 4*each {
		t.Errorf("the neighbour handled %d", got)
	}
	if a := answered(accepted(t, h, "hog", "c1")); a.Code != "" { // nothing stops it any more
		t.Error(a)
	}
}

// TestDebugEnds: what ends a live session from outside, and how its guest goes on.
func TestDebugEnds(t *testing.T) {
	for _, c := range []struct {
		name, says string
		end        func(h *Host) error
	}{
		{"another revision", "another revision of the service has taken over", func(h *Host) error {
			_, err := h.Apply(context.Background(), h.service.Load(), *h.built.Load())
			return err
		}},
		{"a stop", "the host stops", func(h *Host) error { _, err := h.Stop(context.Background()); return err }},
		{"the limit of a hold", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hogs(t, func(o *Options) {
				if c.end == nil {
					o.DebugHold = time.Millisecond
				}
			})
			d := opened(t, h, control.DebugTarget{Actor: "hog", Key: new("c1")})
			breakAt(d, 2)
			begin(t, d)
			f := accepted(t, h, "hog", "c1")
			until(t, d, debug.Stopped)
			if c.end != nil {
				if err := c.end(h); err != nil {
					t.Fatal(err)
				}
				if e, _ := until(t, d, debug.Terminated); e.Text != c.says {
					t.Errorf("%q, want %q", e.Text, c.says)
				}
			} else {
				until(t, d, debug.Continued)
			}
			if a := answered(f); a.Code != "" {
				t.Error(a)
			}
		})
	}
}

// TestDebugRefused: what is not debugged, and that each is told why.
func TestDebugRefused(t *testing.T) {
	h := hogs(t, nil)
	locked := hogs(t, func(o *Options) { o.DebugReadOnly = true })
	opened(t, h, control.DebugTarget{Actor: "hog"})
	waits := accepted(t, h, "other", "t1")
	for _, c := range []struct {
		name   string
		h      *Host
		target control.DebugTarget
		code   string
	}{
		{"two clients", h, control.DebugTarget{Actor: "hog"}, control.CodeDebugBusy},
		{"no such actor", h, control.DebugTarget{Actor: "none"}, control.CodeNotFound},
		{"no such message", h, control.DebugTarget{Message: "none"}, control.CodeNotFound},
		{"another's message", h, control.DebugTarget{Message: waits.ID(), Actor: "hog"}, control.CodeInvalid},
		{"a key where there are none", h, control.DebugTarget{Actor: "other", Key: new("a")}, control.CodeInvalid},
		{"live on a host that has it left alone", locked, control.DebugTarget{Actor: "hog"}, control.CodeDebugReadOnly},
	} {
		answered(waits)
		var told *control.Error
		if d, err := c.h.OpenDebugger(t.Context(), c.target, "ben"); !errors.As(err, &told) || told.Code != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
			if err == nil {
				_ = d.Close() // the test has failed
			}
		}
	}
	opened(t, locked, control.DebugTarget{Actor: "hog", Fork: true})
}

// TestDebugFreed: a session that was ended lets go of its node, though its client stays.
func TestDebugFreed(t *testing.T) {
	h := hogs(t, nil)
	d := opened(t, h, control.DebugTarget{Actor: "hog"})
	begin(t, d)
	if _, err := h.Apply(t.Context(), h.service.Load(), *h.built.Load()); err != nil {
		t.Fatal(err)
	}
	until(t, d, debug.Terminated)
	for {
		next, err := h.OpenDebugger(t.Context(), control.DebugTarget{Actor: "hog"}, "ben")
		var told *control.Error
		if errors.As(err, &told) && told.Code == control.CodeDebugBusy {
			continue // it is being let go of
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
		break
	}
	opened(t, h, control.DebugTarget{Actor: "hog"}) // once it is closed, it is let go of
}

// compiles is a program that is compiled once the host wants that no more.
type compiles struct {
	debug.Program
	begun chan struct{}
}

// Compile implements debug.Program.
func (c compiles) Compile(ctx context.Context, e engine.Engine, o engine.Config, r debug.Reporter) (engine.Module, error) {
	close(c.begun)
	<-ctx.Done()
	return c.Program.Compile(context.WithoutCancel(ctx), e, o, r)
}

// Open implements debug.Language.
func (c compiles) Open(ctx context.Context, binary []byte, _ fs.FS) (debug.Program, error) {
	p, err := requests.Language{}.Open(ctx, binary, nil)
	c.Program = p
	return c, err
}

// TestDebugOpensLate: a host stops while somebody attaches: neither waits for the other,
// and nothing stays attached.
func TestDebugOpensLate(t *testing.T) {
	begun := make(chan struct{})
	h := hogs(t, func(o *Options) { o.Debuggers = []debug.Language{compiles{begun: begun}} })
	opened := make(chan error)
	go func() { // ends with the stop
		_, err := h.OpenDebugger(context.Background(), control.DebugTarget{Actor: "hog"}, "ann")
		opened <- err
	}()
	<-begun
	stopped := make(chan error)
	go func() { // ends with the attaching
		_, err := h.Stop(context.Background())
		stopped <- err
	}()
	var told *control.Error
	if err := <-opened; !errors.As(err, &told) || told.Code != "host.stopping" {
		t.Errorf("who attaches is told %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(h.debugging.list); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// TestDebugPermit: who may debug no longer is told so, and their session ends.
func TestDebugPermit(t *testing.T) {
	var revoked atomic.Bool
	ctx := control.WithPermit(t.Context(), func(context.Context) error {
		if revoked.Load() {
			return &control.Error{Code: "token.wrong", Message: "the token has ended or was revoked"}
		}
		return nil
	})
	h := hogs(t, nil)
	d, err := h.OpenDebugger(ctx, control.DebugTarget{Actor: "hog"}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	tick, ended := make(chan time.Time), make(chan struct{})
	go func() { // ends with the session
		d.permit(tick)
		close(ended)
	}()
	tick <- time.Time{}
	tick <- time.Time{}
	if d.context.Err() != nil {
		t.Error("the session has ended while it was permitted")
	}
	revoked.Store(true)
	select {
	case tick <- time.Time{}:
	case <-ended: // the last one was looked at just now
	}
	if e, _ := until(t, d, debug.Terminated); !strings.Contains(e.Text, "the token has ended or was revoked") {
		t.Errorf("%+v", e)
	}
	<-ended
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	var told *control.Error
	if _, err := h.OpenDebugger(ctx, control.DebugTarget{Actor: "hog"}, "ann"); !errors.As(err, &told) || told.Code != "token.wrong" {
		t.Errorf("who tries again is told %v", err)
	}
}

// reads is a language that reads sources.
type reads struct {
	requests.Language
	found map[string]error
}

// Open implements debug.Language.
func (r reads) Open(ctx context.Context, binary []byte, files fs.FS) (debug.Program, error) {
	for name := range r.found {
		_, r.found[name] = fs.ReadFile(files, name)
	}
	return r.Language.Open(ctx, binary, files)
}

// TestDebugSources: links do not lead out of the folder that an actor's sources are in.
func TestDebugSources(t *testing.T) {
	dir, found := t.TempDir(), map[string]error{"own": nil, "out": nil}
	writeFiles(t, dir, map[string]string{"private": "x", "sources/own": "x"})
	if err := os.Symlink("../private", filepath.Join(dir, "sources", "out")); err != nil {
		t.Fatal(err)
	}
	h := hogs(t, func(o *Options) {
		o.Debuggers = []debug.Language{reads{found: found}}
		o.Service.Actors["hog"].Code.Source = filepath.Join(dir, "sources")
	})
	opened(t, h, control.DebugTarget{Actor: "hog"})
	if found["own"] != nil || found["out"] == nil {
		t.Error(found)
	}
}

// TestSourceFolder: the sources of a module that was uploaded are those of its language.
func TestSourceFolder(t *testing.T) {
	dir := t.TempDir()
	for name, files := range map[string][]string{
		"one": {"src/rust/lib.rs", "module.wasm"}, "several": {"src/rust/lib.rs", "src/python/main.py", "src/README.md"}, "none": {"actor.yaml"},
	} {
		for _, file := range files {
			writeFiles(t, filepath.Join(dir, name), map[string]string{file: "x"})
		}
	}
	section := "\x09producers\x01\x08language\x01\x04Rust\x041.95"
	rust, err := wasm.Decode([]byte("\x00asm\x01\x00\x00\x00\x00" + string(rune(len(section))) + section))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		actor, source string
		module        *wasm.Module
		want          string
	}{
		{"several", "several/src/python", rust, "several/src/python"},
		{"several", "", rust, "several/src/rust"},
		{"several", "", nil, ""},
		{"one", "", nil, "one/src/rust"},
		{"one", "one/module.wasm", nil, "one/src/rust"},
		{"none", "", rust, ""},
	} {
		a := &specs.Actor{Dir: filepath.Join(dir, c.actor)}
		if c.source != "" {
			a.Code.Source = filepath.Join(dir, c.source)
		}
		got, want := SourceFolder(a, c.module), c.want
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got != want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestDebugAudit: the journal says who looked, at what, and until when.
func TestDebugAudit(t *testing.T) {
	h := hogs(t, nil)
	f := accepted(t, h, "hog", "c1")
	answered(f)
	d := opened(t, h, control.DebugTarget{Message: f.ID()})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	tr, err := h.Shard().Trace(t.Context(), f.ID())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range tr.Hops {
		if p := &tr.Hops[i]; p.What == shard.HopAction {
			got = append(got, p.Code+" by "+p.By+": "+p.Reason)
		}
	}
	if want := []string{journal.ActionDebug + " by ann: message", journal.ActionDebugEnd + " by ann: message"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
