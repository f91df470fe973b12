package control

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/host/logs"
)

const (
	callTime  = 30 * time.Second
	answerMax = 256 << 20 // bytes of an answer
	lineMax   = 4 << 20   // bytes of a log record on the wire
)

// Conn is a way to a host. It is safe for concurrent use.
type Conn struct {
	Base string // URL that paths are below
	HTTP *http.Client
	// Upgrades makes requests that become streams, which HTTP/1.1 can; nil: HTTP does.
	Upgrades *http.Client
}

// Client speaks to the host of one service. It is safe for concurrent use.
type Client struct{ conn Conn }

// NewClient returns a client of the service that a way leads to.
func NewClient(c Conn) *Client { return &Client{c} }

// Dial finds the host that keeps its own files in dir, and returns a way to its
// control API that needs no token, which is below Base. It fails with an *Error of
// code host.not_running, host.unreachable or host.permission.
func Dial(dir string) (Conn, Place, error) {
	notRunning := &Error{Code: CodeNotRunning, Message: "no host is running for this folder", At: dir, Next: "start it: grow run"}
	i, err := read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Conn{}, i, notRunning
	}
	if err == nil {
		err = reach(i)
	} else if !errors.Is(err, os.ErrPermission) {
		return Conn{}, i, &Error{Code: CodeUnreachable, Message: "read where the host is: " + err.Error(), At: filepath.Join(dir, infoFile), Next: "remove that file, and start the host again: grow run"}
	}
	if errors.Is(err, os.ErrPermission) {
		return Conn{}, i, &Error{Code: CodePermission, Message: "the host is another user's: its socket may not be opened", At: dir, Next: "do it as the user that started the host"}
	}
	if err != nil {
		return Conn{}, i, notRunning
	}
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", i.Socket)
	}}
	return Conn{Base: "http://host/v1", HTTP: &http.Client{Transport: t}}, i, nil
}

// Close ends the client's connections.
func (c *Client) Close() { c.conn.Close() }

// Close ends what is open of it, but for streams.
func (c Conn) Close() {
	c.HTTP.CloseIdleConnections()
	if c.Upgrades != nil {
		c.Upgrades.CloseIdleConnections()
	}
}

// Status tells what the host runs.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.conn.Call(ctx, callTime, http.MethodGet, "/status", nil, &s)
}

// Send sends a message, and waits for its reply when r.Wait is set.
func (c *Client) Send(ctx context.Context, r SendRequest) (reply SendReply, err error) {
	return reply, c.conn.Call(ctx, callTime+r.Timeout, http.MethodPost, "/send", r, &reply)
}

// DeadLetters lists dead letters, newest first, without their data.
func (c *Client) DeadLetters(ctx context.Context, f DeadFilter) (list []DeadLetter, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodPost, "/deadletters", f, &list)
}

// DeadLetter returns one, with attributes and data. An unknown id is an *Error of code not_found.
func (c *Client) DeadLetter(ctx context.Context, id string) (d DeadLetter, err error) {
	return d, c.conn.Call(ctx, callTime, http.MethodGet, "/deadletters/"+url.PathEscape(id), nil, &d)
}

// Logs calls emit with log records: those there are, and with follow those to
// come until ctx ends, which is no error.
func (c *Client) Logs(ctx context.Context, f logs.Filter, follow bool, emit func(logs.Record) error) error {
	if !follow {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	response, err := c.conn.Do(ctx, http.MethodPost, "/logs", LogsRequest{f, follow})
	if err != nil {
		return err
	}
	err = Each(response.Body, func(r logs.Record) error {
		if follow && ctx.Err() != nil {
			return errEnough
		}
		return emit(r)
	})
	var cut *cutError
	switch {
	case errors.Is(err, errEnough), err != nil && follow && ctx.Err() != nil && errors.As(err, &cut):
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &cut) && !errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Code: CodeUnreachable, Message: "read the host's log: " + cut.err.Error()}
	case errors.As(err, &cut), err == nil && follow && ctx.Err() == nil:
		return &Error{Code: CodeUnreachable, Message: "the log ends here: the host has stopped", Next: "once it runs again: grow logs -f"}
	}
	return err
}

// errEnough: whoever follows wants no more.
var errEnough = errors.New("enough")

// cutError: an answer could not be read to its end.
type cutError struct{ err error }

// Error implements error.
func (e *cutError) Error() string { return "read the host's answer: " + e.err.Error() }

