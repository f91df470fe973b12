package amend_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// words are keys and texts, some of which YAML would take for something else.
var words = []string{"a", "b", "id", "total", "größe", "日本", "yes", "null", "1", "a b", "x: y", "- z", "#c", "", "it's", `say "x"`, "= 1", "two\nlines", "{", "~", "\U0001F600"}

// value draws a JSON value.
func value(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return json.Number(rapid.SampledFrom([]string{"0", "1", "-5", "1.50", "1e3", "12345678901234567890123", "0.1", "-0.0"}).Draw(t, "number"))
	case 1, 2:
		return rapid.SampledFrom(words).Draw(t, "text")
	case 3:
		return rapid.SampledFrom([]any{nil, true, false}).Draw(t, "constant")
	case 4:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, value(t, depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "fields") {
		object[rapid.SampledFrom(words).Draw(t, "key")] = value(t, depth-1)
	}
	return object
}

// other draws a value that is like v, and usually not the same.
func other(t *rapid.T, v any) any {
	if rapid.IntRange(0, 4).Draw(t, "new") == 0 {
		return value(t, 2)
	}
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, item := range v {
			if rapid.IntRange(0, 5).Draw(t, "drop") > 0 {
				list = append(list, other(t, item))
			}
		}
		if rapid.Bool().Draw(t, "more") {
			list = append(list, value(t, 1))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for _, key := range sorted(v) {
			item := v[key]
			if rapid.IntRange(0, 5).Draw(t, "drop") > 0 {
				object[key] = other(t, item)
			}
		}
		if rapid.Bool().Draw(t, "more") {
			object[rapid.SampledFrom(words).Draw(t, "key")] = value(t, 1)
		}
		return object
	}
	return v
}

// hand writes YAML as different people do, with a comment here and there.
type hand struct {
	t        *rapid.T
	comments int
}

func (h *hand) comment() string {
	if rapid.IntRange(0, 3).Draw(h.t, "comment") > 0 {
		return ""
	}
	h.comments++
	return fmt.Sprintf(" # told %d", h.comments)
}

func (h *hand) flow(v any) string {
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			parts = append(parts, h.flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		for _, key := range sorted(v) {
			parts = append(parts, h.text(key)+": "+h.flow(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case string:
		if strings.HasPrefix(v, "= ") {
			return "eq" // it would be an expression
		}
		return h.text(v)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

var simple = regexp.MustCompile(`^[a-zß-ü]+$`)

func (h *hand) text(text string) string {
	if simple.MatchString(text) && text != "null" && text != "yes" && rapid.Bool().Draw(h.t, "bare") {
		return text
	}
	if !strings.Contains(text, "\n") && rapid.Bool().Draw(h.t, "single") {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	b, _ := json.Marshal(text)
	return string(b)
}

// block writes a value behind a key or a dash.
func (h *hand) block(v any, indent string) string {
	var lines []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			lines = append(lines, indent+"-"+h.block(item, indent+"  "))
		}
	case map[string]any:
		for _, key := range sorted(v) {
			lines = append(lines, indent+h.text(key)+":"+h.block(v[key], indent+"  "))
		}
	}
	if len(lines) == 0 || rapid.IntRange(0, 2).Draw(h.t, "flow") == 0 {
		return " " + h.flow(v) + h.comment()
	}
	return h.comment() + "\n" + strings.Join(lines, "\n")
}

func sorted(m map[string]any) []string {
	return slices.Sorted(maps.Keys(m))
}

// TestAmended: whatever is sent and whatever was expected, after tests are
// rewritten they pass, nothing is left alone but what cannot be written, and
// all that stands before what is expected is what it was.
func TestAmended(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(b.dir, "actors/echo/tests/drawn.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	property.Check(t, func(r *rapid.T) {
		h := &hand{t: r}
		newline := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(r, "newline")
		var text strings.Builder
		var heads []string
		for i := range rapid.IntRange(1, 8).Draw(r, "tests") {
			sent := []any{}
			for range rapid.IntRange(1, 3).Draw(r, "messages") {
				sent = append(sent, map[string]any{"echo.done": value(r, 3)})
			}
			when, _ := json.Marshal(sent)
			expected := []any{}
			for _, m := range sent {
				if rapid.IntRange(0, 4).Draw(r, "missing") > 0 {
					expected = append(expected, map[string]any{"echo.done": other(r, m.(map[string]any)["echo.done"])})
				}
			}
			head := fmt.Sprintf("# test %d\n- test: number %d%s\n  when: %s\n", i, i, h.comment(), when)
			heads = append(heads, strings.ReplaceAll(head, "\n", newline))
			text.WriteString(head + "  then:" + h.block(expected, "    ") + "\n")
		}
		given := strings.ReplaceAll(text.String(), "\n", newline)
		if err := os.WriteFile(file, []byte(given), 0o644); err != nil {
			r.Fatal(err)
		}
		plan := b.amend(t)
		now, err := os.ReadFile(file)
		if err != nil {
			r.Fatal(err)
		}
		for _, l := range plan.Left {
			r.Fatalf("left alone: %d: %s: %s\n%s", l.Line, l.Where, l.Why, given)
		}
		_, results := b.run(t)
		for _, result := range results {
			if !result.Passed() {
				r.Fatalf("%s: %v\ngiven:\n%s\nnow:\n%s", result.Test.Name, result.Failures, given, now)
			}
		}
		for _, head := range heads {
			if !strings.Contains(string(now), head) {
				r.Fatalf("%q is gone:\n%s", head, now)
			}
		}
	})
}
