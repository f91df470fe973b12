package versions

import (
	"strings"
	"testing"
)

func TestChangedTests(t *testing.T) {
	old := "- test: stays\n  when: {a: {b: 1}}\n- test: goes\n- test: differs\n  then: [{c: 1}]\n"
	new := "# another order\n- test: differs\n  then: [{c: 2}]\n- test: comes\n- test: stays\n  when:\n    a: {b: 1}\n"
	var got []string
	for _, c := range changedTests("x.yaml", []byte(old), []byte(new)) {
		got = append(got, c.How+" "+c.Test)
	}
	if want := "added comes, changed differs, removed goes"; strings.Join(got, ", ") != want {
		t.Errorf("%v; want %s", got, want)
	}
	workflow := changedTests("workflows/w.yaml", []byte("workflow: w\ntests:\n  - test: one\n"), []byte("workflow: w\n"))
	if len(workflow) != 1 || workflow[0] != (Test{"workflows/w.yaml", "one", "removed"}) {
		t.Errorf("%+v", workflow)
	}
	for _, text := range []string{"", "a: b: c", "- 1\n- {no: name}\n", "tests: 3\n"} {
		if list := changedTests("x", []byte(text), []byte(text)); len(list) != 0 {
			t.Errorf("%q: %+v", text, list)
		}
	}
}
