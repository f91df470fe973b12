package sql

import (
	"context"
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
	"github.com/jackc/pgx/v5/pgxpool"
)

// Times of connections to PostgreSQL.
const (
	connectTime = 10 * time.Second
	idleTime    = 5 * time.Minute
	lifeTime    = time.Hour
	cancelTime  = time.Second // for the server to end a statement that was given up
)

// postgresRowMax is how many bytes a row has at most.
const postgresRowMax = 16 << 20

// postgresEngine is a database of a PostgreSQL.
type postgresEngine struct {
	*grant
	pool  *pgxpool.Pool
	keeps bool // statements stay prepared; false: the address asks for another mode
	inbox inbox
}

// openPostgres makes ready to connect to the address that a secret holds.
func openPostgres(g *grant, secret, address string) (capability.Capability, error) {
	pool, err := pgxpool.ParseConfig(address)
	if err != nil || !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, fmt.Errorf("database %s: the secret %s is not the address of a PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/NAME", g.Database, secret)
	}
	config := pool.ConnConfig
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
	pool.MaxConns, pool.MinConns, pool.MinIdleConns = int32(g.Connections), 0, 0
	pool.MaxConnIdleTime, pool.MaxConnLifetime = idleTime, lifeTime
	// Who finds one lost tries again, which changes nothing twice.
	pool.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	p := &postgresEngine{grant: g, keeps: config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement}
	p.inbox = inbox{there: p.hasInbox, say: p.say}
	if p.pool, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return nil, fmt.Errorf("database %s: the secret %s: %w", g.Database, secret, err)
	}
	return &database{g, p}, nil
}

// postgresLexicon is how statements of PostgreSQL are read.
var postgresLexicon = lexicon{dollars: true, escapes: true, nested: true}

// lex implements engine.
func (*postgresEngine) lex() lexicon { return postgresLexicon }

// Close implements engine.
func (p *postgresEngine) Close() error {
	p.pool.Close()
	return nil
}

// What a server says of a name that others have taken away, or taken.
const noStatement, twoStatements = "26000", "42P05"

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

// failure implements engine.
func (*postgresEngine) failure(err error) *failure {
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
	case noStatement, twoStatements:
		f.code, f.text, f.again = capability.Unavailable, "the connection has lost what was prepared on it", true
	case "53100": // disk full
		f.code = capability.Limit
	case "57014": // cancelled
		f.code, f.text = capability.Timeout, "the statement was given up"
	}
	if f.code == capability.Unavailable && !f.again {
		f.text = ""
	}
	return f
}
