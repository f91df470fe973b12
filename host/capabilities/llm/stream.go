package llm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
)

// gatherer puts a reply together of what a provider streams. It belongs to one goroutine.
type gatherer interface {
	// piece takes the data of the next event and returns the text in it; done says that no
	// other belongs to the reply.
	piece(data []byte) (text string, done bool, err error)
	// reply is what came, as far as it is whole.
	reply() (*Reply, error)
}

// lineMax is how many bytes a line of what a provider streams has at most.
const lineMax = 1 << 20

// Piece is a line of a stream of llm.chat but the last, which is the [Reply] as llm.chat
// answers it. The texts of all pieces are the text of the reply.
type Piece struct {
	Text string `json:"text"`
}

// Stream implements capability.Streamer: llm.chat, answered as it comes, in lines of JSON.
func (o *opened) Stream(ctx context.Context, r *capability.Request, body io.Reader) (capability.Answer, io.ReadCloser) {
	if r.Operation != ChatOperation || body != nil {
		return capability.Fail(capability.Invalid, "a stream is of %s, which is asked as a whole", ChatOperation), nil
	}
	s := &chatStream{o: o, ctx: ctx, key: o.answerKey(r)}
	if err := s.begin(r); err != nil {
		return o.failed(ctx, err), nil
	}
	return capability.Answer{}, s
}

// chatStream is an answer that comes. It belongs to one goroutine.
type chatStream struct {
	o    *opened
	ctx  context.Context
	key  string // that the answer is kept by
	chat *Chat
	give func(ctx context.Context, used int64)

	resp   *http.Response // nil: the answer is known
	lines  *bufio.Scanner
	gather gatherer
	left   int    // bytes that the provider may still send
	said   int    // bytes of the texts of all pieces
	held   []byte // of a text, which may be the begin of the key
	ready  []byte // lines to give out
	err    error  // that comes after ready
}

// begin asks the provider, unless it is known what it answers.
func (s *chatStream) begin(r *capability.Request) error {
	o := s.o
	if err := o.fits(r); err != nil {
		return err
	}
	q, err := o.chatQuestion(r, true)
	if err != nil {
		return err
	}
	s.chat = q.chat
	known, err := o.kept.Get(s.ctx, s.key)
	if err == nil {
		s.whole(known.Data)
		return nil
	}
	if !errors.Is(err, bucket.ErrNotFound) {
		return errUnknown
	}
	leave, err := o.enter(s.ctx)
	if err != nil {
		return err
	}
	if s.give, err = o.budget.take(s.ctx, messageOf(r.Stable), q.tokens); err == nil {
		s.resp, err = o.server.open(s.ctx, q.path, q.body, o.Retries, key(o.scope, r.Stable))
		var f *fault
		if errors.As(err, &f) && f.code == capability.Invalid && q.bare != nil { // then it is not known what it uses
			s.resp, err = o.server.open(s.ctx, q.path, q.bare, o.Retries, key(o.scope, r.Stable))
		}
		if free(err) {
			s.give(s.ctx, 0)
		}
	}
	if err != nil {
		leave()
		return err
	}
	s.resp.Body = &leaving{s.resp.Body, leave}
	s.left, s.gather = replyMax, o.server.wire.gather(q.chat)
	s.lines = bufio.NewScanner(io.LimitReader(s.resp.Body, replyMax+1))
	s.lines.Buffer(nil, lineMax)
	return nil
}

// leaving is a body that makes room when it is closed.
type leaving struct {
	io.ReadCloser
	leave func()
}

// Close implements io.Closer.
func (l *leaving) Close() error {
	defer l.leave()
	return l.ReadCloser.Close()
}

// Close implements io.Closer. What was not read is not counted: what was taken for it stays.
func (s *chatStream) Close() error {
	if s.resp == nil {
		return nil
	}
	return s.resp.Body.Close()
}

