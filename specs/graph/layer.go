package graph

// VerticesMax is how many boxes, labels and crossings of layers a drawing may
// have; a larger sheet is listed.
const VerticesMax = 4000

// vertex is a box, a label, or the point where a route crosses a layer.
type vertex struct {
	node  *Node    // box
	lines []string // of text in a box or label
	pass  bool     // label or point: it has one link above and one below
	layer int
	order int // in the layer
	x     int // column of its line: the middle of a box
	// left and right are the columns it takes beside x, height its rows.
	left, right, height int
	up, down            []*link
	rank                float64 // of the last sweep
	nudged              bool    // moved by a column, so that lines can pass
}

// link joins vertices of layers that follow each other. back: the route goes
// upwards, from to to from.
type link struct {
	from, to *vertex
	back     bool
}

// route is all edges from one box to another.
type route struct {
	from, to *vertex
	lines    []string
	back     bool
}

// layout is a drawing in the making. Boxes are in layers of even number, labels
// in those between.
type layout struct {
	boxes  []*vertex
	routes []*route
	layers [][]*vertex
	nets   [][]*net // below each layer
}

// arrange makes the layers of boxes and routes; false: there is too much.
func (l *layout) arrange() bool {
	l.acyclic()
	l.longestPath()
	if !l.chain() {
		return false
	}
	l.sortLayers()
	return true
}

// acyclic turns round the routes that close a circle, as a walk in the order of
// the boxes finds them.
func (l *layout) acyclic() {
	out := map[*vertex][]*route{}
	for _, r := range l.routes {
		out[r.from] = append(out[r.from], r)
	}
	const busy, done = 1, 2
	state := map[*vertex]int{}
	var visit func(v *vertex)
	visit = func(v *vertex) {
		state[v] = busy
		for _, r := range out[v] {
			switch state[r.to] {
			case 0:
				visit(r.to)
			case busy:
				r.back = true
			}
		}
		state[v] = done
	}
	for _, v := range l.boxes {
		if state[v] == 0 {
			visit(v)
		}
	}
	for _, r := range l.routes {
		if r.back {
			r.from, r.to = r.to, r.from
		}
	}
}

// longestPath gives each box the layer below all that go to it, and what
// nothing goes to the layer above the first it goes to.
func (l *layout) longestPath() {
	in, out := map[*vertex]int{}, map[*vertex][]*route{}
	for _, r := range l.routes {
		in[r.to]++
		out[r.from] = append(out[r.from], r)
	}
	var ready, first []*vertex
	for _, v := range l.boxes {
		if in[v] == 0 {
			ready, first = append(ready, v), append(first, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, r := range out[v] {
			r.to.layer = max(r.to.layer, v.layer+2)
			if in[r.to]--; in[r.to] == 0 {
				ready = append(ready, r.to)
			}
		}
	}
	for _, v := range first {
		for i, r := range out[v] {
			if i == 0 || r.to.layer-2 < v.layer {
				v.layer = r.to.layer - 2
			}
		}
	}
}

// chain fills the layers, and makes of each route links from layer to layer.
func (l *layout) chain() bool {
	deepest, count := 0, len(l.boxes)
	for _, v := range l.boxes {
		deepest = max(deepest, v.layer)
	}
	for _, r := range l.routes {
		count += r.to.layer - r.from.layer - 1
	}
	if count > VerticesMax {
		return false
	}
	l.layers = make([][]*vertex, deepest+1)
	add := func(v *vertex) {
		v.order = len(l.layers[v.layer])
		l.layers[v.layer] = append(l.layers[v.layer], v)
	}
	for _, v := range l.boxes {
		add(v)
	}
	for _, r := range l.routes {
		named := r.from.layer + 1 // the label stands near where the route begins
		if r.back {
			named = r.to.layer - 1
		}
		at := r.from
		for layer := r.from.layer + 1; layer < r.to.layer; layer++ {
			v := &vertex{pass: true, layer: layer}
			if layer == named && len(r.lines) > 0 {
				v.lines, v.height, v.right = r.lines, len(r.lines), 1+widest(r.lines)
			}
			add(v)
			join(at, v, r.back)
			at = v
		}
		join(at, r.to, r.back)
	}
	return true
}

func join(from, to *vertex, back bool) {
	k := &link{from, to, back}
	from.down, to.up = append(from.down, k), append(to.up, k)
}
