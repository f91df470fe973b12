package expect_test

import (
	"encoding/json"
	"testing"

	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// FuzzExpect reads an expected value and holds data against it. Whatever both
// are, it ends; what is written without expressions fits itself.
func FuzzExpect(f *testing.F) {
	for _, seed := range [][2]string{
		{"{a: 1, b: [x, true, null]}", `{"b":["x",true,null],"a":1}`}, {"{total: = >=180 & <200}", `{"total":180}`}, {"[1, ...]", "[1,2]"},
		{"{a: = _, ...: _}", "{}"}, {`= =~"^p-"`, `"p-1"`}, {"1e300", "10e299"}, {`{at: "= time.Time"}`, `{"at":"x"}`}, {"= {a: 1, b: [...int]}", `{"a":1}`},
		{"\">=1\"", "1"}, {"= 1 +", "0"}, {"{a: = \"= 1\"}", "null"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, wanted, data string) {
		n, faults := schema.ReadYAML([]byte("value: " + wanted))
		if len(faults) > 0 || n.Get("value") == nil {
			return
		}
		var c expect.Compiler
		said := 0
		v := c.Read(n.Get("value"), "value", func(f schema.Fault) {
			if said++; f.Code == "" || f.Message == "" {
				t.Errorf("a fault that says too little: %+v", f)
			}
		})
		c.Finish()
		if said > 0 {
			return
		}
		for _, d := range v.Match([]byte(data)) {
			if d.String() == "" {
				t.Error("a difference that says nothing")
			}
		}
		if own := n.Get("value").JSON(nil); plain(n.Get("value")) && json.Valid(own) {
			if diff := v.Match(own); diff != nil {
				t.Errorf("%s does not fit itself: %v", own, diff)
			}
		}
	})
}

// plain reports whether a value has no expression in it, nor leaves anything open.
func plain(n *schema.Node) bool {
	switch n.Kind {
	case schema.String:
		return len(n.Text) == 0 || n.Text[0] != '=' && n.Text != "..."
	case schema.List:
		for _, item := range n.Items {
			if !plain(item) {
				return false
			}
		}
	case schema.Map:
		for _, f := range n.Fields {
			if f.Key == "..." || !plain(f.Value) {
				return false
			}
		}
	}
	return true
}
