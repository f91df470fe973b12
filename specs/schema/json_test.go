package schema

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestReadJSON(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\t\"a\": [1, 2.50, -0, 1e3, true, null, \"x\\u00e9\\ud83d\\ude00\\/\"]\n}": `{"a":[1,2.50,-0,1e3,true,null,"xé😀/"]}`,
		"\ufeff[]": `[]`, `"x"`: `"x"`, ` {"a" : {} , "b":[]} `: `{"a":{},"b":[]}`,
		`{"` + strings.Repeat("k", 2000) + `":1}`: `{"` + strings.Repeat("k", 2000) + `":1}`,
	} {
		n, faults := ReadJSON([]byte(in))
		if faults != nil {
			t.Errorf("%s: %v", in, faults)
			continue
		}
		if got := string(n.JSON(nil)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	n, _ := ReadJSON([]byte("{\n  \"é\": 1, \"b\" : [\n\t{\"c\": true}]\n}"))
	for _, f := range []struct{ got, want Pos }{
		{n.Pos, Pos{1, 1}}, {n.field("b").Pos, Pos{2, 11}}, {n.Get("b").Pos, Pos{2, 17}}, {n.Get("b").Items[0].Get("c").Pos, Pos{3, 8}},
	} {
		if f.got != f.want {
			t.Errorf("at %v, want %v", f.got, f.want)
		}
	}
}

func TestReadJSONFaults(t *testing.T) {
	for _, tt := range []struct {
		json string
		pos  Pos
		code string
		want string
	}{
		{"", Pos{1, 1}, "spec.empty", "the file is empty"},
		{"{\"a\": 1,\n}", Pos{2, 1}, "spec.json", "a name in double quotes must stand here"},
		{"{a: 1}", Pos{1, 2}, "spec.json", "a name in double quotes must stand here"},
		{"[1, 2,]", Pos{1, 7}, "spec.json", "a value must stand here"},
		{"[1 2]", Pos{1, 4}, "spec.json", "a comma or a closing bracket must stand here"},
		{"{\"a\" 1}", Pos{1, 6}, "spec.json", "a colon must stand here"},
		{"{\"a\": 'x'}", Pos{1, 7}, "spec.json", "a value must stand here"},
		{"{\"a\": [1\n", Pos{1, 9}, "spec.json", "the file ends before its value does"},
		{"{} {}", Pos{1, 4}, "spec.json", "something stands behind the value"},
		{"{} x", Pos{1, 4}, "spec.json", "something stands behind the value"},
		{"{\"a\": 1,\n \"a\": 2}", Pos{2, 2}, "spec.duplicate", "is given twice; the first is on line 1"},
		{"[1e999]", Pos{1, 2}, "spec.type", "1e999 is not a number that a file can hold"},
		{"\"\xff\"", Pos{1, 2}, "spec.encoding", "the byte 0xff is not UTF-8"},
		{strings.Repeat("[", 100_000), Pos{1, DepthMax + 2}, "spec.limit", "values are more than 64 levels inside each other"},
		{"[" + strings.Repeat("1,", NodesMax) + "1]", Pos{1, 2 * NodesMax}, "spec.limit", "the file has more than 100000 values"},
		{strings.Repeat(" ", SizeMax) + "1", Pos{1, 1}, "spec.limit", "the file is larger than 1024 KiB"},
	} {
		_, faults := ReadJSON([]byte(tt.json))
		if len(faults) == 0 {
			t.Errorf("%.40q: no fault", tt.json)
			continue
		}
		if f := faults[0]; f.Pos != tt.pos || f.Code != tt.code || !strings.Contains(f.Message, tt.want) {
			t.Errorf("%.40q: got %v %s: %s, want %v %s: %s", tt.json, f.Pos, f.Code, f.Message, tt.pos, tt.code, tt.want)
		}
	}
}

// FuzzReadJSON: what is read is what encoding/json reads, and places are within the file.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}],"c":"\u00e9"}`, "{\n\t\"a\": 1e3}", `[1,]`, `{"a":1,"a":2}`, `"`, `-`, `1 2`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, faults := ReadJSON(data)
		if len(faults) > 0 {
			for _, f := range faults {
				if f.Pos.Line < 1 || f.Pos.Col < 1 || f.Pos.Line > bytes.Count(data, []byte("\n"))+1 {
					t.Fatalf("%q: %v is no place", data, f)
				}
			}
			return
		}
		var want bytes.Buffer
		data = bytes.TrimPrefix(data, []byte("\ufeff"))
		if err := json.Compact(&want, data); err != nil {
			t.Fatalf("%q: read, and %v", data, err)
		}
		got, err := json.Marshal(json.RawMessage(n.JSON(nil)))
		if err != nil || !same(t, got, want.Bytes()) {
			t.Fatalf("%q: read as %s: %v", data, got, err)
		}
	})
}

// same compares JSON by value, numbers by their digits.
func same(t *testing.T, a, b []byte) bool {
	var out [2]bytes.Buffer
	for i, text := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(&out[i]).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(out[0].Bytes(), out[1].Bytes())
}
