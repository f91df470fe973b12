package meter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The test suite of the specification, as wazero's module has it in binary.
type command struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Name     string `json:"name"`
	As       string `json:"as"`
	Filename string `json:"filename"`
	Format   string `json:"module_type"`
	Action   struct {
		Type   string  `json:"type"`
		Module string  `json:"module"`
		Field  string  `json:"field"`
		Args   []value `json:"args"`
	} `json:"action"`
}

type value struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"`
}

// words are a value as wazero takes it.
func (v value) words() []uint64 {
	if v.Type != "v128" {
		var text string
		_ = json.Unmarshal(v.Value, &text)
		n, _ := strconv.ParseUint(text, 10, 64)
		return []uint64{n}
	}
	var lanes []string
	_ = json.Unmarshal(v.Value, &lanes)
	bits := 128 / len(lanes)
	words := make([]uint64, 2)
	for i, lane := range lanes {
		n, _ := strconv.ParseUint(lane, 10, 64)
		words[i*bits/64] |= n << (i * bits % 64)
	}
	return words
}

func manifests(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	found, err := filepath.Glob(filepath.Join(dir, "v[12]", "testdata", "*.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no test suite in %s: %v", dir, err)
	}
	return append(found, filepath.Join(dir, "testdata", "spectest.wasm"))
}

// line is what came of one command. Fuel is what was used from the start, and
// sound says that nothing has trapped.
type line struct {
	text  string
	fuel  int64
	sound bool
}

// suite runs one manifest.
type suite struct {
	t       *testing.T
	world   world
	change  func([]byte) []byte // nil: run as they are
	dir     string
	current api.Module
	named   map[string]api.Module
	lines   []line
	sound   bool
}

// functionNumber is what rewriting changes in messages, besides the maximum of a
// table that had none.
var functionNumber = regexp.MustCompile(`function\[\d+\]`)

func (s *suite) module(file, name string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.change != nil {
		b = s.change(b)
	}
	m, err := s.world.InstantiateWithConfig(s.t.Context(), b, wazero.NewModuleConfig().WithName(name))
	if err != nil {
		text, _, _ := strings.Cut(functionNumber.ReplaceAllString(err.Error(), "function"), "size mismatch")
		return errors.New(text)
	}
	s.current = m
	if s.change != nil && m.ExportedGlobal(ExportFuel) != nil {
		s.world.granted[m] += 0 // it may never ask
	}
	return nil
}

// run does all commands.
func (s *suite) run(commands []command) []line {
	s.named, s.sound = map[string]api.Module{}, true
	for i, c := range commands {
		if c.Format == "text" {
			continue
		}
		text := ""
		switch c.Type {
		case "module":
			text = trap(s.module(filepath.Join(s.dir, c.Filename), as(commands[i:])))
			s.named[c.Name] = s.current
		case "assert_unlinkable", "assert_uninstantiable":
			text = trap(s.module(filepath.Join(s.dir, c.Filename), fmt.Sprint("line", c.Line)))
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			text = s.act(c)
		default:
			continue
		}
		fuel := int64(0)
		if s.change != nil {
			fuel = s.world.used()
		}
		s.lines = append(s.lines, line{fmt.Sprintf("%d %s %s: %s", c.Line, c.Type, c.Action.Field, text), fuel, s.sound})
	}
	return s.lines
}

// as is the name under which a module is registered later.
func as(commands []command) string {
	for _, c := range commands[1:] {
		switch {
		case c.Type == "module" && commands[0].Name == "":
			return ""
		case c.Type == "register" && (c.Name == "" || c.Name == commands[0].Name):
			return c.As
		}
	}
	return ""
}

func (s *suite) act(c command) string {
	m := s.current
	if c.Action.Module != "" {
		m = s.named[c.Action.Module]
	}
	if m == nil {
		return "no module"
	}
	if c.Action.Type == "get" {
		return m.ExportedGlobal(c.Action.Field).String()
	}
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.words()...)
	}
	f := m.ExportedFunction(c.Action.Field)
	if f == nil {
		return "no function"
	}
	results, err := f.Call(s.t.Context(), args...)
	if err != nil {
		s.sound = false
		return trap(err)
	}
	for i, t := range f.Definition().ResultTypes() {
		switch {
		case t == api.ValueTypeI32 || t == api.ValueTypeF32:
			results[i] = uint64(uint32(results[i])) // above it lies what was in the register
		case t == byte(wasm.FuncRef) && results[i] != 0: // an address
			results[i] = 1
		}
	}
	return fmt.Sprint(results)
}

// play runs a manifest with modules rewritten, or as they are when o is nil.
func play(t *testing.T, manifest, spectest string, config wazero.RuntimeConfig, slice int64, o *Options) []line {
	t.Helper()
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Commands []command }
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	s := &suite{t: t, dir: filepath.Dir(manifest), world: newWorld(t, config, &account{slice: slice})}
	if err := s.module(spectest, "spectest"); err != nil {
		t.Fatal(err)
	}
	s.current = nil
	if o != nil {
		s.change = func(b []byte) []byte {
			m, err := wasm.Decode(b)
			if err != nil {
				return b // refused before it is linked, as it is by wazero
			}
			out, err := Rewrite(m, *o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wasm.Decode(out.Binary); err != nil {
				t.Fatalf("what was written is not valid: %v", err)
			}
			return out.Binary
		}
	}
	return s.run(all.Commands)
}

// compare holds two runs against each other: in what came of each command and,
// as long as nothing has trapped, in fuel. After a trap they need not agree on
// fuel when the same is not charged at the same place.
func compare(t *testing.T, what string, want, got []line, fuel func(line) bool) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
	}
	for i := range want {
		if want[i].text != got[i].text {
			t.Errorf("%s: got  %s\nwant %s", what, got[i].text, want[i].text)
		}
		if fuel(want[i]) && want[i].fuel != got[i].fuel {
			t.Fatalf("%s: %s: fuel %d, want %d", what, got[i].text, got[i].fuel, want[i].fuel)
		}
	}
}

// TestSpecification: a rewritten module does what it did before, and uses the
// same fuel however it is sliced, on both engines, and as much as when each
// instruction is charged by itself.
func TestSpecification(t *testing.T) {
	all := manifests(t)
	spectest := all[len(all)-1]
	compiler := wazero.NewRuntimeConfig()
	interpreter := wazero.NewRuntimeConfigInterpreter()
	always := func(line) bool { return true }
	never := func(line) bool { return false }
	sound := func(l line) bool { return l.sound }
	for _, manifest := range all[:len(all)-1] {
		name := filepath.Base(filepath.Dir(filepath.Dir(manifest))) + "/" + strings.TrimSuffix(filepath.Base(manifest), ".json")
		t.Run(name, func(t *testing.T) {
			want := play(t, manifest, spectest, compiler, 0, nil)
			one := play(t, manifest, spectest, compiler, 1, &Options{Globals: true})
			compare(t, "rewritten", want, one, never)
			big := play(t, manifest, spectest, compiler, 1<<40, &Options{})
			compare(t, "in one slice", one, big, always)
			each := play(t, manifest, spectest, compiler, 1<<40, &Options{each: true})
			compare(t, "each instruction charged", big, each, sound)
			slow := play(t, manifest, spectest, interpreter, 1000, &Options{})
			compare(t, "interpreted", play(t, manifest, spectest, interpreter, 0, nil), slow, never)
			for i, l := range slow {
				if l.fuel != big[i].fuel && l.sound {
					t.Fatalf("interpreted: %s: fuel %d, want %d", l.text, l.fuel, big[i].fuel)
				}
			}
		})
	}
}
