package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Debug echoes what it gets, and notes how it ended.
func (f *fake) Debug(_ context.Context, conn io.ReadWriteCloser, by string) error {
	_, err := io.Copy(conn, conn)
	return errors.Join(err, conn.Close(), f.note("debugged by "+by))
}

// TestDebug: a request becomes a stream, both ways, until its client closes it.
func TestDebug(t *testing.T) {
	dir := t.TempDir()
	f := &fake{}
	s, err := listen(t, dir, f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, err := c.Debug(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Content-Length: 2\r\n\r\n{}", strings.Repeat("x", 1<<20)} {
		wrote := make(chan error, 1)
		go func() { _, err := io.WriteString(conn, want); wrote <- err }()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("%.40q, %v", got, err)
		}
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDebugRefused: a request that does not take over its connection, and one that comes
// too late.
func TestDebugRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := listen(t, dir, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	way, _, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	var told *Error
	if _, err := way.Do(t.Context(), http.MethodGet, "/debugger", nil); !errors.As(err, &told) || told.Code != CodeInvalid {
		t.Errorf("without an upgrade: %v", err)
	}
	if _, err := way.Stream(t.Context(), "/debugger", "other"); !errors.As(err, &told) || told.Code != CodeInvalid {
		t.Errorf("another protocol: %v", err)
	}
	if _, err := way.Stream(t.Context(), "/status", DebugProtocol); !errors.As(err, &told) || told.Code != CodeUnreachable {
		t.Errorf("what becomes no stream: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := way.Stream(ctx, "/debugger", DebugProtocol); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
