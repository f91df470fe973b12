package journal

import (
	"errors"
	"io"
)

// Glean visits what can still be made out of a record, for telling people what a
// damaged one may have held: header and checksum are not believed. An entry is
// valid during its visit only. It returns false when not all could be read.
func Glean(b []byte, visit func(Entry)) (all bool) {
	if len(b) < headerSize {
		return false
	}
	r := Record{body: b[headerSize:], Entries: -1}
	var c Cursor
	c.Reset(r)
	for len(c.record.body) > 0 {
		e, err := c.Next()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		visit(e)
	}
	return true
}
