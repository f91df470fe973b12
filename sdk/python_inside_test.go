package sdk_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func inside(t testing.TB, seed uint32) *snake {
	t.Helper()
	return pythonOf(t, compilePython(t, packPython(t, readPython(t, "python/testdata/inside")), seed), []byte("{}"))
}

// ask has an actor handle a message and returns the data of its one output.
func (s *snake) ask(t testing.TB, typ, data string) (gotType, got string) {
	t.Helper()
	outputs, err := s.send(typ, "k", []byte(data))
	if err != nil || len(outputs) != 1 {
		t.Fatalf("%s %.200q: %v, %v%s", typ, data, outputs, err, stack(err))
	}
	return outputs[0].attrs["type"], outputs[0].data
}

// TestPythonNative runs the package's own tests in the Python of this machine.
func TestPythonNative(t *testing.T) {
	c := exec.CommandContext(t.Context(), "python3", "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
	if err := c.Run(); err != nil {
		t.Skip("there is no python3 of version 3.11 or later")
	}
	run(t, "python", []string{"PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1"}, "python3", "-W", "error", "-m", "unittest", "discover", "-s", "tests")
}

// TestPythonVectors reads the vectors of abi/testdata in C.
func TestPythonVectors(t *testing.T) {
	var vectors []struct {
		Name, Hex, Error string
		Messages         []struct {
			Attributes [][2]string
			DataHex    string `json:"data_hex"`
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../abi/testdata/frames.json")), &vectors); err != nil || len(vectors) < 100 {
		t.Fatal(len(vectors), err)
	}
	s := inside(t, 1)
	for _, v := range vectors {
		frame, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		typ, got := s.ask(t, "decode", string(frame))
		want := make([][2]any, 0, len(v.Messages))
		for _, m := range v.Messages {
			attrs := map[string]string{}
			for _, a := range m.Attributes {
				attrs[a[0]] = a[1]
			}
			want = append(want, [2]any{attrs, m.DataHex})
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if v.Error != "" && (typ != "wrong" || got != `"`+v.Error+`"`) || v.Error == "" && (typ != "read" || !sameJSON([]byte(got), text)) {
			t.Errorf("%s: %s %.200s, not %s %.200s", v.Name, typ, got, v.Error, text)
		}
	}
}

// FuzzPythonFrame has the decoder in C read frames: it never fails otherwise than it
// says, and what it reads it writes again.
func FuzzPythonFrame(f *testing.F) {
	var vectors []struct{ Hex string }
	if err := json.Unmarshal([]byte(read(f, "../abi/testdata/frames.json")), &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		if b, err := hex.DecodeString(v.Hex); err == nil {
			f.Add(b)
		}
	}
	s := inside(f, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		s.ask(t, "decode", string(b))
		s.ask(t, "attributes", string(b))
		_, err := pythonOf(t, s.module, []byte("{}")).raw(b)
		if err != nil && !slices.ContainsFunc([]string{"read message: malformed frame", "no handler for", "UnicodeDecodeError"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("as input: %v", err)
		}
	})
}

// FuzzPythonJSON holds the quick JSON against module json.
func FuzzPythonJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	s := inside(f, 1)
	f.Fuzz(func(t *testing.T, b []byte) { s.ask(t, "json", string(b)) })
}

var jsonTexts = []string{
	`{}`, `[]`, ` { "a" : [ 1 , 2.5 , -0 , -0.0 , true , false , null ] } `, `"é\n\"\\\/\b\f\r\t"`, `"\u00e9\ud834\udd1e"`, `"\ud800"`,
	`1e5`, `1.5e-3`, `0.1`, `123456789012345678`, `1234567890123456789`, `9007199254740993.0`, `12345678901234567.25`, `0.30000000000000004`,
	`01`, `1.`, `.5`, `-`, `+1`, `1e`, `{`, `[1,]`, `{"a":1,}`, `{"a"}`, `{1:2}`, `"`, `"\x"`, "\"\n\"", `nul`, `truee`, `[1 2]`, `NaN`, `-Infinity`, ``, ` `,
	`{"a":1,"a":2}`, "\"\xff\"", "\xef\xbb\xbf1", placed, strings.Repeat("[", 99) + strings.Repeat("]", 99), strings.Repeat("[", 200) + strings.Repeat("]", 200),
	`{"` + strings.Repeat("k", 40) + `":1,"":2,"é":3}`, `"\\"`, `"\`, `[1.0,1e16,123456.789,1e-4,0.001,99999999.5,1e22]`,
}

func TestPythonJSON(t *testing.T) {
	s := inside(t, 1)
	quick := 0
	for _, text := range jsonTexts {
		if _, got := s.ask(t, "json", text); got == "true" {
			quick++
		}
	}
	// Texts with a byte changed.
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := []byte(jsonTexts[r.IntN(len(jsonTexts))])
		if len(b) > 0 {
			b[r.IntN(len(b))] = `{}[],:"\ 0123456789.eE+-tfn`[r.IntN(27)]
		}
		s.ask(t, "json", string(b))
	}
	_, got := s.ask(t, "numbers", "5")
	if quick < 10 || len(got) < 5 {
		t.Errorf("%d texts and %s numbers were read quickly", quick, got)
	}
}

