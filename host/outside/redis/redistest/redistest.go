// Package redistest starts real Redis servers for tests.
package redistest

import (
	"net"
	"os/exec"
	"strconv"
	"testing"

	client "github.com/redis/go-redis/v9"
)

// Password is what every server wants.
const Password = "hidden"

// Server is a Redis that is running.
type Server struct {
	Address string // for a secret
	Client  *client.Client
	cmd     *exec.Cmd
}

// Port is one that nobody listens on.
func Port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Start starts a server at a port of the loopback address that keeps what it has in dir, and
// ends it with the test at the latest. Without a Redis on this computer the test is skipped.
func Start(t *testing.T, dir, port string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server: on Debian it is in the package redis-server")
	}
	cmd := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--requirepass", Password, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{"redis://:" + Password + "@127.0.0.1:" + port, client.NewClient(&client.Options{Addr: "127.0.0.1:" + port, Password: Password}), cmd}
	t.Cleanup(s.Kill)
	for s.Client.Ping(t.Context()).Err() != nil {
		if t.Context().Err() != nil {
			t.Fatal("the server does not start")
		}
	}
	return s
}

// Kill ends the server at once; what it has said that it has, it keeps.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		_ = s.Client.Close()
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
	}
}
