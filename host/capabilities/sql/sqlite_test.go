package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
)

// TestSQLiteConfined: statements reach no other file and no setting, also where no word
// of theirs says so, and the files are the host's alone.
func TestSQLiteConfined(t *testing.T) {
	s := side{folder: t.TempDir()}
	o := s.items(t)
	for text, code := range map[string]string{
		"select * from pragma_database_list":                  capability.Denied,
		"select load_extension('x')":                          capability.Invalid,
		"create temp table a (n integer)":                     capability.Denied,
		"create virtual table a using fts5(n)":                capability.Denied,
		"update sqlite_schema set sql = ''":                   capability.Invalid,
		"insert into items values (3, zeroblob(17000000), 1)": capability.Limit,
		`select "no such column"`:                             capability.Invalid,
	} {
		if a := o.ask(Exec, text); a.Code != code || strings.Contains(a.Text, s.folder) {
			t.Errorf("%s: %s: %s, want %s", text, a.Code, a.Text, code)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.folder, "sql", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", f, err, info.Mode())
		}
	}
}

// TestSQLiteLocked: a database that another holds for too long is told, and may be asked
// again.
func TestSQLiteLocked(t *testing.T) {
	s := side{folder: t.TempDir()}
	o := s.items(t)
	impatient := s.bounded(t, sqliteBounds{wait: time.Millisecond, pages: sqliteStandard.pages})
	tx, err := o.sqlite().writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	a := impatient.ask(Exec, "delete from items")
	if a.Code != capability.Unavailable || !a.Retry || !strings.Contains(a.Text, "locked") {
		t.Errorf("%+v", a)
	}
	if got := impatient.must(Query, count); got != counted(2) {
		t.Errorf("reading beside a writer: %s", got)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	impatient.must(Exec, "delete from items")
}

// TestSQLiteFull: what goes beyond the size of a database is told, and leaves nothing.
func TestSQLiteFull(t *testing.T) {
	s := side{folder: t.TempDir()}
	s.items(t)
	small := s.bounded(t, sqliteBounds{wait: time.Second, pages: 20})
	a := small.send(t.Context(), "m/1", Exec, `{"statements": [{"sql": "delete from items"}, {"sql": "insert into items values (1, zeroblob(100000), 1)"}]}`)
	if a.Code != capability.Limit || a.Retry {
		t.Errorf("%+v", a)
	}
	if got := small.must(Query, count); got != counted(2) {
		t.Error(got)
	}
}

// bounded opens a grant to write with other bounds.
func (s side) bounded(t *testing.T, most sqliteBounds) *opened {
	t.Helper()
	o := s.open(t, "write", nil)
	d := o.sqlite()
	if err := d.writer.Close(); err != nil {
		t.Fatal(err)
	}
	d.writer = sqliteDB(filepath.Join(s.folder, "sql", "catalogue.db"), "rw", most)
	var err error
	if d.adds, err = d.writer.PrepareContext(t.Context(), inboxAdd); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestSQLiteDamaged: a file that is no database is an error at start.
func TestSQLiteDamaged(t *testing.T) {
	s := side{folder: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.folder, "sql"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.folder, "sql", "catalogue.db"), []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openSQLite(t.Context(), &grant{Database: "catalogue", Connections: 1}, filepath.Join(s.folder, "sql"))
	if err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Error(err)
	}
}

// TestSQLiteAlone: a grant to read is served where nobody writes, and sees what others
// have written before and write later.
func TestSQLiteAlone(t *testing.T) {
	s := side{folder: t.TempDir()}
	empty := s.open(t, "read", nil)
	if a := empty.ask(Query, count); a.Code != capability.Invalid || !strings.Contains(a.Text, "no such table") {
		t.Errorf("%+v", a)
	}
	if err := empty.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.items(t).Close(); err != nil {
		t.Fatal(err)
	}
	reader := s.open(t, "read", nil)
	if got := reader.must(Query, count); got != counted(2) {
		t.Error(got)
	}
	s.open(t, "write", nil).must(Exec, "delete from items where id = 1")
	if got := reader.must(Query, count); got != counted(1) {
		t.Error(got)
	}
}

// TestSQLiteKept: statements stay prepared, no more than are to, and each sees what has
// become of its tables since.
func TestSQLiteKept(t *testing.T) {
	s := side{folder: t.TempDir()}
	s.items(t)
	o := s.open(t, "write", map[string]any{"connections": 1})
	all := "select * from items where id = 1"
	before := o.must(Query, all)
	if got := o.kept(); len(got) != 1 || got[0] != all {
		t.Errorf("kept are %q", got)
	}
	o.must(Exec, "alter table items add column colour text default 'red'")
	if got := o.must(Query, all); got == before || !strings.Contains(got, `"red"`) {
		t.Errorf("after another column: %s", got)
	}
	o.must(Exec, "alter table items rename to goods")
	if a := o.ask(Query, all); a.Code != capability.Invalid || !strings.Contains(a.Text, "no such table") {
		t.Errorf("without the table: %+v", a)
	}
	last := ""
	for n := range keptMax + 5 {
		last = fmt.Sprintf("select %d", n)
		o.must(Query, last)
	}
	if got := o.kept(); len(got) != keptMax || got[keptMax-1] != last {
		t.Errorf("%d are kept, the last one is %q", len(got), got[len(got)-1])
	}
	o.must(Query, "select '"+strings.Repeat("x", keptBytes)+"'")
	if got := o.kept(); got[keptMax-1] != last {
		t.Errorf("a long statement is kept: %.60q", got[keptMax-1])
	}
}

// kept are the statements that stay prepared on the one connection that reads.
func (o *opened) kept() (texts []string) {
	o.t.Helper()
	c, err := o.sqlite().reader.Conn(o.t.Context())
	if err == nil {
		err = c.Raw(func(conn any) error {
			for _, s := range conn.(*sqliteConn).kept {
				texts = append(texts, s.text)
			}
			return nil
		})
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return texts
}

// TestSQLiteDoneLate: a request that was done before is answered as it was then, also when doing it
// again takes longer than it may.
func TestSQLiteDoneLate(t *testing.T) {
	o := side{folder: t.TempDir()}.items(t)
	const slow = `{"sql": "insert into items (id, name) select 100 + (select count(*) from items), 'x' || (select count(*) from (with recursive r(n) as (select 1 union all select n + 1 from r limit 1500000) select n from r))"}`
	first := o.send(t.Context(), "m1/1", Exec, slow)
	if first.Code != "" {
		t.Fatal(first)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if again := o.send(ctx, "m1/1", Exec, slow); again.Code != "" || string(again.Data) != string(first.Data) {
		t.Errorf("at first %s, and again %+v", first.Data, again)
	}
}

// TestSQLiteReaderWaits: a reader that waits for another program's lock gives up when its time is over.
func TestSQLiteReaderWaits(t *testing.T) {
	s := side{folder: t.TempDir()}
	o := s.items(t)
	reader := s.open(t, "read", nil)
	reader.sqlite().reader.SetMaxIdleConns(0) // nobody has the database open
	path := filepath.Join(s.folder, Folder, "catalogue"+FileSuffix)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, text := range []string{"pragma locking_mode=exclusive", "begin immediate", "insert into items (id, name) values (9, 'nine')", "commit"} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range []string{`{"sql": "select count(*) from items"}`, `{"statements": [{"sql": "select 1"}, {"sql": "select count(*) from items"}]}`} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if a := reader.send(ctx, "m/1", Query, data); a.Code != capability.Timeout {
			t.Errorf("%s: %+v", data, a)
		}
		cancel()
	}
}
