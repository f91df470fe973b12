package command

import (
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/codes"
	"github.com/grow-platform/grow/specs/schema"
)

// TestSandboxGuide holds that docs/sandbox.md has every limit with its default,
// and names no key of the columns of top that there is not.
func TestSandboxGuide(t *testing.T) {
	b, err := os.ReadFile("../../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, code := range codes.Runtime() {
		if strings.HasPrefix(code, "limit.") && !strings.Contains(text, "`"+code+"`") {
			t.Errorf("docs/sandbox.md does not tell of %s", code)
		}
	}
	for _, row := range []string{
		"| instructions a message | " + schema.Count(abi.FuelDefault) + " |",
		"| time a message | " + schema.Duration(abi.TimeDefault) + "; 60s once",
		"| memory of an instance | 32MiB; 64MiB in Python |", "| requests to capabilities a message | 1000 |",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("docs/sandbox.md does not say %q", row)
		}
	}
	for _, c := range topColumns {
		if !strings.Contains(text, c.head) {
			t.Errorf("docs/sandbox.md does not tell of the column %s", c.head)
		}
	}
	if _, table, ok := strings.Cut(text, "## Reading grow top"); !ok || !strings.Contains(table, "sorted by fuel: "+topHelp+"\n") {
		t.Error("docs/sandbox.md shows other keys than top has")
	}
}
