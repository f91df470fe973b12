package adapter

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-dap"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBegun: what the command line says is added, and what the client says stays.
func TestBegun(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"another request", `{"command":"initialize","arguments":{"a":1}}`, ""},
		{"no request", `[1]`, ""},
		{"attach", `{"command":"attach","seq":2}`, `{"arguments":{"actor":"price","fork":true},"command":"attach","seq":2}`},
		{"launch with arguments", `{"command":"launch","arguments":{"actor":"tax","x":[1]}}`, `{"arguments":{"actor":"tax","fork":true,"x":[1]},"command":"launch"}`},
		{"null", `{"command":"attach","arguments":null}`, `{"command":"attach","arguments":null}`},
		{"no object", `{"command":"attach","arguments":[]}`, `{"command":"attach","arguments":[]}`},
	} {
		got, done := begun([]byte(c.content), map[string]any{"actor": "price", "fork": true})
		if want := c.want; done != (want != "") || want != "" && string(got) != want || want == "" && string(got) != c.content {
			t.Errorf("%s: %s, %v; want %s", c.name, got, done, want)
		}
	}
}

// TestJoin: messages go both ways, and either side or the context ends both.
func TestJoin(t *testing.T) {
	for _, end := range []string{"client", "host", "context", "nonsense"} {
		t.Run(end, func(t *testing.T) {
			client, near := net.Pipe()
			far, host := net.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			joined := make(chan error, 1)
			go func() { joined <- Join(ctx, near, far, map[string]any{"actor": "price"}) }()
			in := bufio.NewReader(host)
			for _, m := range [][2]string{{`{"command":"initialize"}`, `{"command":"initialize"}`}, {`{"command":"attach"}`, `{"arguments":{"actor":"price"},"command":"attach"}`}, {`{"command":"threads"}`, `{"command":"threads"}`}} {
				if end == "nonsense" {
					break
				}
				wrote := make(chan error, 1)
				go func() { wrote <- dap.WriteBaseMessage(client, []byte(m[0])) }()
				if got, err := dap.ReadBaseMessage(in); err != nil || string(got) != m[1] {
					t.Fatalf("%s, %v; want %s", got, err, m[1])
				}
				if err := <-wrote; err != nil {
					t.Fatal(err)
				}
			}
			switch end {
			case "client":
				_ = client.Close()
			case "host":
				_ = host.Close()
			case "context":
				cancel()
			case "nonsense":
				if _, err := io.WriteString(client, "GET / HTTP/1.1\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-joined; (err != nil) != (end == "nonsense") {
				t.Error(err)
			}
			for name, c := range map[string]net.Conn{"client": client, "host": host} {
				if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "closed") {
					t.Errorf("%s: %v", name, err)
				}
				_ = c.Close()
			}
		})
	}
}

func FuzzBegun(f *testing.F) {
	f.Add([]byte(`{"command":"attach","arguments":{"a":1}}`))
	f.Add([]byte(`{"command":"attach","arguments":null}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if got, done := begun(content, map[string]any{"actor": "a"}); !done && string(got) != string(content) {
			t.Errorf("%q became %q", content, got)
		}
	})
}
