package specs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in the files of a service. Codes are stable:
//
//	spec.file           a file or folder is missing, is none, or cannot be read
//	spec.empty          a file has nothing in it
//	spec.encoding       a file is not UTF-8 text
//	spec.limit          a limit of this package is passed
//	spec.yaml           a file is not YAML
//	spec.json           a file is not JSON
//	spec.cue            a file is not CUE, or uses what is outside of the subset
//	spec.duplicate      a name or key is given twice
//	spec.unknown-field  there is no such field
//	spec.unknown        a name refers to nothing
//	spec.migration      state of an older type cannot become state of the new one by that actor
//	spec.missing        a field or a value is missing
//	spec.type           a value is of the wrong kind
//	spec.value          a value is out of its range
//	spec.name           a name is not one, or is reserved
//	spec.path           a path leads out of the service's folder
//	spec.unserved       this version of grow does not serve it
//	spec.endpoint       an endpoint does not fit its target, its type or its path
//	spec.reply          a reply that nothing can give
//	spec.delivery       delivery: direct where it is not allowed
//	spec.route          a route does not fit what it joins
//	spec.schedule       a schedule is never due, or sends what does not fit
//	spec.cycle          workflows hold each other, or routes go in a circle
//	spec.unreachable    (warning) a node or route that no message gets to
//	spec.unrouted       (warning) messages that no route takes
//	spec.state          (warning) state that is kept in two places
//	spec.data           data that its type does not allow
//	spec.expression     an expression that no value can be held against
//	spec.grant          the parameters of a grant are wrong
//	spec.provides       an actor cannot provide an operation, or does not provide what is asked of it
//	spec.unused         (warning) a grant that nothing uses
//	spec.no-effect      (warning) a setting that nothing comes of
//	spec.config         a config does not fit
//	spec.key            a key is wrong
//	rule.type           a rule is wrong
//	rule.never          a rule compares with what its field can never be
//	rule.always         (warning) a rule compares where the type decides already
//	type.subset         a type is outside of the subset that can be checked
type Problem struct {
	Position
	Path    string // of the value in the file: http."POST /orders".timeout; "" is the whole file
	Code    string
	Message string // what is wrong, lower case
	Hint    string // what to do about it, often a question; may be ""
	Warning bool   // it may be meant; the service runs
}

// Error is the problem in one line: file:line:col: path: what is wrong; did you mean …
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, max(p.Col, 1))
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// Problems is every mistake that was found, in file order: grow.yaml, types,
// actors, workflows, each from its first line on.
type Problems []Problem

// Error is one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// ProblemsMax is how many problems are reported.
const ProblemsMax = 500

// report collects problems while a service is loaded.
type report struct {
	all   []Problem
	wrong int            // of all, those that are no warnings
	order map[string]int // file -> when it was read
}

func (r *report) file(name string) {
	if _, ok := r.order[name]; !ok {
		r.order[name] = len(r.order)
	}
}

// PartMax is how long the path, the message and the hint of a problem may be, in
// bytes: a file may have a key of a megabyte.
const PartMax = 1000

func (r *report) add(p Problem) {
	p.Path, p.Message, p.Hint = cut(p.Path), cut(p.Message), cut(p.Hint)
	if r.all = append(r.all, p); !p.Warning {
		r.wrong++
	}
}

func cut(s string) string {
	if len(s) <= PartMax {
		return s
	}
	return strings.ToValidUTF8(s[:PartMax-3], "") + "..."
}

// sorted returns mistakes and warnings in file order, without those that say
// something else about a value that an earlier one is about already.
func (r *report) sorted() (mistakes Problems, warnings []Problem) {
	type place struct {
		at   Position
		path string
	}
	seen := map[place]bool{}
	for _, p := range r.all {
		k := place{p.Position, p.Path}
		if seen[k] && p.Line > 0 {
			continue
		}
		seen[k] = true
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			mistakes = append(mistakes, p)
		}
	}
	byPlace := func(a, b Problem) int {
		return cmp.Or(cmp.Compare(r.rank(a.File), r.rank(b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	}
	slices.SortStableFunc(mistakes, byPlace)
	slices.SortStableFunc(warnings, byPlace)
	if more := len(mistakes) - ProblemsMax; more > 0 {
		mistakes = append(mistakes[:ProblemsMax], Problem{Code: "spec.limit", Message: fmt.Sprintf("and %d problems more", more)})
	}
	return mistakes, warnings[:min(len(warnings), ProblemsMax)]
}

func (r *report) rank(file string) int {
	if i, ok := r.order[file]; ok {
		return i
	}
	return len(r.order)
}
