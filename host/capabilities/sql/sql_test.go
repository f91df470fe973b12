package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop postgres:", err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// side is a database of a test: of SQLite when it has no address.
type side struct {
	folder  string
	address string
}

// each runs a test on every sort of database, on a new one.
func each(t *testing.T, test func(t *testing.T, s side)) {
	t.Run("sqlite", func(t *testing.T) { test(t, side{folder: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { test(t, side{address: server.database(t)}) })
}

func (s side) environment() capability.Environment {
	return capability.Environment{Data: s.folder, Secret: func(name string) (string, bool) {
		return s.address, s.address != "" && name == "GROW_SQL_CATALOGUE"
	}}
}

// open opens a grant to the database catalogue with access and further parameters.
func (s side) open(t testing.TB, access string, more map[string]any) *opened {
	t.Helper()
	params := map[string]any{"database": "catalogue", "access": access}
	for name, v := range more {
		params[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "sql", Params: params}, s.environment())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &opened{t: t, database: c.(*database)}
}

// opened is a grant that a test asks.
type opened struct {
	t testing.TB
	*database
}

func (o *opened) sqlite() *sqliteEngine     { return o.engine.(*sqliteEngine) }
func (o *opened) postgres() *postgresEngine { return o.engine.(*postgresEngine) }

var requests atomic.Int64

// ask makes a request of its own. args are the statement's.
func (o *opened) ask(op, text string, args ...any) capability.Answer {
	o.t.Helper()
	data, err := json.Marshal(map[string]any{"sql": text, "args": args})
	if err != nil {
		o.t.Fatal(err)
	}
	return o.send(o.t.Context(), fmt.Sprintf("m/%d", requests.Add(1)), op, string(data))
}

func (o *opened) send(ctx context.Context, stable, op, data string) capability.Answer {
	return o.Do(ctx, &capability.Request{Operation: op, Data: []byte(data), Stable: stable, Attr: func(string) (string, bool) { return "", false }})
}

// must is ask for what has to succeed; it returns the data.
func (o *opened) must(op, text string, args ...any) string {
	o.t.Helper()
	a := o.ask(op, text, args...)
	if a.Code != "" {
		o.t.Fatalf("%s: %s: %s", text, a.Code, a.Text)
	}
	return string(a.Data)
}

// items is a catalogue with a table of two items.
func (s side) items(t testing.TB) *opened {
	t.Helper()
	o := s.open(t, "write", nil)
	o.must(Exec, "create table items (id integer primary key, name text not null unique, price double precision)")
	o.must(Exec, "insert into items values ($1, $2, $3), ($4, $5, $6)", 1, "pen", 1.5, 2, "book", 20)
	return o
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"database": "catalogue"}, ""},
		{map[string]any{"database": "catalogue", "access": "write", "rows": 10, "answer": 100, "connections": 1}, ""},
		{map[string]any{}, "database"},
		{map[string]any{"database": "../catalogue"}, "database"},
		{map[string]any{"database": "a", "access": "all"}, "access"},
		{map[string]any{"database": "a", "rows": 0}, "rows"},
		{map[string]any{"database": "a", "answer": 1 << 21}, "answer"},
		{map[string]any{"database": "a", "dsn": "postgres://"}, "dsn"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "sql", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

// TestOpen: what a host cannot give is an error at start that says no secret.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		side
		says string
	}{
		{side{}, "say in the secret GROW_SQL_CATALOGUE where it is"},
		{side{address: "mysql://u:hidden@h/d"}, "the secret GROW_SQL_CATALOGUE is not the address of a PostgreSQL"},
		{side{address: "postgres://u:hidden@h:port/d"}, "is not the address of a PostgreSQL"},
		{side{folder: file}, "database catalogue"},
	} {
		_, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"database": "catalogue"}}, c.environment())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// TestAnswers: what statements answer, the same on every sort of database.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		for _, c := range []struct {
			op, text string
			args     []any
			want     string
		}{
			{Query, "select id, name, price from items order by id", nil, `{"columns":["id","name","price"],"rows":[[1,"pen",1.5],[2,"book",20]]}`},
			{Query, "select name from items where price > $1;", []any{2}, `{"columns":["name"],"rows":[["book"]]}`},
			{Query, "-- a\n/* b; */ with a as (select 1 as n) select n, ';' as b from a ; ", nil, `{"columns":["n","b"],"rows":[[1,";"]]}`},
			{Query, "select id from items where id = 7", nil, `{"columns":["id"],"rows":[]}`},
			{Query, "select cast($1 as text) as a, cast($2 as text) as b", []any{nil, `"'\\é`}, `{"columns":["a","b"],"rows":[[null,"\"'\\\\é"]]}`},
			{Query, "select cast($1 as text) as a", []any{map[string]any{"k": []int{1, 2}}}, `{"columns":["a"],"rows":[["{\"k\":[1,2]}"]]}`},
			{Query, "select 9223372036854775807 as a", nil, `{"columns":["a"],"rows":[[9223372036854775807]]}`},
			{Exec, "update items set price = price + $1", []any{1}, `{"rows_affected":2}`},
			{Exec, "insert into items values ($1, $2, $3) returning id, price", []any{3, "cup", 4.5}, `{"columns":["id","price"],"rows":[[3,4.5]],"rows_affected":1}`},
			{Exec, "with a as (select 3 as n) delete from items where id in (select n from a)", nil, `{"rows_affected":1}`},
			{Exec, "select count(*) as n from items", nil, `{"columns":["n"],"rows":[[2]],"rows_affected":1}`},
		} {
			if got := o.must(c.op, c.text, c.args...); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
			}
		}
	})
}

