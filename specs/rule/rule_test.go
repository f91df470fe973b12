package rule

import (
	"errors"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/shape"
)

const preamble = "import \"time\"\n_t: time.Time\nm: "

func typeOf(t testing.TB, def string) *shape.Type {
	t.Helper()
	if def == "" {
		return nil
	}
	s, err := shape.FromCUE(cuecontext.New().CompileString(preamble + def).LookupPath(cue.ParsePath("m")))
	if err != nil {
		t.Fatalf("%s: %v", def, err)
	}
	return s
}

const orderType = `{
	id!:       =~"^o-[0-9]+$"
	customer!: string
	count:     int
	tier:      "gold" | "silver" | *"none"
	total!:    number & >=0
	paid:      bool
	note?:     string
	ref:       string | null
	"a-b"?:    string
	at!:       time.Time
	lines!: [...{sku!: string, qty!: int, price!: number}]
	labels: {[string]: string}
	to: {city: string, zip: int}
	extra: _
}`

const data = `{"id":"o-1001","customer":"c-\u0039","count":7,"tier":"gold","total":249.9,"paid":true,"ref":null,"a-b":"x","at":"2026-03-01T12:30:00Z","lines":[{"sku":"A-1","qty":2,"price":10},{"sku":"B-22","qty":1,"price":229.9}],"labels":{"a/b":"1"},"to":{"city":"Köln","zip":50667},"extra":{"n":12,"f":1.5,"big":12345678901234567890,"s":"t"}}`

func message(data string, attrs ...string) *abi.Message {
	return abi.NewMessage([]byte(data), append([]string{"id", "m-1", "source", "shop/price", "type", "order.placed", "time", "2026-03-01T12:30:01Z", "correlation", "m-0", "http.param.id", "77"}, attrs...)...)
}

// slow makes the same expression run in CEL's interpreter.
func slow(t testing.TB, src string, c code, check func(*cel.Type) string) code {
	t.Helper()
	env, err := untyped(c.raw)
	if err != nil {
		t.Fatal(err)
	}
	ast, err := checked(env, src, c.view, nil, check)
	if err != nil {
		t.Fatal(err)
	}
	c.plan = nil
	if err := c.link(env, ast); err != nil {
		t.Fatal(err)
	}
	return c
}

// matches are rules over the message data and what becomes of them.
var matches = []struct {
	src  string
	want string // true, false or error
	slow bool   // not one of the forms a plan has
}{
	{src: `data.total > 100`, want: "true"},
	{src: `data.total > 100.0 && type == "order.placed"`, want: "true"},
	{src: `100 < data.total`, want: "true"},
	{src: `data.total == 249.9`, want: "true"},
	{src: `data.count == 7`, want: "true"},
	{src: `data.count != 7`, want: "false"},
	{src: `data.count >= 7.5`, want: "false"},
	{src: `data.customer == "c-9"`, want: "true"},
	{src: `data.customer < "c-90"`, want: "true"},
	{src: `data.paid`, want: "true"},
	{src: `!data.paid || data.tier in ["gold", "silver"]`, want: "true"},
	{src: `data.count in [1, 2, 7]`, want: "true"},
	{src: `data.note == "x"`, want: "error"},
	{src: `data.note == "x" || data.paid`, want: "true"},
	{src: `data.paid || data.note == "x"`, want: "true"},
	{src: `data.note == "x" && !data.paid`, want: "false"},
	{src: `data.note == "x" && data.paid`, want: "error"},
	{src: `has(data.note)`, want: "false"},
	{src: `has(data.to.city)`, want: "true"},
	{src: `data.ref == null`, want: "true"},
	{src: `data.ref == "x"`, want: "false"},
	{src: "data.`a-b` == \"x\"", want: "true"},
	{src: `data.labels["a/b"] == "1"`, want: "true"},
	{src: `data.to.city.startsWith("K") && data.to.city.endsWith("ln") && data.to.city.contains("öl")`, want: "true"},
	{src: `data.to.zip > 50000`, want: "true"},
	{src: `attributes["http.param.id"] == "77"`, want: "true"},
	{src: `attributes.nothing == "77"`, want: "error"},
	{src: `has(attributes.nothing)`, want: "false"},
	{src: `subject == ""`, want: "true"},
	{src: `source.startsWith("shop/") && id == "m-1" && correlation == "m-0" && time > "2026"`, want: "true"},
	{src: `true`, want: "true"},
	{src: `data.extra.n == 12`, want: "true"},
	{src: `data.extra.s == 12`, want: "false"},
	{src: `data.extra.s > 12`, want: "error"},
	{src: `data.extra.s`, want: "error"},
	{src: `data.extra.zzz.y == 1`, want: "error"},
	{src: `has(data.extra.zzz)`, want: "false"},
	{src: `has(data.extra.zzz.y)`, want: "error"},
	{src: `data.total * 2 > 499`, want: "true", slow: true},
	{src: `data.count * 2 == 14`, want: "true", slow: true},
	{src: `data.extra.n + 1 == 13`, want: "true", slow: true},
	{src: `data.lines.exists(l, l.qty > 1 && l.price == 10)`, want: "true", slow: true},
	{src: `data.lines.map(l, l.price * 2).exists(p, p > 400.0)`, want: "true", slow: true},
	{src: `size(data.lines) == 2 && data.lines[1].sku == "B-22"`, want: "true", slow: true},
	{src: `data.lines.all(l, l.sku.matches("^[A-Z]"))`, want: "true", slow: true},
	{src: `"a/b" in data.labels`, want: "true", slow: true},
	{src: `data.labels == {"a/b": "1"}`, want: "true", slow: true},
	{src: `timestamp(data.at) < timestamp(time)`, want: "true", slow: true},
	{src: `attributes.all(a, a != "")`, want: "true", slow: true},
	{src: `data.to == data.to`, want: "true", slow: true},
	{src: `data.paid ? data.total > 1 : data.count > 1`, want: "true", slow: true},
}

