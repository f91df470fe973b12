package journal

import "fmt"

// AppendEntry appends an entry to a page: a Record message without header and
// limits, which lies in a blob, whose digest vouches for it.
func AppendEntry(page []byte, e Entry) []byte {
	c := coder{b: page}
	outer := c.begin(entryField)
	inner := c.begin(kindOf(e))
	e.fields(&c)
	c.end(inner)
	c.end(outer)
	return c.b
}

// Entries visits the entries of a page. What they refer to is the page's bytes;
// an entry is valid during the visit only, its strings and bytes as long as the
// page. It fails with ErrDamaged, or with visit's error.
func Entries(page []byte, visit func(Entry) error) error {
	var c Cursor
	for len(page) > 0 {
		c.coder = coder{reading: true}
		page = c.coder.field(page)
		if c.coder.err != nil {
			return c.coder.err
		}
		if c.coder.number != entryField {
			return fmt.Errorf("%w: field %d in a page", ErrDamaged, c.coder.number)
		}
		e, err := c.entry(c.coder.bytes)
		if err != nil {
			return err
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}
