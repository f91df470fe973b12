// Package postgres starts a real PostgreSQL on this machine, for tests and benchmarks: the
// programs of an installed one, with a folder of its own, which listens at a socket in
// there and nowhere else.
package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing: no PostgreSQL is installed.
var ErrMissing = errors.New("PostgreSQL is not installed: on Debian, apt-get install postgresql")

// Password is one that the server does not ask for, and that must be said nowhere.
const Password = "canary-of-the-password"

// Server is a PostgreSQL. It belongs to one goroutine, but for Address.
type Server struct {
	Folder  string // with its files and its socket
	options []string
	process *exec.Cmd // nil: it does not run
	ended   chan error
	said    bytes.Buffer
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

// Start makes the files of a server and runs it until Stop; options are settings such as
// fsync=off. ErrMissing: there is none to start.
func Start(options ...string) (*Server, error) {
	initdb := program("initdb")
	if initdb == "" || program("postgres") == "" || program("pg_isready") == "" {
		return nil, ErrMissing
	}
	folder, err := os.MkdirTemp("", "grow-postgres")
	if err != nil {
		return nil, err
	}
	s := &Server{Folder: folder, options: options}
	if err := s.make(initdb); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) make(initdb string) error {
	if err := hand(s.Folder); err != nil {
		return err
	}
	c := ordinary(exec.Command(initdb, "--pgdata", s.data(), "--username", "grow", "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--no-instructions"))
	c.Dir = s.Folder
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s.Run()
}

func (s *Server) data() string { return filepath.Join(s.Folder, "data") }

// Run starts the server on its files, after End, and waits until it answers.
func (s *Server) Run() error {
	args := []string{"-D", s.data(), "-k", s.Folder, "-c", "listen_addresses="}
	for _, o := range s.options {
		args = append(args, "-c", o)
	}
	c, ended := ordinary(exec.Command(program("postgres"), args...)), make(chan error, 1)
	c.Dir, c.Stderr = s.Folder, &s.said
	if err := c.Start(); err != nil {
		return err
	}
	go func() { ended <- c.Wait() }() // ends with the process
	s.process, s.ended = c, ended
	for exec.Command(program("pg_isready"), "-q", "-h", s.Folder, "-U", "grow").Run() != nil {
		select {
		case err := <-ended:
			s.process = nil
			return fmt.Errorf("postgres ended: %w\n%s", err, s.said.String())
		default:
		}
	}
	return nil
}

// Address is that of one of the server's databases; postgres is always there.
func (s *Server) Address(database string) string {
	return fmt.Sprintf("postgres://grow:%s@/%s?host=%s", Password, database, s.Folder)
}

// End ends the server without waiting for who is connected; its files stay.
func (s *Server) End() error {
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	s.process = nil
	return <-s.ended
}

// Stop ends the server, if it runs, and removes its files.
func (s *Server) Stop() (err error) {
	if s.process != nil {
		err = s.End()
	}
	return errors.Join(err, os.RemoveAll(s.Folder))
}
