package command

import "testing"

// TestApart: two keys do not look the same in a table.
func TestApart(t *testing.T) {
	for text, want := range map[string]string{
		"alice":       "alice",
		"a b":         "a b",
		"a\nb":        `"a\nb"`,
		" ":           `" "`,
		"\t":          `"\t"`,
		"alice ":      `"alice "`,
		"a longer 1":  "a longer…",
		"a\nlonger 1": "\"a\\nlong…",
	} {
		if got := apart(text, 8); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
