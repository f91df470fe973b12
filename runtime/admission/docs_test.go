package admission_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

// TestDocs: the document has the limits that there are.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode([]byte("\x00asm\x01\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(string(text[strings.Index(string(text), "|---:|---|"):]), "\n|")
	if rows != len(m.Usage()) {
		t.Errorf("%d limits in the document, %d there are", rows, len(m.Usage()))
	}
	for _, u := range m.Usage() {
		if row := fmt.Sprintf("| %d | %s |", u.Max, u.What); !strings.Contains(string(text), row) {
			t.Errorf("the document lacks %s", row)
		}
	}
}
