package main

import (
	"slices"
	"strings"
)

// What speaks for a kind, in points.
const (
	labelWorth    = 100
	headWorth     = 50
	inTitleWorth  = 5
	inBodyWorth   = 2
	traceWorth    = 3
	questionWorth = 5
	kindPointsMin = 4
)

var (
	kindLabelEntries = newEntries(kindLabels)
	kindWordEntries  = newEntries(kindWords)
)

// kindOf is requirements 13 to 17.
func kindOf(t *text, labels []string, pullRequest bool) Kind {
	points := map[Kind]int{}
	for _, label := range labels {
		for kind := range occurring(kindLabelEntries, wordsOf(label), func(e int) Kind { return kindLabelEntries.of[e] }) {
			points[kind] += labelWorth
		}
	}
	head := strings.Join(wordsOf(headOf(t.title)), " ")
	for _, line := range kindHeads {
		if slices.Contains(strings.Split(line.entries, ", "), head) {
			points[line.of] += headWorth
		}
	}
	for entry := range occurring(kindWordEntries, t.titleWords, itself) {
		points[kindWordEntries.of[entry]] += inTitleWorth
	}
	for entry := range occurring(kindWordEntries, t.bodyWords, itself) {
		points[kindWordEntries.of[entry]] += inBodyWorth
	}
	for _, trace := range bugTraces {
		if strings.Contains(t.raw, trace) {
			points[KindBug] += traceWorth
		}
	}
	if title := strings.TrimRight(t.title, " "); strings.HasSuffix(title, "?") || strings.HasSuffix(title, "\uff1f") {
		points[KindQuestion] += questionWorth
	}
	if pullRequest {
		delete(points, KindQuestion)
	}
	return most(points)
}

func itself(entry int) int { return entry }

// occurring returns the entries that occur in words, each once, as what of
// makes of them.
func occurring[T any, K comparable](e *entries[T], words []string, of func(int) K) map[K]bool {
	set := map[K]bool{}
	for _, p := range e.find(words) {
		set[of(p.entry)] = true
	}
	return set
}

// headOf is requirement 14.
func headOf(title string) string {
	end := ":"
	rest, bracket := strings.CutPrefix(title, "[")
	if bracket {
		end = "]"
	}
	head, _, found := strings.Cut(rest, end)
	if !found {
		return ""
	}
	head, _, _ = strings.Cut(head, "(")
	return head
}

// most returns the kind with most points; the lines of kindWords are in the
// order in which equals go.
func most(points map[Kind]int) Kind {
	best := KindOther
	for _, line := range kindWords {
		if n := points[line.of]; n >= kindPointsMin && n > points[best] {
			best = line.of
		}
	}
	return best
}
