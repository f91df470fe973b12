package publish

import (
	"net"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// TestApart: a grant that is opened apart connects to nobody, and publishes nothing.
func TestApart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	met := make(chan bool, 1)
	go func() { // until l is closed
		_, err := l.Accept()
		met <- err == nil
	}()
	for _, via := range []string{"nats", "kafka", "redis"} {
		c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "publish", Params: map[string]any{"via": via, "subjects": []any{"a"}}},
			capability.Environment{Apart: true, Secret: func(string) (string, bool) { return via + "://" + l.Addr().String(), true }})
		if err != nil {
			t.Fatalf("%s: %v", via, err)
		}
		a := c.Do(t.Context(), &capability.Request{Operation: Publish, Stable: "m/1", Attr: func(name string) (string, bool) { return "a", name == "subject" }})
		if a.Code != capability.Unavailable {
			t.Errorf("%s: answered %+v", via, a)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", via, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if <-met {
		t.Error("a copy that stands apart has connected")
	}
}
