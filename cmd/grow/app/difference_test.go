package app

import (
	"fmt"
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name, was, is string
		want          []string
	}{
		{"the same, written otherwise", `{"a":1,"b":[1, 2]}`, `{"b":[1,2],"a":1}`, nil},
		{"fields", `{"a":1,"b":2,"c":{"d":true}}`, `{"b":3,"c":{"d":false},"e":null}`, []string{"a: 1 > ", "b: 2 > 3", "c.d: true > false", "e:  > null"}},
		{"an item more", `[1,2]`, `[1,2,3]`, []string{"[2]:  > 3"}},
		{"the first item gone", `[1,2,3]`, `[2,3]`, []string{"[0]: 1 > "}},
		{"an item between", `{"l":[1,3]}`, `{"l":[1,2,3]}`, []string{"l[1]:  > 2"}},
		{"items changed", `[{"q":1},{"q":2},{"q":3}]`, `[{"q":1},{"q":5},{"q":3}]`, []string{"[1].q: 2 > 5"}},
		{"equal items, fewer", `[1,1,1]`, `[1]`, []string{"[1]: 1 > ", "[2]: 1 > "}},
		{"kinds", `{"a":[1]}`, `{"a":{"0":1}}`, []string{`a: [1] > {"0":1}`}},
		{"numbers as they are written", `1.0`, `1`, []string{": 1.0 > 1"}},
		{"large numbers", `12345678901234567890`, `12345678901234567891`, []string{": 12345678901234567890 > 12345678901234567891"}},
		{"odd names", `{"":1,"a b":{"c":1}}`, `{"a b":{"c":2}}`, []string{`[""]: 1 > `, `["a b"].c: 1 > 2`}},
		{"no JSON", `x`, `"x"`, nil}, // as text
		{"html", `"<"`, `"&"`, []string{`: "<" > "&"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, more := differences([]byte(c.was), []byte(c.is))
			var got []string
			for _, d := range list {
				got = append(got, fmt.Sprintf("%s: %s > %s", d.Path, d.Was, d.Is))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") || more != 0 {
				t.Errorf("got  %q, and %d more\nwant %q", got, more, c.want)
			}
		})
	}
	if list, _ := differences(nil, []byte("1")); len(list) != 1 || list[0].Was != nil || string(list[0].Is) != "1" {
		t.Errorf("from nothing: %+v", list)
	}
	if list, _ := differences(nil, nil); len(list) != 0 {
		t.Errorf("nothing and nothing: %+v", list)
	}
	if list, more := differences([]byte("["+strings.Repeat("1,", 1500)+"1]"), []byte("["+strings.Repeat("2,", 1500)+"2]")); len(list) != differencesMax || more != 501 {
		t.Errorf("of very many %d, and %d more", len(list), more)
	}
}

// FuzzDifferences: a value does not differ from itself, and two of which no
// difference is told are written alike.
func FuzzDifferences(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `[[],{}]`, `"x"`, `x`, ``, `1e400`, `{"a":1,"a":2}`} {
		f.Add([]byte(s), []byte(`{"a":[1,{"b":2}]}`))
		f.Add([]byte(s), []byte(s))
	}
	f.Fuzz(func(t *testing.T, was, is []byte) {
		if list, more := differences(was, was); len(list) > 0 || more > 0 {
			t.Errorf("%q differs from itself: %+v", was, list)
		}
		list, _ := differences(was, is)
		if len(list) == 0 && string(written(tree(was))) != string(written(tree(is))) {
			t.Errorf("%q and %q do not differ", was, is)
		}
	})
}
