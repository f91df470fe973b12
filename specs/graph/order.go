package graph

import (
	"math"
	"slices"
)

// sweeps is how often the layers are ordered, down and up.
const sweeps = 12

// sortLayers orders each layer by the barycentres of its neighbours, and keeps
// the order with the fewest crossings.
func (l *layout) sortLayers() {
	least, best := l.crossings(), cloned(l.layers)
	for range sweeps {
		for _, layer := range l.layers {
			sortLayer(layer, func(v *vertex) []*link { return v.up })
		}
		for _, layer := range slices.Backward(l.layers) {
			sortLayer(layer, func(v *vertex) []*link { return v.down })
		}
		if n := l.crossings(); n < least {
			least, best = n, cloned(l.layers)
		}
	}
	l.layers = best
	for _, layer := range l.layers {
		number(layer)
	}
}

func cloned(layers [][]*vertex) [][]*vertex {
	out := make([][]*vertex, len(layers))
	for i, layer := range layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

func number(layer []*vertex) {
	for i, v := range layer {
		v.order = i
	}
}

// other is the end of a link that is not v.
func (k *link) other(v *vertex) *vertex {
	if k.from == v {
		return k.to
	}
	return k.from
}

func sortLayer(layer []*vertex, links func(*vertex) []*link) {
	for i, v := range layer {
		v.rank = float64(i)
		if ks := links(v); len(ks) > 0 {
			v.rank = 0
			for _, k := range ks {
				v.rank += float64(k.other(v).order) / float64(len(ks))
			}
		}
	}
	slices.SortStableFunc(layer, func(a, b *vertex) int {
		switch {
		case a.rank < b.rank:
			return -1
		case a.rank > b.rank:
			return 1
		}
		return 0
	})
	number(layer)
}

// crossings counts how often links cross, in the order that the layers have.
func (l *layout) crossings() int {
	total := 0
	for i, layer := range l.layers {
		if i+1 == len(l.layers) {
			break
		}
		var ends []int // of the links in order of their beginnings
		for _, v := range layer {
			from := len(ends)
			for _, k := range v.down {
				ends = append(ends, k.to.order)
			}
			slices.Sort(ends[from:])
		}
		total += inversions(ends, len(l.layers[i+1]))
	}
	return total
}

// inversions counts the pairs that stand the wrong way round, by a Fenwick tree
// over the values, which are below n.
func inversions(values []int, n int) int {
	tree, total := make([]int, n+1), 0
	for i, v := range values {
		below := 0
		for k := v + 1; k > 0; k -= k & -k {
			below += tree[k]
		}
		total += i - below
		for k := v + 1; k <= n; k += k & -k {
			tree[k]++
		}
	}
	return total
}

// place gives each vertex its column: near its neighbours, in the order of its
// layer, with gap free columns between.
func (l *layout) place(gap int) {
	for _, layer := range l.layers {
		x := 0
		for _, v := range layer {
			v.x = x + v.left
			x = v.x + v.right + 1 + gap
		}
	}
	up := func(v *vertex) []*link { return v.up }
	down := func(v *vertex) []*link { return v.down }
	both := func(v *vertex) []*link { return append(slices.Clone(v.up), v.down...) }
	for range sweeps {
		for _, layer := range l.layers[1:] {
			fit(layer, up, gap)
		}
		for _, layer := range slices.Backward(l.layers[:len(l.layers)-1]) {
			fit(layer, down, gap)
		}
	}
	for range 2 {
		for _, layer := range l.layers {
			fit(layer, both, gap)
		}
	}
	from, to := l.span()
	for _, layer := range l.layers {
		straighten(layer, gap, from, to)
	}
	from, _ = l.span()
	for _, layer := range l.layers {
		for _, v := range layer {
			v.x -= from
		}
	}
}

// span is the first and the last column that is taken.
func (l *layout) span() (from, to int) {
	from, to = math.MaxInt, math.MinInt
	for _, layer := range l.layers {
		for _, v := range layer {
			from, to = min(from, v.x-v.left), max(to, v.x+v.right)
		}
	}
	return from, to
}

// straighten moves what a route passes below or above what it is linked with,
// where nothing is in the way: lines have fewer bends. The drawing grows no wider
// than from one column to the other.
func straighten(layer []*vertex, gap, from, to int) {
	for i, v := range layer {
		if !v.pass {
			continue
		}
		for _, k := range []*link{v.up[0], v.down[0]} {
			x := k.port(k.other(v))
			left := i == 0 && x-v.left >= from || i > 0 && layer[i-1].x+layer[i-1].right+gap < x-v.left
			right := i+1 == len(layer) && x+v.right <= to || i+1 < len(layer) && x+v.right+gap < layer[i+1].x-layer[i+1].left
			if left && right {
				v.x = x
				break
			}
		}
	}
}

// straight is the weight of a link between points that are no boxes: a long
// line without a bend is worth more than a box in the middle.
const straight = 8

// block is a run of vertices that stand as close as they may.
type block struct{ sum, weight float64 }

// fit moves the vertices of a layer to where the sum of squared distances from
// their neighbours is least, by pooling adjacent violators (Ayer et al., 1955).
func fit(layer []*vertex, links func(*vertex) []*link, gap int) {
	var blocks []block
	var count []int
	offsets := make([]int, len(layer))
	for i, v := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + layer[i-1].right + 1 + gap + v.left
		}
		want, weight := wanted(v, links(v))
		blocks = append(blocks, block{sum: (want - float64(offsets[i])) * weight, weight: weight})
		count = append(count, 1)
		for n := len(blocks); n > 1 && blocks[n-2].sum/blocks[n-2].weight > blocks[n-1].sum/blocks[n-1].weight; n-- {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].weight += blocks[n-1].weight
			count[n-2] += count[n-1]
			blocks, count = blocks[:n-1], count[:n-1]
		}
	}
	i := 0
	for k, b := range blocks {
		at := int(math.Round(b.sum / b.weight))
		for range count[k] {
			layer[i].x = at + offsets[i]
			i++
		}
	}
}

// wanted is where a vertex would best be, and how much that matters.
func wanted(v *vertex, links []*link) (x, weight float64) {
	for _, k := range links {
		o := k.other(v)
		w := 1.0
		if v.pass && o.pass {
			w = straight
		}
		x += w * float64(k.port(o)-k.port(v)+v.x)
		weight += w
	}
	if weight == 0 {
		return float64(v.x), 1e-3
	}
	return x / weight, weight
}

// port is the column at which a link meets one of its ends. Where routes go
// both ways, those that go up keep to the right.
func (k *link) port(v *vertex) int {
	links := v.down
	if v == k.to {
		links = v.up
	}
	for _, o := range links {
		if o.back != k.back && !v.pass {
			if k.back {
				return v.x + 2
			}
			return v.x - 2
		}
	}
	return v.x
}
