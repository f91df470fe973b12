// Package dap serves the Debug Adapter Protocol to one client: an editor, or grow's
// debugger in the terminal. What it debugs is a [debug.Session], which what it is
// started by supplies.
package dap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// Limits of a connection.
const (
	MessageMax = 4 << 20          // bytes of a request: go-dap's
	HeaderMax  = 4 << 10          // bytes before it
	BadMax     = 10               // requests in a row that are none
	WriteMax   = 30 * time.Second // for a client to take a message
	AskMax     = 10 * time.Second // for a guest that stands still to be free for a request
	HandlesMax = 100_000          // frames and variables shown, until their thread goes on
)

// Options say what is debugged.
type Options struct {
	// Attach opens the session that a client's attach or launch asks for; args are its
	// arguments, and "request" says which of the two it was. It is given up when ctx
	// ends. What it returns is closed at the end of the connection, after the session
	// was. One that is a [Starter] is started once breakpoints are set; one that is [Named]
	// says which of the client's folders has the sources. An error that is a [*Fault] keeps
	// its code.
	Attach func(ctx context.Context, args map[string]any) (*debug.Session, io.Closer, error)
}

// Starter begins what is debugged: a message that is run again, say.
type Starter interface {
	Start() error
}

// Named is of one actor.
type Named interface {
	Actor() string
}

// phase is how far a client has come.
type phase int

const (
	fresh      phase = iota
	greeted          // initialize
	attached         // attach or launch; breakpoints may be set
	configured       // configurationDone
	ended            // disconnect
)

// server serves one client. Requests are handled in order on Serve's goroutine, to
// which all fields belong but those under mu. Two more goroutines end before Serve
// does: one reads, one hands on what the session tells.
type server struct {
	options Options
	conn    io.ReadWriteCloser
	phase   phase
	session *debug.Session
	target  io.Closer
	config  config
	work    sync.WaitGroup

	writing sync.Mutex // guards seq, and the order of what is written
	seq     int

	handles handles
	cancels cancels
}

// incoming is what was read.
type incoming struct {
	message dap.Message
	err     error // why it is none
}

// Serve serves a client until it disconnects, or ctx ends. It closes conn, and lets
// all guests go on. A client that goes away without a word is no error; one that
// speaks something else is.
func Serve(ctx context.Context, conn io.ReadWriteCloser, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{options: o, conn: conn}
	s.handles.init()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		s.leave()
		cancel()
		if stop() {
			conn.Close()
		}
		s.work.Wait()
	}()
	requests := make(chan incoming, aheadMax)
	s.work.Go(func() {
		if gone := read(ctx, conn, requests, s.cancelled); gone {
			cancel()
		}
	})
	bad := 0
	for s.phase != ended {
		select {
		case r := <-requests:
			if r.err == nil {
				bad = 0
				s.handle(ctx, r.message)
				continue
			}
			if fatal := s.refuse(r); fatal != nil {
				return fatal
			}
			if bad++; bad > BadMax {
				return fmt.Errorf("serve a debugger: %d requests in a row were none: %w", bad, r.err)
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// leave lets all guests go on, and returns once what was debugged is let go of.
func (s *server) leave() {
	if s.session != nil {
		s.session.Close()
	}
	if s.target != nil {
		s.target.Close()
		s.target = nil
	}
}

// refuse tells a client what is wrong with what it sent. It returns an error if
// nothing after it can be understood.
func (s *server) refuse(r incoming) error {
	var framing *dap.BaseProtocolError
	if errors.As(r.err, &framing) {
		s.say("important", "dap.message: this is no message of the Debug Adapter Protocol: "+framing.Err)
		return fmt.Errorf("serve a debugger: %w", r.err)
	}
	var field *dap.DecodeProtocolMessageFieldError
	if request, ok := r.message.(dap.RequestMessage); ok {
		s.fail(request.GetRequest(), fault(codeArguments, "the arguments of %s: %v", request.GetRequest().Command, r.err))
	} else if errors.As(r.err, &field) && field.SubType == "Request" {
		s.fail(&dap.Request{ProtocolMessage: dap.ProtocolMessage{Seq: field.Seq}, Command: field.FieldValue},
			fault(codeUnsupported, "grow's debugger has no request %q", excerpt(field.FieldValue)))
	} else {
		s.say("important", "dap.message: this is no request: "+excerpt(r.err.Error()))
	}
	return nil
}

// handle answers a request.
func (s *server) handle(ctx context.Context, m dap.Message) {
	r, ok := m.(dap.RequestMessage)
	if !ok {
		return // a client's answer or event: nothing was asked of it
	}
	request := r.GetRequest()
	var answer dap.ResponseMessage
	asked, end := s.cancels.begin(ctx, request.Seq)
	err := s.order(request.Command)
	if err == nil && asked.Err() != nil {
		err = fault(codeCancelled, "the request was given up before it was carried out")
	}
	if err == nil {
		answer, err = s.answer(asked, m)
	}
	end()
	if err != nil {
		s.fail(request, err)
		return
	}
	*answer.GetResponse() = response(request)
	s.send(answer)
	s.after(ctx, m)
}

// response is that a request was carried out.
func response(r *dap.Request) dap.Response {
	return dap.Response{ProtocolMessage: dap.ProtocolMessage{Type: "response"}, Command: r.Command, RequestSeq: r.Seq, Success: true}
}

// fail answers that a request could not be carried out.
func (s *server) fail(request *dap.Request, err error) {
	var f *Fault
	if !errors.As(err, &f) {
		f = &Fault{Code: code(err), Reason: err.Error()}
	}
	e := &dap.ErrorResponse{Response: dap.Response{
		ProtocolMessage: dap.ProtocolMessage{Type: "response"},
		Command:         excerpt(request.Command), RequestSeq: request.Seq, Message: f.Code,
	}}
	e.Body.Error = &dap.ErrorMessage{Id: 1, Format: f.Error(), ShowUser: true}
	s.send(e)
}

// send writes a message. A client that does not take it in time loses the connection.
func (s *server) send(m dap.Message) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.seq++
	switch m := m.(type) {
	case dap.ResponseMessage:
		m.GetResponse().Seq = s.seq
	case dap.EventMessage:
		m.GetEvent().Seq = s.seq
	}
	late := time.AfterFunc(WriteMax, func() { s.conn.Close() })
	defer late.Stop()
	if err := dap.WriteProtocolMessage(s.conn, m); err != nil {
		s.conn.Close() // which ends the reader, and with it all
	}
}

func event(name string) dap.Event {
	return dap.Event{ProtocolMessage: dap.ProtocolMessage{Type: "event"}, Event: name}
}

// say writes a line to the client's console.
func (s *server) say(category, text string) {
	s.send(&dap.OutputEvent{Event: event("output"), Body: dap.OutputEventBody{Category: category, Output: text + "\n"}})
}
