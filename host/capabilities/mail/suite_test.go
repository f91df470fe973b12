package mail

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/testdata/postbox"
)

// TestSuite: mail is a capability like others, that reads nothing.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		p := postbox.Start(t, postbox.Options{Implicit: true})
		to := func(address string, size int) capabilitytest.Request {
			return capabilitytest.Request{Operation: Send, Data: []byte(`{"to": ["` + address + `"], "text": "` + strings.Repeat("x", size) + `"}`)}
		}
		environment := func(url string) capability.Environment {
			return capability.Environment{Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return url, true }, Buckets: &bucket.Memory{}}
		}
		away := environment("smtps://shop:" + postbox.Password + "@127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "mail", Params: map[string]any{"from": "shop@example.com", "to": []any{"*@example.com"}, "size": 4096}, Environment: environment(p.URL("smtps")),
			Read: to("a@example.com", 0), Change: to("b@example.com", 10),
			Count: func() (n int) {
				for _, m := range p.All() {
					if slices.Contains(m.To, "b@example.com") {
						n++
					}
				}
				return n
			},
			Denied: to("a@example.org", 0), Large: to("a@example.com", 5000), Away: &away, Secrets: []string{postbox.Password, "127.0.0.1"},
		}
	})
}

// TestSlow: a server that accepts connections and says nothing is given up on in time.
func TestSlow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, scheme := range []string{"smtp", "smtps"} {
		c := open(t, scheme+"://"+l.Addr().String(), nil)
		if got := sendWithin(t, c, "m1/1", `{"to": ["a@example.com"]}`, 100); got != "timeout: mail server default did not take the mail in time" {
			t.Errorf("%s: %s", scheme, got)
		}
	}
}
