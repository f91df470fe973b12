// Package redistest starts real Redis servers for tests.
package redistest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
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
	process *os.Process
	ended   chan struct{} // closed when the process is gone
}

// Ports of tests: no system gives one of these to who wants any, so that whoever waits for a
// server to come back finds nobody else there.
const (
	portFirst = 10_000
	portLast  = 29_999
)

// Port is one that nobody listens on.
func Port(t *testing.T) string {
	t.Helper()
	for t.Context().Err() == nil {
		port := strconv.Itoa(portFirst + rand.IntN(portLast-portFirst+1))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close() // nobody has connected
			return port
		}
	}
	t.Fatal("there is no port")
	return ""
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
	var said bytes.Buffer
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{"redis://:" + Password + "@127.0.0.1:" + port, client.NewClient(&client.Options{Addr: "127.0.0.1:" + port, Password: Password}), cmd.Process, make(chan struct{})}
	go func() { // ends with the process
		defer close(s.ended)
		_ = cmd.Wait() // it is killed, or has said why it ended
	}()
	t.Cleanup(s.Kill)
	for s.Client.Ping(t.Context()).Err() != nil {
		select {
		case <-s.ended:
			t.Fatalf("the server has ended:\n%s", said.String())
		case <-t.Context().Done():
			t.Fatal("the server does not start")
		default:
		}
	}
	return s
}

// Kill ends the server at once; what it has said that it has, it keeps.
func (s *Server) Kill() {
	_ = s.Client.Close() // it may be closed already
	_ = s.process.Kill() // it may have ended already
	<-s.ended
}
