package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"
)

// Times of connections to PostgreSQL.
const (
	connectTime = 10 * time.Second
	idleTime    = 5 * time.Minute
	cancelTime  = time.Second // for the server to end a statement that was given up
)

// postgresRowMax is how many bytes a row has at most.
const postgresRowMax = 16 << 20

type postgresDialect struct {
	keeps bool // statements stay prepared; false: the address asks for another mode
}

// openPostgres makes ready to connect to the address that a secret holds.
func openPostgres(g *grant, secret, address string) (capability.Capability, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil || !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, fmt.Errorf("database %s: the secret %s is not the address of a PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/NAME", g.Database, secret)
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, fmt.Errorf("database %s: the secret %s asks for the simple protocol, by which one text is several statements: leave default_query_exec_mode out", g.Database, secret)
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(postgresRowMax)
		return f
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "grow"
	}
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelTime}
	}
	db := stdlib.OpenDB(*config, stdlib.OptionResetSession(reset))
	db.SetMaxOpenConns(g.Connections)
	db.SetMaxIdleConns(g.Connections)
	db.SetConnMaxIdleTime(idleTime)
	d := &database{grant: g, dialect: postgresDialect{config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement}, reader: db, inbox: inbox{exists: `select count(to_regclass('` + inboxName + `'))`}}
	if g.writes() {
		d.writer = db
	}
	return d, nil
}

func (postgresDialect) lex() lexicon { return lexicon{dollars: true, escapes: true, nested: true} }

// connection implements dialect: begin resets it.
func (postgresDialect) connection(ctx context.Context, pool *stdsql.DB) (*stdsql.Conn, error) {
	return pool.Conn(context.WithValue(ctx, resetsItself{}, true))
}

// prepare implements dialect. Another attempt begins with no statement prepared: one may
// have been prepared for tables that have changed since.
func (d postgresDialect) prepare(ctx context.Context, c *stdsql.Conn, again bool) error {
	if !d.keeps || !again {
		return nil
	}
	return onPostgres(c, func(on *pgx.Conn) error {
		delete(on.PgConn().CustomData(), keptKey)
		return on.DeallocateAll(ctx)
	})
}

// statement implements dialect.
func (d postgresDialect) statement(ctx context.Context, c *stdsql.Conn, tx session, text string) (prepared, error) {
	if !d.keeps || len(text) > keptBytes {
		return tx.PrepareContext(ctx, text)
	}
	err := onPostgres(c, func(on *pgx.Conn) error { return keep(ctx, on, text) })
	return &kept{tx, text}, err
}

// interrupt implements dialect: the server is told by the connection itself.
func (postgresDialect) interrupt(ctx context.Context, _ *stdsql.Conn) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// classes are the codes of errors by the class of their SQLSTATE; of all others the
// request is at fault (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var classes = map[string]string{
	"08": capability.Unavailable, // connection
	"23": capability.Conflict,    // constraint
	"28": capability.Unavailable, // the host's name or password
	"3D": capability.Unavailable, // no such database
	"53": capability.Unavailable, // resources
	"54": capability.Limit,
	"57": capability.Unavailable, // operator
	"58": capability.Unavailable, // system
	"XX": capability.Unavailable, // fault of the server
}

// failure implements dialect.
func (postgresDialect) failure(err error) *failure {
	var race racing
	var e *pgconn.PgError
	var connect *pgconn.ConnectError
	var large *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &large) {
		return &failure{code: capability.Limit, text: fmt.Sprintf("a row of the answer has more than %d bytes", postgresRowMax)}
	}
	if !errors.As(err, &e) {
		if errors.As(err, &connect) || pgconn.SafeToRetry(err) {
			return &failure{code: capability.Unavailable}
		}
		return nil
	}
	f := &failure{code: capability.Invalid, text: e.Message}
	if code, ok := classes[e.Code[:2]]; ok {
		f.code = code
	}
	switch e.Code {
	case "25006", "42501": // read only, no privilege
		f.code = capability.Denied
	case "40001", "40P01", "55P03": // serialization, deadlock, lock
		f.code, f.text, f.again = capability.Unavailable, "another transaction was in the way: "+e.Message, true
	case "0A000": // a cached plan, after the table was changed
		f.again = true
	case "53100": // disk full
		f.code = capability.Limit
	case "57014": // cancelled
		f.code, f.text = capability.Timeout, "the statement was given up"
	}
	if errors.As(err, &race) && e.Code == "23505" {
		f.again = true
	}
	if f.code == capability.Unavailable && !f.again {
		f.text = ""
	}
	return f
}
