package starter

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// structs draws a type of messages: fields of all kinds under names that are
// words of a language, or no identifiers.
var structs = rapid.Custom(func(t *rapid.T) string {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"id", "total", "type", "orderId", "order_id", "max-size", "a b", "self", "count", "Text", "url"}), 0, 5, rapid.ID[string]).Draw(t, "names")
	var b strings.Builder
	b.WriteString("{")
	for _, name := range names {
		rule := rapid.SampledFrom([]string{
			"string", `string & !=""`, `"a" | "b"`, `*"d" | string`, "int", "int & >5", "number", "number & >=100", "int & >1e18", "bool", "true",
			"[...int]", "[int, ...]", "{x: int}", "null | string", "int | string", "_", `string & =~"^\\d{3}$"`, `"\"#\r\u0007"`,
		}).Draw(t, "rule")
		fmt.Fprintf(&b, "%q%s: %s\n", name, rapid.SampledFrom([]string{"", "", "?", "!"}).Draw(t, "mark"), rule)
	}
	return b.String() + rapid.SampledFrom([]string{"}", "...}"}).Draw(t, "end")
})

// TestSendsWhatFits: whatever the types, the code that is written sends what the
// type takes, by identifiers that are different, and is well formed.
func TestSendsWhatFits(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		in, out := structs.Draw(t, "in"), structs.Draw(t, "out")
		types := map[string]*shape.Type{}
		for name, text := range map[string]string{"in.t": in, "out.t": out} {
			typ, err := shape.FromCUE(cuecontext.New().CompileString(text))
			if err != nil {
				t.Skip(err)
			}
			if typ.Check(typ.Sample()) != nil {
				t.Skip("there is no sample of", text)
			}
			types[name] = typ
		}
		w := Wish{Name: "a", In: "in.t", Out: "out.t", State: rapid.Bool().Draw(t, "state"), Lang: rapid.SampledFrom(Languages).Draw(t, "lang")}
		a, err := NewActor(w, types)
		if err != nil {
			t.Fatal(err)
		}
		for name, sample := range map[string][]byte{"in.t": a.In.sample, "out.t": a.Out.sample} {
			if err := types[name].Check(sample); err != nil {
				t.Errorf("%s is no %s: %v", sample, name, err)
			}
		}
		for _, fields := range [][]Field{a.In.Fields, a.Out.Fields} {
			seen := map[string]bool{}
			for _, f := range fields {
				if seen[f.Go] || seen["_"+f.Rust] {
					t.Errorf("%s is there twice, as %s and %s", f.Name, f.Go, f.Rust)
				}
				seen[f.Go], seen["_"+f.Rust] = true, true
			}
		}
		if _, err := a.Files(); err != nil { // Go is parsed to be formatted
			t.Errorf("the code is not well formed: %v", err)
		}
	})
}
