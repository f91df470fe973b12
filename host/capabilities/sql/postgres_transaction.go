package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// resets take back what a statement may have set for the connection, before others use it.
// They are a transaction of their own, and set nothing: the connection may be a pooler's,
// which shares the server's with others.
var resets = []string{"begin", "reset role", "reset all", "discard temp", "select pg_advisory_unlock_all()", "commit"}

// cleanKey is where a connection says that no statement has been on it since resets.
const cleanKey = "grow.clean"

func setClean(c *pgx.Conn, clean bool) { c.PgConn().CustomData()[cleanKey] = clean }

func isClean(c *pgx.Conn) bool { clean, _ := c.PgConn().CustomData()[cleanKey].(bool); return clean }

// resetsItself marks contexts of who sees to resets with what is sent before or after.
type resetsItself struct{}

// reset makes a connection as it was at first for somebody who does not.
func reset(ctx context.Context, c *pgx.Conn) error {
	if ctx.Value(resetsItself{}) != nil {
		return nil
	}
	setClean(c, false)
	b := &pgx.Batch{}
	queue(b, resets...)
	if err := send(ctx, c, b); err != nil {
		return driver.ErrBadConn
	}
	return nil
}

func queue(b *pgx.Batch, texts ...string) {
	for _, text := range texts {
		b.Queue(text)
	}
}

// send sends all of a batch together: that takes one way to the server and back.
func send(ctx context.Context, c *pgx.Conn, b *pgx.Batch) error { return c.SendBatch(ctx, b).Close() }

// postgresTransaction is one that the connection's pool knows nothing of: it would begin
// and end it by messages of their own.
type postgresTransaction struct {
	*stdsql.Conn
	ended bool
}

// begin implements dialect: it resets the connection if need be, begins and looks for what
// was answered by one message. What only reads says so of its own transaction, however short:
// the next one may be another server connection's.
func (postgresDialect) begin(ctx context.Context, c *stdsql.Conn, _ *inbox, e *entry, _ bool) (transaction, []byte, error) {
	b := &pgx.Batch{}
	var done []byte
	if e == nil {
		b.Queue("begin read only")
	} else {
		b.Queue("begin read write")
		b.Queue(inboxFind, e.stable, e.digest).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&done); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
	}
	err := onPostgres(c, func(on *pgx.Conn) error {
		clean := isClean(on)
		setClean(on, false)
		first := &pgx.Batch{}
		if !clean {
			queue(first, resets...)
		}
		if !clean && e != nil {
			// By itself: the driver prepares all of a batch before any of it is done, and the
			// table may be found only after the resets.
			if err := send(ctx, on, first); err != nil {
				return err
			}
			first = &pgx.Batch{}
		}
		first.QueuedQueries = append(first.QueuedQueries, b.QueuedQueries...)
		return send(ctx, on, first)
	})
	return &postgresTransaction{Conn: c}, done, err
}

// finish implements transaction. Resets go along with the end of what has to be waited for
// anyway.
func (t *postgresTransaction) finish(ctx context.Context, e *entry, answer []byte) error {
	b := &pgx.Batch{}
	added, committed := e == nil, false
	if !added {
		b.Queue(inboxAdd, e.row(answer)...).Exec(func(pgconn.CommandTag) error { added = true; return nil })
	}
	b.Queue("commit").Exec(func(pgconn.CommandTag) error { committed = true; return nil })
	queue(b, resets...)
	t.ended = true // whatever comes of it: a connection in a transaction is used for nothing else
	err := onPostgres(t.Conn, func(on *pgx.Conn) error {
		err := send(ctx, on, b)
		setClean(on, err == nil)
		return err
	})
	switch {
	case err == nil, committed:
		return nil
	case !added:
		return racing{err}
	}
	return err
}

// leave implements transaction. The request may have been given up meanwhile.
func (t *postgresTransaction) leave() {
	if t.ended {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	_ = onPostgres(t.Conn, func(on *pgx.Conn) error { // where the connection is lost, all is undone
		if on.IsClosed() {
			return driver.ErrBadConn
		}
		_, err := on.Exec(ctx, "rollback")
		return err
	})
}

// onPostgres has f use a connection itself.
func onPostgres(c *stdsql.Conn, f func(*pgx.Conn) error) error {
	return c.Raw(func(conn any) error { return f(conn.(*stdlib.Conn).Conn()) })
}
