package sql

import (
	"bytes"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// server is the PostgreSQL of the tests, which is started for the first that needs it.
var server postgres

// password is one that must be said nowhere.
const password = "canary-of-the-password"

type postgres struct {
	once    sync.Once
	skip    string // why there is none
	err     error
	folder  string
	process *exec.Cmd
	ended   chan error // of process
	said    bytes.Buffer
	mu      sync.Mutex
	count   int
}

// program finds one of PostgreSQL's programs, which Debian keeps out of PATH.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is a good one
	if len(paths) == 0 {
		return ""
	}
	return paths[len(paths)-1]
}

func (p *postgres) start() {
	initdb, run := program("initdb"), program("postgres")
	if initdb == "" || run == "" {
		p.skip = "PostgreSQL is not installed: on Debian, apt-get install postgresql"
		return
	}
	if p.folder, p.err = os.MkdirTemp("", "grow-postgres"); p.err != nil {
		return
	}
	if p.err = hand(p.folder); p.err != nil {
		return
	}
	data := filepath.Join(p.folder, "data")
	c := ordinary(exec.Command(initdb, "--pgdata", data, "--username", "grow", "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--no-instructions"))
	c.Dir = p.folder
	if out, err := c.CombinedOutput(); err != nil {
		p.err = fmt.Errorf("initdb: %w\n%s", err, out)
		return
	}
	p.err = p.run()
}

// run starts the server on the folder, and waits until it answers.
func (p *postgres) run() error {
	p.process = ordinary(exec.Command(program("postgres"), "-D", filepath.Join(p.folder, "data"), "-k", p.folder, "-c", "listen_addresses=", "-c", "fsync=off"))
	p.process.Dir = p.folder
	p.process.Stderr = &p.said
	if err := p.process.Start(); err != nil {
		return err
	}
	if program("pg_isready") == "" {
		return errors.New("there is no pg_isready")
	}
	c, ended := p.process, make(chan error, 1)
	go func() { ended <- c.Wait() }() // ends with the process
	p.ended = ended
	for exec.Command(program("pg_isready"), "-q", "-h", p.folder, "-U", "grow").Run() != nil {
		select {
		case err := <-ended:
			p.process = nil
			return fmt.Errorf("postgres ended: %w\n%s", err, p.said.String())
		default:
		}
	}
	return nil
}

// address is that of a database.
func (p *postgres) address(name string) string {
	return fmt.Sprintf("postgres://grow:%s@/%s?host=%s", password, name, p.folder)
}

// database makes a new database and returns its address.
func (p *postgres) database(t testing.TB) string {
	t.Helper()
	p.once.Do(p.start)
	if p.skip != "" {
		t.Skip(p.skip)
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	p.mu.Lock()
	p.count++
	name := fmt.Sprintf("d%d", p.count)
	p.mu.Unlock()
	p.admin(t, "create database "+name)
	return p.address(name)
}

// admin runs a statement as who may do everything.
func (p *postgres) admin(t testing.TB, text string) {
	t.Helper()
	db, err := stdsql.Open("pgx", p.address("postgres"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), text)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// end ends the server without waiting for who is connected.
func (p *postgres) end() error {
	if err := p.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return <-p.ended
}

func (p *postgres) stop() error {
	var err error
	if p.process != nil {
		err = p.end()
	}
	if p.folder != "" {
		err = errors.Join(err, os.RemoveAll(p.folder))
	}
	return err
}
