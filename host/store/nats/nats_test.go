package nats

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/storetest"
)

// serve starts a server that listens on a port of this machine only.
func serve(t *testing.T) *client.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	c, err := client.Connect(s.ClientURL(), client.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		c := serve(t)
		open := func() store.Store {
			s, err := Open(t.Context(), c, 1)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return open(), open
	})
}

func TestNames(t *testing.T) {
	for _, n := range []string{"a", "a/b", "a.b/c", "a-b_c/D.e.f"} {
		if k := key(n); name(k) != n {
			t.Errorf("%s is kept as %s and comes back as %s", n, k, name(k))
		}
	}
}
