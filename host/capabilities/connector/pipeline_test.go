package connector

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
)

// TestPipeline: the configuration of docs/connectors.md for Redpanda Connect is one to the engine that
// it is made of, which runs it as a connector.
func TestPipeline(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the engine of Redpanda Connect")
	}
	program, config := filepath.Join(t.TempDir(), "pipeline"), filepath.Join(t.TempDir(), "contacts.yaml")
	inPipeline := func(args ...string) ([]byte, error) {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = "testdata/pipeline", append(os.Environ(), "GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off")
		return c.CombinedOutput()
	}
	if out, err := inPipeline("mod", "download"); err != nil {
		t.Skipf("the engine of Redpanda Connect cannot be had: %v\n%s", err, out)
	}
	if out, err := inPipeline("build", "-o", program, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(config, document(t, "yaml contacts.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, conn, s := start(t)
	t.Run("up", func(t *testing.T) {
		p := pipeline{T: t, address: address, conn: conn, server: s}
		p.start(program, config, "up")
		p.asks([][4]string{
			{"m1/1", "contacts.add", `{"name": "Ann", "mail": "ann@example.com"}`, `{"name": "Ann", "mail": "ann@example.com"}`},
			{"m1/1", "contacts.add", `{"name": "Ann", "mail": "ann@example.com"}`, `{"name": "Ann", "mail": "ann@example.com"}`},
			{"m1/2", "contacts.add", `{"name": "Bob", "mail": "bob@example.com"}`, `{"name": "Bob", "mail": "bob@example.com"}`},
			{"m1/3", "contacts.add", `{"name": "Cem"}`, "invalid: the request is not what contacts.add takes: /mail: is missing"},
			{"m1/4", "contacts.drop", `{}`, "invalid: the service at tools.contacts does not serve contacts.drop"},
		})
		if rows := p.stop(); rows != "main/shop/m1/1 Ann ann@example.com\nmain/shop/m1/2 Bob bob@example.com\n" {
			t.Errorf("the database has\n%s", rows)
		}
	})
	t.Run("down", func(t *testing.T) {
		p := pipeline{T: t, address: address, conn: conn, server: s}
		p.start(program, config, "down")
		p.asks([][4]string{{"m1/1", "contacts.add", `{"name": "Ann", "mail": "ann@example.com"}`, "unavailable: the database does not take it (again)"}})
		if rows := p.stop(); rows != "" {
			t.Errorf("the database has\n%s", rows)
		}
	})
}

// pipeline is a process that runs a configuration.
type pipeline struct {
	*testing.T
	address string
	conn    *client.Conn
	server  *server.Server
	process *exec.Cmd
	ended   chan error
	replies *client.Subscription // of one request
	said    bytes.Buffer         // rows that were added
	wrong   bytes.Buffer
}

// start starts it with a database, and waits until it takes requests.
func (p *pipeline) start(program, config, database string) {
	p.Helper()
	p.process = exec.CommandContext(p.Context(), program, config)
	p.process.Env = append(os.Environ(), "NATS_URL="+p.address, "CONTACTS_DSN="+database)
	p.process.Stdout, p.process.Stderr = &p.said, &p.wrong
	if err := p.process.Start(); err != nil {
		p.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.process.Wait() }() // ends with the process
	for taken := false; !taken; {
		select {
		case err := <-p.ended:
			p.Fatalf("it ended: %v\n%s", err, p.wrong.String())
		default:
			_, err := p.conn.Request("tools.contacts", nil, client.DefaultTimeout)
			taken = err == nil
		}
	}
	// What has a reply subject of its own shows all that comes to it.
	var err error
	unknown := client.NewMsg("tools.contacts")
	unknown.Reply = "replies"
	unknown.Header.Set(headerOperation, "contacts.drop")
	if p.replies, err = p.conn.SubscribeSync(unknown.Reply); err == nil {
		err = errors.Join(p.conn.PublishMsg(unknown), p.conn.Flush()) // it is there before what is asked on other connections
	}
	if err != nil {
		p.Fatal(err)
	}
}

// asks makes requests, each of a message and number, an operation and data, and compares what
// comes of them.
func (p *pipeline) asks(steps [][4]string) {
	p.Helper()
	c := open(p.T, p.address, "tools.contacts", map[string]any{"contacts.add": changes, "contacts.drop": changes})
	for _, step := range steps {
		if got := ask(p.Context(), c, step[0], step[1], step[2]); got != step[3] {
			p.Errorf("%s %s: %s\nwant %s", step[1], step[2], got, step[3])
		}
	}
	if err := c.Close(); err != nil {
		p.Error(err)
	}
}

// stop ends it, checks that a request was answered once, and returns the rows that were added.
func (p *pipeline) stop() string {
	p.Helper()
	if err := p.process.Process.Signal(os.Interrupt); err != nil {
		p.Error(err)
	}
	if err := <-p.ended; err != nil || p.wrong.Len() > 0 {
		p.Errorf("%v\n%s", err, p.wrong.String())
	}
	for p.server.NumClients() > 1 && p.Context().Err() == nil { // until the server has read all that it sent
		runtime.Gosched()
	}
	err := p.conn.Flush()
	came, _, err2 := p.replies.Pending()
	if err := errors.Join(err, err2); err != nil {
		p.Fatal(err)
	}
	var replies []string
	for range came {
		m, err := p.replies.NextMsg(client.DefaultTimeout)
		if err != nil {
			p.Fatal(err)
		}
		replies = append(replies, m.Header.Get(headerCode)+": "+string(m.Data))
	}
	if err := p.replies.Unsubscribe(); err != nil {
		p.Error(err)
	}
	if want := []string{"invalid: no such operation"}; !slices.Equal(replies, want) {
		p.Errorf("a request was answered with %q", replies)
	}
	return p.said.String()
}
