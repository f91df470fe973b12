package sql

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
)

// TestSmuggled: texts that a database reads as several statements, and the lexer as one,
// do nothing.
func TestSmuggled(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		for _, text := range []string{
			`insert into items (id, name) values (7, 'a') -- \r; commit; drop table items`,
			`insert into items (id, name) values (7, e'a'\n'\\''); commit; drop table items --')`,
		} {
			if a := o.send(t.Context(), "m/"+text[:60], Exec, `{"sql": "`+text+`"}`); s.address != "" && a.Code == "" {
				t.Errorf("%s: %+v", text, a)
			}
			if got := o.must(Query, "select count(*) as n from items where id < 3"); got != counted(2) {
				t.Errorf("%s: afterwards %s", text, got)
			}
		}
	})
}

// TestEndlessRows: a statement that finds one row and then none for ever ends in time.
func TestEndlessRows(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		a := o.send(ctx, "m/1", Query, `{"sql": "select 1 as n union all select count(*) from (with recursive r(n) as (select 1 union all select n + 1 from r) select n from r) x"}`)
		if a.Code != capability.Timeout {
			t.Errorf("%+v", a)
		}
		if got := o.must(Query, count); got != counted(2) {
			t.Errorf("afterwards: %s", got)
		}
	})
}

// TestLargeRows: a row that is larger than the host has room for is refused, not read.
func TestLargeRows(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		one, many, oneSays, manySay := "randomblob(20000000)", 300, "too big", "too many columns"
		if s.address != "" {
			one, many, oneSays, manySay = "repeat('x', 100000000)", 3, "a row of the answer", "a row of the answer"
		}
		if a := o.send(t.Context(), "m/1", Query, `{"sql": "select `+one+` as x"}`); a.Code != capability.Limit || !strings.Contains(a.Text, oneSays) {
			t.Errorf("one value: %s %s, %d bytes", a.Code, a.Text, len(a.Data))
		}
		columns := strings.TrimSuffix(strings.Repeat(strings.Replace(one, "0000000)", "000000)", 1)+",", many), ",")
		if a := o.send(t.Context(), "m/2", Query, `{"sql": "select `+columns+`"}`); a.Code == "" || !strings.Contains(a.Text, manySay) {
			t.Errorf("many values: %s %s, %d bytes", a.Code, a.Text, len(a.Data))
		}
		if got := o.must(Query, count); got != counted(2) {
			t.Errorf("afterwards: %s", got)
		}
	})
}

// TestSessionReset: what a statement sets for its connection is not there for the next.
func TestSessionReset(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t)
	o := s.open(t, "write", map[string]any{"connections": 1})
	o.must(Query, "select set_config('search_path', 'nowhere', false), set_config('standard_conforming_strings', 'off', false)")
	if got := o.must(Query, "select count(*) as n from items"); got != counted(2) {
		t.Error(got)
	}
	if a := o.send(t.Context(), "m/u", Query, `{"sql": "select * from U&\"grow\\005finbox\""}`); a.Code != capability.Denied {
		t.Errorf("the host's table by another spelling: %+v", a)
	}
}

// TestSessionLeft: whatever a request left on the connection, and however it ended, the next
// one of any sort has it as it was at first; one that reads changes nothing.
func TestSessionLeft(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t).must(Exec, "create function empty_items() returns integer as 'delete from items; select 1' language sql")
	const (
		path  = "select set_config('search_path', 'nowhere', false)"
		write = "select set_config('default_transaction_read_only', 'off', false)"
		lock  = "select pg_advisory_lock(7)"
		temp  = "create temp table items (n integer)"
	)
	for _, left := range []struct{ op, text string }{
		{Query, path}, {Exec, path}, {Query, write}, {Exec, write}, {Query, lock}, {Exec, lock}, {Exec, temp}, {Exec, "select 1 / 0"}, {Query, "select 1 / 0"},
	} {
		for _, several := range []bool{false, true} {
			for _, next := range []string{Query, Exec} {
				o := s.open(t, "write", map[string]any{"connections": 1})
				body := `{"sql": "` + left.text + `"}`
				if several {
					body = `{"statements": [` + body + `, {"sql": "select 2"}]}`
				}
				o.send(t.Context(), "left/1", left.op, body)
				if got := o.must(next, "select count(*) as n from items where not exists (select from pg_locks where locktype = 'advisory')"); !strings.Contains(got, "[[2]]") {
					t.Errorf("after %s of %s, several: %v: %s", left.op, left.text, several, got)
				}
				o.send(t.Context(), "left/2", left.op, body)
				if a := o.ask(Query, "select empty_items()"); a.Code != capability.Denied {
					t.Errorf("after %s of %s, several: %v: what reads changed something: %+v", left.op, left.text, several, a)
				}
			}
		}
	}
}

