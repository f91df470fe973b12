package sql

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// TestPostgresValues: values of types that SQLite has not.
func TestPostgresValues(t *testing.T) {
	o := side{address: server.database(t)}.open(t, "write", nil)
	o.must(Exec, "create table v (n numeric, j jsonb, t timestamptz, l timestamp, d date, u uuid, a integer[], b boolean, f double precision)")
	o.must(Exec, "insert into v values ($1, $2, $3, $4, $5, $6, $7, $8, $9)", "12345678901234567890.5", map[string]any{"a": []int{1}},
		"2026-01-02T03:04:05+02:00", "2026-01-02 03:04:05.25", "2026-01-02", "00000000-0000-0000-0000-000000000001", "{1,2}", true, "NaN")
	want := `{"columns":["n","j","t","l","d","u","a","b","f"],"rows":[["12345678901234567890.5",{"a": [1]},"2026-01-02T01:04:05Z","2026-01-02T03:04:05.25","2026-01-02","00000000-0000-0000-0000-000000000001","{1,2}",true,"NaN"]]}`
	if got := o.must(Query, "select * from v"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for text, want := range map[string]string{
		`select 7::oid as a, '9'::xid as b, 2::smallint as c, 1.5::real as d, '\x00ff'::bytea as e`:     `{"columns":["a","b","c","d","e"],"rows":[[7,9,2,1.5,{"base64":"AP8="}]]}`,
		`select '<a/>x'::xml as a, '{"b": 1}'::json as b, interval '1 day' as c, '10.0.0.1'::inet as d`: `{"columns":["a","b","c","d"],"rows":[["\u003ca/\u003ex",{"b": 1},"1 day","10.0.0.1"]]}`,
		"select null::integer as a, null::text[] as b, 'x'::\"char\" as c, int4range(1, 3) as d":        `{"columns":["a","b","c","d"],"rows":[[null,null,"x","[1,3)"]]}`,
		"select 'infinity'::timestamptz as a, '2026-01-02 03:04:05 BC'::timestamp as b":                 `{"columns":["a","b"],"rows":[["infinity","-2025-01-02T03:04:05"]]}`,
		"select v.n from v where false": `{"columns":["n"],"rows":[]}`,
	} {
		for range 2 { // also once it stays prepared
			if got := o.must(Query, text); got != want {
				t.Errorf("%s: %s\nwant %s", text, got, want)
			}
		}
	}
	for text, args := range map[string][]any{
		"select $1::integer":    {"seven"},
		"select $1::date":       {"2026-02-30"},
		"select 1 / $1":         {0},
		"select $1::smallint":   {70000},
		"select 'a' || lower()": nil,
	} {
		if a := o.ask(Query, text, args...); a.Code != capability.Invalid || a.Retry || a.Text == "" {
			t.Errorf("%s: %s: %s", text, a.Code, a.Text)
		}
	}
}

// TestPostgresReads: a grant to read changes nothing, whatever it calls.
func TestPostgresReads(t *testing.T) {
	s := side{address: server.database(t)}
	o := s.items(t)
	o.must(Exec, "create function empty_items() returns integer as 'delete from items; select 1' language sql")
	reader := s.open(t, "read", nil)
	for _, text := range []string{"select empty_items()", "select nextval('s')", "with a as (delete from items returning 1) select * from a"} {
		if a := reader.ask(Query, text); a.Code != capability.Denied && !strings.Contains(a.Text, `"s" does not exist`) {
			t.Errorf("%s: %s: %s", text, a.Code, a.Text)
		}
	}
	a := reader.send(t.Context(), "m/1", Query, `{"statements": [{"sql": "select set_config('transaction_read_only', 'off', false)"}, {"sql": "select empty_items()"}]}`)
	if a.Code == "" {
		t.Error("a transaction to read was made one to write")
	}
	if got := o.must(Query, count); got != counted(2) {
		t.Error(got)
	}
}

// TestPostgresGone: a server that goes away in a transaction leaves nothing of it and is
// told without saying where it is; when it is back, it is used again.
func TestPostgresGone(t *testing.T) {
	s := side{address: server.database(t)}
	o := s.items(t)
	o.must(Exec, "create table seen (pid integer)")
	// A connection that is ended in its transaction: all is done by another one.
	end := `{"statements": [{"sql": "delete from items where id = 1"}, {"sql": "select pg_terminate_backend(pg_backend_pid())"}]}`
	if a := o.send(t.Context(), "m1/1", Exec, end); a.Code != capability.Unavailable || !a.Retry || strings.Contains(a.Text, "terminat") {
		t.Errorf("%+v", a)
	}
	if got := o.must(Query, count); got != counted(2) {
		t.Errorf("after the connection was ended: %s", got)
	}
	if err := server.End(); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{Query, Exec} {
		a := o.ask(op, "select 1 as n")
		if a.Code != capability.Unavailable || !a.Retry || strings.Contains(a.Text, server.Folder) || strings.Contains(a.Text, password) {
			t.Errorf("%s without a server: %+v", op, a)
		}
	}
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	if got := o.must(Query, count); got != counted(2) {
		t.Errorf("after the server was back: %s", got)
	}
}

// TestPostgresAccount: what the host's account may not is told, without its name.
func TestPostgresAccount(t *testing.T) {
	s := side{address: server.database(t)}
	o := s.items(t)
	o.must(Exec, "create role r"+s.name()+" login")
	o.must(Exec, "create table hidden (n integer)")
	weak := side{address: strings.Replace(s.address, "grow:", "r"+s.name()+":", 1)}
	if a := weak.open(t, "read", nil).ask(Query, "select * from hidden"); a.Code != capability.Denied {
		t.Errorf("%+v", a)
	}
	none := side{address: strings.Replace(s.address, "grow:", "nobody-here:", 1)}
	if a := none.open(t, "read", nil).ask(Query, "select 1"); a.Code != capability.Unavailable || strings.Contains(a.Text, "nobody-here") {
		t.Errorf("%+v", a)
	}
}

// name is that of the database in the address.
func (s side) name() string {
	_, rest, _ := strings.Cut(s.address, "@/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

// TestPostgresProtocol: by every mode that an address may ask for, a text goes to the
// server as one statement, whether it has arguments or not, also when the lexer was
// deceived. The simple protocol, by which a text is several, cannot be had.
func TestPostgresProtocol(t *testing.T) {
	s := side{address: server.database(t)}
	o := s.items(t)
	for _, mode := range []string{"", "cache_statement", "cache_describe", "describe_exec", "exec", "cache_statement&statement_cache_capacity=1"} {
		with := s
		if mode != "" {
			with.address += "&default_query_exec_mode=" + mode
		}
		d := with.open(t, "write", nil)
		for _, st := range []statement{
			{text: "delete from items; delete from items"},
			{text: "delete from items; select 1", rows: true},
			{text: "commit; delete from items where id > $1", args: []any{int64(0)}},
			{text: "select 1; delete from items where id > $1", args: []any{int64(0)}, rows: true},
		} {
			for _, writes := range []bool{true, false} {
				var e *entry
				if writes {
					e = &entry{stable: "m/1", digest: mode + st.text}
				}
				_, err := d.attempt(t.Context(), &request{statements: []statement{st}}, e, false)
				if err == nil || !strings.Contains(err.Error(), "multiple commands into a prepared statement") {
					t.Errorf("mode %q: %s: %v", mode, st.text, err)
				}
			}
		}
		if got := o.must(Query, count); got != counted(2) {
			t.Fatalf("mode %q: afterwards %s", mode, got)
		}
	}
}

// TestPostgresSimple: an address that asks for the simple protocol is refused, also when
// what it says comes from a file of services that it names.
func TestPostgresSimple(t *testing.T) {
	file := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(file, []byte("[simple]\ndefault_query_exec_mode=simple_protocol\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"postgres://u:hidden@h/d?default_query_exec_mode=simple_protocol",
		"postgres://u:hidden@h/d?default%5Fquery%5Fexec_mode=simple%5Fprotocol",
		"postgres://u:hidden@h/d?default_query_exec_mode=exec&default_query_exec_mode=simple_protocol",
		"postgres://u:hidden@h/d?default_query_exec_mode=SIMPLE_PROTOCOL",
		"postgres://u:hidden@h/d?servicefile=" + file + "&service=simple",
	} {
		s := side{address: address}
		c, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"database": "catalogue"}}, s.environment())
		if err == nil {
			t.Errorf("%s: opened", address)
			_ = c.Close() // the test has failed
			continue
		}
		if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "GROW_SQL_CATALOGUE") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestArguments: no argument of a request is of a type that is more to the driver than a
// value: an execution mode, a rewriter of statements, formats of results.
func TestArguments(t *testing.T) {
	q, err := parse([]byte(`{"sql": "select $1, $2, $3, $4, $5, $6, $7, $8", "args": [null, true, 1, 1.5, "a", {"base64": "AA=="}, {"QueryExecMode": 5}, [5]]}`), queries, postgresLexicon)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range q.statements[0].args {
		switch a.(type) {
		case nil, bool, int64, float64, string, []byte:
		default:
			t.Errorf("an argument is a %T", a)
		}
	}
}

// TestKept: statements stay prepared, so many of them, and one whose table has changed since
// is prepared anew.
func TestKept(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t)
	o := s.open(t, "write", map[string]any{"connections": 1})
	there := func() string {
		return o.must(Query, "select count(*) as n from pg_prepared_statements where statement like '%-- kept' || ' %'")
	}
	for n := range keptMax + 5 {
		o.must(Query, fmt.Sprintf("select %d as n -- kept %d", n, n))
	}
	if got := there(); got != counted(keptMax-1) { // and the one that counts
		t.Errorf("of %d statements %s stay prepared", keptMax+5, got)
	}
	all := "select * from items where id = 1 -- " + strings.Repeat("x", 10)
	if got := o.must(Query, all); !strings.Contains(got, `"pen"`) {
		t.Error(got)
	}
	o.must(Exec, "alter table items add column size integer")
	if got := o.must(Query, all); !strings.Contains(got, `"size"`) {
		t.Errorf("after the table was changed: %s", got)
	}
	if got := there(); got != counted(0) {
		t.Errorf("after another attempt %s are prepared", got)
	}
	long := "select 1 as n -- kept " + strings.Repeat("x", keptBytes)
	o.must(Query, long)
	if got := there(); got != counted(0) {
		t.Errorf("a long text stays prepared: %s", got)
	}
}

// ways is a proxy in front of the server that counts how often something goes to it once it has
// answered.
type ways struct{ count atomic.Int32 }

// side is the database of another, behind the proxy.
func (w *ways) side(t *testing.T, of side) side {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		open.Wait()
	})
	behind := filepath.Join(server.Folder, ".s.PGSQL.5432")
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("unix", behind)
			if err != nil {
				t.Error(err)
				_ = c.Close()
				return
			}
			var answered atomic.Bool
			open.Go(func() {
				pass(s, c, func() {
					if answered.Swap(false) {
						w.count.Add(1)
					}
				})
			})
			open.Go(func() { pass(c, s, func() { answered.Store(true) }) })
		}
	})
	of.address = strings.Replace(of.address, server.Folder, filepath.Dir(l.Addr().String()), 1)
	return of
}

