package control

import (
	"bufio"
	"bytes"
	"context"
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

// Client speaks to the host of one service. It is safe for concurrent use.
type Client struct {
	info info
	http *http.Client
}

// Dial finds the host that keeps its own files in dir. It fails with an *Error
// of code host.not_running, host.unreachable or host.permission.
func Dial(dir string) (*Client, error) {
	notRunning := &Error{Code: CodeNotRunning, Message: "no host is running for this folder", At: dir, Next: "start it: grow run"}
	i, err := read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, notRunning
	}
	if err == nil {
		err = reach(i)
	} else if !errors.Is(err, os.ErrPermission) {
		return nil, &Error{Code: CodeUnreachable, Message: "read where the host is: " + err.Error(), At: filepath.Join(dir, infoFile), Next: "remove that file, and start the host again: grow run"}
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, &Error{Code: CodePermission, Message: "the host is another user's: its socket may not be opened", At: dir, Next: "do it as the user that started the host"}
	}
	if err != nil {
		return nil, notRunning
	}
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", i.Socket)
	}}
	return &Client{info: i, http: &http.Client{Transport: t}}, nil
}

// Close ends the client's connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status tells what the host runs.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, callTime, http.MethodGet, "/v1/status", nil, &s)
}

// Send sends a message, and waits for its reply when r.Wait is set.
func (c *Client) Send(ctx context.Context, r SendRequest) (reply SendReply, err error) {
	return reply, c.call(ctx, callTime+r.Timeout, http.MethodPost, "/v1/send", r, &reply)
}

// DeadLetters lists dead letters, newest first, without their data.
func (c *Client) DeadLetters(ctx context.Context, f DeadFilter) (list []DeadLetter, err error) {
	return list, c.call(ctx, callTime, http.MethodPost, "/v1/deadletters", f, &list)
}

// DeadLetter returns one, with attributes and data. An unknown id is an *Error of code not_found.
func (c *Client) DeadLetter(ctx context.Context, id string) (d DeadLetter, err error) {
	return d, c.call(ctx, callTime, http.MethodGet, "/v1/deadletters/"+url.PathEscape(id), nil, &d)
}

// Logs calls emit with log records: those there are, and with follow those to
// come until ctx ends, which is no error.
func (c *Client) Logs(ctx context.Context, f logs.Filter, follow bool, emit func(logs.Record) error) error {
	if !follow {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	response, err := c.do(ctx, http.MethodPost, "/v1/logs", logsRequest{f, follow})
	if err != nil {
		return err
	}
	err = each(response.Body, func(r logs.Record) error {
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
		return &Error{Code: CodeUnreachable, Message: "the log ends here: the host has stopped", Next: "start it: grow run"}
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

// each calls emit with the values of an answer that has one a line, and closes
// it. An error that stands among them ends it and is returned.
func each[T any](body io.ReadCloser, emit func(T) error) error {
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
	return reply, c.call(ctx, callTime, http.MethodPost, "/v1/deadletters/edit", r, &reply)
}

// SettleDeadLetters sends dead letters again or forgets them, and calls emit with
// what became of each. When ctx ends the host ends it too.
func (c *Client) SettleDeadLetters(ctx context.Context, r SettleRequest, emit func(Settled) error) error {
	response, err := c.do(ctx, http.MethodPost, "/v1/deadletters/settle", r)
	if err != nil {
		return err
	}
	err = each(response.Body, emit)
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
	return list, c.call(ctx, callTime, http.MethodGet, "/v1/actions", nil, &list)
}

// AbortAction ends one that runs.
func (c *Client) AbortAction(ctx context.Context, name string) (a Action, err error) {
	return a, c.call(ctx, callTime, http.MethodPost, "/v1/actions/"+url.PathEscape(name)+"/abort", nil, &a)
}

// call makes a request and decodes its answer.
func (c *Client) call(ctx context.Context, limit time.Duration, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	response, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, answerMax)).Decode(out); err != nil {
		return &Error{Code: CodeUnreachable, Message: "read the host's answer: " + err.Error()}
	}
	return nil
}

// do makes a request; an answer that is an error becomes one.
func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://host"+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	response, err := c.http.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &Error{Code: CodeTimeout, Message: "the host did not answer in time", Next: "look at its log; it may be overloaded"}
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, &Error{Code: CodeUnreachable, Message: "reach the host: " + err.Error(), Next: "look whether it still runs: grow status"}
	case response.StatusCode == http.StatusOK:
		return response, nil
	}
	defer response.Body.Close()
	var told struct{ Error *Error }
	if err := json.NewDecoder(io.LimitReader(response.Body, bodyMax)).Decode(&told); err != nil || told.Error == nil {
		return nil, &Error{Code: CodeUnreachable, Message: "the host answered " + response.Status}
	}
	return nil, told.Error
}
