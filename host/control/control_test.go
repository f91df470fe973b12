package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/runtime/shard"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a host that says what it was asked.
type fake struct {
	store *logs.Store
	mu    sync.Mutex
	asked []any
	err   error
	over  chan struct{} // closed when an endless settling has been told that nobody listens
}

func (f *fake) note(v any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, v)
	return f.err
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Service: "shop", Endpoints: []Endpoint{}, Nodes: []shard.NodeStatus{{Node: "echo", Handled: 3}}, Dead: 2, Kept: 1}, f.note("status")
}

func (f *fake) Send(_ context.Context, r SendRequest) (SendReply, error) {
	return SendReply{ID: "01J", Outcome: "replied", Type: "done", Data: json.RawMessage(`{"a":"<&>"}`), Raw: []byte{0, 255}}, f.note(r)
}

func (f *fake) Logs(ctx context.Context, w logs.Filter, follow bool, emit func(logs.Record) error) error {
	if err := f.note(w); err != nil {
		return err
	}
	if follow {
		return f.store.Follow(ctx, w, emit)
	}
	for _, r := range f.store.Query(w) {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) DeadLetters(_ context.Context, w DeadFilter) ([]DeadLetter, error) {
	return []DeadLetter{}, f.note(w)
}

func (f *fake) DeadLetter(_ context.Context, id string) (DeadLetter, error) {
	return DeadLetter{ID: id, Reason: "a\nb", Raw: []byte{1}, Attrs: map[string]string{"id": id}}, f.note(id)
}

func (f *fake) EditDeadLetter(_ context.Context, r EditRequest) (EditReply, error) {
	return EditReply{ID: r.ID, Was: json.RawMessage(`1`), Data: json.RawMessage(`{"a":"<&>"}`)}, f.note(r)
}

func (f *fake) SettleDeadLetters(ctx context.Context, r SettleRequest, emit func(Settled) error) error {
	if err := f.note(r); err != nil {
		return err
	}
	for i := range 3 {
		if err := emit(Settled{ID: fmt.Sprint(i), All: 3, Done: i + 1}); err != nil {
			return err
		}
	}
	if r.Name == "endless" {
		<-ctx.Done()
		close(f.over)
		return ctx.Err()
	}
	return nil
}

func (f *fake) Actions(context.Context) ([]Action, error) { return []Action{}, f.note("actions") }

func (f *fake) AbortAction(_ context.Context, name string) (Action, error) {
	return Action{Name: name, Aborted: true}, f.note(name)
}

// serves is a handler of all operations.
func serves(b Backend) http.Handler {
	m := http.NewServeMux()
	for _, o := range Operations() {
		m.HandleFunc(o.Method+" /v1"+o.Path, func(w http.ResponseWriter, r *http.Request) { o.Serve(b, w, r) })
	}
	return m
}

func listen(t *testing.T, dir string, b Backend) (*Server, error) {
	t.Helper()
	s, err := Listen(dir, serves(b), Place{URL: "http://127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Cleanup(func() { _ = s.Close() }) // a second time where the test has
	}
	return s, err
}

// dial is a client of the host in dir.
func dial(dir string) (*Client, error) {
	way, _, err := Dial(dir)
	if err != nil {
		return nil, err
	}
	return NewClient(way), nil
}

// served is a host in a new folder and a client of it.
func served(t *testing.T) (*fake, *Client) {
	t.Helper()
	dir := t.TempDir()
	f := &fake{store: logs.New(logs.Options{}), over: make(chan struct{})}
	if _, err := listen(t, dir, f); err != nil {
		t.Fatal(err)
	}
	c, err := dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return f, c
}

// code is the code of an error of this package, or what else it is.
func code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestCalls(t *testing.T) {
	f, c := served(t)
	ctx := t.Context()
	since := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	send := SendRequest{To: "echo", Type: "asked", Data: []byte{0, '\n', 255}, ContentType: "a/b", Attrs: map[string]string{"x.a": "b"}, Wait: true, Timeout: time.Second}
	filter := DeadFilter{Node: "a/b", Code: "trap", Type: "t", Since: since, Limit: 3}

	st, err := c.Status(ctx)
	if err != nil || st.Service != "shop" || st.Nodes[0].Handled != 3 || st.Dead != 2 {
		t.Errorf("status %+v, %v", st, err)
	}
	reply, err := c.Send(ctx, send)
	if want, _ := f.Send(ctx, send); err != nil || cmp.Diff(want, reply) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, reply))
	}
	list, err := c.DeadLetters(ctx, filter)
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("dead letters %v, %v; want an empty list that is not nil", list, err)
	}
	d, err := c.DeadLetter(ctx, "a/b c")
	if err != nil || d.ID != "a/b c" || d.Reason != "a\nb" || d.Raw[0] != 1 {
		t.Errorf("dead letter %+v, %v", d, err)
	}
	edit := EditRequest{ID: "x", Data: []byte{0, 255}, Act: Act{By: "ann", Reason: "why"}, Plan: true}
	edited, err := c.EditDeadLetter(ctx, edit)
	if err != nil || edited.ID != "x" || string(edited.Data) != `{"a":"<&>"}` {
		t.Errorf("edited %+v, %v", edited, err)
	}
	if list, err := c.Actions(ctx); err != nil || list == nil {
		t.Errorf("actions %v, %v; want an empty list that is not nil", list, err)
	}
	if a, err := c.AbortAction(ctx, "a/b"); err != nil || a.Name != "a/b" || !a.Aborted {
		t.Errorf("aborted %+v, %v", a, err)
	}
	if diff := cmp.Diff([]any{"status", send, send, filter, "a/b c", edit, "actions", "a/b"}, f.asked); diff != "" {
		t.Errorf("the host was asked\n%s", diff)
	}
}