// Read implements io.Reader.
func (s *chatStream) Read(p []byte) (int, error) {
	for len(s.ready) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if err := s.next(); errors.Is(err, io.EOF) {
			s.err = io.EOF
		} else if err != nil {
			s.err = &capability.Failure{Answer: s.o.failed(s.ctx, err), Cause: err}
		}
	}
	n := copy(p, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

// next makes ready what the provider sends next; io.EOF: that was all.
func (s *chatStream) next() error {
	if !streams(s.resp) { // it answers as a whole, whatever it is asked
		data, err := whole(s.resp)
		if err != nil {
			return err
		}
		a, err := s.o.server.wire.reply(data, s.chat)
		if err != nil {
			return err
		}
		return s.end(a)
	}
	if !s.lines.Scan() {
		return s.ended()
	}
	line := s.lines.Bytes()
	if s.left -= len(line) + 1; s.left < 0 {
		return tooMuch()
	}
	data, ok := eventData(line)
	if !ok {
		return nil
	}
	text, done, err := s.gather.piece(data)
	if err != nil {
		return err
	}
	s.held = append(s.held, text...)
	if s.said += len(text); s.said > s.o.Answer {
		return refuse(capability.Limit, "the answer has more than %d bytes, which the grant allows", s.o.Answer)
	}
	s.held = s.o.server.mask(s.held)
	at := s.o.server.settled(s.held)
	s.say(s.held[:at])
	s.held = append([]byte(nil), s.held[at:]...)
	if !done {
		return nil
	}
	return s.ended()
}

// ended is what the end of what the provider sends means.
func (s *chatStream) ended() error {
	switch err := s.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return tooMuch()
	case err != nil:
		return brokeOff()
	}
	a, err := s.gather.reply()
	if err != nil {
		return err
	}
	return s.end(a)
}

// end makes ready what was not said yet and the reply, which is paid and kept then.
func (s *chatStream) end(a *Reply) error {
	if used := a.Usage; used.known() {
		s.give(s.ctx, used.Input+used.Output)
	}
	if err := a.finish(s.chat); err != nil {
		return err
	}
	s.say(s.held)
	if s.held = nil; s.said < len(a.Text) {
		s.say(s.o.server.mask([]byte(a.Text[s.said:])))
	}
	data, err := s.o.written(a)
	if err != nil {
		return err
	}
	s.o.keep(s.ctx, s.key, data)
	s.ready = append(append(s.ready, data...), '\n')
	return io.EOF
}

// whole makes an answer ready that is known.
func (s *chatStream) whole(data []byte) {
	var a Reply
	if decode(data, &a) == nil {
		s.say([]byte(a.Text))
	}
	s.ready = append(append(s.ready, data...), '\n')
	s.err = io.EOF
}

// say makes a piece ready, unless it is empty.
func (s *chatStream) say(text []byte) {
	if len(text) == 0 {
		return
	}
	if line, err := encode(Piece{string(text)}); err == nil { // it is a text
		s.ready = append(append(s.ready, line...), '\n')
	}
}

// streams reports whether an answer comes in events: of server-sent ones, or in lines of JSON.
func streams(resp *http.Response) bool {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err != nil || media != "application/json"
}

// eventData is the data of an event that a line is; false: it has none. Providers write those
// of server-sent events in one line.
func eventData(line []byte) ([]byte, bool) {
	line = bytes.TrimSpace(line)
	if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
		line = bytes.TrimSpace(data)
		return line, len(line) > 0
	}
	return line, len(line) > 0 && line[0] == '{'
}

// settled is how many of the first bytes can be given out: what follows may be the begin of
// the key.
func (s *server) settled(b []byte) int {
	if len(s.key) < keyMin {
		return len(b)
	}
	for n := min(len(s.key)-1, len(b)); n > 0; n-- {
		if strings.HasPrefix(s.key, string(b[len(b)-n:])) {
			return len(b) - n
		}
	}
	return len(b)
}
