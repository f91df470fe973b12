package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestCopy: a copy is the database at one moment, whoever writes to it meanwhile: two tables
// that are written to in one transaction are as long in it.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := sqliteDB(path, "rw", sqliteStandard)
	defer db.Close()
	db.SetMaxOpenConns(1)
	both := func(n int) error {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			return err
		}
		for _, table := range []string{"a", "b"} {
			if _, err := tx.Exec("insert into "+table+" values (?, zeroblob(3000))", n); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		return tx.Commit()
	}
	for _, table := range []string{"a", "b"} {
		if _, err := db.Exec("create table " + table + " (n int, filling blob)"); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 200 {
		if err := both(n); err != nil {
			t.Fatal(err)
		}
	}
	stop, ended := make(chan struct{}), make(chan error)
	go func() { // ends with stop
		for n := 200; ; n++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := both(n); err != nil {
				ended <- err
				return
			}
		}
	}()
	for n := range 5 {
		to := filepath.Join(dir, fmt.Sprintf("copy-%d.db", n))
		if err := Copy(t.Context(), path, to); err != nil {
			t.Fatal(err)
		}
		c := sqliteDB(to, "rw", sqliteStandard)
		var a, b int
		if err := errors.Join(rowsOf(c, "a", &a), rowsOf(c, "b", &b), c.Close()); err != nil || a < 200 || a != b {
			t.Errorf("copy %d: %d and %d rows, %v", n, a, b, err)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Copy(ctx, path, filepath.Join(dir, "none.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.db"), []byte("this is no database, and never was one of any kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), filepath.Join(dir, "bad.db"), filepath.Join(dir, "none.db")); err == nil {
		t.Error("what is no database is copied")
	}
}

func rowsOf(db *stdsql.DB, table string, n *int) error {
	return db.QueryRow("select count(*) from " + table).Scan(n)
}

// TestCopyRelative: a host may be started with the name of a folder in the one that it is started in.
func TestCopyRelative(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := sqliteDB(filepath.Join(dir, "a.db"), "rw", sqliteStandard)
	_, err := db.Exec("create table a (n int)")
	if err = errors.Join(err, db.Close(), Copy(t.Context(), "a.db", "b.db")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("b.db"); err != nil || info.Size() == 0 {
		t.Errorf("there is no copy: %v", err)
	}
}
