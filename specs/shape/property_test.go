package shape

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cuejson "cuelang.org/go/encoding/json"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

var fieldNames = []string{"a", "b", "c", "a1"}

// drawType draws a definition about whose messages CUE is right: fields are
// `!` or `?`, structs are open, unions of structs have a tag.
func drawType(t *rapid.T, depth int) string {
	scalars := []string{
		`string`, `int`, `number`, `bool`, `null`, `true`, `"x" | "y"`, `1 | 2 | "x"`, `int & >0`, `number & >=1 & <1.5`, `=~"^[a-y]{1,2}$"`, `!~"^x"`,
		`strings.MinRunes(2)`, `strings.MaxRunes(1)`, `string | null`, `int | string`, `!="x" & string`, `(int & >1) | (string & !~"y")`, `math.MultipleOf(2)`,
		`*"x" | "yy"`, `uint8`, `!=null`, `(string | int) & !=1`, `time.Time`, `_`,
	}
	n := len(scalars)
	if depth < 3 {
		n += 5
	}
	switch k := rapid.IntRange(0, n-1).Draw(t, "form"); k - len(scalars) {
	case 0, 1:
		return drawStruct(t, depth, "")
	case 2:
		return "[..." + paren(drawType(t, depth+1)) + "] & list.MaxItems(2)"
	case 3:
		return "{[=~\"^a\"]: " + drawType(t, depth+1) + ", ...}"
	case 4:
		return "(" + drawStruct(t, depth, "x") + " | " + drawStruct(t, depth, "yy") + " | string)"
	default:
		return scalars[k]
	}
}

func paren(s string) string { return "(" + s + ")" }

func drawStruct(t *rapid.T, depth int, tag string) string {
	var b strings.Builder
	b.WriteString("{")
	if tag != "" {
		fmt.Fprintf(&b, "tag!: %q, ", tag)
	}
	for _, name := range fieldNames {
		if mark := rapid.SampledFrom([]string{"", "!", "?"}).Draw(t, "mark"); mark != "" {
			fmt.Fprintf(&b, "%s%s: %s, ", name, mark, drawType(t, depth+1))
		}
	}
	return b.String() + "...}"
}

// drawData draws JSON made of what the types speak about. Whole numbers are
// written without a point, since to CUE 1.0 is no int.
func drawData(t *rapid.T, depth int) string {
	scalars := []string{`"x"`, `"y"`, `"yy"`, `"zzz"`, `""`, `"ä"`, `"\n"`, `0`, `1`, `2`, `-3`, `256`, `1.25`, `1.5`, `true`, `false`, `null`, `"2026-01-02T03:04:05Z"`}
	n := len(scalars)
	if depth < 4 {
		n += 14
	}
	k := rapid.IntRange(0, n-1).Draw(t, "value") - len(scalars)
	switch {
	case k < 0:
		return scalars[k+len(scalars)]
	case k < 3:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawData(t, depth+1))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var fields []string
	if tag := rapid.SampledFrom([]string{"", `"x"`, `"yy"`, `1`}).Draw(t, "tag"); tag != "" {
		fields = append(fields, `"tag":`+tag)
	}
	for _, name := range append(fieldNames, "z") {
		if rapid.IntRange(0, 2).Draw(t, "has") > 0 {
			fields = append(fields, fmt.Sprintf("%q : %s", name, drawData(t, depth+1)))
		}
	}
	if rapid.Bool().Draw(t, "reversed") {
		for i, j := 0, len(fields)-1; i < j; i, j = i+1, j-1 {
			fields[i], fields[j] = fields[j], fields[i]
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// TestCheckAgainstCUE draws types and messages and compares verdicts with CUE's.
func TestCheckAgainstCUE(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		def := drawStruct(t, 0, "")
		v := cuecontext.New().CompileString(preamble + def).LookupPath(cue.ParsePath("m"))
		s, err := FromCUE(v)
		if err != nil {
			t.Fatalf("%s: %v", def, err)
		}
		for range 5 {
			data := drawData(t, 0)
			e, err := cuejson.Extract("data", []byte(data))
			if err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			want := v.Unify(cuecontext.New().BuildExpr(e)).Validate(cue.Concrete(true), cue.Final())
			if got := s.Check([]byte(data)); (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\nwe say %v\nCUE says %v", def, data, got, want)
			}
		}
		if sample := s.Sample(); !json.Valid(sample) {
			t.Fatalf("%s: sample %q is not JSON", def, sample)
		}
	})
}
