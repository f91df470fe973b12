package replay

import (
	"slices"
	"strings"
)

// room is where what a journal says is copied to, since it is valid for a moment only: small
// pieces lie beside each other, in memory that stays as long as one of them does. It belongs
// to one goroutine. The zero value is empty.
type room struct {
	free []byte
	text *strings.Builder
}

const (
	roomBytes = 32 << 10 // of a piece of memory
	roomSmall = 4 << 10  // bytes of what lies beside others; larger has memory of its own
)

// bytes copies b.
func (r *room) bytes(b []byte) []byte {
	if len(b) == 0 || len(b) > roomSmall {
		return slices.Clone(b)
	}
	if len(b) > len(r.free) {
		r.free = make([]byte, roomBytes)
	}
	n := copy(r.free, b)
	c := r.free[:n:n]
	r.free = r.free[n:]
	return c
}

// string copies s.
func (r *room) string(s string) string {
	if len(s) > roomSmall {
		return strings.Clone(s)
	}
	if r.text == nil || r.text.Len()+len(s) > r.text.Cap() {
		r.text = &strings.Builder{}
		r.text.Grow(roomBytes)
	}
	at := r.text.Len()
	r.text.WriteString(s)
	return r.text.String()[at:]
}
