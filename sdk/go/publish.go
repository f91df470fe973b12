package grow

import "strings"

// Publication is a message for a subject outside.
type Publication struct {
	Subject string
	Data    []byte
	Headers map[string]string
}

// Published says where a message is kept.
type Published struct {
	Stream    string
	Sequence  uint64
	Duplicate bool // an earlier attempt had published it
}

// Publish sends a message to the server that the grant use covers, and returns when it is
// kept there. It is kept once for the message that is handled, however often that is tried
// within the time in which the stream knows duplicates.
func (c *Context) Publish(use string, p Publication) (Published, error) {
	attrs := map[string]string{"subject": p.Subject}
	for name, value := range p.Headers {
		attrs["header."+strings.ToLower(name)] = value
	}
	a, err := c.Do(Request{Op: "publish", Use: use, Attrs: attrs, Data: p.Data})
	if err != nil {
		return Published{}, err
	}
	n, err := number("publish", "sequence", a.Attr("sequence"))
	return Published{Stream: a.Attr("stream"), Sequence: n, Duplicate: a.Attr("duplicate") == "true"}, err
}
