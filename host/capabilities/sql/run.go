package sql

import (
	"context"
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
)

// attemptsMax is how often a transaction is begun that others get into the way of, or
// whose connection is lost. That changes nothing twice: see inbox.
const attemptsMax = 3

// ask reads a request; e: it writes. no: it is refused.
func (d *database) ask(r *capability.Request) (q *request, e *entry, no capability.Answer) {
	writes := r.Operation == Exec
	if writes && d.writer == nil {
		return nil, nil, capability.Fail(capability.Denied, "the grant is to read %s: it needs access: write", d.Database)
	}
	verbs := queries
	if writes {
		verbs = changes
	}
	q, err := parse(r.Data, verbs, d.lex())
	var refused *refusal
	if errors.As(err, &refused) {
		return nil, nil, capability.Fail(capability.Denied, "%v", err)
	}
	if err != nil {
		return nil, nil, capability.Fail(capability.Invalid, "%v", err)
	}
	if writes {
		digest := sha256.Sum256(r.Data)
		e = &entry{stable: r.Stable, digest: hex.EncodeToString(digest[:])}
	}
	return q, e, no
}

// Do implements capability.Capability.
func (d *database) Do(ctx context.Context, r *capability.Request) capability.Answer {
	q, e, no := d.ask(r)
	if q == nil {
		return no
	}
	for attempt := 1; ; attempt++ {
		data, err := d.attempt(ctx, q, e, attempt > 1)
		if err == nil {
			return capability.Answer{Data: data}
		}
		f := d.explain(err)
		if e != nil && (f.code == capability.Conflict || d.inbox.adds != nil) {
			// It may be in the way of its own first attempt, whose connection was lost as
			// it ended, or which was not looked for.
			data, err := d.done(ctx, *e)
			if err != nil {
				return capability.Fail(capability.Unavailable, "it is not known whether this was done before: %s", f.text)
			}
			if data != nil {
				return capability.Answer{Data: data}
			}
		}
		if !f.again || attempt == attemptsMax || ctx.Err() != nil {
			return capability.Fail(f.code, "%s", f.text)
		}
	}
}

// doneTime is how long it may take to find out what was done, once a request's time is over.
const doneTime = 2 * time.Second

// done is what was answered to a request before, also when its time is over; nil: nothing.
func (d *database) done(ctx context.Context, e entry) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doneTime)
	defer cancel()
	return d.inbox.find(ctx, d.reader, e)
}

// attempt does all of a request or nothing. e: it writes; nil: it can only read; again: it
// came to nothing before.
func (d *database) attempt(ctx context.Context, q *request, e *entry, again bool) (data []byte, err error) {
	if e != nil && d.line != nil {
		return d.line.do(&turn{ctx: ctx, request: q, entry: e})
	}
	return d.transaction(ctx, q, e, again, nil)
}

// ending ends a transaction that has answered its request and called stop.
type ending func(c *stdsql.Conn, tx transaction, data []byte) error

// transaction is attempt in a transaction that nothing else is done in before end, which
// stands for finish; nil: that.
func (d *database) transaction(ctx context.Context, q *request, e *entry, again bool, end ending) (data []byte, err error) {
	db := d.reader
	if e != nil {
		db = d.writer
		if err := d.inbox.ready(ctx, db); err != nil {
			return nil, err
		}
	}
	c, err := d.connection(ctx, db)
	if err != nil {
		return nil, err
	}
	defer c.Close() // gives it back
	if err := d.prepare(ctx, c, again); err != nil {
		return nil, err
	}
	within, stop, err := d.interrupt(ctx, c)
	if err != nil {
		return nil, err
	}
	stop = sync.OnceFunc(stop)
	defer stop()
	if e == nil {
		within = ctx // its first statement may wait for others
	}
	tx, done, err := d.begin(ctx, c, &d.inbox, e, q.several)
	if tx != nil {
		defer tx.leave()
	}
	if done != nil || err != nil {
		return done, err
	}
	if data, err = d.all(within, c, tx, q, e != nil); err != nil {
		return nil, err
	}
	if end == nil {
		return data, tx.finish(within, e, data)
	}
	stop()
	return data, end(c, tx, data)
}

