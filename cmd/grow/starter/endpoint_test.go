package starter_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/starter"
)

// TestInsert: an endpoint is added to grow.yaml as a person would, and every
// other line stays as it was written.
func TestInsert(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no endpoints": {"service: a\n", "service: a\nhttp:\n  GET /x: {to: y}\n"},
		"no last line break": {
			"service: a\nhttp:\n  GET /a: {to: a}", "service: a\nhttp:\n  GET /a: {to: a}\n  GET /x: {to: y}\n",
		},
		"nothing under http": {"service: a\nhttp: # soon\n\ndocs: []\n", "service: a\nhttp: # soon\n  GET /x: {to: y}\n\ndocs: []\n"},
		"http in braces":     {"http: {}\nservice: a\n", "http: {GET /x: {to: y}}\nservice: a\n"},
		"http in braces with others": {
			"http: { GET /a: {to: a} } # é\n", "http: {GET /x: {to: y},  GET /a: {to: a} } # é\n",
		},
		"all in braces":    {"{service: é, version: 1.0.0}\n", "{http: {GET /x: {to: y}}, service: é, version: 1.0.0}\n"},
		"between comments": {"http:\n    # one\n    GET /a: {to: a} # two\n    # three\n\n# four\ntests: []\n", "http:\n    # one\n    GET /a: {to: a} # two\n    # three\n    GET /x: {to: y}\n\n# four\ntests: []\n"},
		"as a map of lines": {
			"http:\n  GET /a:\n    to: a\n    reply:\n      b: 200\n# end\n", "http:\n  GET /a:\n    to: a\n    reply:\n      b: 200\n  GET /x: {to: y}\n# end\n",
		},
		"lines of Windows": {"service: a\r\nhttp:\r\n  GET /a: {to: a}\r\n", "service: a\r\nhttp:\r\n  GET /a: {to: a}\r\n  GET /x: {to: y}\r\n"},
		"text in lines":    {"http:\n  GET /a: {to: a}\nabout: |\n  one\n\n  # two\n", "http:\n  GET /a: {to: a}\n  GET /x: {to: y}\nabout: |\n  one\n\n  # two\n"},
		"quotes over lines": {
			"http:\n  GET /a: {to: \"a\n    b\"}\n", "http:\n  GET /a: {to: \"a\n    b\"}\n  GET /x: {to: y}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := starter.Insert([]byte(c.text), "GET /x", "{to: y}")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInsertRefuses: what cannot be inserted without a change to something else
// is not.
func TestInsertRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "a list": "- a\n", "http is a list": "http: [a]\n", "http is text": "http: text\n", "an alias": "a: &x {GET /a: {}}\nhttp: *x\n",
		"two documents": "service: a\n---\nservice: b\n", "an end": "service: a\n...\n", "no YAML": "a: [\n", "a tab": "http:\n\tGET /a: b\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := starter.Insert([]byte(text), "GET /x", "{to: y}"); err == nil {
				t.Errorf("it becomes %q", got)
			}
		})
	}
	_, err := starter.Insert([]byte("service: a\nhttp:\n  GET /x: {to: z}\n"), "GET /x", "{to: y}")
	var taken *starter.TakenError
	if !errors.As(err, &taken) || taken.Line != 3 {
		t.Errorf("of an endpoint that is there: %v", err)
	}
}

// FuzzInsert: whatever the file, what is added is the endpoint and nothing else.
func FuzzInsert(f *testing.F) {
	for _, text := range []string{"service: a\n", "http: {}\n", "http:\n  GET /a: {to: a}\n# x\ntests: []", "{http: {a: b}}", "http:\n\n\n", "a: |\n  x\n", "? http\n: GET /a: b\n", "\ufeffhttp:\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := starter.Insert(text, "GET /x", "{to: y}")
		if err != nil {
			return
		}
		if len(out) <= len(text) {
			t.Errorf("%q becomes %q", text, out)
		}
		var taken *starter.TakenError
		if _, err := starter.Insert(out, "GET /x", "{to: y}"); !errors.As(err, &taken) {
			t.Errorf("%q becomes %q, and again: %v", text, out, err)
		}
	})
}
