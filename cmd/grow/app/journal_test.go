package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/nats-io/nats-server/v2/server"
)

// echoes is a service in a new folder: POST / is answered with what it was given.
func echoes(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":               "service: echoes\nhttp:\n  POST /: {send: echo.done, to: echo, reply: {echo.done: 200}, timeout: 1m}\n",
		"types/echo.cue":          "\"echo.done\": string\n",
		"actors/echo/module.wasm": string(wat.Module("echo")),
		"actors/echo/actor.yaml":  "actor: echo\nabout: Says what it hears.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(), Modules: map[string]string{"echo": service.Actors["echo"].Code.Source}}
}

// live runs a service, posts to it, and ends it.
func live(t *testing.T, o Options) {
	t.Helper()
	h, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := post(t, h); status != 200 {
		t.Errorf("POST: %d", status)
	}
	if _, err := h.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func post(t *testing.T, h *Host) (int, http.Header) {
	t.Helper()
	r, err := http.Post(h.URL()+"/", "application/json", strings.NewReader(`"hello"`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header
}

// hurried posts as somebody does who waits for two seconds at most; 504: they were over.
func hurried(t *testing.T, url string) (int, http.Header) {
	t.Helper()
	c := http.Client{Timeout: 2 * time.Second}
	r, err := c.Post(url+"/", "application/json", strings.NewReader(`"hello"`))
	if err == nil {
		defer r.Body.Close()
		_, err = io.Copy(io.Discard, r.Body)
	}
	if late := (net.Error)(nil); errors.As(err, &late) && late.Timeout() {
		return http.StatusGatewayTimeout, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header
}

// contents is a sum of what lies in a folder, but for what says whose it is.
func contents(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" || d.Name() == "probe" {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(b), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// edit changes a file of the journal.
func edit(t *testing.T, o Options, path string, change func([]byte) []byte) {
	t.Helper()
	path = filepath.Join(JournalDir(o.Dir), path)
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestJournalFolderFaults: what cannot be gone on with is named, and left as it is.
func TestJournalFolderFaults(t *testing.T) {
	for _, c := range []struct {
		name, code string
		make       func(t *testing.T, o Options)
		mentions   string
	}{
		{"two hosts", CodeJournalLocked, func(t *testing.T, o Options) {
			h, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := h.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}, "in use by another process"},
		{"foreign", CodeJournalForeign, func(t *testing.T, o Options) {
			writeFiles(t, JournalDir(o.Dir), map[string]string{"notes.txt": "mine"})
		}, "notes.txt"},
		{"another version", CodeJournalFormat, func(t *testing.T, o Options) {
			live(t, o)
			edit(t, o, "grow-journal.json", func(b []byte) []byte { return bytes.Replace(b, []byte(`"format":1`), []byte(`"format":99`), 1) })
		}, "version 99"},
		{"flipped bit", CodeJournalDamaged, func(t *testing.T, o Options) {
			live(t, o)
			edit(t, o, "jetstream/$G/streams/GROW_J_main_echoes_00/msgs/1.blk", func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
		}, "record "},
		{"cut off", CodeJournalDamaged, func(t *testing.T, o Options) {
			live(t, o)
			edit(t, o, "jetstream/$G/streams/GROW_J_main_echoes_00/meta.inf", func(b []byte) []byte { return b[:len(b)/2] })
		}, "GROW_J_main_echoes_00"},
		{"clock", CodeJournalClock, func(t *testing.T, o Options) { ahead(t, o, 48*time.Hour) }, "this machine's clock says"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := echoes(t)
			c.make(t, o)
			before := contents(t, JournalDir(o.Dir))
			_, err := Start(t.Context(), o)
			var fault *Error
			if !errors.As(err, &fault) || fault.Code != c.code || fault.Hint == "" || !strings.Contains(fault.Error(), c.mentions) {
				t.Fatalf("start: %v (%+v), want %s and %q", err, fault, c.code, c.mentions)
			}
			if c.code != CodeJournalClock && contents(t, JournalDir(o.Dir)) != before { // the server has been started for that one
				t.Error("the folder was changed")
			}
		})
	}
}

// ahead makes a journal whose last entry is of a time to come.
func ahead(t *testing.T, o Options, by time.Duration) {
	t.Helper()
	live(t, o)
	store, err := nats.Open(t.Context(), nats.Options{Dir: JournalDir(o.Dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	j, err := store.Open(t.Context(), journal.Name{Namespace: "main", Service: "echoes"})
	if err != nil {
		t.Fatal(err)
	}
	_, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.AttemptMade{Node: "echo", ID: "none", Time: time.Now().Add(by).UnixNano()})
	done := make(chan error, 1)
	j.Append(w.Bytes(), last, func(_ uint64, err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestClock: a clock that is a little behind is no reason not to start, and one
// that is far behind can be overruled.
func TestClock(t *testing.T) {
	j, h := Journal{}, &Host{}
	store, err := nats.Open(t.Context(), nats.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	log, err := store.Open(t.Context(), journal.Name{Namespace: "main", Service: "echoes"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		by  time.Duration
		any bool
		ok  bool
	}{{-time.Hour, false, true}, {23 * time.Hour, false, true}, {25 * time.Hour, false, false}, {0, true, true}} {
		var w journal.Writer
		w.Reset(1)
		w.Add(&journal.AttemptMade{ID: "none", Time: time.Now().Add(c.by).UnixNano()})
		done := make(chan error, 1)
		log.Append(w.Bytes(), uint64(i), func(_ uint64, err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		j.AnyClock = c.any
		h.opts.Journal = j
		if err := h.checkClock(t.Context(), log, uint64(i)+1); (err == nil) != c.ok {
			t.Errorf("%v ahead: %v", c.by, err)
		}
	}
}

// keeper starts a NATS server.
func keeper(t *testing.T, change func(o *server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40}
	change(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server did not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// TestJournalServerFaults: what is wrong with a server is named.
func TestJournalServerFaults(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     func(o *server.Options)
		journal    Journal
	}{
		{"password", CodeJournalDenied, func(o *server.Options) { o.Username, o.Password = "grow", "right" }, Journal{User: "grow", Password: "wrong"}},
		{"none given", CodeJournalDenied, func(o *server.Options) { o.Authorization = "right" }, Journal{}},
		{"no JetStream", CodeJournalNone, func(o *server.Options) { o.JetStream = false }, Journal{}},
		{"payload", CodeJournalPayload, func(o *server.Options) { o.MaxPayload = 64 << 10 }, Journal{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := echoes(t)
			o.Journal = c.journal
			o.Journal.At = keeper(t, c.change).ClientURL()
			_, err := Start(t.Context(), o)
			var fault *Error
			if !errors.As(err, &fault) || fault.Code != c.code || fault.Hint == "" || strings.Contains(err.Error(), "wrong") {
				t.Errorf("start: %v (%+v), want %s", err, fault, c.code)
			}
		})
	}
	o := echoes(t)
	o.Journal.At = "nats://127.0.0.1:1"
	var fault *Error
	if _, err := Start(t.Context(), o); !errors.As(err, &fault) || fault.Code != CodeJournal || fault.Hint == "" {
		t.Errorf("nobody there: %v", err)
	}
}

// way is an address by which a server is reached. It stays the test's while there is no server, so that
// nobody else is given its port.
type way struct {
	net.Listener
	to atomic.Pointer[string] // the server's address; "": there is none
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l}
	w.lead(to)
	go func() { // ends with the listener
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(from) // ends with either side
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// lead has who comes from now on be led to an address.
func (w *way) lead(to string) { w.to.Store(&to) }

// pass hands on what a client and the server say, until one of them has enough.
func (w *way) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", *w.to.Load())
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	for _, c := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() { // ends when either is closed
			_, _ = io.Copy(c[0], c[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}

// TestJournalServerGone: while nothing can be kept, requests are told so, and
// when the server is there again they are answered; what was there before is.
func TestJournalServerGone(t *testing.T) {
	o := echoes(t)
	dir := t.TempDir()
	s := keeper(t, func(o *server.Options) { o.StoreDir, o.Username, o.Password = dir, "grow", "secret" })
	way := newWay(t, s.Addr().String())
	o.Journal = Journal{At: "nats://grow:secret@" + way.Addr().String()}
	h, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if status, _ := post(t, h); status != 200 {
		t.Fatalf("POST: %d", status)
	}
	st, err := backend{h}.Status(t.Context())
	if err != nil || st.Journal.At != "nats://…@"+way.Addr().String() || st.Journal.Epoch != 1 || st.Journal.Records < 2 || st.Journal.Fault != "" {
		t.Errorf("journal: %+v (%v)", st.Journal, err)
	}
	way.lead("")
	s.Shutdown()
	s.WaitForShutdown()
	// The first ones may have been accepted before anybody knew: those are not waited for.
	status, header := 0, http.Header(nil)
	for status != 503 {
		if status, header = hurried(t, h.URL()); status != 503 && status != 504 {
			t.Fatalf("POST: %d", status)
		}
	}
	if header.Get("Retry-After") == "" || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("503 with %v", header)
	}
	if r, err := http.Get(h.URL() + "/.grow/health"); err != nil || r.StatusCode != 503 || r.Body.Close() != nil {
		t.Errorf("health: %v %v", r, err)
	}
	if st, err := (backend{h}).Status(t.Context()); err != nil || st.Fault == "" {
		t.Errorf("status: %+v (%v)", st, err)
	}
	way.lead(keeper(t, func(o *server.Options) { o.StoreDir, o.Username, o.Password = dir, "grow", "secret" }).Addr().String())
	for status != 200 {
		if status, _ = hurried(t, h.URL()); status != 200 && status != 503 && status != 504 {
			t.Fatalf("POST: %d", status)
		}
	}
}

// TestJournalFaultsNamed: each reason has a code of its own, whatever it is wrapped in.
func TestJournalFaultsNamed(t *testing.T) {
	for is, code := range map[error]string{
		journal.ErrFull: CodeJournalFull, journal.ErrFenced: CodeJournalLocked, journal.ErrShort: CodeJournalDamaged,
		&journal.Damaged{Seq: 3, Cause: errors.New("sum")}: CodeJournalDamaged, shard.ErrJournal: CodeJournal, syscall.EACCES: CodeJournal,
	} {
		var fault *Error
		if err := journalError(Journal{}, fmt.Errorf("open: %w", is)); !errors.As(err, &fault) || fault.Code != code || fault.Hint == "" {
			t.Errorf("%v: %+v, want %s", is, fault, code)
		}
	}
}

// TestUpgrade: a folder of a time when nothing was kept has a journal made for it.
func TestUpgrade(t *testing.T) {
	o := echoes(t)
	o.Journal.At = Memory
	live(t, o)
	if _, err := os.Stat(JournalDir(o.Dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a journal in memory left %v", err)
	}
	o.Journal.At = ""
	live(t, o)
	live(t, o)
}

// TestPlaces: what is no place for a journal is said before anything is tried,
// and passwords are not shown.
func TestPlaces(t *testing.T) {
	for at, ok := range map[string]bool{
		"": true, Memory: true, "nats://a:4222": true, "tls://u:p@a,nats://b": true,
		"folder": false, "http://a": false, "nats://": false, "nats://a,b": false,
	} {
		j := Journal{At: at}
		if err := j.Check(); (err == nil) != ok {
			t.Errorf("%q: %v", at, err)
		}
	}
	j := Journal{At: "tls://u:p@a:1, nats://token@b:2,nats://c"}
	if got := j.place("x"); got != "tls://…@a:1,nats://…@b:2,nats://c" {
		t.Error(got)
	}
}
