package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

//go:embed head.md
var head string

// table writes the document.
func table(all []result) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	works := 0
	for _, r := range all {
		if r.Works {
			works++
		}
	}
	fmt.Fprintf(&b, "%d of %d work.\n\n| package | works | version | module | what it said, or why not |\n|---|---|---|---|---|\n", works, len(all))
	for _, r := range all {
		word, size := "yes", fmt.Sprintf("%d KiB", r.Size>>10)
		if !r.Works {
			word = "no"
		}
		if r.Size == 0 {
			size = ""
		}
		said := strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(r.Said)
		if r.Works {
			said = "`" + strings.ReplaceAll(strings.ReplaceAll(r.Said, "|", `\|`), "`", "'") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, word, r.With, size, said)
	}
	return b.Bytes()
}
