package grow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sizes of streams.
const (
	streamPiece = 256 << 10 // bytes that are read or written at a time
	eventLinger = 100       // milliseconds that events are gathered for, so that many need few requests
	eventMax    = 1 << 20   // bytes of one event
)

// HTTPRequest is a request that is made as a stream.
type HTTPRequest struct {
	Method  string            // GET when it is ""
	Where   string            // a path that begins with / or a whole URL
	Header  map[string]string // by names in lower case
	Body    []byte
	Blob    string        // in place of Body: the key of an object in the grant's bucket
	Write   bool          // Body is only the begin: the rest follows by Write and CloseWrite
	Timeout time.Duration // until the answer begins; 0: as long as the message may take
}

// Stream is a request whose body is written, and an answer that is read, in pieces. It is
// an [io.ReadWriteCloser], and ends with the message. The answer is read as it comes: what is
// not read is held back. It belongs to one goroutine.
type Stream struct {
	ctx     *Context
	use     string
	handle  string
	linger  string
	status  int
	header  map[string]string
	rest    []byte
	started bool // the answer has begun
	ended   bool // there is nothing to read any more but rest
	failed  error
}

// HTTPStream makes a request with a grant of kind http, as a stream. An answer of any status
// is one; a request that does not come about is a *[CallError].
func (c *Context) HTTPStream(use string, r HTTPRequest) (*Stream, error) {
	place := "url"
	if strings.HasPrefix(r.Where, "/") {
		place = "path"
	}
	attrs := map[string]string{"of": "http.fetch", place: r.Where}
	if r.Method != "" {
		attrs["method"] = r.Method
	}
	if r.Blob != "" {
		attrs["blob"] = r.Blob
	}
	if r.Write {
		attrs["body"] = "stream"
	}
	if r.Timeout > 0 {
		attrs["timeout"] = strconv.FormatInt(max(1, r.Timeout.Milliseconds()), 10)
	}
	for name, value := range r.Header {
		attrs["header."+strings.ToLower(name)] = value
	}
	return c.openStream(use, r.Body, attrs)
}