// spoil runs a statement on the connection of o, of which nothing is known afterwards but
// what clean says.
func (o *opened) spoil(text string, clean bool) {
	o.t.Helper()
	c, err := o.postgres().pool.Acquire(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Release()
	o.postgres().sessionOf(c.Conn()).clean = clean
	if _, err := c.Exec(o.t.Context(), text); err != nil {
		o.t.Fatal(err)
	}
}

// setting is one of the server connection that o had last, as others would find it there.
func (o *opened) setting(name string) (value string) {
	o.t.Helper()
	c, err := o.postgres().pool.Acquire(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Release()
	if err := c.QueryRow(o.t.Context(), "show "+name).Scan(&value); err != nil {
		o.t.Fatal(err)
	}
	return value
}

// TestPooled: behind a pooler of transactions each may be on another connection of the server,
// which others use too: no request leaves a setting there, and one that reads changes nothing
// wherever it comes to.
func TestPooled(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t).must(Exec, "create function empty_items() returns integer as 'delete from items; select 1' language sql")
	o := s.open(t, "write", map[string]any{"connections": 1})
	for _, op := range []string{Query, Exec, Query} {
		o.must(op, "select 1 as n")
		if got := o.setting("default_transaction_read_only"); got != "off" {
			t.Errorf("after %s transactions that others begin are read only: %s", op, got)
		}
	}
	for _, body := range []string{`{"sql": "select empty_items()"}`, `{"statements": [{"sql": "select empty_items()"}, {"sql": "select 1"}]}`} {
		for _, clean := range []bool{true, false} {
			o.spoil("set default_transaction_read_only = off", clean)
			if a := o.send(t.Context(), "m/pooled", Query, body); a.Code != capability.Denied {
				t.Errorf("%s, clean: %v: %+v", body, clean, a)
			}
		}
	}
	o.spoil("set default_transaction_read_only = on", true)
	o.must(Exec, "delete from items where id = 1")
}

// TestSessionSpoiled: on a connection that has not been reset, and where the host's table was
// never asked for, a request that writes finds it.
func TestSessionSpoiled(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t)
	o := s.open(t, "write", map[string]any{"connections": 1})
	if err := o.postgres().inbox.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.spoil("set search_path = nowhere", false)
	for range 2 {
		o.must(Exec, "update items set price = 1 where id = 1")
	}
}

// TestPages: the pages of the file are not for actors.
func TestPages(t *testing.T) {
	o := side{folder: t.TempDir()}.items(t)
	if a := o.send(t.Context(), "m/1", Query, `{"sql": "select data from sqlite_dbpage"}`); a.Code != capability.Denied && a.Code != capability.Invalid {
		t.Errorf("%+v", a)
	}
}

// TestSimpleProtocol: an address that asks for it is refused.
func TestSimpleProtocol(t *testing.T) {
	g := &grant{Database: "catalogue", Connections: 1}
	if _, err := openPostgres(g, "GROW_SQL_CATALOGUE", "postgres://u:p@127.0.0.1:1/x?default_query_exec_mode=simple_protocol"); err == nil || !strings.Contains(err.Error(), "simple protocol") {
		t.Error(err)
	}
}
