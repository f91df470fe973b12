package graph

import "slices"

// net is the lines between two layers that share one end: all from one box, or
// all to one. They share one horizontal track.
type net struct {
	id          int
	top, bottom []int // columns at which it goes up and down
	lo, hi      int
	links       []*link
	track       int // -1: it is one straight line
}

// tracks lays the lines below each layer into tracks. It returns false when two
// lines would have to lie on each other.
func (l *layout) tracks() bool {
	l.nets = make([][]*net, len(l.layers))
	for i := range l.layers {
		ok := false
		for range len(l.layers[i]) + 8 {
			l.nets[i] = l.netsBelow(i)
			stuck := assign(l.nets[i])
			if ok = stuck == nil; ok || !stuck.nudge() {
				break
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// netsBelow collects the links below a layer.
func (l *layout) netsBelow(i int) []*net {
	type key struct {
		v    *vertex
		back bool
	}
	have := map[key]*net{}
	var nets []*net
	for _, v := range l.layers[i] {
		for _, k := range v.down {
			at := key{k.from, k.back}
			if i%2 == 1 {
				at.v = k.to
			}
			n := have[at]
			if n == nil {
				n = &net{id: len(nets) + 1, track: -1, lo: k.port(k.from), hi: k.port(k.from)}
				have[at] = n
				nets = append(nets, n)
			}
			n.links = append(n.links, k)
			n.top, n.bottom = append(n.top, k.port(k.from)), append(n.bottom, k.port(k.to))
			n.lo, n.hi = min(n.lo, k.port(k.from), k.port(k.to)), max(n.hi, k.port(k.from), k.port(k.to))
		}
	}
	return nets
}

// nudge moves a label of the net by a column, into the gap that is beside it.
func (n *net) nudge() bool {
	for _, k := range n.links {
		for _, v := range []*vertex{k.from, k.to} {
			if v.pass && !v.nudged {
				v.nudged = true
				v.x++
				return true
			}
		}
	}
	return false
}

// assign gives each net the first track in which it meets no other, below those
// that come down in a column where it goes on downwards. It returns a net that
// cannot be laid, or nil.
func assign(nets []*net) *net {
	var bent []*net
	for _, n := range nets {
		if n.lo != n.hi {
			bent = append(bent, n)
		}
	}
	for left := bent; len(left) > 0; {
		at := slices.IndexFunc(left, func(n *net) bool {
			return !slices.ContainsFunc(left, func(m *net) bool { return m != n && m.above(n) })
		})
		if at < 0 {
			return left[0]
		}
		n := left[at]
		left = slices.Delete(slices.Clone(left), at, at+1)
		for _, m := range bent {
			if m.track >= 0 && m.above(n) {
				n.track = max(n.track, m.track+1)
			}
		}
		for n.track = max(n.track, 0); slices.ContainsFunc(bent, func(m *net) bool {
			return m != n && m.track == n.track && m.lo <= n.hi && n.lo <= m.hi
		}); n.track++ {
		}
	}
	return nil
}

// above reports whether a net must lie above another: it comes down to its
// track in a column where the other leaves its own.
func (n *net) above(o *net) bool {
	return slices.ContainsFunc(n.top, func(x int) bool { return slices.Contains(o.bottom, x) })
}
