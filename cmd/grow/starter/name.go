package starter

import (
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// nameMax is the length of the longest name, in characters.
const nameMax = 63

// IsName reports whether text can name a service, an actor or a workflow.
func IsName(text string) bool { return schema.Lookup("#Name").Fits(text) }

// Name makes a name of text, such as that of a folder: what a name cannot hold
// becomes dashes. It is base when nothing is left.
func Name(text, base string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if name != "" && (name[0] < 'a' || name[0] > 'z') {
		name = base + "-" + name
	}
	if len(name) > nameMax {
		name = strings.Trim(name[:nameMax], "-")
	}
	if name == "" {
		return base
	}
	return name
}
