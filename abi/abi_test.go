package abi

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// vector is one case of testdata/frames.json, which every SDK reads too.
type vector struct {
	Name     string
	Hex      string
	Error    string
	Messages []struct {
		Attributes [][2]string
		DataHex    string `json:"data_hex"`
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return b
}

// read decodes a whole frame.
func read(b []byte) ([]View, error) {
	r, err := NewReader(b)
	if err != nil {
		return nil, err
	}
	var out []View
	for {
		var v View
		more, err := r.Next(&v)
		if err != nil || !more {
			return out, err
		}
		out = append(out, v)
	}
}

func TestVectors(t *testing.T) {
	kinds := map[string][]error{
		"short": {ErrShort, ErrCount}, "trailing": {ErrTrailing}, "duplicate": {ErrDuplicate}, "utf8": {ErrUTF8},
		"count": {ErrCount, ErrShort}, "limit": {ErrLimit}, "name": {ErrName},
	}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			b := v.bytes(t)
			got, err := read(b)
			if v.Error != "" {
				for _, want := range kinds[v.Error] {
					if errors.Is(err, want) {
						return
					}
				}
				t.Fatalf("got %v, want an error of kind %s", err, v.Error)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(v.Messages) {
				t.Fatalf("%d messages, want %d", len(got), len(v.Messages))
			}
			frame := AppendCount(nil, len(v.Messages))
			for i, m := range v.Messages {
				frame = AppendAttrCount(frame, len(m.Attributes))
				for _, a := range m.Attributes {
					frame = AppendAttr(frame, a[0], a[1])
					if value, ok := got[i].Attr(a[0]); !ok || string(value) != a[1] {
						t.Errorf("message %d: attribute %s is %q, want %q", i, a[0], value, a[1])
					}
				}
				data, err := hex.DecodeString(m.DataHex)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got[i].Data, data) {
					t.Errorf("message %d: data %x, want %x", i, got[i].Data, data)
				}
				frame = AppendData(frame, data)
			}
			if !bytes.Equal(frame, b) {
				t.Errorf("encoded again: %x, want %x", frame, b)
			}
		})
	}
}

func TestMessage(t *testing.T) {
	m := NewMessage([]byte(`{"a":1}`), Type, "order.placed", ID, "01J", Attempt, "1", "x.note", "é")
	if m.Type() != "order.placed" || m.ID() != "01J" || m.Attempt() != 1 || string(m.Data()) != `{"a":1}` {
		t.Fatalf("%q %q %d %q", m.Type(), m.ID(), m.Attempt(), m.Data())
	}
	m.Insert([]byte("c-9"))
	m.SetAttempt(12)
	again, err := ParseMessage(m.Frame())
	if err != nil {
		t.Fatal(err)
	}
	if again.Key() != "c-9" || again.Attempt() != 12 || again.Attrs() != 5 || string(again.Data()) != `{"a":1}` {
		t.Errorf("key %q attempt %d attrs %d data %q", again.Key(), again.Attempt(), again.Attrs(), again.Data())
	}
	if _, ok := again.Attr("nothing"); ok {
		t.Error("an attribute that is not there was found")
	}
}

func TestLineage(t *testing.T) {
	root := new(Message)
	root.Start()
	root.Add(Type, "in")
	root.AddRoot("01ROOT", "00-trace")
	root.Finish(nil)
	sender, moment := Share(Type, "out"), Share(Time, "t", Attempt, "1")
	for _, parent := range []*Message{root, reparse(t, root)} {
		child := new(Message)
		child.StartChild(parent, 3, sender, moment, 8)
		child.Add("x.own", "1")
		child.Finish([]byte("data"))
		grandchild := new(Message)
		grandchild.StartChild(child, 12, sender, moment, 0)
		grandchild.Finish(nil)
		for _, c := range []struct {
			m             *Message
			id, causation string
		}{{child, "01ROOT.3", "01ROOT"}, {grandchild, "01ROOT.3.12", "01ROOT.3"}} {
			got := reparse(t, c.m)
			cause, _ := got.Attr(Causation)
			trace, _ := got.Attr(TraceParent)
			if got.ID() != c.id || c.m.ID() != c.id || cause != c.causation || got.Correlation() != "01ROOT" || trace != "00-trace" || got.Type() != "out" {
				t.Errorf("id %q causation %q correlation %q trace %q type %q", got.ID(), cause, got.Correlation(), trace, got.Type())
			}
		}
		fork := child.Fork(new(Message), 2)
		if got := reparse(t, fork); got.ID() != "01ROOT.3-2" || string(got.Data()) != "data" || got.Attrs() != child.Attrs() {
			t.Errorf("fork: id %q data %q", got.ID(), got.Data())
		}
	}
}

