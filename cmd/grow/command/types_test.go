package command

import (
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
)

// TestTypesOfTriage: the code of the example service's types is what its types make it; actors
// that have types of their own are no hindrance.
func TestTypesOfTriage(t *testing.T) {
	const dir = "../../../testdata/services/triage"
	service, err := app.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := typesFiles(dir, service, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	for _, f := range files {
		if states[f.State]++; f.State == typesStale {
			t.Errorf("%s is not what grow types writes", f.File)
		}
	}
	if states[typesUnchanged] == 0 || states[typesAbsent] != 3 {
		t.Errorf("%v", states)
	}
}
