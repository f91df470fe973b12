package sql

import (
	"context"
	stdsql "database/sql"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Limits of the statements that stay prepared on a connection: how many there are, and how
// many bytes the text of one has.
const (
	keptMax   = 100
	keptBytes = 4 << 10
)

// keptKey is where a connection has the texts of those, the one used last at the end.
const keptKey = "grow.kept"

// keep has a text be prepared on a connection, and stay so until others have taken its place.
func keep(ctx context.Context, c *pgx.Conn, text string) error {
	own := c.PgConn().CustomData()
	texts, _ := own[keptKey].([]string)
	if i := slices.Index(texts, text); i >= 0 {
		own[keptKey] = append(slices.Delete(texts, i, i+1), text)
		return nil
	}
	if len(texts) == keptMax {
		if err := c.Deallocate(ctx, texts[0]); err != nil {
			return err
		}
		texts = slices.Delete(texts, 0, 1)
		own[keptKey] = texts
	}
	// By its own text as name it is found when the text is executed, which goes to the
	// server as a prepared statement then.
	if _, err := c.Prepare(ctx, text, text); err != nil {
		return err
	}
	own[keptKey] = append(texts, text)
	return nil
}

// prepared is a statement that a server has read.
type prepared interface {
	ExecContext(ctx context.Context, args ...any) (stdsql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*stdsql.Rows, error)
	Close() error
}

// kept is a statement that stays prepared.
type kept struct {
	session session
	text    string
}

// ExecContext implements prepared.
func (k *kept) ExecContext(ctx context.Context, args ...any) (stdsql.Result, error) {
	return k.session.ExecContext(ctx, k.text, args...)
}

// QueryContext implements prepared.
func (k *kept) QueryContext(ctx context.Context, args ...any) (*stdsql.Rows, error) {
	return k.session.QueryContext(ctx, k.text, args...)
}

// Close implements prepared.
func (*kept) Close() error { return nil }