// TestLineageStaysBounded follows a chain far longer than an id may be.
func TestLineageStaysBounded(t *testing.T) {
	m := new(Message)
	m.Start()
	m.AddRoot("01JD0000000000000000000000", "")
	m.Finish(nil)
	seen := map[string]bool{}
	for range 10_000 {
		next := new(Message)
		next.StartChild(m, 1, nil, nil, 0)
		next.Finish(nil)
		m = next
		id := strings.Clone(m.ID())
		if len(id) > IDMax || seen[id] {
			t.Fatalf("id %q is too long or not unique", id)
		}
		seen[id] = true
	}
}

func reparse(t *testing.T, m *Message) *Message {
	t.Helper()
	again, err := ParseMessage(append([]byte(nil), m.Frame()...))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// FuzzReader checks that no bytes make the decoder panic or allocate, that
// what it accepts it can write again, and that remembering attributes changes
// nothing.
func FuzzReader(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.bytes(f))
	}
	f.Add(binary.LittleEndian.AppendUint32(nil, 1<<32-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		views, err := read(b)
		var memo Memo
		for range 3 { // they are remembered when they came twice
			r, errMemo := NewReader(b)
			for i := 0; errMemo == nil; i++ {
				var v View
				var more bool
				if more, _, errMemo = r.NextMemo(&v, &memo); errMemo != nil || !more {
					break
				}
				if w := views[i]; !bytes.Equal(v.Encoded(), w.Encoded()) || !bytes.Equal(v.Data, w.Data) || string(v.Type) != string(w.Type) || v.Others() != w.Others() {
					t.Fatalf("message %d differs when attributes are remembered", i)
				}
			}
			if !errors.Is(errMemo, err) {
				t.Fatalf("remembering attributes: %v, otherwise %v", errMemo, err)
			}
		}
		if err != nil {
			return
		}
		again := AppendCount(nil, len(views))
		for _, v := range views {
			n := 0
			for range v.All() {
				n++
			}
			again = AppendAttrCount(again, n)
			again = AppendData(append(again, v.Encoded()...), v.Data)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("encoded again: %x, want %x", again, b)
		}
	})
}

// TestMemo: attributes that repeat are known from the second time on, whatever data they come
// with; those that never do cost no memory.
func TestMemo(t *testing.T) {
	var memo Memo
	var v View
	known := func(id, data string) bool {
		f := AppendData(AppendAttr(AppendAttr(AppendAttrCount(AppendCount(nil, 1), 2), Type, "a"), ID, id), []byte(data))
		r, err := NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		more, known, err := r.NextMemo(&v, &memo)
		if got, _ := v.Attr(ID); err != nil || !more || string(got) != id || string(v.Data) != data {
			t.Fatalf("%s %s: %s %s, %v", id, data, got, v.Data, err)
		}
		return known
	}
	for n, c := range []struct {
		id   string
		want bool
	}{{"1", false}, {"1", true}, {"1", true}, {"2", false}, {"2", true}, {"2", true}, {"1", false}, {"1", true}} {
		if got := known(c.id, strings.Repeat("x", n)); got != c.want {
			t.Errorf("message %d: known %t", n, got)
		}
	}
	frames := [2][]byte{}
	for i := range frames {
		frames[i] = AppendData(AppendAttr(AppendAttrCount(AppendCount(nil, 1), 1), Type, [...]string{"a", "b"}[i]), nil)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			r, _ := NewReader(f)
			if _, known, err := r.NextMemo(&v, &memo); known || err != nil {
				t.Fatal(known, err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for two messages that differ", n)
	}
}