// Unwrap returns the cause.
func (e *cutError) Unwrap() error { return e.err }

// Each calls emit with the values of an answer that has one a line, and closes
// it. An error that stands alone among them ends it and is returned.
func Each[T any](body io.ReadCloser, emit func(T) error) error {
	defer body.Close()
	in := bufio.NewScanner(body)
	in.Buffer(nil, lineMax)
	for in.Scan() {
		var fault struct{ Error *Error }
		var v T
		err := json.Unmarshal(in.Bytes(), &fault)
		if err == nil && fault.Error != nil {
			return fault.Error
		}
		if err == nil {
			err = json.Unmarshal(in.Bytes(), &v)
		}
		if err != nil {
			return &Error{Code: CodeUnreachable, Message: "read the host's answer: " + err.Error()}
		}
		if err := emit(v); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return &cutError{err}
	}
	return nil
}

// EditDeadLetter replaces the data of a dead letter, or says what that would do.
func (c *Client) EditDeadLetter(ctx context.Context, r EditRequest) (reply EditReply, err error) {
	return reply, c.conn.Call(ctx, callTime, http.MethodPost, "/deadletter-edit", r, &reply)
}

// SettleDeadLetters sends dead letters again or forgets them, and calls emit with
// what became of each. When ctx ends the host ends it too.
func (c *Client) SettleDeadLetters(ctx context.Context, r SettleRequest, emit func(Settled) error) error {
	response, err := c.conn.Do(ctx, http.MethodPost, "/deadletter-settle", r)
	if err != nil {
		return err
	}
	err = Each(response.Body, emit)
	var cut *cutError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &cut):
		return &Error{Code: CodeUnreachable, Message: "the host has stopped before all was done", Next: "start it, and do the rest: grow run"}
	}
	return err
}

// Actions lists the actions on many dead letters that run or ran last, newest first.
func (c *Client) Actions(ctx context.Context) (list []Action, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodGet, "/actions", nil, &list)
}

// AbortAction ends one that runs.
func (c *Client) AbortAction(ctx context.Context, name string) (a Action, err error) {
	return a, c.conn.Call(ctx, callTime, http.MethodPost, "/actions/"+url.PathEscape(name)+"/abort", nil, &a)
}

// Call makes a request, which must end within limit, and decodes its answer into
// out, unless that is nil. in is the request's JSON; nil: it has no body.
func (c Conn) Call(ctx context.Context, limit time.Duration, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	response, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	if out == nil {
		return response.Body.Close()
	}
	return Decode(response, out)
}

// Decode reads an answer's JSON, and closes it.
func Decode(response *http.Response, out any) error {
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, answerMax)).Decode(out); err != nil {
		return &Error{Code: CodeUnreachable, Message: "read the host's answer: " + err.Error()}
	}
	return nil
}

// Do makes a request; an answer that is an error becomes one.
func (c Conn) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return c.Send(r)
}

// Send makes a request as it is; an answer that is an error becomes one.
func (c Conn) Send(r *http.Request) (*http.Response, error) {
	response, err := c.HTTP.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &Error{Code: CodeTimeout, Message: "the host did not answer in time", Next: "look at its log; it may be overloaded"}
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, &Error{Code: CodeUnreachable, Message: "reach the host: " + err.Error(), Next: unreached(err)}
	case response.StatusCode >= 200 && response.StatusCode < 300, response.StatusCode == http.StatusSwitchingProtocols:
		return response, nil
	}
	defer response.Body.Close()
	var told struct{ Error *Error }
	text, _ := io.ReadAll(io.LimitReader(response.Body, bodyMax)) // what could be read is told
	if err := json.Unmarshal(text, &told); err == nil && told.Error != nil {
		return nil, told.Error
	}
	other := &Error{Code: CodeUnreachable, Message: "the host answered " + response.Status}
	if bytes.Contains(text, []byte("HTTP request to an HTTPS server")) { // as net/http has it
		other.Next = "it has a certificate: name it by https://"
	}
	return nil, other
}

// unreached says what to do about a host that gave no answer.
func unreached(err error) string {
	var name x509.HostnameError
	var refused *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "name the host as its certificate does, or have it given one for this name"
	case errors.As(err, &refused):
		return "give the file of certificates that the host's is signed by, which may be its own: --host-ca FILE, or export GROW_CA=FILE"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it has no certificate: name it by http://"
	}
	return "look whether it still runs: grow status"
}