// TestBytes: bytes go in and come out as they are.
func TestBytes(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o, kind := s.open(t, "write", nil), "blob"
		if s.address != "" {
			kind = "bytea"
		}
		o.must(Exec, "create table b (b "+kind+")")
		o.must(Exec, "insert into b values ($1)", map[string]any{"base64": "AP8="})
		if got := o.must(Query, "select b from b"); got != `{"columns":["b"],"rows":[[{"base64":"AP8="}]]}` {
			t.Error(got)
		}
	})
}

// TestRefused: what is wrong with a request has a code, and changes nothing.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		o := s.items(t)
		before := o.must(Query, "select * from items order by id")
		reader := s.open(t, "read", nil)
		for _, c := range []struct {
			o        *opened
			op, text string
			args     []any
			code     string
			says     string
		}{
			{o, Exec, "delete from items; delete from items", nil, capability.Invalid, "several statements"},
			{o, Query, "select 1; drop table items", nil, capability.Invalid, "several statements"},
			{o, Query, "select 1 -- ;\n; delete from items", nil, capability.Invalid, "several statements"},
			{o, Exec, "", nil, capability.Invalid, "no statement"},
			{o, Exec, " ; ", nil, capability.Invalid, "empty"},
			{o, Exec, "delete from items -- \x00", nil, capability.Invalid, "NUL"},
			{o, Exec, "delete from items where name = $1", []any{"\x00"}, capability.Invalid, "NUL"},
			{o, Exec, "insert into items values (3, $1, 1)", []any{"pen"}, capability.Conflict, "items"},
			{o, Exec, "insert into items values (3, $1, 1)", []any{nil}, capability.Conflict, "name"},
			{o, Exec, "update itms set price = 1", nil, capability.Invalid, "itms"},
			{o, Exec, "updat items set price = 1", nil, capability.Denied, "UPDAT"},
			{o, Exec, "update items set", nil, capability.Invalid, ""},
			{o, Exec, "update items set price = $1", nil, capability.Invalid, ""},
			{o, Query, "select $1", []any{json.Number("123456789012345678901")}, capability.Invalid, "64 bits"},
			{o, Query, "select $1", []any{map[string]any{"base64": "?"}}, capability.Invalid, "base64"},
			{o, Query, "delete from items", nil, capability.Denied, "sql.exec"},
			{o, Query, "with a as (select 1) delete from items", nil, capability.Denied, ""},
			{reader, Exec, "delete from items", nil, capability.Denied, "access: write"},
			{o, Exec, "commit", nil, capability.Denied, "COMMIT"},
			{o, Exec, "begin", nil, capability.Denied, "BEGIN"},
			{o, Exec, "savepoint a", nil, capability.Denied, "SAVEPOINT"},
			{o, Exec, "attach database 'x' as x", nil, capability.Denied, "ATTACH"},
			{o, Exec, "vacuum into 'x'", nil, capability.Denied, "VACUUM"},
			{o, Query, "pragma query_only(0)", nil, capability.Denied, "PRAGMA"},
			{o, Exec, "set role postgres", nil, capability.Denied, "SET"},
			{o, Exec, "copy items to program 'id'", nil, capability.Denied, "COPY"},
			{o, Exec, "do 'begin delete from items; end'", nil, capability.Denied, "DO"},
			{o, Exec, `delete from "GROW_INBOX"`, nil, capability.Denied, "is the host's"},
		} {
			if a := c.o.ask(c.op, c.text, c.args...); a.Code != c.code || !strings.Contains(a.Text, c.says) || a.Retry {
				t.Errorf("%q %v: %s: %s (retry %v), want %s: %s", c.text, c.args, a.Code, a.Text, a.Retry, c.code, c.says)
			}
		}
		for _, data := range []string{"", "[]", `"select 1"`, `{"sql": 1}`, `{"sql": "select 1", "statements": []}`, `{"statements": []}`, `{"query": "select 1"}`, `{"sql": "select 1"} {}`,
			`{"statements": [` + strings.Repeat(`{"sql": "select 1"},`, statementsMax) + `{"sql": "select 1"}]}`} {
			if a := o.send(t.Context(), "x/1", Exec, data); a.Code != capability.Invalid || a.Text == "" {
				t.Errorf("%.60s: %s: %s", data, a.Code, a.Text)
			}
		}
		if after := o.must(Query, "select * from items order by id"); after != before {
			t.Errorf("%s, was %s", after, before)
		}
	})
}

// TestLimits: rows and bytes, each at the limit and one beyond.
func TestLimits(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		s.items(t)
		all := "select id, name from items"
		size := len(s.open(t, "read", nil).must(Query, all))
		for _, c := range []struct {
			name string
			at   int
		}{{"rows", 2}, {"answer", size}} {
			if a := s.open(t, "read", map[string]any{c.name: c.at}).ask(Query, all); a.Code != "" {
				t.Errorf("%s %d: %s", c.name, c.at, a.Text)
			}
			if a := s.open(t, "read", map[string]any{c.name: c.at - 1}).ask(Query, all); a.Code != capability.Limit || !strings.Contains(a.Text, fmt.Sprint(c.at-1)) {
				t.Errorf("%s %d: %s %s", c.name, c.at-1, a.Code, a.Text)
			}
		}
	})
}
