package grow

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// outputsMax is the number of messages one message may cause.
const outputsMax = 1000

// Context is an actor's way to the outside while it handles one message. It is
// for the handler's goroutine, until the handler returns.
type Context struct {
	// Log writes log lines, which are kept even when the message fails. Attributes become the line's fields.
	Log *slog.Logger
	// State is the state of the message's key.
	State State

	message  Message
	handling bool   // false in the handler of Init
	config   []byte // what grow_init was given; nil when it was not called
	random   *rand.Rand

	out     []byte // the answer frame so far
	outputs int    // messages in it
	req     []byte // request frame
	answer  []byte // answer frame of the last request
	body    body   // last value encoded as JSON
	encoder *json.Encoder
}

// body keeps what a json.Encoder writes, which it does once for each value.
// So a MarshalJSON that itself sends or calls disturbs nothing.
type body []byte

// Write implements io.Writer.
func (b *body) Write(p []byte) (int, error) {
	*b = append((*b)[:0], p...)
	return len(p), nil
}

func newContext() *Context {
	c := &Context{Log: slog.New(Handler()), answer: make([]byte, 4096)}
	c.State.ctx = c
	c.encoder = json.NewEncoder(&c.body)
	c.encoder.SetEscapeHTML(false)
	return c
}

// Message is the message being handled.
func (c *Context) Message() Message { return c.message }

// Now is the time at which handling began, in UTC: what time.Now says, and the
// same each time the message is replayed.
func (c *Context) Now() time.Time { return time.Now().UTC() }

// marshal encodes v as JSON. The bytes are valid until the next call.
func (c *Context) marshal(v any) ([]byte, error) {
	if err := c.encoder.Encode(v); err != nil {
		return nil, err
	}
	return c.body[:len(c.body)-1], nil // without the encoder's line break
}

// Send sends v, encoded as JSON, as a message of the given type, which must be
// one of the actor's out. It leaves when the handler returns nil. Send fails,
// and sends nothing, when v cannot be encoded, an option is given twice or too
// long, or 1,000 messages have been sent.
func (c *Context) Send(typ string, v any, opts ...Option) error {
	data, err := c.marshal(v)
	if err != nil {
		return fmt.Errorf("send %s: %w", typ, err)
	}
	return c.send(typ, contentJSON, data, opts)
}

// SendRaw is [Context.Send] with data that is sent byte for byte, of the media
// type contentType.
func (c *Context) SendRaw(typ, contentType string, data []byte, opts ...Option) error {
	return c.send(typ, contentType, data, opts)
}

func (c *Context) send(typ, contentType string, data []byte, opts []Option) error {
	if err := c.checkSend(typ, contentType, opts); err != nil {
		return fmt.Errorf("send %s: %w", typ, err)
	}
	n := 1 + len(opts)
	if contentType != contentJSON {
		n++
	}
	b := frame.AppendAttrs(c.out, n)
	b = frame.AppendAttr(b, "type", typ)
	if contentType != contentJSON {
		b = frame.AppendAttr(b, "datacontenttype", contentType)
	}
	for _, o := range opts {
		b = frame.AppendAttr(b, o.name, o.value)
	}
	c.out = frame.AppendData(b, data)
	c.outputs++
	return nil
}

func (c *Context) checkSend(typ, contentType string, opts []Option) error {
	switch {
	case !c.handling:
		return errors.New("no message is being handled")
	case typ == "":
		return errors.New("the type is empty")
	case c.outputs == outputsMax:
		return fmt.Errorf("%d messages have been sent, which is the limit", outputsMax)
	case len(opts)+2 > frame.AttrsMax:
		return fmt.Errorf("%d options: %w", len(opts), frame.ErrLimit)
	}
	if err := frame.Check("type", typ); err != nil {
		return err
	}
	if err := frame.Check("datacontenttype", contentType); err != nil {
		return err
	}
	for i, o := range opts {
		if err := frame.Check(o.name, o.value); err != nil {
			return fmt.Errorf("attribute %.64q: %w", o.name, err)
		}
		for _, earlier := range opts[:i] {
			if earlier.name == o.name {
				return fmt.Errorf("attribute %q: %w", o.name, frame.ErrDuplicate)
			}
		}
	}
	return nil
}

// Config decodes the actor's config into the value into points to. An actor
// that declares no config has an empty one, which leaves the value as it is.
func (c *Context) Config(into any) error {
	if c.config == nil {
		a, err := c.one("config.get", "", nil)
		if err != nil {
			return err
		}
		c.config = append([]byte{}, a.Data...)
	}
	if len(c.config) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.config, into); err != nil {
		return fmt.Errorf("decode config: %w", err)
	}
	return nil
}
