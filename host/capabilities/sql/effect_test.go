package sql

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
)

const count = "select count(*) as n from items"

func counted(n int) string { return fmt.Sprintf(`{"columns":["n"],"rows":[[%d]]}`, n) }

// TestTogether: several statements are one transaction, of which an error leaves nothing.
func TestTogether(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		a := o.send(t.Context(), "m1/1", Exec, `{"statements": [
			{"sql": "delete from items where id = $1", "args": [1]},
			{"sql": "insert into items (id, name) values ($1, $2) returning name", "args": [5, "ink"]},
			{"sql": "`+count+`"}]}`)
		want := `{"results":[{"rows_affected":1},{"columns":["name"],"rows":[["ink"]],"rows_affected":1},{"columns":["n"],"rows":[[2]],"rows_affected":1}]}`
		if string(a.Data) != want {
			t.Errorf("%s %s%s\nwant %s", a.Code, a.Text, a.Data, want)
		}
		a = o.send(t.Context(), "m1/2", Exec, `{"statements": [{"sql": "delete from items"}, {"sql": "insert into items (id) values (9)"}]}`)
		if a.Code != capability.Conflict || !strings.HasPrefix(a.Text, "statement 2: ") {
			t.Errorf("%s: %s", a.Code, a.Text)
		}
		if got := o.must(Query, count); got != counted(2) {
			t.Errorf("after a transaction that failed: %s", got)
		}
	})
}

// TestOnce: a request that is repeated, also by another process, is answered as before
// and changes nothing again; another request by the same number is done, and one that
// failed is tried again.
func TestOnce(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		insert := `{"sql": "insert into items (id, name) values ((select max(id) + 1 from items), 'x' || (select count(*) from items)) returning id"}`
		first := o.send(t.Context(), "m1/1", Exec, insert)
		again := o.send(t.Context(), "m1/1", Exec, insert)
		other := s.open(t, "write", nil).send(t.Context(), "m1/1", Exec, insert)
		if first.Code != "" || string(again.Data) != string(first.Data) || string(other.Data) != string(first.Data) {
			t.Errorf("%+v\n%s\n%s", first, again.Data, other.Data)
		}
		if got := o.must(Query, count); got != counted(3) {
			t.Errorf("after three attempts: %s", got)
		}
		if a := o.send(t.Context(), "m1/2", Exec, insert); a.Code != "" || string(a.Data) == string(first.Data) {
			t.Errorf("the next request: %s %s", a.Text, a.Data)
		}
		if a := o.send(t.Context(), "m1/1", Exec, strings.Replace(insert, "returning", " returning", 1)); a.Code != "" || string(a.Data) == string(first.Data) {
			t.Errorf("another request: %s %s", a.Text, a.Data)
		}
		into := `{"sql": "insert into later values (1)"}`
		if a := o.send(t.Context(), "m2/1", Exec, into); a.Code != capability.Invalid {
			t.Errorf("%s %s", a.Code, a.Text)
		}
		o.must(Exec, "create table later (n integer)")
		if a := o.send(t.Context(), "m2/1", Exec, into); a.Code != "" {
			t.Errorf("tried again: %s %s", a.Code, a.Text)
		}
	})
}

// TestAtOnce: of requests at the same time, the same one has one effect, and different
// ones have all of theirs.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		two := s.open(t, "write", nil)
		add := `{"sql": "update items set price = price + 1 where id = 2"}`
		var wait sync.WaitGroup
		for i := range 16 {
			for _, c := range []*opened{o, two} {
				wait.Go(func() {
					if a := c.send(t.Context(), fmt.Sprintf("m/at-once-%d", i/2), Exec, add); a.Code != "" {
						t.Errorf("%s %s", a.Code, a.Text)
					}
				})
			}
		}
		wait.Wait()
		if got := o.must(Query, "select price from items where id = 2"); got != `{"columns":["price"],"rows":[[28]]}` {
			t.Errorf("after 8 requests, 4 times each: %s", got)
		}
	})
}

// TestGivenUp: a statement ends with its request, changes nothing, and the connection
// serves the next one.
func TestGivenUp(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		s.items(t)
		o := s.open(t, "write", map[string]any{"connections": 1})
		endless := "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r"
		begun, cancel := context.WithCancel(t.Context())
		go o.begun(cancel)
		a := o.send(begun, "m/give-up", Exec, `{"statements": [{"sql": "delete from items"}, {"sql": "`+endless+`"}]}`)
		if a.Code != capability.Timeout || !a.Retry {
			t.Errorf("%+v", a)
		}
		if got := o.must(Query, count); got != counted(2) {
			t.Errorf("afterwards: %s", got)
		}
	})
}

func (o *opened) inUse() bool {
	if p, ok := o.engine.(*postgresEngine); ok {
		return p.pool.Stat().AcquiredConns() > 0
	}
	return o.sqlite().writer.Stats().InUse > 0
}

// begun calls f once the connection of o is in use.
func (o *opened) begun(f func()) {
	for !o.inUse() {
		if o.t.Context().Err() != nil {
			return
		}
		runtime.Gosched()
	}
	f()
}

// TestRepeated: a request is done once also where doing it again makes its statements fail.
func TestRepeated(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		for n, text := range []string{
			`{"sql": "insert into items (id, name) values (77, 'y')"}`,
			`{"sql": "create table others (id integer)"}`,
			`{"sql": "drop table others"}`,
		} {
			stable := fmt.Sprintf("r%d/1", n)
			done := o.send(t.Context(), stable, Exec, text)
			after := o.must(Query, count)
			again := o.send(t.Context(), stable, Exec, text)
			if done.Code != "" || again.Code != "" || string(again.Data) != string(done.Data) {
				t.Errorf("%s: %s%s, and again: %s%s", text, done.Text, done.Data, again.Text, again.Data)
			}
			if got := o.must(Query, count); got != after {
				t.Errorf("%s again: %s, want %s", text, got, after)
			}
		}
	})
}
