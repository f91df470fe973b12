package command

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	_ "github.com/grow-platform/grow/cmd/grow/app" // which registers the kinds
	"github.com/grow-platform/grow/runtime/capability"
)

// TestKindsDoc: docs/kinds.md says what grants take as their kinds describe it; -update writes it.
func TestKindsDoc(t *testing.T) {
	const name = "../../../docs/kinds.md"
	got := kindsDoc()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("docs/kinds.md is not what the kinds say; write it: go test ./cmd/grow/command -run TestKindsDoc -update\n%s", got)
	}
}

// TestGrantTables: what the page for people says that a grant takes has the fields that the kind has,
// and no others.
func TestGrantTables(t *testing.T) {
	page, err := os.ReadFile("../../../docs/capabilities.md")
	if err != nil {
		t.Fatal(err)
	}
	for section := range strings.SplitSeq(string(page), "\n## ") {
		kind, rest, _ := strings.Cut(section, "\n")
		tables := strings.Split(rest, "\n| field | | default |\n|---|---|---|\n")[1:]
		d := capability.Described(kind)
		if len(tables) == 0 || d == nil {
			continue
		}
		var got, want []string
		for _, table := range tables {
			rows, _, _ := strings.Cut(table, "\n\n")
			for row := range strings.SplitSeq(rows, "\n") {
				cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
				for name := range strings.SplitSeq(cell, ", ") {
					got = append(got, strings.Trim(name, "`"))
				}
			}
		}
		for _, f := range d.Grant {
			want = append(want, f.Name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("docs/capabilities.md, %s: the table has %q, a grant has %q", kind, got, want)
		}
	}
}

// kindsDoc is the text of docs/kinds.md.
func kindsDoc() string {
	var b strings.Builder
	b.WriteString("# What grants take\n\nEach kind of capability describes its grants in CUE; this is what those descriptions say. [Capabilities](capabilities.md) says what they are for.\n")
	for _, kind := range capability.Names() {
		d := capability.Described(kind)
		if d == nil {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| field | is | | default |\n|---|---|---|---|\n", kind)
		for _, f := range d.Grant {
			writeField(&b, &f)
		}
		for _, o := range d.Operations {
			effect := map[capability.Effect]string{capability.Reads: "reads", capability.Changes: "changes"}[o.Effect]
			fmt.Fprintf(&b, "\n### %s\n\n%s It %s.\n\n| field | is | | default |\n|---|---|---|---|\n", o.Name, o.About, effect)
			for _, f := range o.Request.Fields {
				writeField(&b, &f)
			}
		}
	}
	return b.String()
}

func writeField(b *strings.Builder, f *capability.Field) {
	is, standard := f.Type, "none"
	switch {
	case f.Type == "":
		is = "any"
	case f.Item != "":
		is = "list of " + f.Item
	case f.Type == "array":
		is = "list"
	}
	switch {
	case f.Needed:
		standard = "needed"
	case f.Default != "":
		standard = "`" + f.Default + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, is, strings.ReplaceAll(f.About, "|", `\|`), standard)
}