// pass passes on what comes, and ends both when one does.
func pass(to, from net.Conn, seen func()) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			seen()
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestPostgresWays: once the server has read its statements, a request that reads takes one way
// to it and back, and one that writes two, however many statements it has.
func TestPostgresWays(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t)
	w := &ways{}
	o := w.side(t, s).open(t, "write", map[string]any{"connections": 1})
	one, several := `{"sql": "`+count+`"}`, `{"statements": [{"sql": "update items set price = 1"}, {"sql": "`+count+`"}]}`
	for _, c := range []struct {
		op, text string
		want     int32
	}{{Query, one, 1}, {Query, `{"statements": [` + one + `, ` + one + `]}`, 1}, {Exec, one, 2}, {Exec, several, 2}} {
		for again := range 2 {
			before := w.count.Load()
			r := &capability.Request{Operation: c.op, Data: []byte(c.text), Stable: fmt.Sprintf("m/%d", requests.Add(1)), First: true}
			if a := o.Do(t.Context(), r); a.Code != "" {
				t.Fatal(a)
			}
			if got := w.count.Load() - before; again > 0 && got != c.want {
				t.Errorf("%s of %s took %d ways, want %d", c.op, c.text, got, c.want)
			}
		}
	}
}

// TestPostgresBefore: what was done is not done again to find that out: what no transaction takes
// back would be done twice.
func TestPostgresBefore(t *testing.T) {
	o := side{address: server.database(t)}.open(t, "write", nil)
	o.must(Exec, "create sequence q")
	next := func() string { return o.must(Exec, "select nextval('q') as n") }
	const set = `{"sql": "select setval('q', 100) as n"}`
	first := o.send(t.Context(), "m1/1", Exec, set)
	next()
	if again := o.send(t.Context(), "m1/1", Exec, set); string(again.Data) != string(first.Data) {
		t.Errorf("%s, and again: %s", first.Data, again.Data)
	}
	if got := next(); !strings.Contains(got, "[[102]]") {
		t.Errorf("the sequence was set back: %s", got)
	}
	late := &capability.Request{Operation: Exec, Data: []byte(set), Stable: "m1/1", First: true} // says who stood still meanwhile
	if again := o.Do(t.Context(), late); string(again.Data) != string(first.Data) {
		t.Errorf("%s, and late: %s%s", first.Data, again.Text, again.Data)
	}
}

