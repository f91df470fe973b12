package grow

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Operation is a request that the OpenAPI document of a grant describes.
type Operation struct {
	ID     string // its operationId: issues/create-comment
	Params any    // its parameters, wherever they go: a map or a struct; nil for none
	Body   any    // what it carries, encoded as JSON; nil for nothing
}

// Response is an answer to a request over HTTP.
type Response struct {
	Status int
	Data   []byte // the body

	answer Answer
}

// Header returns a header of the answer, whose name is in lower case; "" when it has none.
func (r Response) Header(name string) string { return r.answer.Attr("header." + name) }

// Decode decodes the body, which must be JSON, into the value into points to.
func (r Response) Decode(into any) error { return r.answer.Decode(into) }

// HTTPCall asks for an operation of the OpenAPI document that the grant use names. An
// answer of any status that the document lists is one. What does not fit the document, be
// it asked or answered, is a *[CallError] of code invalid.
func (c *Context) HTTPCall(use string, o Operation) (Response, error) {
	data, err := o.data()
	if err != nil {
		return Response{}, err
	}
	a, err := c.Do(Request{Op: "http.call", Use: use, Attrs: map[string]string{"operation": o.ID}, Data: data})
	if err != nil {
		return Response{}, err
	}
	status, err := strconv.Atoi(a.Attr("status"))
	if err != nil {
		return Response{}, fmt.Errorf("call %s: status: %w", o.ID, err)
	}
	return Response{Status: status, Data: a.Data, answer: a}, nil
}

// HTTPCallStream is HTTPCall, whose answer is read in pieces, as it comes: server-sent events,
// or what is no JSON. All but its body is held against the document first.
func (c *Context) HTTPCallStream(use string, o Operation) (*Stream, error) {
	data, err := o.data()
	if err != nil {
		return nil, err
	}
	return c.openStream(use, data, map[string]string{"of": "http.call", "operation": o.ID})
}

// data is what a request for the operation carries.
func (o Operation) data() ([]byte, error) {
	asked := map[string]any{"params": o.Params}
	if o.Params == nil {
		asked["params"] = struct{}{}
	}
	if o.Body != nil {
		asked["body"] = o.Body
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("call %s: encode: %w", o.ID, err)
	}
	return data, nil
}