func TestMatch(t *testing.T) {
	for _, tt := range matches {
		r, err := Compile(tt.src, []*shape.Type{typeOf(t, orderType)})
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
			continue
		}
		if (r.plan == nil) != tt.slow {
			t.Errorf("%s: has a plan: %t", tt.src, r.plan != nil)
		}
		m := message(data)
		if got := verdict(r.Match(m)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.src, got, tt.want)
		}
		s := Rule{slow(t, tt.src, r.code, checkBool)}
		if got := verdict(s.Match(m)); got != tt.want {
			t.Errorf("%s: %s by the interpreter, want %s", tt.src, got, tt.want)
		}
	}
}

func verdict(ok bool, err error) string {
	switch {
	case err != nil && ok:
		return "true and an error"
	case err != nil:
		return "error"
	case ok:
		return "true"
	}
	return "false"
}

func TestCompileErrors(t *testing.T) {
	tests := []struct{ src, def, want string }{
		{`data.totl > 100`, orderType, `1:6: there is no field totl in data; did you mean total?`},
		{`data.to.cty == "x"`, orderType, `1:9: there is no field cty in data.to; did you mean city?`},
		{"true &&\n  data.lines.exists(l, l.quantity > 1)", orderType, `2:26: there is no field quantity in it`},
		{`total > 100`, orderType, `1:1: there is nothing called total; did you mean data.total?`},
		{`dta.total > 100`, orderType, `1:1: there is nothing called dta; did you mean data?`},
		{`data.tier > 3`, orderType, `1:11: > does not apply to (string, double)`},
		{`data.total`, orderType, `a rule must be true or false, this is a number`},
		{`data.total >`, orderType, `the expression ends too early`},
		{`data.total = 3`, orderType, `= is no operator; compare with ==`},
		{`data["total"] > 3`, orderType, `[…] does not apply`},
		{`data.id.matches("(")`, orderType, `regex`},
		{``, orderType, `the expression is empty`},
		{strings.Repeat("true && ", 1000) + "true", orderType, `at most 4096 are allowed`},
		{strings.Repeat("(", 1000), orderType, `1:`},
		{`data.total + `, ``, `ends too early`},
		{`1 + 1`, ``, `must be true or false, this is an int`},
		{`data.x == "y"`, `bytes`, ``},
	}
	for _, tt := range tests {
		_, err := Compile(tt.src, []*shape.Type{typeOf(t, tt.def)})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%.60s: %v, want %s", tt.src, err, tt.want)
		}
	}
	if _, err := Compile(`data.b == 1`, []*shape.Type{typeOf(t, `{b: int}`), typeOf(t, `{a: int}`)}); err == nil {
		t.Error("a field that one of two types lacks is taken")
	}
	if _, err := CompileKey(`data.total`, []*shape.Type{typeOf(t, orderType)}); err == nil || !strings.Contains(err.Error(), "this is a number") {
		t.Errorf("a number as key: %v", err)
	}
}

