package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
)

// transaction is what the statements of one request run in, on one connection.
type transaction interface {
	session
	// finish keeps what was done; of a request that writes, with the answer to it.
	finish(ctx context.Context, e *entry, answer []byte) error
	// leave undoes what was done; after finish, nothing.
	leave()
}

// plain is a transaction of the driver, where adding to the inbox is prepared.
type plain struct {
	*stdsql.Tx
	inbox *inbox
}

// beginPlain begins one.
func beginPlain(ctx context.Context, c *stdsql.Conn, b *inbox) (tx transaction, done []byte, err error) {
	begun, err := c.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	return plain{begun, b}, nil, nil
}

// finish implements transaction.
func (p plain) finish(ctx context.Context, e *entry, answer []byte) error {
	if e != nil {
		if err := p.add(ctx, e, answer); err != nil {
			return err
		}
	}
	return p.Commit()
}

// add notes what a request was answered.
func (p plain) add(ctx context.Context, e *entry, answer []byte) error {
	if _, err := p.StmtContext(ctx, p.inbox.adds).ExecContext(ctx, e.row(answer)...); err != nil {
		return racing{err}
	}
	return nil
}

// say runs a statement of the host's own.
func (p plain) say(ctx context.Context, text string) error {
	st, err := p.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx)
	return errors.Join(err, st.Close())
}

// leave implements transaction.
func (p plain) leave() {
	_ = p.Rollback() // it fails after Commit, and where the connection is lost, which undoes all
}

// alone is no transaction: one statement on a connection that can only read.
type alone struct{ *stdsql.Conn }

// finish implements transaction.
func (alone) finish(context.Context, *entry, []byte) error { return nil }

// leave implements transaction.
func (alone) leave() {}
