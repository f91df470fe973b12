package shape

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

func TestFromText(t *testing.T) {
	tests := []struct {
		def, query, want string // want: JSON, or part of a violation
	}{
		{`{id: string, n?: int}`, `id=a&n=3`, `{"id":"a","n":3}`},
		{`{id: string}`, `id=12`, `{"id":"12"}`},
		{`{id: string}`, `id=a"b\`, `{"id":"a\"b\\"}`},
		{`{id: string}`, ``, `/id: is missing`},
		{`{id: string}`, `id=1&idd=2`, `/idd: there is no such parameter; did you mean "id"?`},
		{`{id: string}`, `id=1&id=2`, `/id: is given 2 times, must be given once`},
		{`{n: int}`, `n=x`, `/n: is "x", must be an integer`},
		{`{n: int}`, `n=1.5`, `/n: is 1.5, must be an integer`},
		{`{n: int}`, `n=+5`, `/n: is "+5", must be an integer`},
		{`{n: int}`, `n=`, `/n: is "", must be an integer`},
		{`{n: int & >5}`, `n=5`, `/n: is 5, must be more than 5`},
		{`{n: number}`, `n=1e3`, `{"n":1e3}`},
		{`{b: bool}`, `b=true`, `{"b":true}`},
		{`{b: bool}`, `b=yes`, `/b: is "yes", must be true or false`},
		{`{v: string | int}`, `v=007`, `{"v":"007"}`},
		{`{v: string | int}`, `v=7`, `{"v":7}`},
		{`{v: "7" | "8"}`, `v=7`, `{"v":"7"}`},
		{`{v: (string & =~"^[0-9]+$") | (int & >100)}`, `v=7`, `{"v":"7"}`},
		{`{tag: [...string]}`, `tag=a&tag=b`, `{"tag":["a","b"]}`},
		{`{tag: [...int]}`, `tag=1`, `{"tag":[1]}`},
		{`{tag: [...int]}`, `tag=1&tag=x`, `/tag: is "x", must be an integer`},
		{`{tag: string | [...string]}`, `tag=a`, `{"tag":"a"}`},
		{`{tag: string | [...string]}`, `tag=a&tag=b`, `{"tag":["a","b"]}`},
		{`{o: {a: int}}`, `o=1`, `/o: must be an object, which a parameter cannot give`},
		{`{id: string, ...}`, `id=1&x=2`, `{"id":"1","x":"2"}`},
		{`{id: string, [=~"^x-"]: int}`, `id=1&x-a=2`, `{"id":"1","x-a":2}`},
		{`{a: int | *3}`, ``, `{}`},
		{`{kind: "a", n: int} | {kind: "b", s: string}`, `kind=b&s=5`, `{"kind":"b","s":"5"}`},
		{`_`, `a=1&a=2&b=3`, `{"a":["1","2"],"b":"3"}`},
		{`string`, `a=1`, `the type is no object`},
		{`bytes`, `a=1`, `the type is no object`},
	}
	for _, tt := range tests {
		var names []string
		values := map[string][]string{}
		for pair := range strings.SplitSeq(tt.query, "&") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				names = append(names, name)
				values[name] = append(values[name], value)
			}
		}
		get := func(name string) ([]string, bool) { v, ok := values[name]; return v, ok }
		got, err := from(t, tt.def).FromText(get, names)
		expect(t, tt.def+" "+tt.query, got, err, tt.want)
	}
}

// expect compares a result, or the text of a violation, with what is wanted.
func expect(t *testing.T, what string, got []byte, err error, want string) {
	t.Helper()
	var v *Violation
	switch {
	case err != nil && (!errors.As(err, &v) || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, want %s", what, err, want)
	case err == nil && string(got) != want:
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct{ def, data, want string }{
		{`{currency: string | *"EUR", rounding: *"down" | "up"}`, ``, `{"currency":"EUR","rounding":"down"}`},
		{`{currency: string | *"EUR", rounding: *"down" | "up"}`, ` {"rounding" : "up"}`, `{"currency":"EUR","rounding":"up"}`},
		{`{currency: string | *"EUR"}`, `{"curency":"USD"}`, `/curency: there is no such field; did you mean "currency"?`},
		{`{currency: string | *"EUR"}`, `{"currency":3}`, `/currency: is 3, must be a string`},
		{`{queue: string}`, ``, `/queue: is missing`},
		{`{queue!: "a"}`, ``, `/queue: is missing`},
		{`{queue?: string | *"x"}`, ``, `{}`},
		{`{queue: "fraud"}`, ``, `{"queue":"fraud"}`},
		{`{http: {retries: int | *3, hosts: [...string]}}`, ``, `{"http":{"retries":3,"hosts":[]}}`},
		{`{http: {retries: int | *3, host: string}}`, ``, `/http: is missing`},
		{`{http: {retries: int | *3, host: string}}`, `{"http":{"host":"a"}}`, `{"http":{"retries":3,"host":"a"}}`},
		{`{http: {retries: int | *3}}`, `{"http":{"retrys":4}}`, `/http/retrys: there is no such field; did you mean "retries"?`},
		{`{list: [...{n: int | *1}]}`, `{"list":[{},{"n":2}]}`, `{"list":[{"n":1},{"n":2}]}`},
		{`{[string]: {n: int | *1}}`, `{"a":{},"b":{"n":2}}`, `{"a":{"n":1},"b":{"n":2}}`},
		{`{a: int | *1, ...}`, `{"z":2}`, `{"a":1,"z":2}`},
		{`{kind: "a", n: int | *1} | {kind: "b", s: string | *"x"}`, `{"kind":"b"}`, `{"kind":"b","s":"x"}`},
		{`{a: int | *1}`, `{"a":2,"a":3}`, `{"a":3}`},
		{`{a: int | *1}`, `{`, `is not whole JSON`},
		{`{a: int | *1}`, `[]`, `is a list, must be an object`},
		{`_`, `{"x":1}`, `{"x":1}`},
	}
	for _, tt := range tests {
		got, err := from(t, tt.def).Defaults([]byte(tt.data))
		expect(t, tt.def+" "+tt.data, got, err, tt.want)
	}
	if got, err := from(t, `{queue: string, n: int | *3}`).Fill(nil); err != nil || string(got) != `{"n":3}` {
		t.Errorf("Fill leaves a required field out: %s %v", got, err)
	}
}

func TestSample(t *testing.T) {
	defs := []string{
		order, `string`, `int`, `number & >0 & <1`, `int & >5`, `int & <=-10`, `math.MultipleOf(7) & >20`, `number & >=0.25 & <=0.26`, `bool`, `false`, `null`,
		`"gold" | "silver"`, `3 | 4`, `=~"^[A-Z]{3}-\\d+$"`, `=~"(foo|bar)$" & strings.MinRunes(10)`, `=~"^[^@ ]+@[^@ ]+\\.[a-z]{2,}$"`,
		`strings.MinRunes(20)`, `strings.MaxRunes(2)`, `time.Time`, `time.Format("2006-01-02")`, `time.Duration`, `net.IPv6`, `net.AbsURL`, `!="x" & string`,
		`[...string]`, `[...#Line] & list.MinItems(2)`, `[int, string]`, `{[string]: int}`, `#Shape`, `{a: #Shape | null, b: #Tier, c?: int}`, `_`, `uint8`,
		`int64`, `{"a/b": bool}`, `[...] & list.MinItems(1)`, `>0 & <0.0001`, `int & >1e15`,
	}
	for _, def := range defs {
		s := from(t, def)
		sample := s.Sample()
		if err := s.Check(sample); err != nil || !json.Valid(sample) {
			t.Errorf("%s: %s: %v", def, sample, err)
		}
	}
	if got := string(from(t, `{tier: #Tier, note?: string, n: int}`).Sample()); got != `{"tier":"none","n":1}` {
		t.Errorf("sample is %s", got)
	}
}

func TestDescribe(t *testing.T) {
	s := from(t, `{a: int, b?: {c: string}, u: #Shape, m: {[string]: bool}, l: [...#Line], o: {...}, any: _, n: string | null}`)
	for path, want := range map[string]Kind{"a": Int, "b.c": String, "u.kind": String, "u.r": Number, "m.x": Bool, "any.x.y": all, "o.zzz": all, "n": String | Null} {
		f, ok := s.Field(strings.Split(path, ".")...)
		if !ok || f.Kinds() != want {
			t.Errorf("%s: %v %t, want %v", path, f, ok, want)
		}
	}
	for _, path := range []string{"z", "b.z", "a.z", "u.zzz"} {
		if _, ok := s.Field(strings.Split(path, ".")...); ok {
			t.Errorf("%s is a field", path)
		}
	}
	l, _ := s.Field("l")
	e, ok := l.Elem()
	if q, has := e.Field("qty"); !ok || !has || q.Kinds() != Int {
		t.Error("items of l have no qty")
	}
	if got := strings.Join(s.Names(), " "); got != "a b u m l o any n" {
		t.Errorf("names are %s", got)
	}
	if !from(t, `_`).Any() || !from(t, `bytes`).Raw() || from(t, `string`).Any() {
		t.Error("Any or Raw is wrong")
	}
}

func TestWhole(t *testing.T) {
	for in, want := range map[string]string{"12": "12", "-12": "-12", "12.0": "12", "1.2e1": "12", "120e-1": "12", "-0": "0", "0.0": "0",
		"12345678901234567890": "12345678901234567890", "1.5": "-", "1e500": "-", "x": "-", "": "-", "01": "-", "1e20": "100000000000000000000", "0e999": "0"} {
		got, ok := Whole(nil, []byte(in))
		if ok != (want != "-") || ok && string(got) != want {
			t.Errorf("Whole of %s is %s, %t; want %s", in, got, ok, want)
		}
	}
}

func TestNear(t *testing.T) {
	names := []string{"total", "tier", "id", "customer"}
	for word, want := range map[string]string{"totl": "total", "tota": "total", "custmer": "customer", "dI": "", "x": "", "tire": "tier", "idd": "id", "": ""} {
		if got := Near(word, names); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
}

// TestSeveralFiles reads a type that two files define together, with a
// definition of a third.
func TestSeveralFiles(t *testing.T) {
	instance := build.NewContext().NewInstance("", nil)
	for name, source := range map[string]string{
		"a.cue": `"order.placed": {id!: string, line?: #Line}`,
		"b.cue": `"order.placed": {total!: number}` + "\n" + `"order.priced": {order: "order.placed"}`,
		"c.cue": "import \"strings\"\n#Line: {sku: string & strings.MinRunes(1), at: #Place}\n#Place: {shelf: int}",
	} {
		file, err := parser.ParseFile(name, "package shop\n"+source)
		if err != nil {
			t.Fatal(err)
		}
		if err := instance.AddSyntax(file); err != nil {
			t.Fatal(err)
		}
	}
	v := cuecontext.New().BuildInstance(instance)
	for _, tt := range []struct{ name, data, want string }{
		{"order.placed", `{"id":"x","total":1,"line":{"sku":"a","at":{"shelf":1}}}`, ""},
		{"order.placed", `{"id":"x","total":1,"line":{"sku":"a","at":{"shelf":"1"}}}`, "/line/at/shelf: is the string"},
		{"order.placed", `{"id":"x"}`, "/total: is missing"},
	} {
		s, err := FromCUE(v.LookupPath(cue.MakePath(cue.Str(tt.name))))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check([]byte(tt.data)); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.data, err, tt.want)
		}
	}
	if _, err := FromCUE(v.LookupPath(cue.MakePath(cue.Str("order.priced")))); err != nil {
		t.Errorf("order.priced: %v", err)
	}
}

// TestAllocations holds Check to none when the data fits.
func TestAllocations(t *testing.T) {
	s, data := from(t, order), []byte(orderData)
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Check(data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
