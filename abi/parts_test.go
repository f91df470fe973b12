package abi

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestParts builds messages in every way there is, changes them as their owners
// may, and holds each against a map of its attributes: by what its methods say,
// and by what its frame says.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 90, -1)
		id := rapid.StringMatching(`[0-9A-Z.]{1,95}`)
		data := func() []byte { return []byte(rapid.StringN(0, 700, -1).Draw(t, "data")) }
		want := map[string]string{Type: "in", Source: "door", ID: id.Draw(t, "id"), TraceParent: text.Draw(t, "trace"), Time: "now", Attempt: "1"}
		want[Correlation] = want[ID]
		m, body := new(Message), data()
		m.Use(make([]byte, rapid.IntRange(0, 400).Draw(t, "room")))
		m.Start()
		m.Add(Type, "in")
		m.AddRoot(want[ID], want[TraceParent])
		m.Add(Source, "door")
		m.AddMoment(Share(Time, "now", Attempt, "1"))
		m.Finish(body)
		hold(t, "root", m, want, body)

		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch step := rapid.SampledFrom([]string{"child", "insert", "attempt", "fork", "clone", "parse"}).Draw(t, "step"); step {
			case "child":
				child, n := new(Message), rapid.IntRange(1, 1000).Draw(t, "n")
				if rapid.Bool().Draw(t, "room of its own") {
					child.Use(make([]byte, 300))
				}
				cause := m.ID()
				child.StartChild(m, n, Share(Type, "out", Source, "node"), Share(Time, "later", Attempt, "1"), 20)
				want = map[string]string{
					Type: "out", Source: "node", Time: "later", Attempt: "1", TraceParent: want[TraceParent], Correlation: want[Correlation],
					Causation: string(appendShort(nil, cause)), ID: fmt.Sprintf("%s.%d", appendShort(nil, cause), n),
				}
				for i := range rapid.IntRange(0, 3).Draw(t, "own") {
					name := fmt.Sprintf("x.%d", i)
					want[name] = text.Draw(t, name)
					child.AddBytes(name, []byte(want[name]))
				}
				body = data()
				child.Finish(body)
				m = child
			case "insert":
				if _, ok := want[Subject]; !ok {
					want[Subject] = text.Draw(t, "key")
					m.Insert([]byte(want[Subject]))
				}
			case "attempt":
				n := rapid.IntRange(1, 99).Draw(t, "attempt")
				want[Attempt] = fmt.Sprint(n)
				m.SetAttempt(n)
			case "fork":
				want[ID] = string(appendShort(nil, m.ID())) + "-2"
				m = m.Fork(new(Message), 2)
			case "clone":
				before := m
				m = m.Clone()
				clear(before.own)
			case "parse":
				again, err := ParseMessage(m.Frame())
				if err != nil {
					t.Fatal(err)
				}
				m = again
			}
			hold(t, "after", m, want, body)
		}
	})
}

func hold(t *rapid.T, when string, m *Message, want map[string]string, data []byte) {
	frame := m.AppendFrame([]byte("before"))[len("before"):]
	parsed, err := ParseMessage(frame)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	m.Touch()
	for _, m := range []*Message{m, parsed} {
		if got := maps.Collect(m.All()); !maps.Equal(got, want) {
			t.Fatalf("%s: attributes %q, want %q", when, got, want)
		}
		if !bytes.Equal(m.Data(), data) || m.Size() != len(frame) || m.Attrs() != len(want) {
			t.Fatalf("%s: data %q, size %d of %d, %d attributes of %d", when, m.Data(), m.Size(), len(frame), m.Attrs(), len(want))
		}
		if m.ID() != want[ID] || m.Key() != want[Subject] || m.Type() != want[Type] || m.Source() != want[Source] || m.Correlation() != want[Correlation] {
			t.Fatalf("%s: id %q key %q type %q source %q correlation %q", when, m.ID(), m.Key(), m.Type(), m.Source(), m.Correlation())
		}
	}
}
