package capability

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The operations of streams, of every capability that is a [Streamer]:
//
//	stream.open   begins the operation that the attribute of names; with body=stream the data
//	              is the first piece of its body, otherwise all of it. Answers with handle and,
//	              when it has the whole body, with the attributes of the operation's answer
//	stream.write  the next piece of the body; with end=yes the last one
//	stream.read   the next piece of the answer's data, of 1 to max bytes; end=yes with the
//	              last. After the first byte it gathers more for linger milliseconds. Attributes
//	              of the answer that open did not tell come with the first piece
//	stream.close  ends the stream, wherever it is
//
// All but the first have the attribute handle. A stream ends with the message.
const (
	StreamOpen  = "stream.open"
	StreamWrite = "stream.write"
	StreamRead  = "stream.read"
	StreamClose = "stream.close"
)

// Limits of streams.
const (
	StreamsMax   = 8         // of one message, open at a time
	PieceMax     = 512 << 10 // bytes of what one read returns
	pieceDefault = 64 << 10
	LingerMax    = time.Second // that a read gathers
	aheadPieces  = 8           // that are read before they are asked for; with one in hand,
	aheadBytes   = 32 << 10    // each of at most so many bytes
)

// Streamer is a capability of which operations may be asked for, and answered, in pieces.
type Streamer interface {
	// Stream does what r asks for. Its data is what body has, which comes when it comes;
	// nil: r.Data is all. The answer is without its data: that is read from the body
	// returned, until it is closed, which ctx outlives. An error of that body may be a
	// [*Failure]. r is valid until then.
	Stream(ctx context.Context, r *Request, body io.Reader) (Answer, io.ReadCloser)
}

