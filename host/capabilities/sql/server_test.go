package sql

import (
	stdsql "database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/grow-platform/grow/testdata/postgres"
)

// server is the PostgreSQL of the tests, which is started for the first that needs it.
var server databases

// password is one that must be said nowhere.
const password = postgres.Password

type databases struct {
	*postgres.Server // nil before the first test that needs it, and when there is none
	once             sync.Once
	err              error
	mu               sync.Mutex
	count            int
}

// database makes a new database and returns its address.
func (d *databases) database(t testing.TB) string {
	t.Helper()
	d.once.Do(func() { d.Server, d.err = postgres.Start("fsync=off") })
	if errors.Is(d.err, postgres.ErrMissing) {
		t.Skip(d.err)
	}
	if d.err != nil {
		t.Fatal(d.err)
	}
	d.mu.Lock()
	d.count++
	name := fmt.Sprintf("d%d", d.count)
	d.mu.Unlock()
	d.admin(t, "create database "+name)
	return d.Address(name)
}

// admin runs a statement as who may do everything.
func (d *databases) admin(t testing.TB, text string) {
	t.Helper()
	db, err := stdsql.Open("pgx", d.Address("postgres"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), text)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stop ends the server, if one was started.
func (d *databases) stop() error {
	if d.Server == nil {
		return nil
	}
	return d.Stop()
}
