package schema

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// EvaluateRest evaluates files again without the fields at the top that faults
// of Evaluate are about, so that something can be said of the others. What is
// wrong then may only follow from what was left out.
func EvaluateRest(sources []Source, faults []Located) (cue.Value, []Located) {
	bad := map[string]bool{}
	for _, f := range faults {
		name := topName(f.Path)
		if name == "" || f.Code == "spec.limit" {
			return cue.Value{}, faults
		}
		bad[name] = true
	}
	var files []*ast.File
	for _, src := range sources {
		// Read anew: CUE notes in a file what its names refer to.
		file, faults := ParseCUE(src)
		if len(faults) > 0 {
			return cue.Value{}, []Located{{src.Name, faults[0]}}
		}
		kept := file.Decls[:0:0]
		for _, d := range file.Decls {
			if f, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(f.Label); err == nil && bad[name] {
					continue
				}
			}
			kept = append(kept, d)
		}
		file.Decls = kept
		files = append(files, file)
	}
	return Evaluate(files, false)
}

// topName is the first name of a path.
func topName(path string) string {
	if quoted, err := strconv.QuotedPrefix(path); err == nil {
		name, _ := strconv.Unquote(quoted)
		return name
	}
	name, _, _ := strings.Cut(path, ".")
	name, _, _ = strings.Cut(name, "[")
	return name
}