// AskStream is [Context.Ask], whose answer is read in pieces, as it comes. The operation must be
// one that its kind answers so.
func (c *Context) AskStream(use, op string, request any) (*Stream, error) {
	data, err := c.marshal(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return c.askStream(use, data, map[string]string{"of": op})
}

// AskWriteStream asks for an operation whose request is written in pieces, too, until
// [Stream.CloseWrite]. The operation must be one that its kind takes so.
func (c *Context) AskWriteStream(use, op string) (*Stream, error) {
	return c.askStream(use, nil, map[string]string{"of": op, "body": "stream"})
}

// askStream begins an operation whose answer has no status to wait for.
func (c *Context) askStream(use string, data []byte, attrs map[string]string) (*Stream, error) {
	s, err := c.openStream(use, data, attrs)
	if err != nil {
		return nil, err
	}
	s.started = true
	return s, nil
}

// openStream begins the operation that the attribute of names.
func (c *Context) openStream(use string, data []byte, attrs map[string]string) (*Stream, error) {
	a, err := c.Do(Request{Op: "stream.open", Use: use, Attrs: attrs, Data: data})
	if err != nil {
		return nil, err
	}
	s := &Stream{ctx: c, use: use, handle: a.Attr("handle"), linger: "0", header: map[string]string{}}
	s.begin(a)
	return s, nil
}

// begin notes what an answer says of the status and the headers.
func (s *Stream) begin(a Answer) {
	status, err := strconv.Atoi(a.Attr("status"))
	if err != nil {
		return // it has not begun
	}
	s.started, s.status = true, status
	a.m.Each(func(name, value []byte) bool {
		if header, ok := strings.CutPrefix(string(name), "header."); ok {
			s.header[header] = string(value)
		}
		return true
	})
}

// Status is the status of the answer over HTTP, for which it waits until the answer begins; 0 of
// an operation that is not HTTP's.
func (s *Stream) Status() (int, error) {
	for !s.started && s.failed == nil {
		s.fill()
	}
	if s.started {
		return s.status, nil
	}
	return 0, s.failed
}

// Header returns a header of the answer, whose name is in lower case; "" when it has none, and
// as long as the answer has not begun.
func (s *Stream) Header(name string) string { return s.header[name] }

// ask makes a request about the stream.
func (s *Stream) ask(op string, data []byte, attrs ...string) (Answer, error) {
	r := Request{Op: op, Use: s.use, Data: data, Attrs: map[string]string{"handle": s.handle}}
	for i := 0; i < len(attrs); i += 2 {
		r.Attrs[attrs[i]] = attrs[i+1]
	}
	return s.ctx.Do(r)
}

// Write implements io.Writer: it sends more of the request's body, and returns when the
// connection has it. After the other side has answered and wants no more it is [io.ErrClosedPipe].
func (s *Stream) Write(p []byte) (n int, err error) {
	for piece := range slices.Chunk(p, streamPiece) {
		a, err := s.ask("stream.write", piece)
		if err == nil && a.Attr("end") == "yes" {
			err = io.ErrClosedPipe
		}
		if err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// CloseWrite ends the request's body.
func (s *Stream) CloseWrite() error {
	_, err := s.ask("stream.write", nil, "end", "yes")
	return err
}

// fill reads a piece.
func (s *Stream) fill() {
	if s.ended || s.failed != nil {
		if s.failed == nil {
			s.failed = io.EOF
		}
		return
	}
	a, err := s.ask("stream.read", nil, "max", strconv.Itoa(streamPiece), "linger", s.linger)
	if err != nil {
		s.failed = err
		return
	}
	if !s.started {
		s.begin(a)
	}
	s.rest = append(s.rest, a.Data...)
	s.ended = a.Attr("end") == "yes"
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 && len(p) > 0 {
		if s.fill(); s.failed != nil {
			return 0, s.failed
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends the stream, wherever it is.
func (s *Stream) Close() error {
	_, err := s.ask("stream.close", nil)
	s.rest, s.failed = nil, errClosedStream
	return err
}

// errClosedStream is the error of a stream that has been closed.
var errClosedStream = errors.New("the stream has been closed")

// Event is a server-sent event.
type Event struct {
	Type string // message when it names none
	Data string // its lines, with a line feed between them
	ID   string // of the last event that had one
}

// Events are the server-sent events of the answer, as the HTML standard defines them. They
// come as soon as they are there, those of a tenth of a second together. An error ends them.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s.linger = strconv.Itoa(eventLinger)
		e, data, id := Event{}, []string(nil), ""
		for first := true; ; first = false {
			line, err := s.line()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			if first {
				line = strings.TrimPrefix(line, "\ufeff")
			}
			if line == "" {
				if e.Data, e.ID = strings.Join(data, "\n"), id; e.Type == "" {
					e.Type = "message"
				}
				if data != nil && !yield(e, nil) {
					return
				}
				e, data = Event{}, nil
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch name {
			case "event":
				e.Type = value
			case "data":
				data = append(data, value)
			case "id":
				id = value
			}
		}
	}
}

// line reads a line, which ends with a line feed, a carriage return or both. What follows the
// last one is none.
func (s *Stream) line() (string, error) {
	for looked := 0; ; {
		if i := bytes.IndexAny(s.rest[looked:], "\r\n"); i >= 0 {
			i += looked
			end := i + 1
			if s.rest[i] == '\r' && end == len(s.rest) && !s.ended { // a line feed may follow
				if s.fill(); s.failed != nil {
					return "", s.failed
				}
				looked = i
				continue
			}
			if s.rest[i] == '\r' && end < len(s.rest) && s.rest[end] == '\n' {
				end++
			}
			line := string(s.rest[:i])
			s.rest = s.rest[end:]
			return line, nil
		}
		if looked = len(s.rest); looked > eventMax {
			return "", fmt.Errorf("a line of an event has more than %d bytes", eventMax)
		}
		if s.fill(); s.failed != nil {
			return "", s.failed
		}
	}
}
