package sql

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// attempt implements engine.
func (p *postgresEngine) attempt(ctx context.Context, q *request, e *entry, again bool) (data []byte, err error) {
	c, s, err := p.session(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { p.giveBack(ctx, c, s, err) }()
	if again { // a statement may have been prepared for tables that have changed since
		if err := s.forget(ctx, len(s.kept)); err != nil {
			return nil, err
		}
	}
	t := &postgresTransaction{p.grant, s, e}
	calls, err := t.ahead(ctx, q)
	if err != nil {
		return nil, err
	}
	s.clean = false
	if calls != nil {
		data, err = t.together(ctx, q, calls)
	} else {
		data, err = t.apart(ctx, q)
	}
	if err == nil && e != nil {
		if s.PgConn().TxStatus() != 'T' {
			return nil, errEnded
		}
		return data, t.finish(ctx, data)
	}
	s.clean = err == nil
	return data, err
}

// errEnded: a statement has ended the transaction that it was in.
var errEnded = errors.New("a statement has ended its transaction")

// giveBack ends what an attempt has left open on a connection, and gives it back.
func (p *postgresEngine) giveBack(ctx context.Context, c *pgxpool.Conn, s *session, err error) {
	lost := s.IsClosed()
	var said *pgconn.PgError
	if errors.As(err, &said) && (said.Code == noStatement || said.Code == twoStatements) {
		_ = s.Close(ctx)
	}
	s.leave()
	c.Release()
	var large *pgproto3.ExceededMaxBodyLenErr
	if lost && ctx.Err() == nil && !errors.As(err, &large) { // and so may be others, that nobody uses
		p.pool.Reset()
	}
}

// session takes a connection of the pool, as it was at first. It is to be given back.
func (p *postgresEngine) session(ctx context.Context) (*pgxpool.Conn, *session, error) {
	c, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := p.sessionOf(c.Conn())
	if err := s.prepare(ctx); err != nil {
		_ = s.Close(ctx) // some may be prepared, and some not
		c.Release()
		return nil, nil, err
	}
	return c, s, nil
}

// postgresTransaction is what a request does on a connection. It begins and ends by messages
// that hold what else there is to say, since each way to the server and back may be long.
type postgresTransaction struct {
	*grant
	*session
	entry *entry // nil: it can only read
}

// call is a statement that the server has read, with arguments as they are sent.
type call struct {
	name            string
	args            [][]byte
	formats, result []int16
}

// call makes one.
func (t *postgresTransaction) call(ctx context.Context, text string, args []any) (*call, error) {
	of, err := t.read(ctx, text)
	if err != nil {
		return nil, err
	}
	var b pgx.ExtendedQueryBuilder
	if err := b.Build(t.TypeMap(), of, args); err != nil {
		return nil, err
	}
	for i, f := range of.Fields {
		b.ResultFormats[i] = format(f.DataTypeOID)
	}
	return &call{of.Name, b.ParamValues, b.ParamFormats, b.ResultFormats}, nil
}

// ahead makes calls of all statements of a request; nil: they are read as they are done, since
// one may be about a table that another one makes.
func (t *postgresTransaction) ahead(ctx context.Context, q *request) ([]*call, error) {
	for _, s := range q.statements {
		if !t.stays(s.text) || len(q.statements) > 1 && t.find(s.text) < 0 {
			return nil, nil
		}
	}
	calls := make([]*call, len(q.statements))
	for i, s := range q.statements {
		var err error
		if calls[i], err = t.call(ctx, s.text, s.args); err != nil {
			return nil, at(i, q.several, err)
		}
	}
	return calls, nil
}

// begin is how it begins. What only reads says so of its own transaction, however short: the
// next one may be another server connection's.
func (t *postgresTransaction) begin() string {
	if t.entry == nil {
		return beginRead
	}
	return beginWrite
}

// together does statements by one message, which begins the transaction, and ends it if it
// only reads.
func (t *postgresTransaction) together(ctx context.Context, q *request, calls []*call) (data []byte, err error) {
	p := t.PgConn().StartPipeline(ctx)
	t.say(p, t.begin())
	for _, c := range calls {
		p.SendQueryPrepared(c.name, c.args, c.formats, c.result)
	}
	if t.entry == nil {
		t.say(p, undo...)
	}
	if err = p.Sync(); err == nil {
		_, err = heard(p)
	}
	if err == nil {
		data, err = t.answers(q, func(s *statement, a *answer) error {
			r, err := next(p)
			if err != nil {
				return err
			}
			return t.answered(r, s, a)
		})
	}
	if end := p.Close(); err == nil {
		err = end
	}
	return data, err
}

// apart does statements one after the other.
func (t *postgresTransaction) apart(ctx context.Context, q *request) ([]byte, error) {
	if err := t.tell(ctx, t.begin()); err != nil {
		return nil, err
	}
	data, err := t.answers(q, func(s *statement, a *answer) error {
		c, err := t.call(ctx, s.text, s.args)
		if err != nil {
			return err
		}
		return t.answered(t.PgConn().ExecPrepared(ctx, c.name, c.args, c.formats, c.result), s, a)
	})
	if err == nil && t.entry == nil {
		err = t.tell(ctx, undo...)
	}
	return data, err
}

// answered adds what a statement is answered with, all of which is read.
func (t *postgresTransaction) answered(r *pgconn.ResultReader, s *statement, a *answer) (err error) {
	if s.rows {
		err = a.table(&postgresRows{ResultReader: r, types: t.TypeMap()}, t.entry != nil)
	}
	tag, end := r.Close()
	if !s.rows {
		a.affected(tag.RowsAffected())
	}
	return errors.Join(err, end)
}

// addName is what the statement that adds to the inbox is called.
const addName = "grow_add"

// finish adds what was answered to the inbox and commits. Resets go along with that.
func (t *postgresTransaction) finish(ctx context.Context, answer []byte) error {
	name := ""
	if t.keeps {
		name = addName
	}
	if !t.adds {
		if _, err := t.PgConn().Prepare(ctx, name, inboxAdd, nil); err != nil {
			return err
		}
		t.adds = t.keeps
	}
	p := t.PgConn().StartPipeline(ctx)
	p.SendQueryPrepared(name, t.entry.texts(answer), nil, nil)
	t.say(p, commit)
	t.say(p, resets...)
	err := p.Sync()
	if err == nil {
		_, err = heard(p)
	}
	committed := false
	if err == nil {
		var how pgconn.CommandTag
		how, err = heard(p)
		if committed = err == nil && how.String() == "COMMIT"; err == nil && !committed {
			err = errEnded
		}
	}
	if end := p.Close(); err == nil {
		err = end
	}
	if t.clean = err == nil; committed {
		return nil
	}
	return doubt(err)
}

// ready implements engine.
func (p *postgresEngine) ready(ctx context.Context) error { return p.inbox.ready(ctx) }

// hasInbox is inbox.there.
func (p *postgresEngine) hasInbox(ctx context.Context) (there bool, err error) {
	err = p.ask(ctx, `select to_regclass('`+inboxName+`') is not null`, nil, &there)
	return there, err
}

// say is inbox.say.
func (p *postgresEngine) say(ctx context.Context, text string, args ...any) error {
	c, _, err := p.session(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	_, err = c.Exec(ctx, text, args...)
	return err
}

// done implements engine.
func (p *postgresEngine) done(ctx context.Context, e *entry) (data []byte, err error) {
	err = p.ask(ctx, inboxFind, []any{e.stable, e.digest}, &data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return data, err
}

// ask puts the one value that a statement gives into a place.
func (p *postgresEngine) ask(ctx context.Context, text string, args []any, into any) error {
	c, _, err := p.session(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	return c.QueryRow(ctx, text, args...).Scan(into)
}
