package abi

import (
	"fmt"
	"maps"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// want is what a message says, kept apart from it.
type want struct {
	attrs map[string]string
	data  string
}

func (w want) with(name, value string) want {
	c := want{maps.Clone(w.attrs), w.data}
	c.attrs[name] = value
	return c
}

// holds compares a message, and what a parser makes of its frame, with what is wanted.
func (w want) holds(t *rapid.T, what string, m *Message) {
	frame := make([]byte, m.Size()+8)
	for i := range frame {
		frame[i] = 0xEE
	}
	m.Touch()
	m.CopyTo(frame)
	for _, b := range frame[m.Size():] {
		if b != 0xEE {
			t.Fatalf("%s: CopyTo wrote beyond Size", what)
		}
	}
	if string(m.Frame()) != string(frame[:m.Size()]) {
		t.Fatalf("%s: Frame and CopyTo differ", what)
	}
	again, err := ParseMessage(frame[:m.Size()])
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, x := range []*Message{m, again} {
		got := map[string]string{}
		n := 0
		for name, value := range x.All() {
			n++
			got[name] = value
		}
		if !maps.Equal(got, w.attrs) || n != len(w.attrs) || x.Attrs() != n || string(x.Data()) != w.data || x.Size() != m.Size() {
			t.Fatalf("%s: %v (%d, %d) %q, want %v %q", what, got, n, x.Attrs(), x.Data(), w.attrs, w.data)
		}
		for name, value := range w.attrs {
			if v, ok := x.Attr(name); !ok || v != value {
				t.Fatalf("%s: %s is %q %t, want %q", what, name, v, ok, value)
			}
		}
		if x.ID() != w.attrs[ID] || x.Type() != w.attrs[Type] || x.Key() != w.attrs[Subject] {
			t.Fatalf("%s: id %q, type %q, key %q", what, x.ID(), x.Type(), x.Key())
		}
	}
	if key := again.Key(); key != w.attrs[Subject] {
		t.Fatalf("%s: key %q of what was parsed", what, key)
	}
	if key := m.Key(); key != w.attrs[Subject] {
		t.Fatalf("%s: key %q, want %q", what, key, w.attrs[Subject])
	}
}

// TestMessageParts builds messages in every way there is, side by side in memory,
// changes and gives back some, and after each step holds all that remain against
// what they should say.
func TestMessageParts(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		text := func(what string, most int) string { return rapid.StringN(0, most, 4*most).Draw(t, what) }
		// Messages lie side by side in one block of memory, as a shard's do.
		const rooms, room = 24, 200
		var block [rooms * room]byte
		made := []*Message{}
		says := []want{}
		free := []*Message{}
		for i := range rooms {
			m := new(Message)
			m.Use(block[i*room : (i+1)*room : (i+1)*room])
			free = append(free, m)
		}
		take := func() *Message { m := free[len(free)-1]; free = free[:len(free)-1]; return m }
		keep := func(m *Message, w want) { made, says = append(made, m), append(says, w) }
		extras := func(m *Message, w want) want {
			for k := range rapid.IntRange(0, 3).Draw(t, "own") {
				name, value := fmt.Sprint(OwnPrefix, k), text("value", 30)
				if rapid.Bool().Draw(t, "bytes") {
					m.AddBytes(name, []byte(value))
				} else {
					m.Add(name, value)
				}
				w = w.with(name, value)
			}
			return w
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			pick := -1
			if len(made) > 0 {
				pick = rapid.IntRange(0, len(made)-1).Draw(t, "which")
			}
			op := rapid.IntRange(0, 8).Draw(t, "op")
			switch {
			case op == 0 || pick < 0: // from outside
				if len(free) == 0 {
					continue
				}
				m := take()
				m.Start()
				m.Add(Type, "in")
				id, trace := rapid.StringMatching(`[a-z]{0,120}`).Draw(t, "id"), text("trace", 60)
				m.AddRoot(id, trace)
				w := want{map[string]string{Type: "in", ID: id, Correlation: id, TraceParent: trace, Time: "T", Attempt: "1"}, text("data", 300)}
				w = extras(m, w)
				m.AddMoment(Share(Time, "T", Attempt, "1"))
				m.Finish([]byte(w.data))
				keep(m, w)
			case op == 1 || op == 2: // caused by another
				if len(free) == 0 {
					continue
				}
				m, p := take(), says[pick]
				source, n := text("source", 80), rapid.SampledFrom([]int{1, 9, 10, 12345}).Draw(t, "n")
				w := want{map[string]string{Type: "out", Source: source, Time: "U", Attempt: "1"}, text("data", 300)}
				m.StartChild(made[pick], n, Share(Type, "out", Source, source), Share(Time, "U", Attempt, "1"), rapid.IntRange(0, 300).Draw(t, "room"))
				id := string(appendShort(nil, p.attrs[ID]))
				w.attrs[ID], w.attrs[Causation] = fmt.Sprint(id, ".", n), id
				for _, name := range []string{Correlation, TraceParent} {
					if v, ok := p.attrs[name]; ok {
						w.attrs[name] = v
					}
				}
				w = extras(m, w)
				m.Finish([]byte(w.data))
				keep(m, w)
			case op == 3: // copied
				if len(free) == 0 {
					continue
				}
				m, k := take(), rapid.IntRange(2, 20).Draw(t, "k")
				made[pick].Fork(m, k)
				keep(m, says[pick].with(ID, fmt.Sprint(string(appendShort(nil, says[pick].attrs[ID])), "-", k)))
			case op == 4:
				if _, ok := says[pick].attrs[Subject]; !ok {
					key := text("key", 60)
					made[pick].Insert([]byte(key))
					says[pick] = says[pick].with(Subject, key)
				}
			case op == 5:
				n := rapid.IntRange(1, 2000).Draw(t, "attempt")
				made[pick].SetAttempt(n)
				says[pick] = says[pick].with(Attempt, fmt.Sprint(n))
			case op == 6:
				keep(made[pick].Clone(), says[pick])
			case op == 8:
				again, err := ParseMessage(made[pick].Frame())
				if err != nil {
					t.Fatal(err)
				}
				keep(again, says[pick])
			case op == 7: // given back; what came of it stays
				free = append(free, made[pick])
				made[pick].Start()
				made[pick].Add("x", "overwritten overwritten overwritten overwritten overwritten overwritten")
				made, says = append(made[:pick:pick], made[pick+1:]...), append(says[:pick:pick], says[pick+1:]...)
			}
			for i := range made {
				says[i].holds(t, fmt.Sprint("message ", i, " after op ", op), made[i])
			}
		}
	})
}