// TestPostgresNames: a function that an actor has made can do what is prepared by its name, and
// does not get out of its transaction by that; names that it takes away are made anew.
func TestPostgresNames(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t).must(Exec, "create function run(what text) returns integer language plpgsql as 'begin execute what; return 1; end'")
	o := s.open(t, "write", map[string]any{"connections": 1})
	const dearer = `{"sql": "update items set price = 99"}`
	o.send(t.Context(), "n0/1", Exec, dearer)
	priced := func() string { return o.must(Query, "select price from items where id = 1") }
	o.must(Exec, "update items set price = 7")
	before := priced()
	for n := range 12 {
		name := fmt.Sprintf("grow_own_%d", n)
		body := `{"statements": [` + dearer + `, {"sql": "select run('execute ` + name + `')"}, {"sql": "select 1 / 0"}]}`
		if a := o.send(t.Context(), fmt.Sprintf("n%d/2", n), Exec, body); a.Code != capability.Invalid && a.Code != capability.Unavailable {
			t.Errorf("%s: %+v", name, a)
		}
		if got := priced(); got != before {
			t.Fatalf("%s ended the transaction: %s", name, got)
		}
	}
	for _, gone := range []string{"deallocate all", "deallocate grow_1", "deallocate grow_2", "deallocate grow_own_0"} {
		o.ask(Query, "select run('"+gone+"') as n")
		for range 2 {
			if got := priced(); got != before {
				t.Errorf("after %s: %s", gone, got)
			}
		}
	}
}

// TestPostgresLate: a request that was never begun ends with its time, and says so.
func TestPostgresLate(t *testing.T) {
	s := side{address: server.database(t)}
	s.items(t)
	o := s.open(t, "write", map[string]any{"connections": 1})
	c, err := o.postgres().pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	r := &capability.Request{Operation: Exec, Data: []byte(`{"sql": "delete from items"}`), Stable: "l1/1", First: true}
	if a := o.Do(ctx, r); a.Code != capability.Timeout {
		t.Errorf("%+v", a)
	}
}
