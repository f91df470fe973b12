package main

import (
	"slices"
	"strings"
)

// negationReach is how many words before an entry a negation may stand.
const negationReach = 3

// What speaks for an urgency, in points.
const (
	exclamationWorth = 2
	capitalsWorth    = 2
	securityWorth    = 3
	capitalsMin      = 10 // letters of a title
)

// Bounds of the urgencies, in points.
const (
	criticalMin = 6
	highMin     = 3
	lowMax      = -2
)

var (
	urgencyLabelEntries = newEntries(urgencyLabels)
	urgencyWordEntries  = newEntries(urgencyWords)
	negating            = strings.Split(negations, ", ")
)

// urgencyOf is requirements 18 to 21.
func urgencyOf(t *text, labels []string, kind Kind) Urgency {
	if urgency, ok := labelled(labels); ok {
		return urgency
	}
	points := spoken(t)
	if strings.Contains(t.title, "!!!") || strings.Contains(t.body, "!!!") {
		points += exclamationWorth
	}
	if shouted(t.title) {
		points += capitalsWorth
	}
	if kind == KindSecurity {
		points += securityWorth
	}
	switch {
	case points >= criticalMin:
		return UrgencyCritical
	case points >= highMin:
		return UrgencyHigh
	case points <= lowMax:
		return UrgencyLow
	}
	return UrgencyNormal
}

// labelled returns the most urgent of what labels say.
func labelled(labels []string) (Urgency, bool) {
	said := map[Urgency]bool{}
	for _, label := range labels {
		for _, p := range urgencyLabelEntries.find(wordsOf(label)) {
			said[urgencyLabelEntries.of[p.entry]] = true
		}
	}
	for _, line := range urgencyLabels { // the most urgent first
		if said[line.of] {
			return line.of, true
		}
	}
	return "", false
}

// spoken returns the points of the words of urgency.
func spoken(t *text) (points int) {
	said := map[int]bool{} // entries that occur: without a negation?
	for _, words := range [][]string{t.titleWords, t.bodyWords} {
		for _, p := range urgencyWordEntries.find(words) {
			before := words[max(0, p.at-negationReach):p.at]
			negated := slices.ContainsFunc(before, func(word string) bool { return slices.Contains(negating, word) })
			said[p.entry] = said[p.entry] || !negated
		}
	}
	for entry, plainly := range said {
		if worth := urgencyWordEntries.of[entry]; plainly {
			points += worth
		} else {
			points -= max(worth, 0)
		}
	}
	return points
}

// shouted reports whether a title has capitals only.
func shouted(title string) bool {
	capitals := 0
	for _, c := range title {
		switch {
		case isCapital(c):
			capitals++
		case c != 0xf7 && within(c, 'a', 'z', 0xe0, 0xfe, 0x430, 0x45f):
			return false
		}
	}
	return capitals >= capitalsMin
}
