package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"sync"
)

// sqliteSession runs statements: a transaction, or a connection that can only read.
type sqliteSession interface {
	PrepareContext(ctx context.Context, text string) (*stdsql.Stmt, error)
}

// attempt implements engine.
func (d *sqliteEngine) attempt(ctx context.Context, q *request, e *entry, _ bool) ([]byte, error) {
	if e != nil {
		return d.line.do(&turn{ctx: ctx, request: q, entry: e})
	}
	c, err := d.reader.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()                     // gives it back
	_, stop, err := d.interrupt(ctx, c) // within is not for what may wait for others
	if err != nil {
		return nil, err
	}
	defer stop()
	if !q.several { // a connection that reads can do nothing else
		return d.all(ctx, c, q, false)
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit, nothing
	data, err := d.all(ctx, tx, q, false)
	if err != nil {
		return nil, err
	}
	return data, tx.Commit()
}

// write does all of a request that writes in a transaction, in which nothing else is done
// before end; what it leaves open is undone.
func (d *sqliteEngine) write(ctx context.Context, q *request, end func(c *stdsql.Conn, tx sqliteTransaction, data []byte) error) ([]byte, error) {
	c, err := d.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close() // gives it back
	within, stop, err := d.interrupt(ctx, c)
	if err != nil {
		return nil, err
	}
	stop = sync.OnceFunc(stop)
	defer stop()
	begun, err := c.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	tx := sqliteTransaction{begun, d.adds}
	defer tx.Rollback() // after Commit, nothing; where the connection is lost, all is undone
	data, err := d.all(within, tx, q, true)
	if err != nil {
		return nil, err
	}
	stop()
	return data, end(c, tx, data)
}

// all runs the statements of a request in a session.
func (d *sqliteEngine) all(ctx context.Context, in sqliteSession, q *request, writes bool) ([]byte, error) {
	return d.answers(q, func(s *statement, a *answer) error {
		st, err := in.PrepareContext(ctx, s.text)
		if err != nil {
			return err
		}
		return errors.Join(runSQLite(ctx, st, s, a, writes), st.Close())
	})
}

// runSQLite adds the answer to a statement to a.
func runSQLite(ctx context.Context, st *stdsql.Stmt, s *statement, a *answer, writes bool) error {
	if !s.rows {
		done, err := st.ExecContext(ctx, s.args...)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		a.affected(n)
		return err
	}
	rows, err := st.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	return errors.Join(a.table(&sqliteRows{Rows: rows}, writes), rows.Close())
}

// sqliteTransaction is one that writes, where adding to the inbox is prepared.
type sqliteTransaction struct {
	*stdsql.Tx
	adds *stdsql.Stmt
}

// add notes what a request was answered.
func (t sqliteTransaction) add(ctx context.Context, e *entry, answer []byte) error {
	_, err := t.StmtContext(ctx, t.adds).ExecContext(ctx, e.row(answer)...)
	return doubt(err)
}

// finish keeps what was done for a turn, by itself.
func (t sqliteTransaction) finish(own *turn, answer []byte) error {
	if err := t.add(context.WithoutCancel(own.ctx), own.entry, answer); err != nil {
		return err
	}
	return doubt(t.Commit())
}

// say runs a statement of the host's own.
func (t sqliteTransaction) say(ctx context.Context, text string) error {
	st, err := t.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx)
	return errors.Join(err, st.Close())
}

// sqliteRows are rows as an answer takes them.
type sqliteRows struct {
	*stdsql.Rows
	into []any
}

// columns implements rows.
func (r *sqliteRows) columns() (names, kinds []string, err error) {
	types, err := r.ColumnTypes()
	for _, t := range types {
		names, kinds = append(names, t.Name()), append(kinds, t.DatabaseTypeName())
	}
	return names, kinds, err
}

// values implements rows.
func (r *sqliteRows) values(list []any) error {
	if r.into == nil {
		for i := range list {
			r.into = append(r.into, &list[i])
		}
	}
	return r.Scan(r.into...)
}
