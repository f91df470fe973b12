package admission_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/testdata/wat"
)

// editions are what becomes of the modules in testdata, as a digest, by edition.
var editions = map[int]string{
	1: "5b054e7ded04d7d7",
	2: "d7a845b74580a1fb",
	3: "3f0be1726a542d02", // functions with many ways, of which these modules have none
}

// TestEdition: what is kept of an admitted module is never that of another
// rewriting.
func TestEdition(t *testing.T) {
	h := sha256.New()
	for _, name := range wat.Names() {
		m, err := admission.Decode(wat.Module(name))
		if err != nil {
			continue // it is refused, which is not kept
		}
		metered, err := admission.Meter(m)
		if err != nil {
			t.Fatal(name, err)
		}
		fmt.Fprintf(h, "%s %x\n", name, metered.Binary)
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); editions[admission.Edition] != got {
		t.Errorf("modules become something else than in edition %d, or there are other modules: %s; if the first, count up Edition",
			admission.Edition, got)
	}
	if r := admission.Recipe(); !strings.HasPrefix(r, fmt.Sprintf("admission %d ", admission.Edition)) || strings.Contains(r, "\n") {
		t.Error(r)
	}
}
