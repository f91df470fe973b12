package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Limits of SQLite: bytes of a value or row, and columns of a table or an answer, which
// may all be as large.
const (
	sqliteValueMax   = 4 << 20
	sqliteColumnsMax = 200
)

// sqliteBounds are the limits of a database of SQLite; only tests have others than these.
type sqliteBounds struct {
	wait  time.Duration // for another's transaction
	pages int           // of 4 KiB, that the file has
}

var sqliteStandard = sqliteBounds{wait: 5 * time.Second, pages: 1 << 18}

// sqliteEngine is a file of SQLite.
type sqliteEngine struct {
	*grant
	reader *stdsql.DB   // can change nothing
	writer *stdsql.DB   // nil: the grant is to read
	adds   *stdsql.Stmt // on writer: adds to the inbox
	inbox  inbox
	line   *line // of requests that write
}

// openSQLite opens the database in a folder, which it makes.
func openSQLite(ctx context.Context, g *grant, folder string) (capability.Capability, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("database %s: %w", g.Database, err)
	}
	path, err := filepath.Abs(filepath.Join(folder, g.Database+FileSuffix))
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", g.Database, err)
	}
	d := &sqliteEngine{grant: g, writer: sqliteDB(path, "rw", sqliteStandard)}
	d.writer.SetMaxOpenConns(1) // SQLite has one writer at a time
	d.inbox = inbox{layout: "without rowid", there: d.hasInbox, say: d.say}
	if err := d.inbox.ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s in %s: %w", g.Database, path, err), d.writer.Close())
	}
	d.reader = sqliteDB(path, "ro", sqliteStandard)
	d.reader.SetMaxOpenConns(g.Connections)
	d.reader.SetMaxIdleConns(g.Connections)
	if !g.writes() {
		err := d.writer.Close()
		if d.writer = nil; err != nil {
			return nil, errors.Join(err, d.Close())
		}
		return &database{g, d}, nil
	}
	d.line = &line{engine: d, patience: patience}
	if d.adds, err = d.writer.PrepareContext(ctx, inboxAdd); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s in %s: %w", g.Database, path, err), d.Close())
	}
	return &database{g, d}, nil
}

// Close implements engine.
func (d *sqliteEngine) Close() error {
	err := d.reader.Close()
	if d.writer != nil {
		err = errors.Join(err, d.writer.Close())
	}
	return err
}

// ready implements engine.
func (d *sqliteEngine) ready(ctx context.Context) error { return d.inbox.ready(ctx) }

func (d *sqliteEngine) hasInbox(ctx context.Context) (bool, error) {
	var n int
	err := d.writer.QueryRowContext(ctx, `select count(*) from sqlite_schema where name = '`+inboxName+`'`).Scan(&n)
	return n > 0, err
}

func (d *sqliteEngine) say(ctx context.Context, text string, args ...any) error {
	_, err := d.writer.ExecContext(ctx, text, args...)
	return err
}

// done implements engine.
func (d *sqliteEngine) done(ctx context.Context, e *entry) (data []byte, err error) {
	err = d.reader.QueryRowContext(ctx, inboxFind, e.stable, e.digest).Scan(&data)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	return data, err
}

// sqliteDB makes a pool of connections in a mode: rw, ro.
func sqliteDB(path, mode string, most sqliteBounds) *stdsql.DB {
	q := url.Values{"mode": {mode}, "_defensive": {"1"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	q["_pragma"] = []string{fmt.Sprintf("busy_timeout(%d)", most.wait.Milliseconds()), "foreign_keys(1)", "trusted_schema(0)"}
	if mode == "rw" {
		q.Set("_txlock", "immediate")
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("max_page_count(%d)", most.pages))
	} else {
		q["_pragma"] = append(q["_pragma"], "query_only(1)")
	}
	d := &sqlite.Driver{}
	d.RegisterConnectionHook(func(c sqlite.ExecQuerierContext, _ string) error {
		return c.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(authorize)
	})
	at := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"), RawQuery: q.Encode()}
	return stdsql.OpenDB(&connector{driver: d, dsn: at.String()})
}

// authorize lets statements do nothing but read and write this one database: no other
// files, no settings, nothing that outlives a transaction on the connection.
func authorize(action sqlite.AuthorizerActionCode, table, _, _, _ string) sqlite.AuthorizerReturnCode {
	switch action {
	case sqlite.AuthAttach, sqlite.AuthDetach, sqlite.AuthPragma, sqlite.AuthCreateVTable,
		sqlite.AuthCreateTempIndex, sqlite.AuthCreateTempTable, sqlite.AuthCreateTempTrigger, sqlite.AuthCreateTempView:
		return sqlite.AuthorizerDeny
	case sqlite.AuthRead:
		if table == "sqlite_dbpage" || table == "dbstat" { // the file itself
			return sqlite.AuthorizerDeny
		}
	}
	return sqlite.AuthorizerOK
}

// sqliteLexicon is how statements of SQLite are read.
var sqliteLexicon = lexicon{brackets: true}

// lex implements engine.
func (*sqliteEngine) lex() lexicon { return sqliteLexicon }

// interruptEvery is how often a connection is told to end what it does once its time is
// over: between two steps there is nothing to end yet.
const interruptEvery = 20 * time.Millisecond

// interrupt has what a connection does end when ctx does, until stop is called, which is
// before the connection is used for anything else. The driver itself ends a statement only
// until it has found the first row, and a later one may take for ever; for each it has a
// goroutine, which what is within needs no more.
func (*sqliteEngine) interrupt(ctx context.Context, c *stdsql.Conn) (within context.Context, stop func(), err error) {
	var handle uintptr
	err = c.Raw(func(conn any) error {
		handle = conn.(*sqliteConn).handle
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	done, ended := make(chan struct{}), make(chan struct{})
	unused := context.AfterFunc(ctx, func() { // ends with stop
		defer close(ended)
		tls := libc.NewTLS()
		defer tls.Close()
		again := time.NewTicker(interruptEvery)
		defer again.Stop()
		for {
			sqlite3.Xsqlite3_interrupt(tls, handle)
			select {
			case <-done:
				return
			case <-again.C:
			}
		}
	})
	return context.WithoutCancel(ctx), func() {
		if !unused() {
			close(done)
			<-ended
		}
	}, nil
}

// failure implements engine (https://www.sqlite.org/rescode.html).
func (*sqliteEngine) failure(err error) *failure {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	f := &failure{code: capability.Invalid, text: err.Error()}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT:
		f.code = capability.Conflict
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_PERM:
		f.code = capability.Denied
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM:
		f.code = capability.Limit
	case sqlite3.SQLITE_INTERRUPT:
		f.code, f.text = capability.Timeout, "the statement was given up"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		f.code, f.text = capability.Unavailable, "the database is locked by another transaction"
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL:
		f.code, f.text = capability.Unavailable, "" // says where it is
	}
	return f
}