// TestPythonRandom: what is drawn is of the message's stream; nothing is drawn for
// who draws nothing.
func TestPythonRandom(t *testing.T) {
	one, two := inside(t, 1), inside(t, 1)
	for _, which := range []string{"random", "gauss", "shuffle", "bits", "uuid", "secrets", "urandom", "state"} {
		one.random, two.random = 1, 1
		_, first := one.ask(t, "random", `"`+which+`"`)
		_, again := one.ask(t, "random", `"`+which+`"`)
		_, other := two.ask(t, "random", `"`+which+`"`)
		one.random = 2
		_, next := one.ask(t, "random", `"`+which+`"`)
		var pair [2]any
		if err := json.Unmarshal([]byte(first), &pair); err != nil || fmt.Sprint(pair[0]) == fmt.Sprint(pair[1]) {
			t.Errorf("%s: drew %s, %v", which, first, err)
		}
		if first != again || first != other || first == next || one.drawn == 0 {
			t.Errorf("%s: %s, again %s, in another instance %s, for another message %s", which, first, again, other, next)
		}
	}
	if one.ask(t, "random", `"none"`); one.drawn != 0 {
		t.Errorf("a message that draws nothing takes %d bytes of its stream", one.drawn)
	}
	one.random = 1
	_, first := one.ask(t, "random", `"seeded"`)
	one.random = 2
	if _, again := one.ask(t, "random", `"seeded"`); first != again || one.drawn != 0 {
		t.Errorf("seeded by the actor: %s, then %s", first, again)
	}
}

// TestPythonSeeds: hashes differ from revision to revision, and in nothing else.
func TestPythonSeeds(t *testing.T) {
	_, first := inside(t, 1).ask(t, "hash", `"a"`)
	_, same := inside(t, 1).ask(t, "hash", `"a"`)
	_, other := inside(t, 2).ask(t, "hash", `"a"`)
	if first != same || first == other {
		t.Errorf("hashes %s and %s, with another seed %s", first, same, other)
	}
}

// TestPythonGather: requests that are awaited together are one call.
func TestPythonGather(t *testing.T) {
	s := inside(t, 1)
	if _, got := s.ask(t, "gather", "70"); got != "70" || s.calls != 6 {
		t.Errorf("answered %s after %d calls", got, s.calls)
	}
}

// TestPythonMalformed: no argument makes _grow fail otherwise than by an exception.
func TestPythonMalformed(t *testing.T) {
	s := inside(t, 1)
	if _, got := s.ask(t, "malformed", `"x"`); got != "21" {
		t.Errorf("answered %s", got)
	}
	if _, got := s.ask(t, "sys", `"x"`); got != `[1,1,["/lib/python313.zip","/app","/packages"],[""],"/app/main.py"]` {
		t.Errorf("the interpreter has %s", got)
	}
}

// TestPythonMemory: messages leave nothing behind.
func TestPythonMemory(t *testing.T) {
	n := 20_000
	if os.Getenv("GROW_LONG") != "" {
		n = 1_000_000
	}
	m := compilePython(t, packPython(t, readPython(t, "python/testdata/ledger")), 1)
	s := pythonOf(t, m, []byte("{}"))
	var sizes []int64
	for i := range n {
		s.states = map[string]map[string]string{}
		typ := []string{"ledger.post", "ledger.show", "ledger.close"}[i%3]
		if _, err := s.send(typ, "k", []byte(`{"id":"e-1","amount":5,"about":"a text that is not short"}`)); err != nil {
			t.Fatal(err)
		}
		if i%(n/10) == n/10-1 {
			sizes = append(sizes, s.instance.MemorySize())
		}
	}
	if slices.Max(sizes[4:]) > sizes[1] {
		t.Errorf("memory grew: %d", sizes)
	}
}
