package amend

import (
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
)

// alignMax bounds the messages that are aligned by their types, since that
// takes the product of both numbers.
const alignMax = 1000

// align finds for each message that is expected the one that came, by number,
// -1 for none: as many as can be of the same type, in order (the longest common
// subsequence of types).
func align(want []specs.Wanted, got []actortest.Message) []int {
	pairs := make([]int, len(want))
	if len(want) > alignMax || len(got) > alignMax {
		for i := range pairs {
			if pairs[i] = -1; i < len(got) && got[i].Type == want[i].Type {
				pairs[i] = i
			}
		}
		return pairs
	}
	best := make([][]int, len(want)+1) // length of the longest from here on
	for i := range best {
		best[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for k := len(got) - 1; k >= 0; k-- {
			best[i][k] = max(best[i+1][k], best[i][k+1])
			if want[i].Type == got[k].Type {
				best[i][k] = max(best[i][k], best[i+1][k+1]+1)
			}
		}
	}
	k := 0
	for i := range want {
		pairs[i] = -1
		for k < len(got) && best[i][k] > best[i+1][k] {
			if want[i].Type == got[k].Type && best[i][k] == best[i+1][k+1]+1 {
				pairs[i] = k
				k++
				break
			}
			k++
		}
	}
	return pairs
}

// nearest finds for each message that is expected, in any order, the one of its
// type that differs least.
func (a *author) nearest(got []actortest.Message) []int {
	want := a.result.Test.Then
	pairs := make([]int, len(want))
	for i := range pairs {
		pairs[i] = -1
	}
	taken := map[int]bool{}
	for _, exact := range []bool{true, false} { // what fits is not taken by what does not
		for i, w := range want {
			if pairs[i] >= 0 {
				continue
			}
			best, least := -1, 0
			for k, m := range got {
				if taken[k] || m.Type != w.Type {
					continue
				}
				if n := a.distance(w, m); best < 0 || n < least {
					best, least = k, n
				}
			}
			if best >= 0 && (!exact || least == 0) {
				pairs[i], taken[best] = best, true
			}
		}
	}
	return pairs
}

// distance counts what differs between a message that is expected and one that came.
func (a *author) distance(w specs.Wanted, m actortest.Message) int {
	n := 0
	if a.raw(m.Type) {
		n = len(w.Data.MatchText(string(m.Data)))
	} else {
		n = len(w.Data.Match(m.Data))
	}
	for _, attr := range w.Attrs {
		found := false
		for i := 0; i+1 < len(m.Attrs); i += 2 {
			found = found || m.Attrs[i] == attr.Name && len(attr.Value.MatchText(m.Attrs[i+1])) == 0
		}
		if !found {
			n++
		}
	}
	return n
}
