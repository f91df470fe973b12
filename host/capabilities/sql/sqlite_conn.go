package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// connector opens connections of a driver that is not registered.
type connector struct {
	driver driver.Driver
	dsn    string
}

// Connect implements driver.Connector.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	conn, err := newSQLiteConn(opened)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.driver }

// sqliteDriverConn is what the driver's connections can do.
type sqliteDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
	NewBackup(to string) (*sqlite.Backup, error)
}

// sqliteConn is a connection on which the statements that were used last stay prepared.
// SQLite itself prepares one anew when tables have changed since.
type sqliteConn struct {
	sqliteDriverConn
	handle uintptr       // the driver's
	kept   []*sqliteStmt // that nobody uses, the one used last at the end
}

// newSQLiteConn bounds what a connection takes. The driver has no other way to its handle.
func newSQLiteConn(opened driver.Conn) (*sqliteConn, error) {
	own, ok := opened.(sqliteDriverConn)
	if !ok {
		return nil, fmt.Errorf("the driver of SQLite has other connections: %T", opened)
	}
	db := reflect.Indirect(reflect.ValueOf(opened)).FieldByName("db")
	if !db.IsValid() || db.Kind() != reflect.Uintptr {
		return nil, errors.New("the driver of SQLite keeps its handle elsewhere")
	}
	c := &sqliteConn{sqliteDriverConn: own, handle: uintptr(db.Uint())}
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_limit(tls, c.handle, sqlite3.SQLITE_LIMIT_LENGTH, sqliteValueMax)
	sqlite3.Xsqlite3_limit(tls, c.handle, sqlite3.SQLITE_LIMIT_COLUMN, sqliteColumnsMax)
	return c, nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *sqliteConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if i := slices.IndexFunc(c.kept, func(s *sqliteStmt) bool { return s.text == text }); i >= 0 {
		s := c.kept[i]
		c.kept = slices.Delete(c.kept, i, i+1)
		return s, nil
	}
	made, err := c.sqliteDriverConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	own, ok := made.(sqliteDriverStmt)
	if !ok {
		return made, nil
	}
	return &sqliteStmt{sqliteDriverStmt: own, conn: c, text: text}, nil
}

// Close implements driver.Conn.
func (c *sqliteConn) Close() error {
	var errs []error
	for _, s := range c.kept {
		errs = append(errs, s.sqliteDriverStmt.Close())
	}
	c.kept = nil
	return errors.Join(append(errs, c.sqliteDriverConn.Close())...)
}

// sqliteDriverStmt is what the driver's statements can do.
type sqliteDriverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// sqliteStmt is a statement that stays prepared when it is closed.
type sqliteStmt struct {
	sqliteDriverStmt
	conn *sqliteConn
	text string
}

// Close implements driver.Stmt.
func (s *sqliteStmt) Close() error {
	if len(s.text) > keptBytes {
		return s.sqliteDriverStmt.Close()
	}
	c := s.conn
	c.kept = append(c.kept, s)
	if len(c.kept) <= keptMax {
		return nil
	}
	oldest := c.kept[0]
	c.kept = slices.Delete(c.kept, 0, 1)
	return oldest.sqliteDriverStmt.Close()
}
