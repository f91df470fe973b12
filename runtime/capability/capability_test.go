package capability

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
)

// fake is a kind of capability whose answers tell what it was asked.
type fake struct{}

func init() { Register(fake{}) }

func (fake) Name() string { return "fake" }
func (fake) Check(params map[string]any) error {
	if params["bad"] != nil {
		return errors.New("bad is not good")
	}
	return nil
}
func (fake) Open(context.Context, specs.Grant, Environment) (Capability, error) { return &fake{}, nil }
func (*fake) Close() error                                                      { return nil }
func (*fake) Operations() map[string]Effect {
	return map[string]Effect{"fake.read": Reads, "fake.write": Changes, "fake.secret": Hides, "fake.slow": Reads, "fake.panic": Reads}
}
func (*fake) Do(ctx context.Context, r *Request) Answer {
	switch r.Operation {
	case "fake.panic":
		panic("a fault of the capability")
	case "fake.slow":
		<-ctx.Done()
		return Fail(Timeout, "too slow")
	}
	name, _ := r.Attr("name")
	return Answer{Data: fmt.Appendf(nil, "%s %s %s %s", r.Operation, name, r.Data, r.Stable)}
}

func open(t *testing.T, calls int) *Broker {
	t.Helper()
	b, err := Open(t.Context(), []specs.Grant{{Name: "it", Kind: "fake"}}, calls, Environment{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func ledger(t *testing.T) *Ledger {
	return &Ledger{Context: t.Context(), ID: "m1", Config: []byte(`{"a":1}`), Log: func(string, []byte, *abi.View) {}, RealTime: func() int64 { return 42 }}
}

// ask serves requests, each data and then attributes, and returns the answers as text.
func ask(t *testing.T, b *Broker, l *Ledger, requests ...[]string) []string {
	t.Helper()
	f := abi.AppendCount(nil, len(requests))
	for _, r := range requests {
		f = abi.AppendAttrCount(f, len(r)/2)
		for k := 1; k+1 < len(r); k += 2 {
			f = abi.AppendAttr(f, r[k], r[k+1])
		}
		f = abi.AppendData(f, []byte(r[0]))
	}
	answer, err := b.Serve(l, f)
	if err != nil {
		return []string{"error " + err.Error()}
	}
	reader, err := abi.NewReader(answer)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for reader.Left() > 0 {
		var v abi.View
		if _, err := reader.Next(&v); err != nil {
			t.Fatal(err)
		}
		text := string(v.Type) + " " + string(v.Data)
		if code, ok := v.Attr(abi.Code); ok {
			text = "failed " + string(code)
		}
		list = append(list, text)
	}
	return list
}

func TestServe(t *testing.T) {
	for _, c := range []struct {
		name    string
		request []string
		want    string
	}{
		{"config", []string{"", "type", "config.get"}, `ok {"a":1}`},
		{"log", []string{"hello", "type", "log.info"}, "ok "},
		{"time", []string{"", "type", "time.now"}, "ok "},
		{"granted", []string{"body", "type", "fake.read", "use", "it", "name", "n"}, "ok fake.read n body m1/1"},
		{"without use", []string{"", "type", "fake.read"}, "failed denied"},
		{"another grant", []string{"", "type", "fake.read", "use", "other"}, "failed denied"},
		{"another operation", []string{"", "type", "sql.query", "use", "it"}, "failed invalid"},
		{"unknown", []string{"", "type", "fly"}, "failed denied"},
		{"state that is not declared", []string{"", "type", "state.get"}, "failed denied"},
		{"a capability that panics", []string{"", "type", "fake.panic", "use", "it"}, "failed unavailable"},
		{"deadline", []string{"", "type", "fake.slow", "use", "it", "timeout", "1"}, "failed timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(t, open(t, 10), ledger(t), c.request); len(got) != 1 || got[0] != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestOrder: requests of one call run at the same time and are answered in order.
func TestOrder(t *testing.T) {
	b, l := open(t, 10), ledger(t)
	waits, effects := 0, 0
	l.Wait = func() { waits++ }
	l.Effect = func() error { effects++; return nil }
	got := ask(t, b, l,
		[]string{"1", "type", "fake.read", "use", "it", "name", "a"}, []string{"", "type", "config.get"},
		[]string{"2", "type", "fake.write", "use", "it", "name", "b"}, []string{"3", "type", "fake.secret", "use", "it", "name", "c"})
	want := []string{"ok fake.read a 1 m1/1", `ok {"a":1}`, "ok fake.write b 2 m1/3", "ok fake.secret c 3 m1/4"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if waits == 0 || effects != 1 {
		t.Errorf("%d waits, %d effects", waits, effects)
	}
	if r := l.Recorded(); len(r) != 2 || r[0].Call != 1 || r[1].Call != 3 || r[1].Use != "it" || len(r[1].Digest()) != 32 {
		t.Errorf("recorded %+v; secrets and what the host knows are not", r)
	}
	l.Reset()
	if len(l.Recorded()) != 0 {
		t.Error("a record outlived its message")
	}
	l.Effect = func() error { effects++; return nil }
	ask(t, b, l, []string{"", "type", "fake.write", "use", "it"}, []string{"", "type", "fake.write", "use", "it"})
	if effects != 2 {
		t.Errorf("%d barriers, and not one for each frame", effects)
	}
	l.Effect = func() error { return io.ErrUnexpectedEOF }
	if got := ask(t, b, l, []string{"", "type", "fake.write", "use", "it"}); !strings.HasPrefix(got[0], "error") {
		t.Errorf("a message that is not kept changes something outside: %q", got)
	}
}

func ledgerWith(t *testing.T, s *State) *Ledger {
	l := ledger(t)
	l.State = s
	return l
}

func TestLimits(t *testing.T) {
	b, l := open(t, 2), ledger(t)
	get := []string{"", "type", "config.get"}
	if got := ask(t, b, l, get, get); len(got) != 2 {
		t.Fatalf("%q", got)
	}
	if got := ask(t, b, l, get); !strings.Contains(got[0], ErrTooMany.Error()) {
		t.Errorf("a third of two: %q", got)
	}
	line := []string{"said", "type", "log.info"}
	if got := ask(t, b, l, line, line, line); len(got) != 3 || strings.Contains(got[0], ErrTooMany.Error()) {
		t.Errorf("log lines count: %q", got)
	}
	fresh := ledger(t)
	ask(t, b, fresh, line, line, line)
	if got := ask(t, b, fresh, get, line, get); len(got) != 3 || strings.Contains(got[0], ErrTooMany.Error()) {
		t.Errorf("log lines of requests before count: %q", got)
	}
	if got := ask(t, b, l, line, get); !strings.Contains(got[0], ErrTooMany.Error()) {
		t.Errorf("a third of two beside a log line: %q", got)
	}
	var many [][]string
	for range abi.RequestsPerCallMax + 1 {
		many = append(many, get)
	}
	if got := ask(t, open(t, 1000), ledger(t), many...); !strings.HasPrefix(got[0], "error") {
		t.Errorf("too many in one call: %q", got)
	}
	if _, err := b.Serve(ledger(t), make([]byte, abi.RequestBytesMax+1)); !errors.Is(err, abi.ErrLimit) {
		t.Errorf("a request too large: %v", err)
	}
	large := map[string]Value{"": {bytes.Repeat([]byte("1"), abi.StateValueMax), 1, 0}}
	read := []string{"", "type", "state.get"}
	for _, together := range []bool{false, true} { // in one call or in several
		b, l := open(t, 100), ledger(t)
		l.State = new(State)
		l.State.Reset([]specs.State{{}}, large, Size(large))
		fits := abi.AnswerBytesMax/abi.StateValueMax - 1
		got := ask(t, b, l, slices.Repeat([][]string{read}, fits)...)
		if together {
			got = ask(t, b, ledgerWith(t, l.State), slices.Repeat([][]string{read}, fits+1)...)
		} else if len(got) == fits {
			got = ask(t, b, l, read)
		}
		if !strings.Contains(got[0], ErrTooMany.Error()) {
			t.Errorf("more than 16 MiB of answers, together %t: %d answers, %.80q", together, len(got), got[0])
		}
	}
}

// TestState: reads see the message's own writes, others see nothing until it is handled.
func TestState(t *testing.T) {
	b, l := open(t, 100), ledger(t)
	base := map[string]Value{"": {Data: []byte("1"), Revision: 4}, "old": {Data: []byte("2"), Revision: 1}}
	l.State = new(State)
	l.State.Reset([]specs.State{{Pattern: ""}, {Pattern: "*"}}, base, Size(base))
	set := func(name, data string) string {
		return ask(t, b, l, []string{data, "type", "state.set", "name", name})[0]
	}
	get := func(name string) string { return ask(t, b, l, []string{"", "type", "state.get", "name", name})[0] }
	list := func(attrs ...string) string {
		return ask(t, b, l, append([]string{"", "type", "state.list"}, attrs...))[0]
	}
	steps := []string{
		get(""), get("absent"), set("", "5"), get(""), set("a", `{"b":1}`), set("b", "nonsense"), set("c", strings.Repeat("1", abi.StateValueMax+1)),
		ask(t, b, l, []string{"", "type", "state.delete", "name", "old"})[0], get("old"),
		list(), list("prefix", "a"), list("after", ""), list("limit", "1"), list("limit", "0"),
	}
	want := []string{
		"ok 1", "ok ", "ok ", "ok 5", "ok ", "failed invalid", "failed invalid", "ok ", "ok ",
		`ok ["","a"]`, `ok ["a"]`, `ok ["a"]`, `ok [""]`, "failed invalid",
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Errorf("step %d: %q, want %q", i, steps[i], want[i])
		}
	}
	if string(base[""].Data) != "1" || len(base) != 2 {
		t.Errorf("the state of others changed: %v", base)
	}
	if n := len(l.State.Changes()); n != 3 {
		t.Errorf("%d changes: %+v", n, l.State.Changes())
	}
}

// TestStateFull: all values of a key are bounded together, by what there was before
// and what the message writes; what shrinks is taken.
func TestStateFull(t *testing.T) {
	value := []byte(`"` + strings.Repeat("x", abi.StateValueMax-2) + `"`)
	for _, before := range []int{0, 20} { // values that are there
		b, l := open(t, 100), ledger(t)
		base := map[string]Value{}
		for i := range before {
			base[fmt.Sprint("b", i)] = Value{value, 1, 0}
		}
		l.State = new(State)
		l.State.Reset([]specs.State{{Pattern: "*"}}, base, Size(base))
		set := func(name string, data []byte) string {
			return ask(t, b, l, []string{string(data), "type", "state.set", "name", name})[0]
		}
		fits := abi.StateMax/abi.StateValueMax - 1 - before // names and the rest take one
		for i := range fits {
			if got := set(fmt.Sprint("n", i), value); got != "ok " {
				t.Fatalf("%d before, value %d: %q", before, i, got)
			}
		}
		if got := set("more", value); got != "failed limit" {
			t.Errorf("%d before, one more than %d: %q", before, fits, got)
		}
		if got := set("n0", value); got != "ok " {
			t.Errorf("%d before, a value again: %q", before, got)
		}
		ask(t, b, l, []string{"", "type", "state.delete", "name", "n0"})
		if got := set("more", value); got != "ok " {
			t.Errorf("%d before, in place of another: %q", before, got)
		}
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(t.Context(), []specs.Grant{{Name: "x", Kind: "none"}}, 1, Environment{}); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a kind that is not there: %v", err)
	}
	if err := CheckGrant(specs.Grant{Kind: "fake", Params: map[string]any{"bad": 1}}); err == nil {
		t.Error("bad parameters passed")
	}
	if _, ok := Lookup("fake"); !ok || len(Names()) == 0 {
		t.Error("a registered kind is not found")
	}
}

// FuzzServe: no request frame makes the broker fail otherwise than by an error.
func FuzzServe(f *testing.F) {
	b, err := Open(context.Background(), nil, 1000, Environment{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(abi.AppendData(abi.AppendAttr(abi.AppendAttrCount(abi.AppendCount(nil, 1), 1), "type", "state.list"), nil))
	f.Add([]byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		l := ledger(t)
		l.State = new(State)
		l.State.Reset([]specs.State{{}}, nil, 0)
		answer, err := b.Serve(l, frame)
		if err != nil {
			return
		}
		r, err := abi.NewReader(answer)
		if err != nil {
			t.Fatal(err)
		}
		for r.Left() > 0 {
			var v abi.View
			if _, err := r.Next(&v); err != nil {
				t.Fatalf("the answer is malformed: %v", err)
			}
		}
	})
}
