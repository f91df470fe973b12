package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// DebugProtocol is what a connection is upgraded to by who debugs: the Debug Adapter
// Protocol as it is spoken on a byte stream.
const DebugProtocol = "grow-dap"

// A client that is gone without a word is noticed after about keepIdle and keepCount
// times keepInterval, one that reads nothing after writeTime.
const (
	keepIdle     = 10 * time.Second
	keepInterval = 5 * time.Second
	keepCount    = 3
	writeTime    = 30 * time.Second
	openTime     = 30 * time.Second // for a connection to be upgraded
)

// DebugTarget says what a person wants to look into. It is what a client's attach and
// launch requests have, besides what is the client's own.
type DebugTarget struct {
	// Actor is an actor, or a node path where it fills several places. A message says by
	// itself where it was handled.
	Actor string `json:"actor,omitempty"`
	// Message is the id of a recorded message, or the beginning of it, which is run again
	// apart from all that runs.
	Message string `json:"message,omitempty"`
	// Fork has the next message run again that the actor has handled.
	Fork bool `json:"fork,omitempty"`
	// Key is the one whose messages are looked at; nil: all.
	Key *string `json:"key,omitempty"`
	// StopOnEntry stops at the first statement.
	StopOnEntry bool `json:"stopOnEntry,omitempty"`
}

// The modes of a session.
const (
	DebugMessage = "message" // a recorded message is run again
	DebugFork    = "fork"    // so is the next one
	DebugLive    = "live"    // the actor that serves is looked at
)

// Codes of what cannot be debugged.
const (
	CodeDebugBusy     = "debug.busy"      // somebody else is at it
	CodeDebugReadOnly = "debug.read_only" // the host has what is live left alone
	CodeDebugMoved    = "debug.moved"     // what was to be debugged is being replaced
)

// Mode says what is debugged.
func (t *DebugTarget) Mode() string {
	switch {
	case t.Message != "":
		return DebugMessage
	case t.Fork:
		return DebugFork
	}
	return DebugLive
}

// Debugs is where people look into what runs.
type Debugs interface {
	// Debug speaks the Debug Adapter Protocol with a person until one of both ends it, and
	// closes the connection. by is who that is.
	Debug(ctx context.Context, conn io.ReadWriteCloser, by string) error
}

// openDebugger is the operation that becomes a stream.
func openDebugger() Operation {
	return Operation{
		ID: "open-debugger", Scope: scopeDebug, Method: http.MethodGet, Path: "/debugger", Upgrade: DebugProtocol,
		Summary: "Debug an actor: the connection becomes a stream of the Debug Adapter Protocol",
		Serve: func(b Backend, w http.ResponseWriter, r *http.Request) {
			conn, err := upgrade(w, r)
			if err != nil {
				fail(w, asError(err))
				return
			}
			_ = b.Debug(r.Context(), conn, callerOf(r.Context())) // its client was told
		},
	}
}

// upgrade takes over the connection of a request that wants it to be a stream.
func upgrade(w http.ResponseWriter, r *http.Request) (*taken, error) {
	if !strings.EqualFold(r.Header.Get("Connection"), "upgrade") || r.Header.Get("Upgrade") != DebugProtocol {
		return nil, &Error{
			Code: CodeInvalid, Message: "this request takes over its connection, and does not say so",
			Next: "send the headers Connection: Upgrade and Upgrade: " + DebugProtocol + " by HTTP/1.1, or use: grow debug",
		}
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "the connection cannot be taken over: " + err.Error(), Next: "use HTTP/1.1"}
	}
	s := &taken{Conn: conn, in: buffered.Reader}
	err = conn.SetDeadline(time.Time{})
	if t, ok := tcp(conn); ok && err == nil {
		err = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount})
	}
	if err == nil {
		_, err = fmt.Fprintf(s, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", DebugProtocol)
	}
	if err != nil {
		_ = conn.Close() // there is nobody to tell
		return nil, err
	}
	return s, nil
}

// tcp is the connection of the network below others.
func tcp(c net.Conn) (*net.TCPConn, bool) {
	for {
		switch t := c.(type) {
		case *net.TCPConn:
			return t, true
		case interface{ NetConn() net.Conn }: // TLS
			c = t.NetConn()
		default:
			return nil, false
		}
	}
}

// taken is a connection that was a request's.
type taken struct {
	net.Conn
	in *bufio.Reader // has what came with the request
}

// Read implements io.Reader.
func (s *taken) Read(p []byte) (int, error) { return s.in.Read(p) }

// Write implements io.Writer.
func (s *taken) Write(p []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return s.Conn.Write(p)
}

// Debug opens a stream of the Debug Adapter Protocol to the service. The caller closes it;
// ctx bounds only the way there.
func (c *Client) Debug(ctx context.Context) (io.ReadWriteCloser, error) {
	return c.conn.Stream(ctx, "/debugger", DebugProtocol)
}

// Stream makes a request that becomes a stream.
func (c Conn) Stream(ctx context.Context, path, protocol string) (io.ReadWriteCloser, error) {
	limit, done := context.WithTimeout(ctx, openTime)
	defer done()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	late := context.AfterFunc(limit, cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+path, nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", protocol)
	by := c.HTTP
	if c.Upgrades != nil {
		by = c.Upgrades
	}
	answer, err := Conn{HTTP: by}.Send(r)
	switch {
	case late() || err != nil:
	case errors.Is(limit.Err(), context.Canceled):
		err = errors.Join(limit.Err(), answer.Body.Close())
	default:
		err = errors.Join(&Error{Code: CodeTimeout, Message: "the host did not answer in time"}, answer.Body.Close())
	}
	if err != nil {
		cancel()
		return nil, err
	}
	both, ok := answer.Body.(io.ReadWriteCloser)
	if !ok {
		cancel()
		return nil, errors.Join(&Error{Code: CodeUnreachable, Message: "the host answered " + answer.Status + ", and keeps the connection to itself", Next: "see that nothing between here and the host changes requests"}, answer.Body.Close())
	}
	return &opened{both, cancel}, nil
}

// opened is a stream that its request ends with.
type opened struct {
	io.ReadWriteCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (o *opened) Close() error {
	defer o.cancel()
	return o.ReadWriteCloser.Close()
}