// session runs statements: a transaction or a connection.
type session interface {
	PrepareContext(ctx context.Context, text string) (*stdsql.Stmt, error)
	ExecContext(ctx context.Context, text string, args ...any) (stdsql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*stdsql.Rows, error)
}

// all runs the statements of a request in a session on c.
func (d *database) all(ctx context.Context, c *stdsql.Conn, tx session, q *request, writes bool) ([]byte, error) {
	a := &answer{limit: d.Answer, rows: d.Rows}
	if q.several {
		a.json = append(a.json, `{"results":[`...)
	}
	for i, s := range q.statements {
		a.json = append(separate(a.json, i), '{')
		st, err := d.statement(ctx, c, tx, s.text)
		if err == nil {
			err = errors.Join(run(ctx, st, s, a, writes), st.Close())
		}
		if err != nil {
			return nil, at(i, q.several, err)
		}
		a.json = append(a.json, '}')
	}
	if q.several {
		a.json = append(a.json, `]}`...)
	}
	return a.json, a.room()
}

// run adds the answer to a statement to a. It was prepared first: a server that is sent a
// text alone does all the statements in it.
func run(ctx context.Context, st prepared, s statement, a *answer, writes bool) error {
	if !s.rows {
		done, err := st.ExecContext(ctx, s.args...)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		a.json = strconv.AppendInt(append(a.json, `"rows_affected":`...), n, 10)
		return err
	}
	rows, err := st.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	n, err := a.table(rows)
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	if writes {
		a.json = strconv.AppendInt(append(a.json, `,"rows_affected":`...), int64(n), 10)
	}
	return nil
}

// Times of the inbox.
const (
	inboxTime  = 30 * 24 * time.Hour // how long it knows what was done
	inboxEvery = time.Hour           // how often what is older is removed
)

// inbox is the table of what has been done for which request. One in the transaction
// with the effects makes a repeated request harmless.
type inbox struct {
	exists string // asks whether the table is there
	layout string // of the table, behind its columns
	// inboxAdd, of a database where a request is looked for only once it has failed, as one
	// does that is added again; nil: begin looks for it, at no cost.
	adds *stdsql.Stmt
	mu   sync.Mutex
	next time.Time // guarded by mu: when it is looked at again
}

// entry identifies a request: a later attempt at a message that asks for something else
// by the same number has not been answered.
type entry struct{ stable, digest string }

// What is said to the table; the arguments of inboxAdd are those that row returns.
const (
	inboxFind = `select answer from ` + inboxName + ` where stable = $1 and digest = $2`
	inboxAdd  = `insert into ` + inboxName + ` (stable, digest, answer, at) values ($1, $2, $3, $4)`
)

// row is one of the table.
func (e *entry) row(answer []byte) []any {
	return []any{e.stable, e.digest, string(answer), time.Now().Unix()}
}

// ready makes the table when it is not there, and forgets what is too old.
func (b *inbox) ready(ctx context.Context, db *stdsql.DB) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.next) {
		return nil
	}
	var n int
	if err := db.QueryRowContext(ctx, b.exists).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		_, err := db.ExecContext(ctx, `create table if not exists `+inboxName+` (
			stable text not null, digest text not null, answer text not null, at bigint not null, primary key (stable, digest)) `+b.layout)
		if err != nil {
			return fmt.Errorf("make the table %s: %w", inboxName, err)
		}
	}
	if _, err := db.ExecContext(ctx, `delete from `+inboxName+` where at < $1`, time.Now().Add(-inboxTime).Unix()); err != nil {
		return err
	}
	b.next = time.Now().Add(inboxEvery)
	return nil
}

// rower asks for a row: a transaction or a database.
type rower interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *stdsql.Row
}

// find returns what was answered before; nil: nothing.
func (b *inbox) find(ctx context.Context, on rower, e entry) ([]byte, error) {
	return found(on.QueryRowContext(ctx, inboxFind, e.stable, e.digest))
}

func found(row *stdsql.Row) (data []byte, err error) {
	err = row.Scan(&data)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	return data, err
}

// racing is an error of adding an entry: another transaction has done the same meanwhile.
type racing struct{ error }

// Unwrap is the cause.
func (r racing) Unwrap() error { return r.error }
