package abi

import (
	"errors"
	"strings"
	"testing"
)

// TestBounds: what is refused follows the bound. Each is set to two values; what
// just fits is read, and what is one more is not.
func TestBounds(t *testing.T) {
	message := func(attrs ...string) []byte {
		b := AppendAttrCount(AppendCount(nil, 1), len(attrs)/2)
		for i := 0; i < len(attrs); i += 2 {
			b = AppendAttr(b, attrs[i], attrs[i+1])
		}
		return AppendData(b, nil)
	}
	for name, c := range map[string]struct {
		set  func(b *bounds, n int)
		make func(n int) []byte
	}{
		"attributes": {func(b *bounds, n int) { b.attrs = n }, func(n int) []byte {
			var attrs []string
			for i := range n {
				attrs = append(attrs, strings.Repeat("a", i+1), "")
			}
			return message(attrs...)
		}},
		"name":  {func(b *bounds, n int) { b.name = n }, func(n int) []byte { return message(strings.Repeat("a", n), "") }},
		"value": {func(b *bounds, n int) { b.value = n }, func(n int) []byte { return message("a", strings.Repeat("v", n)) }},
	} {
		for _, limit := range []int{3, 40} {
			most := standard
			c.set(&most, limit)
			for size, want := range map[int]error{limit: nil, limit + 1: ErrLimit} {
				r, err := NewReader(c.make(size))
				if err != nil {
					t.Fatal(err)
				}
				r.most = &most
				if _, err := r.Next(new(View)); !errors.Is(err, want) {
					t.Errorf("%s of %d where %d may be: %v, want %v", name, size, limit, err, want)
				}
			}
		}
		for size, want := range map[int]error{64: nil, 5000: ErrLimit} { // as they are
			r, err := NewReader(c.make(size))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(new(View)); !errors.Is(err, want) {
				t.Errorf("%s of %d: %v, want %v", name, size, err, want)
			}
		}
	}
}