// TestSettle: what becomes of each dead letter is told as it happens, and the
// host is told when nobody listens any more.
func TestSettle(t *testing.T) {
	f, c := served(t)
	r := SettleRequest{How: SettleRedrive, Filter: DeadFilter{IDs: []string{"1", "2"}, Key: "k", Text: "t"}, To: "n", Act: Act{By: "ann"}}
	var told []Settled
	note := func(l Settled) error { told = append(told, l); return nil }
	if err := c.SettleDeadLetters(t.Context(), r, note); err != nil || len(told) != 3 || told[2].Done != 3 {
		t.Errorf("%v, %v", told, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := c.SettleDeadLetters(ctx, SettleRequest{Name: "endless"}, func(l Settled) error {
		if l.Done == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	<-f.over
	f.err = &Error{Code: CodeConflict, Message: "somebody is at it"}
	if err := c.SettleDeadLetters(t.Context(), r, note); code(err) != CodeConflict {
		t.Errorf("refused: %v", err)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	f, c := served(t)
	told := &Error{Code: CodeNotFound, Message: "there is none", At: "x", Next: "look"}
	for _, e := range []struct {
		give error
		want *Error
	}{
		{told, told},
		{fmt.Errorf("look up: %w", told), told},
		{errors.New("broken"), &Error{Code: CodeInternal, Message: "broken"}},
	} {
		f.err = e.give
		_, err := c.DeadLetter(t.Context(), "x")
		if diff := cmp.Diff(e.want, err); diff != "" {
			t.Errorf("%v: %s", e.give, diff)
		}
		err = c.Logs(t.Context(), logs.Filter{}, false, func(logs.Record) error { return nil })
		if diff := cmp.Diff(e.want, err); diff != "" {
			t.Errorf("%v in a stream: %s", e.give, diff)
		}
	}
}

func TestBadRequests(t *testing.T) {
	_, c := served(t)
	for _, r := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"POST", "/send", "no object", CodeInvalid},
		{"POST", "/send", map[string]int{"to": 1}, CodeInvalid},
		{"POST", "/send", SendRequest{Data: make([]byte, bodyMax)}, CodeInvalid},
		{"POST", "/logs", []int{1}, CodeInvalid},
	} {
		err := c.conn.Call(t.Context(), callTime, r.method, r.path, r.body, &struct{}{})
		if code(err) != r.want {
			t.Errorf("%s %s: %v, want %s", r.method, r.path, err, r.want)
		}
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("after bad requests: %v", err)
	}
}

func TestLogs(t *testing.T) {
	f, c := served(t)
	want := logs.Record{Time: time.Date(2026, 5, 4, 12, 0, 0, 5, time.UTC), Level: "warn", Service: "shop", Node: "a", Message: "01J", Text: "a\nb", Fields: map[string]string{"k": "v"}}
	f.store.Add(want)
	f.store.Add(logs.Record{Level: "info", Text: "left out"})
	var got []logs.Record
	if err := c.Logs(t.Context(), logs.Filter{Level: "warn"}, false, func(r logs.Record) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]logs.Record{want}, got); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("enough")
	if err := c.Logs(t.Context(), logs.Filter{}, false, func(logs.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want what emit said", err)
	}
}

func TestFollow(t *testing.T) {
	f, c := served(t)
	f.store.Add(logs.Record{Level: "info", Text: "before"})
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := c.Logs(ctx, logs.Filter{}, true, func(r logs.Record) error {
		got = append(got, r.Text)
		if len(got) == 1 {
			f.store.Add(logs.Record{Level: "info", Text: "after"})
		} else {
			cancel()
		}
		return nil
	})
	cancel()
	if err != nil || strings.Join(got, " ") != "before after" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFollowEndsWithTheHost(t *testing.T) {
	dir := t.TempDir()
	f := &fake{store: logs.New(logs.Options{})}
	s, err := listen(t, dir, f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f.store.Add(logs.Record{Level: "info", Text: "one"})
	err = c.Logs(t.Context(), logs.Filter{}, true, func(logs.Record) error { return s.Close() })
	if code(err) != CodeUnreachable {
		t.Errorf("%v, want %s", err, CodeUnreachable)
	}
	if _, err := c.Status(t.Context()); code(err) != CodeUnreachable {
		t.Errorf("%v, want %s", err, CodeUnreachable)
	}
	if _, err := dial(dir); code(err) != CodeNotRunning {
		t.Errorf("%v, want %s", err, CodeNotRunning)
	}
}

func TestSocketIsItsOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".grow")
	s, err := listen(t, dir, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		dir: 0o700 | fs.ModeDir, s.socket: 0o600 | fs.ModeSocket,
		filepath.Join(dir, infoFile): 0o600, filepath.Join(dir, lockFile): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{s.socket, filepath.Join(dir, infoFile)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stays: %v", path, err)
		}
	}
}

func TestOneHostAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := Running(dir); err != nil {
		t.Fatal(err)
	}
	first, err := listen(t, dir, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = listen(t, dir, &fake{})
	if code(err) != CodeRunning || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Errorf("%v, want %s with process and address", err, CodeRunning)
	}
	if err := os.Remove(filepath.Join(dir, infoFile)); err != nil { // as before it is written
		t.Fatal(err)
	}
	if _, err := listen(t, dir, &fake{}); code(err) != CodeRunning {
		t.Errorf("%v while another starts, want %s", err, CodeRunning)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t, dir, &fake{}); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

// TestAfterACrash: what a host left that was killed is replaced.
func TestAfterACrash(t *testing.T) {
	for _, long := range []bool{false, true} {
		t.Run(fmt.Sprintf("long=%v", long), func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			dir := t.TempDir()
			socket := filepath.Join(dir, socketFile)
			if long {
				dir = filepath.Join(dir, strings.Repeat("d", socketMax))
				temp, err := os.MkdirTemp("", tempPrefix)
				if err != nil {
					t.Fatal(err)
				}
				socket = filepath.Join(temp, socketFile)
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			leave(t, dir, socket)
			if _, err := dial(dir); code(err) != CodeNotRunning {
				t.Errorf("dial: %v, want %s", err, CodeNotRunning)
			}
			s, err := listen(t, dir, &fake{})
			if err != nil {
				t.Fatal(err)
			}
			c, err := dial(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Status(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("left in the folder for temporary files: %v, %v", left, err)
			}
		})
	}
}

// leave leaves a socket and the word of it, as a process does that is killed.
func leave(t *testing.T, dir, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(Place{Socket: socket, PID: 1 << 22, URL: "http://127.0.0.1:2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, infoFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForeignWord: a file in the folder, which may be anybody's, makes a host
// remove nothing but a socket of its own name.
func TestForeignWord(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "grow-thesis")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(other, "chapter")
	if err := os.WriteFile(keep, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{keep, filepath.Join(other, socketFile), "", "/", filepath.Join(dir, "..")} {
		b, _ := json.Marshal(Place{Socket: socket})
		if err := os.WriteFile(filepath.Join(dir, infoFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := listen(t, dir, &fake{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(keep); err != nil {
			t.Fatalf("with %q: %v", socket, err)
		}
	}
}

func TestDialBroken(t *testing.T) {
	dir := t.TempDir()
	if _, err := dial(filepath.Join(dir, "nowhere")); code(err) != CodeNotRunning {
		t.Errorf("%v, want %s", err, CodeNotRunning)
	}
	if err := os.WriteFile(filepath.Join(dir, infoFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(dir); code(err) != CodeUnreachable {
		t.Errorf("%v, want %s", err, CodeUnreachable)
	}
	if os.Getuid() == 0 {
		t.Skip("root may open everything")
	}
	if err := os.Chmod(filepath.Join(dir, infoFile), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(dir); code(err) != CodePermission {
		t.Errorf("%v, want %s", err, CodePermission)
	}
}
