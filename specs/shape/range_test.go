package shape

import (
	"fmt"
	"testing"

	"cuelang.org/go/cue/cuecontext"
)

func TestRange(t *testing.T) {
	for _, tt := range []struct{ cue, want string }{
		{"number", "{-Inf +Inf false false} true"},
		{"number & >=0 & <1000", "{0 1000 false true} true"},
		{"int & >5", "{5 +Inf true false} true"},
		{"1 | 5 | 3", "{1 5 false false} true"},
		{"(int & >=10 & <=20) | null", "{10 20 false false} true"},
		{"string", "{0 0 false false} false"},
	} {
		typ, err := FromCUE(cuecontext.New().CompileString(tt.cue))
		if err != nil {
			t.Fatal(err)
		}
		r, ok := typ.Range()
		if got := fmt.Sprint(r, ok); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.cue, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ cue, want string }{
		{`"a" | "b"`, "[a b]"}, {`string`, "[]"}, {`"a" | null`, "[a]"}, {`=~"^a"`, "[]"}, {`int`, "[]"}, {`_`, "[]"},
	} {
		typ, err := FromCUE(cuecontext.New().CompileString(tt.cue))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(typ.Words()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.cue, got, tt.want)
		}
	}
}

func TestAlways(t *testing.T) {
	typ, err := FromCUE(cuecontext.New().CompileString(`{a!: string, b?: string, c: *"x" | string, d!: {e!: int, f?: int}, g?: {h!: int}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path []string
		want bool
	}{
		{nil, true}, {[]string{"a"}, true}, {[]string{"b"}, false}, {[]string{"c"}, false}, {[]string{"d", "e"}, true}, {[]string{"d", "f"}, false},
		{[]string{"g", "h"}, false}, {[]string{"none"}, false},
	} {
		if got := typ.Always(tt.path...); got != tt.want {
			t.Errorf("%v: got %v", tt.path, got)
		}
	}
}
