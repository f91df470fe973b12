package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// result is what came of a module of tests.
type result struct {
	Module  string            `json:"module"`
	Run     int               `json:"run"` // tests, those left out among them
	Skipped map[string]string `json:"skipped"`
	Failed  map[string]string `json:"failed"`
	Seconds float64           `json:"seconds"`
}

// add takes the tests that took their instance with them.
func (r *result) add(broken map[string]string, took time.Duration) {
	if r.Failed == nil {
		r.Failed = map[string]string{}
	}
	maps.Copy(r.Failed, broken)
	r.Run += len(broken)
	r.Seconds = took.Seconds()
}

func (r *result) String() string {
	return fmt.Sprintf("%-26s %5d run %4d skipped %4d failed %7.1f s", r.Module, r.Run, len(r.Skipped), len(r.Failed), r.Seconds)
}

// counts are how many tests passed, were skipped and failed.
func counts(results []*result) (passed, skipped, failed int) {
	for _, r := range results {
		skipped += len(r.Skipped)
		failed += len(r.Failed)
		passed += max(0, r.Run-len(r.Skipped)-len(r.Failed))
	}
	return passed, skipped, failed
}

func summary(results []*result) string {
	passed, skipped, failed := counts(results)
	return fmt.Sprintf("%d modules: %d tests passed, %d failed, %d skipped by themselves", len(results), passed, failed, skipped)
}

// kind is a reason for which tests fail or skip themselves.
type kind struct {
	name    string
	why     string // for a person
	pattern *regexp.Regexp
}

//go:embed kinds
var kindsText string

// kinds are read from the file of that name: the first whose pattern is in a reason
// is its kind.
var kinds = readKinds(kindsText)

func readKinds(text string) []kind {
	var all []kind
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.SplitN(block, "\n", 3)
		if len(lines) == 3 {
			all = append(all, kind{lines[0], strings.ReplaceAll(lines[2], "\n", " "), regexp.MustCompile(lines[1])})
		}
	}
	return all
}

// kindOf returns the place of a reason's kind, or how many kinds there are.
func kindOf(test, reason string) int {
	for i, k := range kinds {
		if k.pattern.MatchString(test + ": " + reason) {
			return i
		}
	}
	return len(kinds)
}

// failure is a line of the page.
type failure struct{ test, reason string }

// listed are the lines of tests in the page.
var listed = regexp.MustCompile("(?m)^- `([^`]+)`")

// unlisted returns the tests that failed and that the page does not list.
func unlisted(results []*result, page string) []string {
	known := map[string]bool{}
	for _, m := range listed.FindAllStringSubmatch(page, -1) {
		known[m[1]] = true
	}
	var lines []string
	for _, r := range results {
		for _, test := range slices.Sorted(maps.Keys(r.Failed)) {
			if !known[test] {
				lines = append(lines, test+": "+line(r.Failed[test]))
			}
		}
	}
	return lines
}

// line is what of a reason fits into a line of the page: where there is a traceback,
// its end.
func line(reason string) string {
	text := strings.TrimSpace(reason)
	if lines := strings.Split(text, "\n"); strings.Contains(text, "Traceback (most recent call last)") {
		text = lines[len(lines)-1]
	} else {
		text = lines[0]
	}
	text = strings.NewReplacer("`", "'", "|", "/", "<", "‹", ">", "›").Replace(text)
	if r := []rune(text); len(r) > 160 {
		text = string(r[:160]) + "…"
	}
	return text
}

// document writes the page.
func document(results []*result) string {
	var b strings.Builder
	passed, skipped, failed := counts(results)
	fmt.Fprintf(&b, head, len(results), passed, skipped, failed)
	failures := make([][]failure, len(kinds)+1)
	left := make([]int, len(kinds)+1)
	for _, r := range results {
		for test, reason := range r.Failed {
			k := kindOf(test, reason)
			failures[k] = append(failures[k], failure{test, reason})
		}
		for test, reason := range r.Skipped {
			left[kindOf(test, reason)]++
		}
	}
	b.WriteString("| kind | failed | skipped | why |\n|---|---|---|---|\n")
	for i, k := range append(slices.Clone(kinds), kind{name: "other", why: "each says it itself"}) {
		if len(failures[i])+left[i] > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", k.name, len(failures[i]), left[i], k.why)
		}
	}
	b.WriteString("\n## By module\n\n| module | run | skipped | failed |\n|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", strings.TrimPrefix(r.Module, "test_"), r.Run, len(r.Skipped), len(r.Failed))
	}
	b.WriteString("\n## What fails\n")
	for i, list := range failures {
		if len(list) == 0 {
			continue
		}
		name := "other"
		if i < len(kinds) {
			name = kinds[i].name
		}
		fmt.Fprintf(&b, "\n### %s\n\n", name)
		slices.SortFunc(list, func(x, y failure) int { return cmp.Compare(x.test, y.test) })
		for _, f := range list {
			fmt.Fprintf(&b, "- `%s`: %s\n", f.test, line(f.reason))
		}
	}
	return b.String()
}

//go:embed head.md
var head string
