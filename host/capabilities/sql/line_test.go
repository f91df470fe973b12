package sql

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	stable string
	ctx    context.Context // nil: the test's
	answer capability.Answer
	over   chan struct{} // closed when it is answered
}

func newLined(t *testing.T) *lined {
	l := &lined{opened: side{folder: t.TempDir()}.items(t)}
	l.must(Exec, "create table parents (id integer primary key)")
	l.must(Exec, "create table children (of integer references parents deferrable initially deferred)")
	c, err := l.sqlite().writer.Conn(t.Context())
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

// waiting has requests wait in their order behind somebody who has the writer, until release is called.
func (l *lined) waiting(t *testing.T, list ...*asked) (release func()) {
	t.Helper()
	held, err := l.sqlite().writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		if r.ctx == nil {
			r.ctx = t.Context()
		}
		if r.stable == "" {
			r.stable = fmt.Sprintf("m%d/1", requests.Add(1))
		}
		r.over = make(chan struct{})
		go func() { // it ends with its request
			defer close(r.over)
			r.answer = l.send(r.ctx, r.stable, Exec, r.text)
		}()
		l.until(t, func() bool { return l.sqlite().line.led && len(l.sqlite().line.waiting) == i })
	}
	return func() {
		l.commits.Store(0)
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}
}

// unhurried has nobody be done apart because a machine is busy.
func (l *lined) unhurried() { l.sqlite().line.patience = time.Hour }

// all has requests wait so, and answers them.
func (l *lined) all(t *testing.T, list ...*asked) {
	t.Helper()
	l.waiting(t, list...)()
	for _, r := range list {
		<-r.over
	}
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
		l.sqlite().line.mu.Lock()
		defer l.sqlite().line.mu.Unlock()
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
	l.unhurried()
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
				if a := list[at].answer; a.Code != c.code {
					t.Errorf("%s: %s %s, want %q", list[at].text, a.Code, a.Text, c.code)
				}
				others(t, list, at)
				l.must(Exec, dearer) // the connection serves the next one
			})
		}
	}
}

// others checks the answers to all but one of a list of dearer: they are done in their order.
func others(t *testing.T, list []*asked, but int) {
	t.Helper()
	price := 20
	for i, r := range list {
		if i == but {
			continue
		}
		price++
		if got := r.answer.Code + string(r.answer.Data); got != priced(price) {
			t.Errorf("%d: %s, want %s (%s)", i, got, priced(price), r.answer.Text)
		}
	}
}

// TestLineGivenUp: who gives up while it waits leaves the line at once.
func TestLineGivenUp(t *testing.T) {
	for at := range 3 {
		l := newLined(t)
		list := []*asked{exec(dearer), exec(dearer), exec(dearer)}
		var cancel context.CancelFunc
		list[at].ctx, cancel = context.WithCancel(t.Context())
		release := l.waiting(t, list...)
		cancel()
		<-list[at].over
		if a := list[at].answer; a.Code != capability.Timeout {
			t.Errorf("given up at %d: %+v", at, a)
		}
		release()
		for _, r := range list {
			<-r.over
		}
		others(t, list, at)
	}
}

// TestLineGivesUpWithin: when who leads gives up while it does what others ask for, or one of
// those while it is being done, nothing of its own is done, and the others are all the same.
func TestLineGivesUpWithin(t *testing.T) {
	for at := range 2 {
		l := newLined(t)
		l.unhurried()
		list := []*asked{exec(dearer), exec(dearer), exec(dearer), exec(dearer)}
		if at == 1 {
			list[1].text = `{"statements": [{"sql": "` + dearer + `"}, {"sql": "` + endless + `"}]}`
		}
		var cancel context.CancelFunc
		list[at].ctx, cancel = context.WithCancel(t.Context())
		rows := 0
		l.changed = func() {
			if rows++; rows == 3 { // the item of the one that leads, its entry in the inbox, and the next one's item
				cancel()
			}
		}
		l.all(t, list...)
		if a := list[at].answer; a.Code != capability.Timeout {
			t.Errorf("%d gave up: %+v", at, a)
		}
		others(t, list, at)
	}
}

// TestLineEndless: one that never ends holds up the others for a moment only, and ends with its
// request.
func TestLineEndless(t *testing.T) {
	l := newLined(t)
	list := []*asked{exec(dearer), exec(endless), exec(dearer)}
	var cancel context.CancelFunc
	list[1].ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	l.waiting(t, list...)()
	<-list[0].over
	cancel()
	<-list[1].over
	<-list[2].over
	if a := list[1].answer; a.Code != capability.Timeout {
		t.Errorf("%+v", a)
	}
	others(t, list, 1)
}

// TestLineAlike: of requests in one transaction that are the same, one is done, and all are
// answered by it.
func TestLineAlike(t *testing.T) {
	l := newLined(t)
	var list []*asked
	for range 5 {
		r := exec(dearer)
		r.stable = "same/1"
		list = append(list, r)
	}
	l.all(t, list...)
	for i, r := range list {
		if string(r.answer.Data) != priced(21) {
			t.Errorf("%d: %+v", i, r.answer)
		}
	}
}
