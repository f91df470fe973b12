package capability

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// tea is a kind that describes itself.
type tea struct{ cup *shape.Type }

func (tea) Name() string               { return "test-tea" }
func (tea) Check(map[string]any) error { return nil }
func (t tea) Describe() *Description {
	return &Description{Operations: []Operation{{Name: "tea.make", Effect: Changes, Answer: Data{Type: t.cup}}, {Name: "tea.pour"}}}
}
func (tea) Open(context.Context, specs.Grant, Environment) (Capability, error) {
	return nil, errors.New("there is none")
}

// TestCheckDouble: a double is what its kind may ask for and answer.
func TestCheckDouble(t *testing.T) {
	cup, err := shape.FromCUE(cuecontext.New().CompileString("{cup!: int}"))
	if err != nil {
		t.Fatal(err)
	}
	Register(tea{cup})
	answer := func(data string) specs.DoubleAnswer { return specs.DoubleAnswer{Data: []byte(data)} }
	for _, c := range []struct {
		kind, operation string
		answer          specs.DoubleAnswer
		says            string // "": fine
	}{
		{"test-tea", "tea.make", answer(`{"cup": 1}`), ""},
		{"test-tea", "tea.make", answer(`{"cup": "full"}`), "tea.make never answers this: /cup"},
		{"test-tea", "tea.make", answer(""), "tea.make never answers this: "},
		{"test-tea", "tea.make", specs.DoubleAnswer{Error: Unavailable}, ""},
		{"test-tea", "tea.pour", answer("anything"), ""},
		{"test-tea", "tea.spill", answer(""), "the kind test-tea has no operation tea.spill: it has tea.make, tea.pour"},
		{"no-such-kind", "tea.spill", answer(""), ""},
	} {
		err := CheckDouble(specs.Grant{Kind: c.kind}, &specs.Double{Operation: c.operation, Answer: c.answer})
		if (err == nil) != (c.says == "") || err != nil && !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s %s %s: %v", c.kind, c.operation, c.answer.Data, err)
		}
	}
}
