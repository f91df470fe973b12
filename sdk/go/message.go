package grow

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// Message is what an actor handles. Strings its methods return are copies;
// the bytes of Data are valid until the handler returns.
type Message struct {
	m frame.Message
}

// Lookup returns the value of an attribute and whether the message has it.
func (m Message) Lookup(name string) (string, bool) {
	v, ok := m.m.Attr(name)
	return string(v), ok
}

// Attr returns the value of an attribute, "" when the message has none of that name.
func (m Message) Attr(name string) string {
	v, _ := m.m.Attr(name)
	return string(v)
}

// All yields name and value of every attribute.
func (m Message) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		m.m.Each(func(name, value []byte) bool { return yield(string(name), string(value)) })
	}
}

// Data is the message's data as it was received. It must not be kept or
// changed after the handler has returned.
func (m Message) Data() []byte { return m.m.Data }

// Decode decodes the data, which must be JSON, into the value into points to.
func (m Message) Decode(into any) error {
	if err := decode(m.m.Data, into); err != nil {
		return fmt.Errorf("decode %s: %w", m.Type(), err)
	}
	return nil
}

// Type is the message's type: order.placed.
func (m Message) Type() string { return m.Attr("type") }

// ID is unique for every message.
func (m Message) ID() string { return m.Attr("id") }

// Source is the node or the endpoint the message comes from.
func (m Message) Source() string { return m.Attr("source") }

// Key orders messages and owns state; "" when the actor has no key.
func (m Message) Key() string { return m.Attr("subject") }

// Correlation is the id of the message that began it all.
func (m Message) Correlation() string { return m.Attr("correlation") }

// Causation is the id of the message this one was sent for.
func (m Message) Causation() string { return m.Attr("causation") }

// TraceParent is the position in a trace, as in W3C Trace Context.
func (m Message) TraceParent() string { return m.Attr("traceparent") }

// ContentType is the media type of Data, application/json when none is given.
func (m Message) ContentType() string {
	if t, ok := m.Lookup("datacontenttype"); ok {
		return t
	}
	return contentJSON
}

// Time is when the message came to be, in UTC; the zero Time when it is not known.
func (m Message) Time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, m.Attr("time"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Attempt is the number of this delivery, from 1.
func (m Message) Attempt() int {
	n, err := strconv.Atoi(m.Attr("attempt"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// Method is the method of the HTTP request that the message was made from.
func (m Message) Method() string { return m.Attr("http.method") }

// Path is the path of the HTTP request that the message was made from.
func (m Message) Path() string { return m.Attr("http.path") }

// Header is a header of that request, one that the endpoint passes on.
func (m Message) Header(name string) string { return m.Attr(headerPrefix + strings.ToLower(name)) }

// Param is a path parameter of that request.
func (m Message) Param(name string) string { return m.Attr("http.param." + name) }

// Query is a parameter of that request's query.
func (m Message) Query(name string) string { return m.Attr("http.query." + name) }

const (
	contentJSON  = "application/json"
	headerPrefix = "http.header."
)
