package shape

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	cuejson "cuelang.org/go/encoding/json"
	"github.com/grow-platform/grow/specs/schema"
)

// oracleTypes are types about which CUE's verdict on a message is right: they
// are open, have no defaults and no regular structs or lists, which CUE fills in.
var oracleTypes = []string{
	`{id!: =~"^o-[0-9]+$", total!: number & >=0 & <1000, n?: int & >-5, on?: bool, at?: time.Time, ...}`,
	`{lines!: [...{sku!: string & strings.MinRunes(1), qty!: 1 | 2 | 3, ...}] & list.MaxItems(3), t?: "gold" | "silver" | null, ...}`,
	`{kind!: "a", x!: number, ...} | {kind!: "b", y!: string & !="no", ...}`,
	`{m!: {[=~"^a"]: int, ...}, u?: string | int | [...string], p?: [int, ...string], ...}`,
	`(int & >=0 & <300) | (string & =~"^[a-z]{2,3}-x*$") | null`,
}

// verdictOf is encoding/json's and CUE's: known is false where they are not
// the authority. See the package comment for what differs.
func verdictOf(v cue.Value, data []byte) (fits, known bool) {
	if !utf8.Valid(data) {
		return false, true
	}
	d := json.NewDecoder(bytes.NewReader(data))
	var x any
	if err := d.Decode(&x); err != nil {
		return false, true // numbers beyond a double among them
	}
	if _, err := d.Token(); err != io.EOF {
		return false, true
	}
	if strings.Contains(string(data), `\u`) || depthOver(data) {
		return false, false // half surrogate pairs and depth: we are stricter
	}
	if repeats(data) {
		return false, false // CUE unifies repeated fields, we take the last
	}
	e, err := cuejson.Extract("data", data)
	if err != nil {
		return false, false
	}
	w := cuecontext.New().BuildExpr(e)
	if floats(data) {
		return false, false // 10.0 is an int for us, and 10 a float
	}
	return v.Unify(w).Validate(cue.Concrete(true), cue.Final()) == nil, true
}

// repeats reports whether some object may have a name twice: names are counted
// in all of the data at once, so it errs on the safe side.
func repeats(data []byte) bool {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`"[^"]*"\s*:`).FindAll(data, -1) {
		if seen[string(m)] && string(m) != `"sku":` && string(m) != `"qty":` {
			return true
		}
		seen[string(m)] = true
	}
	return len(seen) > 0 && bytes.Count(data, []byte(`"sku"`)) > bytes.Count(data, []byte(`{`))-1
}

func floats(data []byte) bool { return regexp.MustCompile(`[0-9][.eE]`).Match(data) }

