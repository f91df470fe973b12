package sdk_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/testdata/wat"
)

// TestLedger runs the same cases on the ledgers of all languages.
func TestLedger(t *testing.T) {
	want, err := wat.LedgerCases()
	if err != nil {
		t.Fatal(err)
	}
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			g := open(t, language, want.Config)
			for _, c := range want.Cases {
				outputs, err := g.send(c.Type, c.Key, c.Data)
				if err != nil {
					t.Fatalf("%s: %v; %v", c.Name, err, g.lines())
				}
				compare(t, c, outputs, g.lines())
				if state := g.state(c.Key); !sameJSON([]byte(state), c.State) {
					t.Errorf("%s: state %s, want %s", c.Name, state, c.State)
				}
			}
		})
	}
}

func compare(t *testing.T, c wat.Case, outputs []output, logs []wat.Line) {
	t.Helper()
	if !reflect.DeepEqual(logs, c.Logs) {
		t.Errorf("%s: logged %v, want %v", c.Name, logs, c.Logs)
	}
	if c.Outcome == "refused" {
		if len(outputs) != 1 || outputs[0].attrs[abi.Type] != abi.TypeError || outputs[0].attrs[abi.Code] != c.Code || outputs[0].data != c.Text {
			t.Errorf("%s: answered %v", c.Name, outputs)
		}
		return
	}
	if len(outputs) != len(c.Outputs) {
		t.Errorf("%s: answered %v, want %d outputs", c.Name, outputs, len(c.Outputs))
		return
	}
	for i, want := range c.Outputs {
		if outputs[i].attrs[abi.Type] != want.Type || !sameJSON([]byte(outputs[i].data), want.Data) {
			t.Errorf("%s: sent %v, want %s %s", c.Name, outputs[i], want.Type, want.Data)
		}
	}
}

func sameJSON(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// TestWithoutConfig: the config of an actor that declares none is the empty one.
func TestWithoutConfig(t *testing.T) {
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			config := []byte("{}")
			if language == "wat" {
				config = nil // what config.get gives for none
			}
			g := open(t, language, config)
			outputs, err := g.send("ledger.post", "a", []byte(`1`))
			if err != nil || len(outputs) != 1 || !sameJSON([]byte(outputs[0].data), []byte(`{"config":{},"entry":1}`)) {
				t.Errorf("answered %v, %v; %v", outputs, err, g.lines())
			}
		})
	}
}

// TestImports holds what ordinary actors ask of a host.
func TestImports(t *testing.T) {
	for language := range languages {
		if language == "python" {
			continue // it imports from its runtime
		}
		t.Run(language, func(t *testing.T) {
			g := start(t, ledger(t, language), []byte("{}"))
			ours := slices.DeleteFunc(slices.Clone(g.imports), func(name string) bool {
				return language == "go" && strings.HasPrefix(name, abi.WASIModule+".")
			})
			if !slices.Equal(ours, []string{"grow.answer", "grow.call"}) {
				t.Errorf("imports %q", g.imports)
			}
		})
	}
}

// TestUndecodable: data that no handler's type holds is refused; the instance lives.
func TestUndecodable(t *testing.T) {
	for _, language := range []string{"go", "rust", "python"} {
		t.Run(language, func(t *testing.T) {
			g := open(t, language, []byte("{}"))
			for range 2 {
				outputs, err := g.send("ledger.post", "a", []byte(`{`))
				if err != nil || len(outputs) != 1 || outputs[0].attrs[abi.Code] != "data.decode" || !strings.HasPrefix(outputs[0].data, "decode ledger.post as ") {
					t.Errorf("answered %v, %v", outputs, err)
				}
			}
		})
	}
}

// TestFailureIsExplained: a frame that is none ends the instance, and it says why before.
func TestFailureIsExplained(t *testing.T) {
	for _, language := range []string{"go", "rust", "python"} {
		t.Run(language, func(t *testing.T) {
			g := open(t, language, []byte("{}"))
			_, err := g.raw([]byte{1, 0, 0, 0, 9, 0})
			if err == nil || !strings.HasPrefix(g.why(err), "read message: ") {
				t.Errorf("failed with %v; logged %v", err, g.lines())
			}
		})
	}
}

// TestLargeMessage needs a second block of input and large buffers.
func TestLargeMessage(t *testing.T) {
	entry := []byte(`"` + strings.Repeat("x", 40_000) + `"`)
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			g := open(t, language, []byte("{}"))
			for _, data := range [][]byte{[]byte("1"), entry, []byte("2")} {
				if outputs, err := g.send("ledger.post", "a", data); err != nil || len(outputs) != 1 || outputs[0].attrs[abi.Type] != "ledger.posted" {
					t.Fatalf("%v; %v", err, g.lines())
				}
			}
			// A state that is too large is invalid, which does not pass with time.
			outputs, err := g.send("ledger.post", "a", entry)
			switch {
			case language == "wat":
				if err != nil || outputs[0].attrs[abi.Code] != "invalid" || outputs[0].attrs[abi.RetryAttr] != "no" {
					t.Errorf("answered %v, %v", outputs, err)
				}
			case err == nil || !strings.Contains(g.why(err), "state.set: invalid: "):
				t.Errorf("answered %v, %v; logged %v", outputs, err, g.lines())
			}
		})
	}
}

func TestEcho(t *testing.T) {
	g := start(t, wat.Module("echo"), nil)
	for _, data := range []string{``, `{}`, `{"a":1}`, strings.Repeat("x", 1<<20), `1`} {
		for _, frame := range [][]byte{input("order.placed", "k", []byte(data)).Frame(), abi.NewMessage([]byte(data)).Frame()} {
			answer, err := g.raw(frame)
			if err != nil {
				t.Fatal(err)
			}
			m, err := abi.ParseMessage(answer)
			if err != nil || m.Type() != "echo.done" || m.Attrs() != 1 || string(m.Data()) != data {
				t.Errorf("%.20s: answered %.60q, %v", data, answer, err)
			}
		}
	}
}

func BenchmarkEchoWAT(b *testing.B) {
	g := start(b, wat.Module("echo"), nil)
	frame := input("order.placed", "k", []byte(`{"id":"o-1","total":200}`)).Frame()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.raw(frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is the least a handler written with an SDK does: the message
// is read, a handler is found, an answer is written.
func BenchmarkRefuse(b *testing.B) {
	for _, language := range []string{"wat", "rust", "go", "python"} {
		b.Run(language, func(b *testing.B) {
			g := open(b, language, []byte("{}"))
			frame := input("ledger.close", "k", []byte(`{"id":"o-1","total":200}`)).Frame()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.raw(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
