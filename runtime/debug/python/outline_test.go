package python

import (
	"fmt"
	"strings"
	"testing"
)

const sample = `import os


class Order:
    """What
    somebody orders."""

    def total(self):
        """What it costs."""

        # all of them
        return sum(
            item.price  # of one
            for item in self.items
        )

    @property
    def open(self): return self.left > 0


async def later(ctx,
                order):
    global seen
    seen: int
    text = f"{order["id"]} # {'}'!r} {{" + 'it\'s'
    if order:
        pass
    else:
        text = """
def inner(): pass
"""
    def inner(x): # of this
        return x

    return \
        inner(text)

# behind
later = later
`

// TestBind: where breakpoints come to lie.
func TestBind(t *testing.T) {
	o := outlineOf([]byte(sample))
	for line, want := range map[int]int{
		1: 1, 2: 0, 3: 0, 4: 4, 8: 12, 9: 12, 10: 12, 11: 12, 12: 12, 13: 12, 15: 12, 17: 17, 18: 18, 19: 0,
		21: 25, 22: 25, 23: 25, 24: 25, 25: 25, 26: 26, 27: 27, 28: 29, 29: 29, 30: 29, 31: 29, 32: 33, 33: 33, 34: 35, 36: 35,
		37: 0, 38: 0, 39: 39, 40: 0, 0: 0, -1: 0,
	} {
		if got := o.bind(line); got != want {
			t.Errorf("line %d: %d; want %d", line, got, want)
		}
	}
	var all []string
	for _, f := range o.functions {
		all = append(all, fmt.Sprint(f.name, " ", f.body, " ", f.last))
	}
	if got, want := strings.Join(all, ", "), "Order.total 12 15, Order.open 18 18, later 25 36, later.<locals>.inner 33 33"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// FuzzOutline: whatever the source, lines are bound to lines in it.
func FuzzOutline(f *testing.F) {
	f.Add([]byte(sample), 12)
	f.Add([]byte("def f():\n\tx = f'''{f\"{1"), 2)
	f.Add([]byte("def f(:\\"), 1)
	f.Fuzz(func(t *testing.T, text []byte, line int) {
		o := outlineOf(text)
		most := strings.Count(string(text), "\n") + 1
		last := 0
		for _, s := range o.statements {
			if s.first <= last || s.last < s.first || s.last > most {
				t.Fatalf("a statement from %d to %d of %d, behind %d", s.first, s.last, most, last)
			}
			last = s.last
		}
		if got := o.bind(line); got < 0 || got > most {
			t.Errorf("line %d of %d is bound at %d", line, most, got)
		}
	})
}