func FuzzCheck(f *testing.F) {
	ctx := cuecontext.New()
	var types []*Type
	var values []cue.Value
	for _, def := range oracleTypes {
		values = append(values, ctx.CompileString(preamble+def, cue.Filename("t.cue")).LookupPath(cue.ParsePath("m")))
		types = append(types, from(f, def))
	}
	types = append(types, from(f, order), from(f, `#Shape`))
	for i, seed := range []string{
		`{"id":"o-1","total":5,"n":-4,"on":true,"at":"2026-01-02T03:04:05Z"}`, `{"id":"o-","total":1000}`, `{"id":"o-1","total":-1}`,
		`{"lines":[{"sku":"a","qty":1}],"t":null}`, `{"lines":[{"sku":"","qty":4}]}`, `{"kind":"a","x":1}`, `{"x":1,"kind":"b"}`, `{"kind":"b","y":"no"}`,
		`{"m":{"ab":1},"u":["x"],"p":[1,"a"]}`, `{"m":{"ab":"x","b":2},"u":1.5}`, `"ab-xx"`, `299`, `null`, orderData, `{"kind":"circle","r":1}`, `{"a":[[[[{}]]]]}`, `"\u00e4"`,
	} {
		f.Add([]byte(seed), uint8(i))
		for k := range oracleTypes {
			f.Add([]byte(seed), uint8(k))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		i := int(which) % len(types)
		s := types[i]
		end := s.scan(data, space(data, 0), 0)
		quick := end >= 0 && space(data, end) == len(data)
		v := s.explain(data)
		if quick && v != nil {
			t.Fatalf("%q passes the scan, but: %v", data, v)
		}
		if !quick && v == nil && !bytes.Contains(data, []byte(`"`)) {
			t.Fatalf("%q fails the scan for no reason", data)
		}
		fits := s.Check(data) == nil
		if fits != (v == nil) {
			t.Fatalf("%q: Check and explain differ: %v", data, v)
		}
		if i < len(values) {
			if want, known := verdictOf(values[i], data); known && want != fits {
				t.Fatalf("%q against %s: %v, CUE says %t", data, oracleTypes[i], v, want)
			}
		}
		holdPlaces(t, s, data, fits)
		if fits && !json.Valid(data) {
			t.Fatalf("%q passes and is not JSON", data)
		}
		if out, err := s.Fill(data); err == nil && len(data) > 0 && !json.Valid(out) {
			t.Fatalf("%q filled is %q", data, out)
		}
	})
}

// holdPlaces checks that noting places changes no verdict, and that what is read
// there is what a search finds.
func holdPlaces(t *testing.T, s *Type, data []byte, fits bool) {
	var at Places
	if noted := s.CheckPlaces(data, &at) == nil; noted != fits {
		t.Fatalf("%q: %t, with places noted %t", data, fits, noted)
	}
	if s.obj == nil {
		return
	}
	var paths Paths
	for _, f := range s.obj.list {
		paths.Add(f.name)
		paths.Add(f.name, "sku")
		paths.Add(f.name, "a", "b")
	}
	paths.Bind(s)
	found, want := make([]Found, paths.Len()), make([]Found, paths.Len())
	if at.of == nil || !paths.FindAt(data, &at, found) || !paths.Find(data, want) {
		return
	}
	for i := range want {
		if found[i].Presence != want[i].Presence || !bytes.Equal(found[i].Raw, want[i].Raw) {
			t.Fatalf("%q, path %d: %d %q where it was noted, %d %q by a search", data, i, found[i].Presence, found[i].Raw, want[i].Presence, want[i].Raw)
		}
	}
}

