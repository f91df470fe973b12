package amend

import (
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// alignMax bounds the messages that are aligned by their types, since that
// takes the product of both numbers.
const alignMax = 1000

// wanted is a message that is expected.
type wanted struct {
	typ   string
	data  *schema.Node
	attrs *schema.Node // nil: none
}

// wantedIn are the messages of a list.
func wantedIn(list *schema.Node) []wanted {
	all := make([]wanted, len(list.Items))
	for i, item := range list.Items {
		for _, f := range item.Fields {
			if f.Key == own {
				all[i].attrs = f.Value
			} else {
				all[i].typ, all[i].data = f.Key, f.Value
			}
		}
	}
	return all
}

// own is the key of attributes beside a message.
const own = "_"

// align finds for each message that is expected the one that came, by number,
// -1 for none: as many as can be of the same type, in order (the longest common
// subsequence of types).
func align(want []wanted, got []actortest.Message) []int {
	pairs := make([]int, len(want))
	if len(want) > alignMax || len(got) > alignMax {
		for i := range pairs {
			if pairs[i] = -1; i < len(got) && got[i].Type == want[i].typ {
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
			if want[i].typ == got[k].Type {
				best[i][k] = max(best[i][k], best[i+1][k+1]+1)
			}
		}
	}
	k := 0
	for i := range want {
		pairs[i] = -1
		for k < len(got) && best[i][k] > best[i+1][k] {
			if want[i].typ == got[k].Type && best[i][k] == best[i+1][k+1]+1 {
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
func (a *author) nearest(want []wanted, got []actortest.Message) []int {
	pairs := make([]int, len(want))
	distances := make([]func(actortest.Message) int, len(want))
	for i, w := range want {
		pairs[i], distances[i] = -1, a.distance(w)
	}
	taken := map[int]bool{}
	for _, exact := range []bool{true, false} { // what fits is not taken by what does not
		for i, w := range want {
			if pairs[i] >= 0 {
				continue
			}
			best, least := -1, 0
			for k, m := range got {
				if taken[k] || m.Type != w.typ {
					continue
				}
				if n := distances[i](m); best < 0 || n < least {
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
func (a *author) distance(w wanted) func(actortest.Message) int {
	if w.data == nil {
		return func(actortest.Message) int { return 0 }
	}
	value := reads(w.data)
	attrs := map[string]*expect.Value{}
	if w.attrs != nil {
		for _, f := range w.attrs.Fields {
			attrs[f.Key] = reads(f.Value)
		}
	}
	return func(m actortest.Message) int {
		n := len(attrs)
		for i := 0; i+1 < len(m.Attrs); i += 2 {
			if v := attrs[m.Attrs[i]]; v != nil && len(v.MatchText(m.Attrs[i+1])) == 0 {
				n--
			}
		}
		if a.raw(m.Type) {
			return n + len(value.MatchText(string(m.Data)))
		}
		return n + len(value.Match(m.Data))
	}
}
