// Package sql is the capability of kind sql: statements with parameters, to a database
// that the host names.
//
//	uses:
//	  catalogue: {kind: sql, database: catalogue, access: read}
//
// The operations sql.query and sql.exec take JSON, one statement or several that are one
// transaction:
//
//	{"sql": "select name from items where price < $1", "args": [20]}
//	{"statements": [{"sql": "…", "args": […]}, …]}
//
// The answer to one statement is {"columns": […], "rows": [[…], …]}, with rows_affected
// for sql.exec; that to several is {"results": […]}.
//
// What sql.exec does is done once for each request of a message, however often the
// message is tried: the transaction writes the answer into the table grow_inbox, too.
package sql

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// The operations.
const (
	Query = "sql.query" // reads
	Exec  = "sql.exec"  // changes, too
)

// SecretPrefix and a database's name in capitals is the secret that says where it is.
const SecretPrefix = "GROW_SQL_"

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Database    string `json:"database"`
	Access      string `json:"access"`
	Rows        int    `json:"rows"`
	Answer      int    `json:"answer"`
	Connections int    `json:"connections"`
}

func (g *grant) writes() bool { return g.Access == "write" }

//go:embed grant.cue
var definition string

var form = grants.New[grant]("sql", definition, nil)

// Open implements capability.Kind. A PostgreSQL is spoken to only when it is asked for
// something, so that a service starts without it.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	if env.Apart {
		return &apart{}, nil
	}
	secret := SecretPrefix + strings.ToUpper(read.Database)
	if address, ok := env.Secret(secret); ok {
		return openPostgres(read, secret, address)
	}
	if env.Data == "" {
		return nil, fmt.Errorf("the host keeps no files: %w", &capability.SecretError{Name: secret, Of: "database " + read.Database})
	}
	return openSQLite(ctx, read, filepath.Join(env.Data, Folder))
}

// apart stands for a database that nobody asks.
type apart struct{ *database }

func (apart) Do(context.Context, *capability.Request) capability.Answer {
	return capability.Fail(capability.Unavailable, "a copy that stands apart has no database")
}

func (apart) Close() error { return nil }

// database serves one grant. What it holds is safe for concurrent use.
type database struct {
	*grant
	engine
}

// engine is one sort of database.
type engine interface {
	// lex is how its statements are read.
	lex() lexicon
	// ready has the inbox be there, for a request that writes.
	ready(ctx context.Context) error
	// attempt does all of a request or nothing. e: it writes, and adds what is answered to
	// the inbox, which leaves it in doubt when it was done before; nil: it can only read.
	// again: an attempt at it came to nothing.
	attempt(ctx context.Context, q *request, e *entry, again bool) ([]byte, error)
	// done is what was answered to a request before; nil: nothing.
	done(ctx context.Context, e *entry) ([]byte, error)
	// failure finds what an error means; nil: it is not the database's.
	failure(err error) *failure
	// Close ends it, once nothing is asked of it any more.
	Close() error
}

// Operations implements capability.Capability.
func (*database) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Query: capability.Reads, Exec: capability.Changes}
}