// TestNames: a name that must be escaped is read in any spelling, and what is no
// name is none.
func TestNames(t *testing.T) {
	typ := from(t, `{"a\"b"!: int}`)
	for data, want := range map[string]bool{
		`{"a\"b":1}`: true, `{"a\u0022b" : 1}`: true, `{"a\u0022\u0062":1}`: true, "{\x001}": false, "{\x00:1}": false, `{"ab":1}`: false,
	} {
		if err := typ.Check([]byte(data)); (err == nil) != want {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// TestPlaces: what has been checked against a struct is read where its fields
// lie, and nothing that was noted of another type is believed.
func TestPlaces(t *testing.T) {
	typ, other := from(t, `{a: int, b?: {c: string}, d?: [...int]}`), from(t, `{b?: {c: string}, a: int}`)
	var paths Paths
	a, c, d := paths.Add("a"), paths.Add("b", "c"), paths.Add("d")
	paths.Bind(typ)
	for _, tt := range []struct{ data, a, c, d string }{
		{`{"a":1}`, "1", "", "missing"},
		{` { "a" : 1 , "b":{"c":"x"}, "d":[2] } `, "1", `"x"`, "[2]"},
		{`{"b":{"c":"x"},"e":{"a":3},"a":2,"e":4}`, "2", `"x"`, "missing"},
	} {
		var at Places
		if err := typ.CheckPlaces([]byte(tt.data), &at); err != nil {
			t.Fatal(err)
		}
		if at.of != typ {
			t.Errorf("%s: nothing was noted", tt.data)
		}
		found := make([]Found, paths.Len())
		for _, at := range []*Places{&at, nil} {
			if !paths.FindAt([]byte(tt.data), at, found) {
				t.Fatalf("%s was not read", tt.data)
			}
			got := [...]string{string(found[a].Raw), string(found[c].Raw), string(found[d].Raw)}
			if found[d].Presence == Missing {
				got[2] = "missing"
			}
			if want := [...]string{tt.a, tt.c, tt.d}; got != want {
				t.Errorf("%s: %q, want %q", tt.data, got, want)
			}
		}
		if err := other.CheckPlaces([]byte(tt.data), &at); err != nil {
			t.Fatal(err)
		}
		if !paths.FindAt([]byte(tt.data), &at, found) || string(found[a].Raw) != tt.a {
			t.Errorf("%s, noted of another type: a is %s", tt.data, found[a].Raw)
		}
	}
}

// FuzzPattern compares our own matching with Go's.
func FuzzPattern(f *testing.F) {
	for _, expr := range []string{`^o-[0-9]+$`, `^[A-Z]{3}$`, `^a?b*c{2,3}d`, `^[^/]+/x$`, `^.*$`, `^a+b?c$`, `(?i)^a$`, `^x|y$`, `^$`, `^[a-c]{1,2}[0-9]*[x-z]$`, `^\w+@\w+$`} {
		for _, s := range []string{"o-12", "ABC", "abccd", "a/x", "", "AB", "ac", "ab1x", "x@y", "äö"} {
			f.Add(expr, s)
		}
	}
	f.Fuzz(func(t *testing.T, expr, s string) {
		if _, err := syntax.Parse(expr, syntax.Perl); err != nil || len(expr) > 200 {
			return
		}
		p, err := newPattern(expr, false)
		if err != nil {
			return
		}
		if got, want := p.admits([]byte(s)), p.re.MatchString(s); got != want {
			t.Fatalf("%q against %q: %t, want %t", s, expr, got, want)
		}
	})
}

// FuzzTime compares the quick way to tell a time with Go's parser.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-03-01T12:30:00Z", "2026-03-01T12:30:00.5+02:00", "2026-02-29T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01t12:30:00z", "2026-03-01T12:30:00,5Z", "2026-03-01T12:30:00+24:00", "2026-03-01T12:30:00.1234567890Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := time.Parse(time.RFC3339Nano, s)
		if got := isTime(s); got != (err == nil) {
			t.Fatalf("%q: %t, want %v", s, got, err)
		}
	})
}

// FuzzFromCUE feeds definitions that compile to the reader, and its own sample
// to the type that comes out.
func FuzzFromCUE(f *testing.F) {
	for _, def := range append([]string{order, `#Tree`, `[...int] & list.MinItems(2)`, `{a: int, b: a}`, `{[string]: int}`, `*1 | int`, `"a" | {b: 1}`, `({a: 1} | {b: 2}) & {c: int}`}, oracleTypes...) {
		f.Add(def)
	}
	f.Fuzz(func(t *testing.T, def string) {
		if len(def) > 200 || strings.Contains(def, "for") || strings.Contains(def, "*") && strings.Count(def, "(") > 3 {
			return // CUE itself has no budget
		}
		// The way that services are loaded: CUE itself panics at times.
		file, faults := schema.ParseCUE(schema.Source{Name: "t.cue", Data: []byte(preamble + def)})
		if len(faults) > 0 {
			return
		}
		v, located := schema.Evaluate([]*ast.File{file}, false)
		if v = v.LookupPath(cue.ParsePath("m")); len(located) > 0 || v.Err() != nil {
			return
		}
		s, err := FromCUE(v)
		if err != nil {
			return
		}
		s.Check(s.Sample())
		s.Defaults(nil)
		s.Check([]byte(orderData))
	})
}
