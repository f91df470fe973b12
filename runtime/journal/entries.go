package journal

import (
	"errors"
	"io"
	"strings"
)

// EachEntry visits the entries of a record in their order, packed ones as they are, until
// visit returns an error, which is returned. An entry is valid during its visit only.
func EachEntry(record []byte, visit func(Entry) error) error {
	r, err := Parse(record)
	if err != nil {
		return err
	}
	var c Cursor
	c.Reset(r)
	for {
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(e)
		}
		if err != nil {
			return err
		}
	}
}

// EachPacked visits the digests of the blobs that entries of a record lie in.
func EachPacked(record []byte, visit func(digest string)) error {
	return EachEntry(record, func(e Entry) error {
		if p, ok := e.(*Packed); ok {
			visit(strings.Clone(p.Blob))
		}
		return nil
	})
}
