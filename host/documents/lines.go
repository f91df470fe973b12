package documents

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Limits of merging a file line by line.
const (
	linesMax = 200_000 // of a file; longer ones are merged whole
	depthMax = 200     // of looking for lines within what lies between others
)

// IsText reports whether b can be merged line by line: UTF-8 without NUL.
func IsText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) }

// Names of the sides of a merge, as the marks in a merged file say them.
type Names struct{ Ours, Theirs string }

// The marks around what both sides have changed, as git writes them.
const (
	markOurs   = "<<<<<<<"
	markMiddle = "======="
	markTheirs = ">>>>>>>"
)

// Marked reports whether a text has marks of a merge left: lines that begin as the
// first and the last of them do.
func Marked(b []byte) bool {
	begun := false
	for line := range bytes.Lines(b) {
		begun = begun || bytes.HasPrefix(line, []byte(markOurs+" "))
		if begun && bytes.HasPrefix(line, []byte(markTheirs+" ")) {
			return true
		}
	}
	return false
}

// MergeLines joins what two sides have made of a text, line by line (diff3; Khanna,
// Kunal and Pierce, "A Formal Investigation of Diff3", 2007). Where both have changed
// the same place, each otherwise, both stand in the result between marks, and clean is
// false.
func MergeLines(base, ours, theirs []byte, names Names) (merged []byte, clean bool) {
	m := merger{base: split(base), ours: split(ours), theirs: split(theirs), names: names, clean: true}
	if max(len(m.base), len(m.ours), len(m.theirs)) > linesMax {
		m.settle(m.base, m.ours, m.theirs)
		return m.out.Bytes(), m.clean
	}
	m.merge()
	return m.out.Bytes(), m.clean
}

func split(b []byte) []string {
	var list []string
	for line := range bytes.Lines(b) {
		list = append(list, string(line))
	}
	return list
}

type merger struct {
	base, ours, theirs []string
	names              Names
	out                bytes.Buffer
	clean              bool
}

// merge walks over the lines of base that both sides have kept, and settles what lies
// between them.
func (m *merger) merge() {
	inOurs, inTheirs := matches(m.base, m.ours), matches(m.base, m.theirs)
	o, a, b := 0, 0, 0 // where each has come to
	for i := range m.base {
		if inOurs[i] < 0 || inTheirs[i] < 0 {
			continue
		}
		m.settle(m.base[o:i], m.ours[a:inOurs[i]], m.theirs[b:inTheirs[i]])
		m.out.WriteString(m.base[i])
		o, a, b = i+1, inOurs[i]+1, inTheirs[i]+1
	}
	m.settle(m.base[o:], m.ours[a:], m.theirs[b:])
}

// settle writes what becomes of a stretch that not both have kept.
func (m *merger) settle(base, ours, theirs []string) {
	switch {
	case slices.Equal(ours, theirs), slices.Equal(theirs, base):
		m.write(ours)
	case slices.Equal(ours, base):
		m.write(theirs)
	default:
		m.clean = false
		before, after := shared(ours, theirs)
		m.write(ours[:before])
		m.mark(markOurs, m.names.Ours)
		m.write(ours[before : len(ours)-after])
		m.mark(markMiddle, "")
		m.write(theirs[before : len(theirs)-after])
		m.mark(markTheirs, m.names.Theirs)
		m.write(ours[len(ours)-after:])
	}
}

// shared counts the lines that two lists begin and end with alike.
func shared(a, b []string) (before, after int) {
	for before < min(len(a), len(b)) && a[before] == b[before] {
		before++
	}
	for after < min(len(a), len(b))-before && a[len(a)-1-after] == b[len(b)-1-after] {
		after++
	}
	return before, after
}

func (m *merger) write(lines []string) {
	for _, line := range lines {
		m.out.WriteString(line)
	}
}

// mark writes a mark on a line of its own.
func (m *merger) mark(mark, name string) {
	if b := m.out.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
		m.out.WriteByte('\n')
	}
	m.out.WriteString(mark)
	if name != "" {
		m.out.WriteString(" " + name)
	}
	m.out.WriteByte('\n')
}

// matches says for each line of a which line of b it is, -1 for none. Both are in their
// order.
func matches(a, b []string) []int {
	list := make([]int, len(a))
	for i := range list {
		list[i] = -1
	}
	match(a, b, 0, 0, depthMax, list)
	return list
}

// match finds the lines that two stretches, which begin at a0 and b0, have in common:
// those at their ends, then those that each has once, in the longest order that both
// agree on, and so on between them (patience diff; Bram Cohen).
func match(a, b []string, a0, b0, depth int, list []int) {
	before, after := shared(a, b)
	for i := range before {
		list[a0+i] = b0 + i
	}
	for i := range after {
		list[a0+len(a)-1-i] = b0 + len(b) - 1 - i
	}
	a, b, a0, b0 = a[before:len(a)-after], b[before:len(b)-after], a0+before, b0+before
	if len(a) == 0 || len(b) == 0 || depth == 0 {
		return
	}
	i, j := 0, 0
	pairs := longest(once(a, b))
	for _, p := range pairs {
		list[a0+p[0]] = b0 + p[1]
		match(a[i:p[0]], b[j:p[1]], a0+i, b0+j, depth-1, list)
		i, j = p[0]+1, p[1]+1
	}
	if len(pairs) > 0 {
		match(a[i:], b[j:], a0+i, b0+j, depth-1, list)
	}
}

// once are the places of the lines that a and b have once each, in a's order.
func once(a, b []string) [][2]int {
	type place struct{ inA, inB, at int }
	all := map[string]*place{}
	for _, line := range a {
		if all[line] == nil {
			all[line] = &place{}
		}
		all[line].inA++
	}
	for j, line := range b {
		if p := all[line]; p != nil {
			p.inB, p.at = p.inB+1, j
		}
	}
	var pairs [][2]int
	for i, line := range a {
		if p := all[line]; p.inA == 1 && p.inB == 1 {
			pairs = append(pairs, [2]int{i, p.at})
		}
	}
	return pairs
}

// longest is the longest part of pairs whose second places rise, as their first do
// (patience sorting; Fredman 1975).
func longest(pairs [][2]int) [][2]int {
	var tops []int // of each pile, an index of pairs
	under := make([]int, len(pairs))
	for i, p := range pairs {
		pile, _ := slices.BinarySearchFunc(tops, p[1], func(top, at int) int { return pairs[top][1] - at })
		under[i] = -1
		if pile > 0 {
			under[i] = tops[pile-1]
		}
		if pile == len(tops) {
			tops = append(tops, i)
		} else {
			tops[pile] = i
		}
	}
	if len(tops) == 0 {
		return nil
	}
	var list [][2]int
	for i := tops[len(tops)-1]; i >= 0; i = under[i] {
		list = append(list, pairs[i])
	}
	slices.Reverse(list)
	return list
}
