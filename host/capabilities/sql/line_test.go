package sql

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"modernc.org/sqlite"
)

// lined is a database on which requests come while its writer is held by somebody else.
type lined struct {
	*opened
	commits atomic.Int32 // since it was let go
	changed func()       // is called before each row that changes, then; nil: nothing is
}

// asked is a request, and what it is answered.
type asked struct {
	text   string
	ctx    context.Context
	answer capability.Answer
}

func newLined(t *testing.T) *lined {
	l := &lined{opened: side{folder: t.TempDir()}.items(t)}
	l.must(Exec, "create table parents (id integer primary key)")
	l.must(Exec, "create table children (of integer references parents deferrable initially deferred)")
	c, err := l.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = c.Raw(func(conn any) error {
		hooks := conn.(*sqliteConn).sqliteDriverConn.(sqlite.HookRegisterer)
		hooks.RegisterCommitHook(func() int32 {
			l.commits.Add(1)
			return 0
		})
		hooks.RegisterPreUpdateHook(func(sqlite.SQLitePreUpdateData) {
			if l.changed != nil {
				l.changed()
			}
		})
		return nil
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// all has requests wait in their order behind somebody who has the writer, and answers them.
func (l *lined) all(t *testing.T, list ...*asked) {
	t.Helper()
	held, err := l.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i, r := range list {
		if r.ctx == nil {
			r.ctx = t.Context()
		}
		wait.Go(func() { r.answer = l.send(r.ctx, fmt.Sprintf("m%d/%d", requests.Add(1), i), Exec, r.text) })
		l.until(t, func() bool { return l.line.led && len(l.line.waiting) == i })
	}
	l.commits.Store(0)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
}

// await waits for what others bring about.
func await(t *testing.T, is func() bool) {
	for !is() && t.Context().Err() == nil {
		runtime.Gosched()
	}
}

// until waits for something about the line.
func (l *lined) until(t *testing.T, is func() bool) {
	t.Helper()
	await(t, func() bool {
		l.line.mu.Lock()
		defer l.line.mu.Unlock()
		return is()
	})
}

func exec(text string) *asked { return &asked{text: `{"sql": "` + text + `"}`} }

const (
	dearer  = "update items set price = price + 1 where id = 2 returning price"
	endless = "insert into items (id, name) with recursive r(n) as (select 100 union all select n + 1 from r) select n, 'x' from r where n < 0"
)

func priced(n int) string {
	return fmt.Sprintf(`{"columns":["price"],"rows":[[%d]],"rows_affected":1}`, n)
}

// TestLine: what comes while another writes is done in its order and committed at once, and
// each is answered for itself.
func TestLine(t *testing.T) {
	l := newLined(t)
	list := []*asked{exec(dearer), exec(dearer), exec("insert into items (id, name) values (1, 'again')"), exec(dearer),
		{text: `{"statements": [{"sql": "` + dearer + `"}, {"sql": "insert into items (id) values (9)"}]}`}, exec("select * from nowhere"), exec(dearer)}
	l.all(t, list...)
	if n := l.commits.Load(); n != 1 {
		t.Errorf("%d commits", n)
	}
	for i, want := range []string{priced(21), priced(22), capability.Conflict, priced(23), capability.Conflict, capability.Invalid, priced(24)} {
		if got := list[i].answer.Code + string(list[i].answer.Data); got != want {
			t.Errorf("%s: %s, want %s (%s)", list[i].text, got, want, list[i].answer.Text)
		}
	}
	if got := l.must(Query, "select count(*), max(price) from items"); !strings.Contains(got, "[[2,24]]") {
		t.Error(got)
	}
}

// TestLineUndone: where one has the transaction of all come to nothing, the others are done by
// themselves, and it is told why.
func TestLineUndone(t *testing.T) {
	for name, c := range map[string]struct {
		text, code string
	}{
		"that rolls back":             {"insert or rollback into items (id, name) values (1, 'again')", capability.Conflict},
		"that cannot be committed":    {"insert into children values (7)", capability.Conflict},
		"that is too large":           {"insert into items values (5, zeroblob(5000000), 1)", capability.Limit},
		"that takes long, and passes": {"insert into items (id, name) with recursive r(n) as (select 1 union all select n + 1 from r where n < 300000) select 70 + max(n), 'x' from r", ""},
	} {
		for at := range 4 { // 0: it leads
			t.Run(fmt.Sprintf("%s, at %d", name, at), func(t *testing.T) {
				l := newLined(t)
				var list []*asked
				for range 4 {
					list = append(list, exec(dearer))
				}
				list[at] = exec(c.text)
				l.all(t, list...)
				price := 20
				for i, r := range list {
					want := priced(price + 1)
					if i == at {
						if r.answer.Code != c.code {
							t.Errorf("%s: %s %s, want %q", r.text, r.answer.Code, r.answer.Text, c.code)
						}
						continue
					}
					price++
					if got := r.answer.Code + string(r.answer.Data); got != want {
						t.Errorf("%d: %s, want %s (%s)", i, got, want, r.answer.Text)
					}
				}
				l.must(Exec, dearer) // the connection serves the next one
			})
		}
	}
}

// TestLineGivenUp: who gives up while others are waited for leaves the line, and who does while
// it is being done has nothing done of it; the others are.
func TestLineGivenUp(t *testing.T) {
	for at := range 3 {
		l := newLined(t)
		held, err := l.writer.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list := []*asked{exec(dearer), exec(dearer), exec(dearer)}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for i, r := range list {
			r.ctx = t.Context()
			if i == at {
				r.ctx = ctx
			}
			wait.Go(func() { r.answer = l.send(r.ctx, fmt.Sprintf("m%d/%d", requests.Add(1), i), Exec, r.text) })
			l.until(t, func() bool { return l.line.led && len(l.line.waiting) == i })
		}
		cancel()
		l.until(t, func() bool { return len(l.line.waiting) == 1 })
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		price := 20
		for i, r := range list {
			if i == at {
				if r.answer.Code != capability.Timeout {
					t.Errorf("given up at %d: %+v", at, r.answer)
				}
				continue
			}
			price++
			if got := string(r.answer.Data); got != priced(price) {
				t.Errorf("given up at %d, %d: %s %s%s", at, i, r.answer.Code, r.answer.Text, got)
			}
		}
	}
}

// TestLineLeaderGivesUp: when who leads gives up while it does what others ask for, they are
// done all the same, and nothing of its own is.
func TestLineLeaderGivesUp(t *testing.T) {
	l := newLined(t)
	list := []*asked{exec(dearer), exec(dearer), exec(dearer), exec(dearer)}
	var cancel context.CancelFunc
	list[0].ctx, cancel = context.WithCancel(t.Context())
	rows := 0
	l.changed = func() {
		if rows++; rows == 3 { // its item, its entry in the inbox, and the next one's item
			cancel()
		}
	}
	l.all(t, list...)
	if a := list[0].answer; a.Code != capability.Timeout {
		t.Errorf("who gave up: %+v", a)
	}
	for i, r := range list[1:] {
		if got := r.answer.Code + string(r.answer.Data); got != priced(21+i) {
			t.Errorf("%d: %s, want %s (%s)", i+1, got, priced(21+i), r.answer.Text)
		}
	}
}

// TestLineEndless: one that never ends holds up the others for a moment only, and ends with its
// request.
func TestLineEndless(t *testing.T) {
	l := newLined(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	slow, others := exec(endless), []*asked{exec(dearer), exec(dearer)}
	slow.ctx = ctx
	held, err := l.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait, ended sync.WaitGroup
	for i, r := range []*asked{others[0], slow, others[1]} {
		own := &wait
		if r == slow {
			own = &ended
		} else {
			r.ctx = t.Context()
		}
		own.Go(func() { r.answer = l.send(r.ctx, fmt.Sprintf("m%d/%d", requests.Add(1), i), Exec, r.text) })
		l.until(t, func() bool { return l.line.led && len(l.line.waiting) == i })
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return strings.Contains(l.must(Query, "select price from items where id = 2"), "21") }) // the first
	cancel()
	ended.Wait()
	wait.Wait()
	if slow.answer.Code != capability.Timeout || string(others[0].answer.Data) != priced(21) || string(others[1].answer.Data) != priced(22) {
		t.Errorf("%+v, %s, %s", slow.answer, others[0].answer.Data, others[1].answer.Data)
	}
}

// TestLineAlike: of requests in one transaction that are the same, one is done, and all are
// answered by it.
func TestLineAlike(t *testing.T) {
	l := newLined(t)
	held, err := l.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	answers := make([]capability.Answer, 5)
	for i := range answers {
		wait.Go(func() { answers[i] = l.send(t.Context(), "same/1", Exec, exec(dearer).text) })
		l.until(t, func() bool { return l.line.led && len(l.line.waiting) == i })
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
	for i, a := range answers {
		if string(a.Data) != priced(21) {
			t.Errorf("%d: %s %s%s", i, a.Code, a.Text, a.Data)
		}
	}
}