func TestKey(t *testing.T) {
	tests := []struct {
		src, def, want string // want "-" for no key
	}{
		{`data.customer`, orderType, `c-9`},
		{`data.count`, orderType, `7`},
		{`data.paid`, orderType, `true`},
		{`data.note`, orderType, `-`},
		{`data.ref`, orderType, `-`},
		{`data.to.zip`, orderType, `50667`},
		{`data.customer + "/" + string(data.count)`, orderType, `c-9/7`},
		{`data.customer + "/" + data.id`, orderType, `c-9/o-1001`},
		{`data.customer + "/" + data.extra.n`, orderType, `-`},
		{`attributes["http.param.id"]`, orderType, `77`},
		{`attributes.nothing`, orderType, `-`},
		{`subject`, orderType, `-`},
		{`type + ":" + data.id`, orderType, `order.placed:o-1001`},
		{`data.extra.n`, ``, `12`},
		{`data.extra.f`, ``, `-`},
		{`data.extra.big`, ``, `12345678901234567890`},
		{`data.extra`, ``, `-`},
		{`data.extra.nothing.there`, ``, `-`},
		{`data.lines[0].sku`, ``, `A-1`},
		{`data.lines[0].qty`, orderType, `2`},
		{`data.lines[0].qty`, ``, `2`},
		{`data.lines[0].price > 5`, orderType, `true`},
		{`data.total > 100`, orderType, `true`},
		{`data.note > "x"`, orderType, `-`},
		{`data.paid ? data.customer : data.id`, orderType, `c-9`},
	}
	for _, tt := range tests {
		k, err := CompileKey(tt.src, []*shape.Type{typeOf(t, tt.def)})
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
			continue
		}
		for name, k := range map[string]*Key{"plan": k, "interpreter": {slow(t, tt.src, k.code, checkKey)}} {
			if name == "interpreter" && (tt.src == "subject" || strings.HasSuffix(tt.src, "big")) {
				continue // only ever planned
			}
			got, err := k.Append([]byte("x"), message(data))
			if err != nil && !errors.Is(err, ErrNoKey) {
				t.Errorf("%s: %v", tt.src, err)
			}
			want := "x" + strings.TrimPrefix(tt.want, "-")
			if string(got) != want || (err != nil) != (tt.want == "-") {
				t.Errorf("%s by %s: %q %v, want %q", tt.src, name, got, err, tt.want)
			}
		}
	}
}

func TestBadData(t *testing.T) {
	r, err := Compile(`data.a == 1`, nil)
	if err != nil {
		t.Fatal(err)
	}
	deep, err := Compile(`data.a.exists(x, x == 1)`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{``, `{`, `{"a":1`, `{"a":1}}`, `"x`, `[1,2`, `nul`, `{"a":[1,}`, `1e999`, `tru`, `{"a":1e999}`} {
		if got := verdict(r.Match(message(data))); got != "error" {
			t.Errorf("%s: %s, want an error", data, got)
		}
		if got := verdict(deep.Match(message(data))); got != "error" {
			t.Errorf("%s: %s, want an error", data, got)
		}
	}
	raw, err := Compile(`size(data) == 3`, []*shape.Type{typeOf(t, `bytes`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(raw.Match(message("\x00\xff{"))); got != "true" {
		t.Errorf("bytes: %s", got)
	}
	for _, last := range []struct{ data, want string }{
		{`{"a":2,"a":1}`, "true"}, {`{"a":1,"a":2}`, "false"},
	} {
		if got := verdict(r.Match(message(last.data))); got != last.want {
			t.Errorf("%s: %s, want %s: the last of repeated fields counts", last.data, got, last.want)
		}
	}
}

// TestCost shows that expressions over much data end, and cost CEL's units and
// no more: without what object keeps, these would take minutes.
func TestCost(t *testing.T) {
	items := strings.Repeat("1,", 50_000) + "1"
	for src, data := range map[string]string{
		`data.all(a, data.all(b, data.all(c, a + b + c > 0)))`: "[" + items + "]",
		`data.all(a, data.exists(b, b == 1) && a == 0)`:        "[" + items + "]",
		`data.l.all(a, data.limit == a || data.z == 2)`:        `{"l":[` + items + `],"limit":2}`,
		`data.l.all(a, data.o.limit != a && data.l[0] == 1)`:   `{"l":[` + items + `],"o":{"limit":2}}`,
	} {
		r, err := Compile(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(r.Match(message(data))); got == "true" {
			t.Errorf("%s: %s, want an error or false", src, got)
		}
	}
}
