package sql

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// Folder is where a service's databases of SQLite lie in the folder of its data, each in a
// file that ends with FileSuffix.
const Folder, FileSuffix = "sql", ".db"

// copyPages is how many pages are copied between two looks at the context.
const copyPages = 4096

// Copy copies a database of SQLite, which may be written to meanwhile, to a file that is not
// there. The copy is the database at one moment.
func Copy(ctx context.Context, from, to string) (err error) {
	name := filepath.Base(from)
	if from, err = filepath.Abs(from); err != nil {
		return err
	}
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	db := sqliteDB(from, "rw", sqliteStandard) // one that was not closed is recovered first
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy database %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// What others write meanwhile begins the copy anew, unless the pages are read in a
	// transaction: it sees one moment.
	if _, err = c.ExecContext(ctx, "begin deferred"); err == nil {
		_, err = c.ExecContext(ctx, "select count(*) from sqlite_schema")
	}
	if err != nil {
		return fmt.Errorf("copy database %s: %w", name, err)
	}
	err = c.Raw(func(conn any) error {
		target := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(to), "/")}
		b, err := conn.(interface {
			NewBackup(to string) (*sqlite.Backup, error)
		}).NewBackup(target.String())
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if more, err = b.Step(copyPages); err == nil {
				err = ctx.Err()
			}
		}
		return errors.Join(err, b.Finish())
	})
	_, end := c.ExecContext(context.WithoutCancel(ctx), "rollback")
	if err = errors.Join(err, end); err != nil {
		return fmt.Errorf("copy database %s: %w", name, err)
	}
	return nil
}
