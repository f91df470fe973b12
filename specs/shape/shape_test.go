package shape

import (
	"errors"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

// preamble is what the definitions in the tests may use.
const preamble = `
import (
	"list"
	"math"
	"net"
	"strings"
	"time"
)

_use: [list.MinItems, math.MultipleOf, net.IP, strings.MinRunes, time.Time]
#Line: {sku!: string, qty!: int & >0}
#Tier: *"none" | "gold" | "silver"
_base: {id!: string}
#Shape: {kind: "circle", r: number} | {kind: "square", side: number} | {kind: "none" | "dot"}
#Tree: {left?: #Tree, value: int}
#Ping: {pong?: #Pong}
#Pong: {ping?: #Ping}
other: {name: string}
m: `

func compile(t testing.TB, def string) cue.Value {
	t.Helper()
	v := cuecontext.New().CompileString(preamble+def, cue.Filename("types/t.cue"))
	if !v.Exists() {
		t.Fatalf("compile %s: %v", def, v.Err())
	}
	return v.LookupPath(cue.ParsePath("m"))
}

func from(t testing.TB, def string) *Type {
	t.Helper()
	s, err := FromCUE(compile(t, def))
	if err != nil {
		t.Fatalf("%s: %v", def, err)
	}
	return s
}

// order is the message type of the benchmarks and of SPECS.md's example.
const order = `{
	id!:       =~"^o-[0-9]+$"
	customer!: string & strings.MinRunes(1)
	tier:      "gold" | "silver" | *"none"
	total!:    number & >=0
	currency!: =~"^[A-Z]{3}$"
	at!:       time.Time
	lines!: [#Line, ...#Line]
	note?: string & strings.MaxRunes(200)
}`

const orderData = `{"id":"o-1001","customer":"c-9","tier":"gold","total":249.9,"currency":"EUR","at":"2026-03-01T12:30:00.5+02:00","lines":[{"sku":"A-1","qty":2},{"sku":"B-22","qty":1}],"note":"leave it at the door, please"}`

// checks are types, data, and what is wrong with it.
var checks = []struct {
	def, data string
	want      string // "" when it passes, else "path: message" or a part of it
}{
	{`string`, `"x"`, ``},
	{`*72 | (int & >=1)`, `0`, `is 0, must be at least 1`},
	{`*72 | (int & >=1)`, `3`, ``},
	{`int & >=1 | *72`, `0`, `is 0, must be at least 1`},
	{`*"a" | =~"^a"`, `"b"`, `must match the pattern ^a`},
	{`{n: *0 | (int & >=1)}`, `{"n":-1}`, `/n: is -1, must be`},
	{`*[] | [...int]`, `[1,2]`, ``},
	{`*[] | [...int]`, `["x"]`, `/0: is the string "x"`},
	{`*{a: 1} | {a: int & <5}`, `{"a":7}`, `/a: is 7`},
	{`string`, `1`, `is 1, must be a string`},
	{`string`, `"\ud83d\ude00"`, ``},
	{`string`, `"\ud83d"`, `half of a pair`},
	{`string`, "\"\xff\"", `UTF-8`},
	{`string`, "\"a\nb\"", `is not JSON`},
	{`string`, ``, `there is no data`},
	{`string`, `"a" 1`, `behind the JSON value, at byte 4`},
	{`string`, `"a`, `is not whole JSON`},
	{`int`, `10.0`, ``},
	{`int`, `1e2`, ``},
	{`int`, `100e-2`, ``},
	{`int`, `105e-2`, `is 105e-2, must be an integer`},
	{`int`, `10.5`, `must be an integer`},
	{`int`, `12345678901234567890`, ``},
	{`int`, `0000`, `behind the JSON value`},
	{`int`, `-`, `not whole JSON`},
	{`int`, `1e999`, `beyond the range`},
	{`float`, `2`, ``},
	{`number & >=0 & <10`, `0`, ``},
	{`number & >=0 & <10`, `-0.0`, ``},
	{`number & >=0 & <10`, `10`, `is 10, must be less than 10`},
	{`number & >=0 & <10`, `-1`, `is -1, must be at least 0`},
	{`number & >0.1`, `0.1`, `is 0.1, must be more than 0.1`},
	{`number & >0.1`, `0.1000000000000000000001`, ``},
	{`int64`, `9223372036854775807`, ``},
	{`int64`, `9223372036854775808`, `must be at most 9223372036854775807`},
	{`uint8`, `256`, `must be at most 255`},
	{`math.MultipleOf(5)`, `15`, ``},
	{`math.MultipleOf(5)`, `16`, `must be a multiple of 5`},
	{`math.MultipleOf(0.01)`, `1.23`, ``},
	{`math.MultipleOf(0.01)`, `1.234`, `must be a multiple of 0.01`},
	{`1 | 2 | 2.5`, `2.0`, ``},
	{`1 | 2 | 2.5`, `3`, `is 3, must be one of 1, 2, 2.5`},
	{`!=3 & int`, `3`, `is 3, which is not allowed`},
	{`bool`, `true`, ``},
	{`true`, `false`, `is false, must be true`},
	{`null | string`, `null`, ``},
	{`null | string`, `3`, `is 3, must be a string or null`},
	{`!=null`, `null`, `is null`},
	{`"gold" | "silver"`, `"gold"`, ``},
	{`"gold" | "silver"`, `"gole"`, `is the string "gole", must be one of "gold", "silver"; did you mean "gold"?`},
	{`=~"^o-[0-9]+$"`, `"o-12"`, ``},
	{`=~"^o-[0-9]+$"`, `"o-"`, `must match the pattern ^o-[0-9]+$`},
	{`=~"^o-[0-9]+$"`, `"o-1\u0032"`, ``},
	{`!~"^o-"`, `"o-1"`, `must not match the pattern ^o-`},
	{`!="x" & string`, `"x"`, `is the string "x", which is not allowed`},
	{`strings.MinRunes(2) & strings.MaxRunes(3)`, `"äö"`, ``},
	{`strings.MinRunes(2) & strings.MaxRunes(3)`, `"ä"`, `has 1 character, must have at least 2`},
	{`strings.MinRunes(2) & strings.MaxRunes(3)`, `"äöüß"`, `has 4 characters, must have at most 3`},
	{`strings.MinRunes(1)`, `""`, `is empty, must have at least 1 character`},
	{`time.Time`, `"2026-02-28T23:59:59Z"`, ``},
	{`time.Time`, `"2026-02-30T23:59:59Z"`, `must be a time (RFC 3339)`},
	{`time.Format("2006-01-02")`, `"2026-02-28"`, ``},
	{`time.Format("2006-01-02")`, `"28.2.2026"`, `must be a time like 2026-01-31`},
	{`time.Duration`, `"1m30s"`, ``},
	{`time.Duration`, `"1 minute"`, `must be a duration`},
	{`net.IP`, `"::1"`, ``},
	{`net.IPv4`, `"::1"`, `must be an IPv4 address`},
	{`net.AbsURL`, `"/x"`, `must be an absolute URL`},
	{`[...string]`, `[]`, ``},
	{`[...string]`, `["a",1]`, `/1: is 1, must be a string`},
	{`[...string] & list.MinItems(1)`, `[]`, `has 0 items, must have at least 1`},
	{`[...string] & list.MaxItems(1)`, `["a","b"]`, `has 2 items, must have at most 1`},
	{`[int, string]`, `[1,"a"]`, ``},
	{`[int, string]`, `[1,"a",2]`, `has more than 2 items`},
	{`[int, ...string]`, `[]`, `has 0 items, must have at least 1`},
	{`[...]`, `[1,"a",{}]`, ``},
	{`{...}`, `{"a":1}`, ``},
	{`{a: int, b?: string}`, `{"a":1,"zzz":[1,{}]}`, ``},
	{`{a: int, b?: string}`, `{"b":"x"}`, `/a: is missing`},
	{`{total: int}`, `{"totl":1}`, `/total: is missing; is "totl" meant for it?`},
	{`{a: int, b?: string}`, `{"a":1,"b":2}`, `/b: is 2, must be a string`},
	{`{a: int}`, `{"\u0061":1}`, ``},
	{`{a: int}`, `{"a":"x","a":1}`, `/a: is there more than once`},
	{`{a: int}`, `{"a":1,"a":"x"}`, `/a: is there more than once`},
	{`{a: int | *3}`, `{}`, ``},
	{`{a: #Tier}`, `{}`, ``},
	{`{a?: {b: [...{c: int}]}}`, `{"a":{"b":[{"c":1},{"c":"x"}]}}`, `/a/b/1/c: is the string "x"`},
	{`{"a/b": int, "c~d": int}`, `{"a/b":1,"c~d":"x"}`, `/c~0d: is the string`},
	{`{a: int}`, `[]`, `is a list, must be an object`},
	{`{a: int}`, `{"a":1`, `is not whole JSON: it ends at byte 6`},
	{`{a: int}`, `{"a":1,}`, `is not JSON`},
	{`{a: _}`, `{"a":[{"x":nul}]}`, `is not JSON`},
	{`{[string]: int}`, `{"a":1,"b":2}`, ``},
	{`{[string]: int}`, `{"a":1,"b":"x"}`, `/b: is the string "x"`},
	{`{[=~"^a"]: int, b: string}`, `{"a1":1,"b":"x","c":true}`, ``},
	{`{[=~"^a"]: int, b: string}`, `{"a1":"x","b":"x"}`, `/a1: is the string "x"`},
	{`close({a: int})`, `{"a":1,"b":2}`, ``},
	{`#Line`, `{"sku":"x","qty":0}`, `/qty: is 0, must be more than 0`},
	{`#Line & {qty: <10}`, `{"sku":"x","qty":10}`, `/qty: is 10, must be less than 10`},
	{`{_base, extra: int}`, `{"id":"x","extra":1}`, ``},
	{`{_base, extra: int}`, `{"extra":1}`, `/id: is missing`},
	{`_base & {extra: int}`, `{"id":"x"}`, `/extra: is missing`},
	{`{#Line, note?: string}`, `{"sku":"x","qty":1,"note":1}`, `/note: is 1, must be a string`},
	{`#Shape`, `{"kind":"circle","r":1}`, ``},
	{`#Shape`, `{"r":1,"x":{},"kind":"circle"}`, ``},
	{`#Shape`, `{"kind":"circle","side":1}`, `/r: is missing`},
	{`#Shape`, `{"kind":"dot"}`, ``},
	{`#Line & #Line`, `{"sku":"a","qty":1}`, ``},
	{`{#Line, more?: #Line}`, `{"sku":"a","qty":1,"more":{"sku":"b","qty":0}}`, `/more/qty: is 0, must be more than 0`},
	{`#Shape`, `{"kind":"cirle"}`, `/kind: is the string "cirle", must be one of "circle", "square", "none", "dot"; did you mean "circle"?`},
	{`#Shape`, `{"r":1}`, `/kind: is missing; it is one of "circle", "square", "none", "dot"`},
	{`#Shape`, `{"kind":1}`, `/kind: is 1, must be a string`},
	{`#Shape`, `{"kind":"square","kind":"circle","r":1}`, `/kind: is there more than once`},
	{`#Shape | null`, `null`, ``},
	{`{a: int} | {b: string}`, `{"b":"x"}`, ``},
	{`{a: int} | {b: string}`, `{"b":1}`, `it fits none of the 2 forms`},
	{`[...int] | [...string]`, `["a"]`, ``},
	{`{a: int} | [...int] | string | null`, `[1,"x"]`, `/1: is the string "x"`},
	{`(string & =~"^a") | (string & =~"^b")`, `"bx"`, ``},
	{`(string & =~"^a") | (string & =~"^b")`, `"cx"`, `must match the pattern ^a`},
	{`int | (number & >10)`, `10.5`, ``},
	{`int | (number & >10)`, `9.5`, `is 9.5`},
	{`(string | int) & !="x"`, `"x"`, `is the string "x", which is not allowed`},
	{`{a: other.name, b: other}`, `{"a":"x","b":{"name":"y"}}`, ``},
	{`{int: string, b: __int}`, `{"int":"x","b":1}`, ``},
	{`_`, `{nonsense`, ``},
	{`bytes`, "\x00\xff", ``},
	{`[...]`, strings.Repeat("[", DepthMax) + strings.Repeat("]", DepthMax), ``},
	{`[...]`, strings.Repeat("[", DepthMax+1) + strings.Repeat("]", DepthMax+1), `nested more than 128 deep`},
}

func TestCheck(t *testing.T) {
	for _, tt := range checks {
		s, err := FromCUE(compile(t, tt.def))
		if err != nil {
			t.Errorf("%s: %v", tt.def, err)
			continue
		}
		err = s.Check([]byte(tt.data))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %s: %v", tt.def, tt.data, err)
		case tt.want != "" && err == nil:
			t.Errorf("%s: %s passes, want %q", tt.def, tt.data, tt.want)
		case tt.want != "" && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %s: %v, want %q", tt.def, tt.data, err, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct{ def, path, want string }{
		{`{a: int, b: a}`, `m.b`, `it refers to the field m.a of the same message`},
		{`{int: string, b: int}`, `m.b`, "hides CUE's own int; write __int for that"},
		{`{a: int, b: a + 1}`, `m.b`, `it is computed`},
		{`{a: string, b: "x\(a)"}`, `m`, `text made of other fields is computed`},
		{`{a: int, b: >a}`, `m.b`, `a bound cannot refer to another field`},
		{`{a: int, if a > 3 {b: int}}`, `m`, "`for` and `if` are computed"},
		{`{a: [for x in [1, 2] {x}]}`, `m`, "`for` and `if` are computed"},
		{`{a: [...string], b: [for x in a {x}]}`, `m`, "`for` and `if` are computed"},
		{`#Tree`, ``, `cannot be recursive`},
		{`{x: #Tree}`, ``, `cannot be recursive`},
		{`{x?: #Ping}`, ``, `cannot be recursive`},
		{`{a: m}`, ``, `it refers to itself`},
		{`{a?: m}`, `m.a`, `it refers to itself`},
		{`{a?: [...m]}`, ``, `it refers to itself`},
		{`{a: bytes}`, `m.a`, `bytes can only be the whole of a message type`},
		{`'abc'`, `m`, `bytes are passed on unread`},
		{`{a: >="x"}`, `m.a`, `bounds are for numbers`},
		{`{a: =~"("}`, `m.a`, `regular expression`},
		{`{a: [...int] & list.UniqueItems}`, `m.a`, `list.UniqueItems is not among what a message type can say`},
		{`{a: string & int}`, `m.a`, `conflicting values`},
		{`{a: string & >3}`, `m.a`, `conflicting values`},
		{`{[>5]: int}`, ``, ``},
		{`{a: 1 / 0}`, `m.a`, `division`},
		{`math.MultipleOf(0)`, `m`, `nothing is a multiple of 0`},
	}
	for _, tt := range tests {
		_, err := FromCUE(compile(t, tt.def))
		var r *Refusal
		switch {
		case err == nil:
			t.Errorf("%s is taken, want %q", tt.def, tt.want)
		case !errors.As(err, &r):
			t.Errorf("%s: %v is no Refusal", tt.def, err)
		case !strings.Contains(r.Message, tt.want) || tt.path != "" && r.Path != tt.path:
			t.Errorf("%s: %v, want %s: %q", tt.def, err, tt.path, tt.want)
		case r.Pos.Line == 0:
			t.Errorf("%s: %v has no position", tt.def, err)
		}
	}
}
