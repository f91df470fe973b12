package shape

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs/schema"
)

// Constants are read in the time of their number, whatever their kind, and a
// text that is there twice is one.
func TestManyConstants(t *testing.T) {
	var values []string
	for i := range 6000 {
		values = append(values, strconv.Itoa(i), strconv.Quote("t"+strconv.Itoa(i)), strconv.Quote("t"+strconv.Itoa(i)))
	}
	root, faults := schema.ReadJSON([]byte(`{"enum":[true,` + strings.Join(values, ",") + `]}`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	typ, err := FromSchema("x.json", root, Draft2020).Type()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(typ.str.enum); n != 6000 {
		t.Errorf("%d texts, want 6000", n)
	}
	for value, fits := range map[string]bool{`5999`: true, `6000`: false, `"t5999"`: true, `"t6000"`: false, `true`: true, `false`: false, `1.5`: false} {
		if err := typ.Check([]byte(value)); (err == nil) != fits {
			t.Errorf("%s: %v, want that it fits: %v", value, err, fits)
		}
	}
}

// Many alternatives are put together once, not each with all before it: what
// is read is still every one of them.
func TestManyAlternatives(t *testing.T) {
	tests := []struct {
		name, form, value string
		n                 int
	}{
		{"alternatives", `{"anyOf":[%s]}`, `{"type":"object","required":["f%[1]d"],"properties":{"f%[1]d":{"type":"null"}}}`, 3000},
		{"both of many", `{"allOf":[{"anyOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]}]},{"anyOf":[%s]}]}`, `{"type":"object","required":["f%[1]d"],"properties":{"f%[1]d":{"type":"null"}}}`, 1500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values := make([]string, tt.n)
			for i := range values {
				values[i] = fmt.Sprintf(tt.value, i)
			}
			root, faults := schema.ReadJSON([]byte(fmt.Sprintf(tt.form, strings.Join(values, ","))))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			typ, err := FromSchema("x.json", root, Draft2020).Type()
			if err != nil {
				t.Fatal(err)
			}
			last := fmt.Sprintf(`{"a":1,"f%d":null}`, tt.n-1)
			if err := typ.Check([]byte(last)); err != nil {
				t.Errorf("%s is refused: %v", last, err)
			}
			if none := fmt.Sprintf(`{"a":1,"f%d":null}`, tt.n); typ.Check([]byte(none)) == nil {
				t.Errorf("%s is let through", none)
			}
		})
	}
}
