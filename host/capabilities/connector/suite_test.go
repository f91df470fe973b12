package connector

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a server that wants a token, and connects to it.
func start(t *testing.T) (address string, conn *client.Conn, s *server.Server) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, Authorization: "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	address = fmt.Sprintf("nats://hidden@%s", s.Addr())
	if conn, err = client.Connect(address, client.Timeout(time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return address, conn, s
}

// environment is one in which every server is at an address.
// TestApart: a grant that is opened apart connects to nobody, and asks nobody.
func TestApart(t *testing.T) {
	env := environment("nats://127.0.0.1:1")
	env.Apart = true
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "connector", Params: map[string]any{
		"subject": "s", "operations": map[string]any{"a": "changes"},
	}}, env)
	if err != nil {
		t.Fatal(err)
	}
	r := &capability.Request{Operation: "a"}
	if a := c.Do(t.Context(), r); a.Code != capability.Unavailable || c.(capability.Judge).Effect(r) != capability.Changes {
		t.Errorf("answered %+v", a)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func environment(address string) capability.Environment {
	return capability.Environment{Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return address, true }}
}

// respond answers requests at a subject by what serve makes of them; nil: not at all.
func respond(t *testing.T, conn *client.Conn, subject string, serve func(*client.Msg) *client.Msg) {
	t.Helper()
	_, err := conn.Subscribe(subject, func(m *client.Msg) {
		if a := serve(m); a != nil {
			if err := m.RespondMsg(a); err != nil {
				t.Error(err)
			}
		}
	})
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// says is an answer of data and headers.
func says(data string, headers ...string) *client.Msg {
	m := client.NewMsg("")
	m.Data = []byte(data)
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	return m
}

// counter is a service that counts what it has done for whom.
type counter struct {
	mu   sync.Mutex
	done map[string]bool
}

func (c *counter) serve(m *client.Msg) *client.Msg {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Header.Get(headerOperation) {
	case Describe:
		return says(`{"version": 1, "operations": {
			"look": {"effect": "reads"}, "count": {"effect": "changes"}, "slow": {"effect": "reads"}, "other": {"effect": "reads"}}}`)
	case "slow":
		return nil
	case "count":
		c.done[m.Header.Get(headerID)] = true
	}
	return says(string(m.Data), headerAttributes, `{"version": "1"}`)
}

// TestSuite: what a connector serves is a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		address, conn, _ := start(t)
		c := &counter{done: map[string]bool{}}
		respond(t, conn, "tools.count", c.serve)
		away := environment("nats://hidden@127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "connector", Environment: environment(address), Params: map[string]any{
				"server": "tools", "subject": "tools.count", "request": 1000, "operations": map[string]any{"look": "reads", "count": "changes", "slow": "reads"},
			},
			Read: capabilitytest.Request{Operation: "look", Attrs: []string{"name", "a"}, Data: []byte("1")}, Change: capabilitytest.Request{Operation: "count"},
			Count: func() int {
				c.mu.Lock()
				defer c.mu.Unlock()
				return len(c.done)
			},
			Denied: capabilitytest.Request{Operation: "other"}, Large: capabilitytest.Request{Operation: "look", Data: make([]byte, 1001)},
			Slow: capabilitytest.Request{Operation: "slow"}, Away: &away, Secrets: []string{"hidden", "127.0.0.1"},
		}
	})
}
