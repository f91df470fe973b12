// Package codes holds a text for each code of problem in the files of a
// service: what it means, with files that have it and files that have not; and
// one for each code of what becomes of a message or a module.
package codes

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed texts/*.txtar
var texts embed.FS

//go:embed runtime.txtar
var runtimeTexts []byte

// atRuntime are the texts for codes of messages and modules.
var atRuntime = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, f := range txtar.Parse(runtimeTexts).Files {
		m[f.Name] = strings.TrimSpace(string(f.Data))
	}
	return m
})

// Runtime lists the codes of messages and modules that there is a text for, sorted.
func Runtime() []string { return slices.Sorted(maps.Keys(atRuntime())) }

// Known lists all codes that there is a text for, sorted.
func Known() []string {
	all := append(All(), Runtime()...)
	slices.Sort(all)
	return all
}

// Explanation is what is to be said of one code.
type Explanation struct {
	Code  string `json:"code"`
	Text  string `json:"text"`
	Wrong []File `json:"wrong"`
	Right []File `json:"right"`
}

// File is an example: a file of a service, by its path in the folder.
type File struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

// All lists the codes of problems in files that there is a text for, sorted.
func All() []string {
	entries, err := texts.ReadDir("texts")
	if err != nil {
		panic("codes: " + err.Error()) // the texts are part of the program
	}
	codes := make([]string, len(entries))
	for i, e := range entries {
		codes[i] = strings.TrimSuffix(e.Name(), ".txtar")
	}
	slices.Sort(codes)
	return codes
}

// Of returns the text for a code; false when there is none.
func Of(code string) (Explanation, bool) {
	if text, ok := atRuntime()[code]; ok {
		return Explanation{Code: code, Text: text, Wrong: []File{}, Right: []File{}}, true
	}
	data, err := texts.ReadFile(path.Join("texts", code+".txtar"))
	if err != nil {
		return Explanation{}, false
	}
	archive := txtar.Parse(data)
	e := Explanation{Code: code, Text: strings.TrimSpace(string(archive.Comment)), Wrong: []File{}, Right: []File{}}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "wrong/"); ok {
			e.Wrong = append(e.Wrong, File{name, string(f.Data)})
		} else if name, ok := strings.CutPrefix(f.Name, "right/"); ok {
			e.Right = append(e.Right, File{name, string(f.Data)})
		}
	}
	return e, true
}

// String is the text as a terminal shows it.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", e.Code, e.Text)
	show(&b, "wrong", e.Wrong)
	show(&b, "right", e.Right)
	return b.String()
}

func show(b *strings.Builder, what string, files []File) {
	for _, f := range files {
		fmt.Fprintf(b, "\n%s, in %s:\n", what, f.Name)
		for line := range strings.Lines(f.Content) {
			b.WriteString("  " + line)
		}
	}
}
