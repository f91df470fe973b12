package grow

import "fmt"

// Ask asks the service or the actor of the grant use for an operation: request goes as JSON,
// and the answer, which must be JSON, is decoded into the value that into points to; nil: it
// is not read. An operation that changes something does it once for the message that is
// handled, however often that is tried.
func (c *Context) Ask(use, op string, request, into any) error {
	data, err := c.marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	a, err := c.Do(Request{Op: op, Use: use, Data: data})
	if err != nil || into == nil {
		return err
	}
	if err := a.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
