package grow

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/grow-platform/grow/sdk/go/internal/bridge"
	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

func init() {
	bridge.Handle = handle
	bridge.Start = start
}

// current is the one Context of an instance, made at its first use and used
// again for every message, so that its buffers are too.
var current *Context

// keepMax is the size in bytes above which a buffer is not kept for the next message.
const keepMax = 256 << 10

// begin readies the context for a message.
func begin(m Message, handling bool) *Context {
	if current == nil {
		current = newContext()
	}
	c := current
	c.message, c.handling, c.random = m, handling, nil
	if cap(c.out) > keepMax {
		c.out = nil
	}
	if cap(c.req) > keepMax {
		c.req = nil
	}
	if cap(c.body) > keepMax {
		c.body = nil
	}
	if len(c.answer) > keepMax {
		c.answer = make([]byte, 4096)
	}
	c.reset()
	return c
}

// reset drops what has been sent.
func (c *Context) reset() {
	c.out, c.outputs = frame.AppendCount(c.out[:0], 0), 0
}

// handle runs the handler for the message in b and encodes its outcome. An
// error means failed; it has been logged.
func handle(b []byte) ([]byte, error) {
	m, err := frame.One(b)
	if err != nil {
		return nil, fail(fmt.Errorf("read message: %w", err))
	}
	c := begin(Message{m}, true)
	typ, _ := m.Attr("type")
	h := find(typ)
	if h == nil {
		return nil, fail(fmt.Errorf("no handler for messages of type %s", typ))
	}
	err = protect(func() error { return h(c, c.message) })
	if err == nil {
		if c.outputs == 0 {
			return nil, nil
		}
		frame.SetCount(c.out, c.outputs)
		return c.out, nil
	}
	refusal, delayed := outcome(err)
	switch {
	case refusal != nil:
		return c.answerError(refusal.Text, "code", clean(refusal.Code), "retry", "no"), nil
	case delayed != nil && delayed.After > 0:
		return c.answerError(delayed.Text, "code", clean(delayed.Code), "retry", "yes", "after", milliseconds(delayed.After)), nil
	case delayed != nil:
		return c.answerError(delayed.Text, "code", clean(delayed.Code), "retry", "yes"), nil
	}
	return nil, fail(err)
}

// start keeps the config and runs what Init registered.
func start(b []byte) error {
	m, err := frame.One(b)
	if err != nil {
		return fail(fmt.Errorf("read config: %w", err))
	}
	c := begin(Message{m}, false)
	c.config = append([]byte{}, m.Data...)
	if actor.start == nil {
		return nil
	}
	if err := protect(func() error { return actor.start(c) }); err != nil {
		return fail(fmt.Errorf("start: %w", err))
	}
	return nil
}

// answerError drops all outputs and answers with one grow.error of text.
func (c *Context) answerError(text string, attrs ...string) []byte {
	c.reset()
	b := frame.AppendAttrs(c.out, 1+len(attrs)/2)
	b = frame.AppendAttr(b, "type", "grow.error")
	for i := 0; i < len(attrs); i += 2 {
		b = frame.AppendAttr(b, attrs[i], attrs[i+1])
	}
	c.out = frame.AppendData(b, []byte(text))
	frame.SetCount(c.out, 1)
	return c.out
}

// panicked is the error of a handler that panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func protect(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}

// fail logs why a message or an instance failed and returns err.
func fail(err error) error {
	text := err.Error()
	if p := new(panicked); errors.As(err, &p) {
		text += "\n" + string(p.stack)
	}
	logLine("error", text, nil)
	return err
}
