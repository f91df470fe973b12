package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/grow-platform/grow/runtime/capability"
)

// failure is what a database's error means to an actor.
type failure struct {
	code string
	text string
	// again says that the transaction came to nothing, by no fault of the request.
	again bool
}

// refusal is a request that no grant allows.
type refusal struct{ text string }

// Error implements error.
func (r *refusal) Error() string { return r.text }

// excess is an answer that is too large.
type excess struct{ text string }

// Error implements error.
func (e *excess) Error() string { return e.text }

// lost is that of a database that does not answer. What the driver says of it is left
// out: it says where the database is.
func (d *database) lost() *failure {
	return &failure{code: capability.Unavailable, text: fmt.Sprintf("database %s does not answer", d.Database), again: true}
}

// explain finds out what an error means, and which statement it is about.
func (d *database) explain(err error) *failure {
	var at *located
	if !errors.As(err, &at) {
		return d.meaning(err)
	}
	f := d.meaning(at.err)
	f.text = (&located{at.statement, errors.New(f.text)}).Error()
	return f
}

func (d *database) meaning(err error) *failure {
	var over *excess
	var no *refusal
	var network net.Error
	switch f := d.failure(err); {
	case errors.As(err, &over):
		return &failure{code: capability.Limit, text: err.Error()}
	case errors.As(err, &no):
		return &failure{code: capability.Denied, text: err.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, stdsql.ErrTxDone): // which the request's end has done
		return &failure{code: capability.Timeout, text: fmt.Sprintf("database %s did not answer in time", d.Database)}
	case f != nil && f.code == capability.Unavailable && f.text == "":
		return d.lost()
	case f != nil:
		return f
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn), errors.Is(err, stdsql.ErrConnDone):
		return d.lost()
	}
	return &failure{code: capability.Invalid, text: err.Error()}
}