// Failure is a failed answer as an error.
type Failure struct {
	Answer Answer
	Cause  error // may be nil
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Error implements error.
func (f *Failure) Error() string { return f.Answer.Code + ": " + f.Answer.Text }

// streams are those that a message has open. It is safe for concurrent use.
type streams struct {
	mu   sync.Mutex
	open map[string]*stream // by handle
}

// IsStream reports whether an operation is one of streams.
func IsStream(operation string) bool { return strings.HasPrefix(operation, "stream.") }

// end closes what the message has left open, once it has been handled.
func (s *streams) end() {
	s.mu.Lock()
	all := s.open
	s.open = nil
	s.mu.Unlock()
	for _, one := range all {
		one.close()
	}
}

// serve answers a request, whose deadline is that of ctx.
func (s *streams) serve(ctx context.Context, o *outward) Answer {
	r, by := &o.request, o.streamer
	if r.Operation == StreamOpen {
		return s.begin(ctx, o)
	}
	handle, _ := r.Attr("handle")
	s.mu.Lock()
	one := s.open[handle]
	s.mu.Unlock()
	if r.Operation == StreamClose {
		s.forget(handle, one)
		return Answer{}
	}
	if one == nil || one.by != by {
		return Fail(NotFound, "no stream %.40q is open: it was closed, has come to its end, or is another message's", handle)
	}
	if r.Operation == StreamWrite {
		end, _ := r.Attr("end")
		return one.write(ctx, r.Data, end == "yes")
	}
	size, linger, err := pace(r)
	if err != nil {
		return Fail(Invalid, "%v", err)
	}
	a, ended := one.read(ctx, size, linger)
	if ended {
		s.forget(handle, one)
	}
	return a
}

func (s *streams) forget(handle string, one *stream) {
	s.mu.Lock()
	delete(s.open, handle)
	s.mu.Unlock()
	if one != nil {
		one.close()
	}
}

// pace are how much a read returns, and how long it gathers.
func pace(r *Request) (size int, linger time.Duration, err error) {
	size = pieceDefault
	if text, ok := r.Attr("max"); ok {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > PieceMax {
			return 0, 0, fmt.Errorf("max %.40q is not a number from 1 to %d", text, PieceMax)
		}
	}
	if text, ok := r.Attr("linger"); ok {
		ms, err := strconv.Atoi(text)
		if err != nil || ms < 0 || ms > int(LingerMax/time.Millisecond) {
			return 0, 0, fmt.Errorf("linger %.40q is not a number of milliseconds up to %d", text, LingerMax/time.Millisecond)
		}
		linger = time.Duration(ms) * time.Millisecond
	}
	return size, linger, nil
}

// begin opens a stream. When the request is whole, it waits for the head of the answer.
func (s *streams) begin(ctx context.Context, o *outward) Answer {
	r, handle := &o.request, strconv.Itoa(o.number)
	of, ok := r.Attr("of")
	if !ok {
		return Fail(Invalid, "%s needs the attribute of: the operation that it begins", StreamOpen)
	}
	body, _ := r.Attr("body")
	if body != "" && body != "stream" {
		return Fail(Invalid, "body %.40q is not stream, the only word for it", body)
	}
	one := newStream(o.ledger.Context, o.streamer, detached(r, of), body != "")
	one.reading.Lock()
	defer one.reading.Unlock()
	if !s.add(handle, one) {
		one.close()
		return Fail(Limit, "the message has %d streams open, and may have no more: close one", StreamsMax)
	}
	a := Answer{}
	if one.body == nil {
		select {
		case <-one.begun:
			a, one.told = one.head, true
		case <-ctx.Done():
			a = Fail(Timeout, "the answer has not begun in time")
		}
	}
	if a.Code != "" {
		s.forget(handle, one)
		return a
	}
	a.Attrs = append([]string{"handle", handle}, a.Attrs...)
	return a
}

// add has a stream start and be known, unless there are as many as there may be.
func (s *streams) add(handle string, one *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= StreamsMax {
		return false
	}
	if s.open == nil {
		s.open = map[string]*stream{}
	}
	s.open[handle] = one
	one.wait.Go(one.run)
	return true
}

// detached is a copy of a request to open a stream, as one for the operation, that is valid
// for ever.
func detached(r *Request, of string) *Request {
	var attrs []string
	if r.Each != nil {
		for name, value := range r.Each {
			if name != "of" && name != "body" && name != "handle" {
				attrs = append(attrs, name, value)
			}
		}
	}
	return &Request{
		Operation: of, Data: slices.Clone(r.Data), Stable: r.Stable,
		Attr: func(name string) (string, bool) {
			for i := 0; i < len(attrs); i += 2 {
				if attrs[i] == name {
					return attrs[i+1], true
				}
			}
			return "", false
		},
		Each: func(yield func(string, string) bool) {
			for i := 0; i < len(attrs); i += 2 {
				if !yield(attrs[i], attrs[i+1]) {
					return
				}
			}
		},
	}
}

// stream is one that is open. One goroutine does what it is for and then reads ahead; it ends
// with close, or with the answer.
type stream struct {
	by      Streamer
	ctx     context.Context
	cancel  context.CancelFunc
	request *Request
	data    io.Reader      // the request's body; nil: the request is whole
	body    *io.PipeWriter // to data; nil likewise
	wait    sync.WaitGroup // for the goroutine
	begun   chan struct{}  // closed when head is known
	head    Answer         // the answer without its data
	pieces  chan []byte    // of the answer; closed at its end
	err     error          // that ended it; set before pieces is closed

	writing sync.Mutex
	sent    bool // the body is, all of it

	reading sync.Mutex
	told    bool   // the attributes of head are
	rest    []byte // of a piece that was larger than asked for
}

// newStream prepares a stream, whose body comes in pieces or is the request's data.
func newStream(message context.Context, by Streamer, r *Request, more bool) *stream {
	s := &stream{by: by, request: r, begun: make(chan struct{}), pieces: make(chan []byte, aheadPieces)}
	s.ctx, s.cancel = context.WithCancel(message)
	if more {
		reader, writer := io.Pipe()
		s.data, s.body = &piped{io.MultiReader(bytes.NewReader(r.Data), reader), reader}, writer
		r.Data = nil
	}
	return s
}

// piped is a body that, when it is closed, tells whoever writes it that nobody reads on.
type piped struct {
	io.Reader
	pipe *io.PipeReader
}

// Close implements io.Closer.
func (p *piped) Close() error { return p.pipe.Close() }

// run does what the stream is for, and reads the answer ahead of whoever asks for it.
func (s *stream) run() {
	defer close(s.pieces)
	head, answer := s.begin()
	s.head = head
	close(s.begun)
	if s.body != nil && head.Code != "" {
		_ = s.data.(io.Closer).Close() // of a pipe, which never fails
	}
	if answer != nil {
		s.err = s.ahead(answer)
	}
}

// ahead reads an answer to its end, as far as there is room.
func (s *stream) ahead(answer io.ReadCloser) (err error) {
	defer func() { _ = answer.Close() }() // it was only read
	defer caught(&err)
	buf := make([]byte, aheadBytes)
	for {
		n, err := answer.Read(buf)
		if n > 0 {
			select {
			case s.pieces <- slices.Clone(buf[:n]):
			case <-s.ctx.Done():
				return s.ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// begin asks the capability, whose fault is one failed request.
func (s *stream) begin() (head Answer, answer io.ReadCloser) {
	var err error
	defer func() {
		if err != nil {
			head, answer = failure(err), nil
		}
	}()
	defer caught(&err)
	return s.by.Stream(s.ctx, s.request, s.data)
}

// caught makes a panic of the capability an error.
func caught(err *error) {
	if fault := recover(); fault != nil {
		*err = &Failure{Answer: Fail(Unavailable, "the capability is at fault: %v", fault)}
	}
}

// failure is the failed answer that an error is.
func failure(err error) Answer {
	var f *Failure
	switch {
	case errors.As(err, &f):
		return f.Answer
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Fail(Timeout, "the stream did not end in time")
	}
	return Fail(Unavailable, "%v", err)
}

// close ends the stream and waits for its goroutine.
func (s *stream) close() {
	s.cancel()
	if s.body != nil {
		_ = s.body.CloseWithError(context.Canceled) // never fails
	}
	s.wait.Wait()
}

// busy refuses a second request for the same side of a stream.
func busy(what string) Answer {
	return Fail(Invalid, "the stream is being %s by another request of the same call", what)
}

// write sends a piece of the body, and returns when the other side's connection has it.
func (s *stream) write(ctx context.Context, data []byte, end bool) Answer {
	if !s.writing.TryLock() {
		return busy("written")
	}
	defer s.writing.Unlock()
	if s.body == nil || s.sent {
		return Fail(Invalid, "the body of the request has been sent")
	}
	stop := context.AfterFunc(ctx, func() { _ = s.body.CloseWithError(context.Cause(ctx)) }) // never fails
	var err error
	if len(data) > 0 { // a pipe would wait for somebody to read nothing
		_, err = s.body.Write(data)
	}
	late := !stop()
	switch {
	case err == nil && end:
		s.sent = true
		_ = s.body.Close() // never fails
		return Answer{}
	case err == nil:
		return Answer{}
	case late:
		return Fail(Timeout, "the other side did not take the body in time")
	}
	// Nobody reads the body any more: there is an answer, or a failure.
	select {
	case <-s.begun:
	case <-ctx.Done():
		return Fail(Timeout, "the other side took no more of the body, and did not answer in time")
	}
	if s.head.Code != "" {
		return s.head
	}
	return Answer{Attrs: []string{"end", "yes"}}
}

// read returns the next piece of the answer; ended says that it was the last.
func (s *stream) read(ctx context.Context, size int, linger time.Duration) (a Answer, ended bool) {
	if !s.reading.TryLock() {
		return busy("read"), false
	}
	defer s.reading.Unlock()
	select {
	case <-s.begun:
	case <-ctx.Done():
		return Fail(Timeout, "the answer has not begun in time"), false
	}
	if s.head.Code != "" {
		return s.head, true
	}
	data, open := s.gather(ctx, size, linger)
	switch {
	case !open && s.err == nil:
		ended = true
	case !open && len(data) == 0:
		return failure(s.err), true
	case len(data) == 0:
		return Fail(Timeout, "nothing more came in time"), false
	}
	a.Data = data
	if !s.told {
		s.told = true
		a.Attrs = s.head.Attrs
	}
	if ended {
		a.Attrs = append(slices.Clone(a.Attrs), "end", "yes")
	}
	return a, ended
}

// gather waits for the first bytes, and for more as long as linger says; open says that there
// may be more. What is there is never waited for.
func (s *stream) gather(ctx context.Context, size int, linger time.Duration) (data []byte, open bool) {
	data, open = s.take(nil, size), true
	for open && len(data) == 0 {
		select {
		case s.rest, open = <-s.pieces:
			data = s.take(data, size)
		case <-ctx.Done():
			return nil, true
		}
	}
	quiet := time.NewTimer(linger)
	defer quiet.Stop()
	for open && len(data) < size {
		select {
		case s.rest, open = <-s.pieces:
			data = s.take(data, size)
			continue
		default:
		}
		select {
		case s.rest, open = <-s.pieces:
			data = s.take(data, size)
		case <-quiet.C:
			return data, true
		case <-ctx.Done():
			return data, true
		}
	}
	return data, open
}

// take adds what is left of a piece, up to size bytes in all.
func (s *stream) take(data []byte, size int) []byte {
	n := min(len(s.rest), size-len(data))
	data = append(data, s.rest[:n]...)
	s.rest = s.rest[n:]
	return data
}
