package rule

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/shape"
)

// drawRule draws an expression, mostly of the forms that have a plan.
func drawRule(t *rapid.T, depth int) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	if depth < 3 {
		switch rapid.IntRange(0, 7).Draw(t, "joint") {
		case 0, 1:
			return "(" + drawRule(t, depth+1) + " && " + drawRule(t, depth+1) + ")"
		case 2, 3:
			return "(" + drawRule(t, depth+1) + " || " + drawRule(t, depth+1) + ")"
		case 4:
			return "!(" + drawRule(t, depth+1) + ")"
		}
	}
	term := func() string {
		return pick("term", "data.i", "data.n", "data.s", "data.b", "data.z", "data.o.i", "data.o.s", "data.o.z", "data.s.z", `data["a b"]`, "data.l",
			"type", "subject", "attributes.x", `attributes["type"]`, "attributes.zz")
	}
	literal := func() string {
		return pick("literal", `1`, `-1`, `0`, `2`, `1.0`, `1.5`, `9007199254740993`, `9223372036854775807`, `"x"`, `""`, `"xy\n"`, `"ä"`, `true`, `false`, `null`)
	}
	text := func() string { return pick("text", `"x"`, `""`, `"y"`, `"ä"`) }
	switch rapid.IntRange(0, 6).Draw(t, "form") {
	case 0:
		return term()
	case 1:
		return "has(" + pick("field", "data.i", "data.z", "data.o.i", "data.o.z", "data.s.z", "attributes.x", "attributes.zz") + ")"
	case 2:
		return term() + " in [" + literal() + ", " + literal() + "]"
	case 3:
		return term() + "." + pick("member", "startsWith", "endsWith", "contains") + "(" + text() + ")"
	}
	operator := " " + pick("operator", "==", "!=", "<", "<=", ">", ">=") + " "
	if rapid.Bool().Draw(t, "mirrored") {
		return literal() + operator + term()
	}
	return term() + operator + literal()
}

func drawMessage(t *rapid.T) *abi.Message {
	values := []string{`1`, `0`, `-1`, `1.0`, `1e0`, `1.5`, `2`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `1e300`, `"x"`, `""`, `"xy\n"`, `"\u00e4"`, `"ä"`, `true`, `false`, `null`, `[1]`, `{}`, `{"i":1}`}
	object := func(names ...string) string {
		var fields []string
		for _, n := range names {
			if rapid.IntRange(0, 3).Draw(t, "has") > 0 {
				fields = append(fields, fmt.Sprintf("%q: %s", n, rapid.SampledFrom(values).Draw(t, "value")))
			}
		}
		return strings.Join(fields, ",")
	}
	body := object("i", "n", "s", "b", "i", "l", "a b")
	if rapid.IntRange(0, 3).Draw(t, "nested") > 0 {
		if body != "" {
			body += ","
		}
		body += ` "o" :{` + object("i", "s", "i") + `}`
	}
	return abi.NewMessage([]byte("{"+body+"}"), "type", "x", "x", rapid.SampledFrom([]string{"x", "", "1"}).Draw(t, "attribute"))
}

// TestPlanAgainstCEL draws rules and messages and compares what our own plans
// say with CEL's interpreter, with and without int fields, and by what the check
// of the data has noted.
func TestPlanAgainstCEL(t *testing.T) {
	ints := look([]*shape.Type{typeOf(t, `{i?: int, o?: {i?: int}}`)})
	anything := typeOf(t, `{i?: _, n?: _, s?: _, b?: _, z?: _, o?: _, l?: _, "a b"?: _}`)
	planned, agreed := 0, map[string]int{}
	property.Check(t, func(t *rapid.T) {
		src := drawRule(t, 0)
		view := rapid.SampledFrom([]*view{nil, ints}).Draw(t, "view")
		env, err := untyped(false)
		if err != nil {
			t.Fatal(err)
		}
		c := code{view: view}
		ast, err := checked(env, src, view, nil, checkBool)
		if err != nil {
			return // type < 1, say: the attributes are typed
		}
		plan := makePlan(ast.NativeRep(), &c)
		if plan == nil {
			return
		}
		planned++
		plan.paths.Bind(anything)
		if err := c.link(env, ast); err != nil {
			t.Fatal(err)
		}
		quick, full := Rule{code{plan: plan, view: view}}, Rule{c}
		for range 4 {
			m := drawMessage(t)
			ok, err := quick.Match(m)
			wantOK, wantErr := full.Match(m)
			agreed[verdict(ok, err)]++
			if verdict(ok, err) != verdict(wantOK, wantErr) {
				t.Fatalf("%s on %s: %t %v, CEL says %t %v", src, m.Data(), ok, err, wantOK, wantErr)
			}
			var at shape.Places
			if anything.CheckPlaces(m.Data(), &at) != nil {
				continue // a field is there more than once
			}
			if ok, err := quick.MatchAt(m, &at); verdict(ok, err) != verdict(wantOK, wantErr) {
				t.Fatalf("%s on %s, with places: %t %v, CEL says %t %v", src, m.Data(), ok, err, wantOK, wantErr)
			}
			// The same as a key, but for what only plans know: digits beyond 53 bits.
			key, keyErr := (&Key{quick.code}).Append(nil, m)
			wantKey, wantKeyErr := (&Key{full.code}).Append(nil, m)
			if len(key) < 16 && len(wantKey) < 16 && src != "subject" && (string(key) != string(wantKey) || (keyErr == nil) != (wantKeyErr == nil)) {
				t.Fatalf("key %s on %s: %q %v, CEL says %q %v", src, m.Data(), key, keyErr, wantKey, wantKeyErr)
			}
		}
	})
	if planned < 10 || len(agreed) < 2 { // which of a hundred draws none falls short of
		t.Errorf("too few cases: %d planned, %v", planned, agreed)
	}
}

// FuzzRule compiles anything and runs it on anything.
func FuzzRule(f *testing.F) {
	for _, src := range []string{`data.total > 100 && type == "order.placed"`, `data.lines.exists(l, l.qty > 1)`, `has(data.a.b) || data["x"] in [1, 2.0, "x"]`,
		`data.total * 2 > 5`, `attributes["x"] == "y"`, `data.a + "/" + data.b`, "data.`a-b`", `data.total >`, `[1, 2].map(x, x * 2) == data.l`, `size(data) > 0 ? data.a : data.b`} {
		f.Add(src, data)
	}
	types := []*shape.Type{typeOf(f, orderType)}
	f.Fuzz(func(t *testing.T, src, data string) {
		m := abi.NewMessage([]byte(data), "type", "order.placed", "x", "y")
		for _, types := range [][]*shape.Type{nil, types} {
			r, err := Compile(src, types)
			if err == nil {
				ok, err := r.Match(m)
				if r.plan != nil {
					s := Rule{slow(t, src, r.code, checkBool)}
					if want := verdict(s.Match(m)); shape.Fields([]byte(data), func(string, []byte) {}) && verdict(ok, err) != want {
						t.Fatalf("%s on %s: %s, CEL says %s", src, data, verdict(ok, err), want)
					}
				}
			} else {
				placed(t, src, err)
			}
			k, err := CompileKey(src, types)
			if err != nil {
				placed(t, src, err)
				continue
			}
			if out, err := k.Append([]byte("k"), m); err != nil && (!errors.Is(err, ErrNoKey) || string(out) != "k") {
				t.Fatalf("%s on %s: %q %v", src, data, out, err)
			}
		}
	})
}

// placed checks that an error has a place and says something.
func placed(t *testing.T, src string, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Message == "" {
		t.Fatalf("%q: %#v has no place", src, err)
	}
}
