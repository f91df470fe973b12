package meter

import "github.com/grow-platform/grow/runtime/wasm"

const (
	uncheckedMax = 256      // units that a function may cost that does not look at the counter
	denseMax     = 64 << 10 // units that others may cost between two looks
	restShift    = 2        // log2 of the units that may be left to run for each byte of stack
	nearMax      = 1 << 10  // bytes of stack that calls take which do not count it, on cycles
	farMax       = 64 << 10 // and elsewhere
)

// node is a function, or all functions of a type that are called through tables.
// Edges are calls.
type node struct {
	order, low int32 // of Tarjan's algorithm; 0: not visited
	open       bool  // on its path
	listed     bool  // on its stack
	cyclic     bool  // on a cycle
	checked    bool  // looks at the counter where it begins
	counted    bool  // counts the stack
	cost       int   // units run between two looks
	needs      int   // bytes of stack it takes with all that it calls without counting
}

// graph are the calls of a module. The nodes are functions, then types.
type graph struct {
	w      *writer
	nodes  []node
	byType [][]int32 // functions that calls through tables can reach, by type
	class  []int32   // of each type, the first that is equal to it
	stack  []int32   // of Tarjan's algorithm
	clock  int32
}

// step is how far a walk has come with the edges of a node.
type step struct{ node, edge int32 }

func (w *writer) graph() *graph {
	m := w.m
	g := &graph{w: w, nodes: make([]node, len(m.Funcs)+len(m.Types)), byType: make([][]int32, len(m.Types)), class: classes(m)}
	for f, referred := range w.referred {
		if referred {
			c := g.class[m.Funcs[f].Type]
			g.byType[c] = append(g.byType[c], int32(f))
		}
	}
	return g
}

// classes gives types that are equal the same number.
func classes(m *wasm.Module) []int32 {
	first := make(map[string]int32, len(m.Types))
	all := make([]int32, len(m.Types))
	key := []byte(nil)
	for i, t := range m.Types {
		key = key[:0]
		for _, v := range t.Params {
			key = append(key, byte(v))
		}
		key = append(key, ':')
		for _, v := range t.Results {
			key = append(key, byte(v))
		}
		n, known := first[string(key)]
		if !known {
			n = int32(i)
			first[string(key)] = n
		}
		all[i] = n
	}
	return all
}

// edge is the nth callee of a node; -1: there are no more.
func (g *graph) edge(n, i int32) int32 {
	m := g.w.m
	if int(n) >= len(m.Funcs) {
		if to := g.byType[int(n)-len(m.Funcs)]; int(i) < len(to) {
			return to[i]
		}
		return -1
	}
	if int(n) < m.ImportedFuncs {
		return -1
	}
	b := &g.w.bodies[int(n)-m.ImportedFuncs]
	if int(i) < len(b.callees) {
		return b.callees[i]
	}
	if i -= int32(len(b.callees)); int(i) < len(b.types) {
		return int32(len(m.Funcs)) + g.class[b.types[i]]
	}
	return -1
}

// walk visits what can be reached from a node, callees first, by Tarjan's
// algorithm (SIAM J. Comput. 1, 1972) without recursion.
func (g *graph) walk(root int32, path []step) []step {
	path = append(path[:0], step{node: root})
	g.enter(root)
	for len(path) > 0 {
		at := &path[len(path)-1]
		to := g.edge(at.node, at.edge)
		if to < 0 {
			g.leave(at.node)
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := &g.nodes[path[len(path)-1].node]
				up.low = min(up.low, g.nodes[at.node].low)
			}
			continue
		}
		at.edge++
		switch n := &g.nodes[to]; {
		case n.order == 0:
			g.enter(to)
			path = append(path, step{node: to})
		case n.open:
			g.back(at.node, to)
			fallthrough
		case n.listed:
			up := &g.nodes[at.node]
			up.low = min(up.low, n.order)
		}
	}
	return path
}

func (g *graph) enter(n int32) {
	g.clock++
	g.nodes[n].order, g.nodes[n].low = g.clock, g.clock
	g.nodes[n].open, g.nodes[n].listed = true, true
	g.stack = append(g.stack, n)
}

// back notes a call that closes a cycle. The function called counts; when it is
// any of a type, the one that calls does.
func (g *graph) back(from, to int32) {
	if int(to) < len(g.w.m.Funcs) {
		g.nodes[to].counted, g.nodes[to].checked = true, true
		return
	}
	g.nodes[from].counted, g.nodes[from].checked = true, true
}

// leave weighs a node, all of whose callees have been.
func (g *graph) leave(n int32) {
	at := &g.nodes[n]
	at.open = false
	if at.low == at.order {
		alone := g.stack[len(g.stack)-1] == n
		for {
			last := g.stack[len(g.stack)-1]
			g.stack = g.stack[:len(g.stack)-1]
			g.nodes[last].listed = false
			g.nodes[last].cyclic = !alone
			if last == n {
				break
			}
		}
	}
	own := int(n) - g.w.m.ImportedFuncs
	switch {
	case own < 0:
		at.checked = true // the host's
	case own < len(g.w.bodies):
		g.weigh(n, &g.w.bodies[own])
	default:
		for i := int32(0); ; i++ {
			to := g.edge(n, i)
			if to < 0 {
				break
			}
			at.needs = max(at.needs, g.below(to))
		}
	}
}

// weigh decides whether a function looks at the fuel and counts the stack.
func (g *graph) weigh(n int32, b *body) {
	at := &g.nodes[n]
	at.cost = b.cost + uncheckedMax*len(b.types)
	for _, f := range b.callees {
		at.cost++
		if to := &g.nodes[f]; !to.checked {
			at.cost += to.cost
		}
	}
	at.cost = min(at.cost, b.longest)
	if at.cost > denseMax {
		b.dense, at.cost = true, regionMax
	}
	calls := len(b.callees)+len(b.types) > 0
	at.checked = at.checked || b.early || at.cost > uncheckedMax || calls && g.w.referred[n]
	at.needs = g.own(n) + g.under(n)
	most := farMax
	if at.listed || at.cyclic {
		most = nearMax
	}
	at.counted = at.counted || at.needs > most
}

// own is the stack that a call of a function takes, and not less than for what
// may be left to run when it is returned to.
func (g *graph) own(n int32) int {
	b := &g.w.bodies[int(n)-g.w.m.ImportedFuncs]
	return max(b.needs, g.nodes[n].cost>>restShift)
}

// under is the most that callees take without counting.
func (g *graph) under(n int32) int {
	most := 0
	for i := int32(0); ; i++ {
		to := g.edge(n, i)
		if to < 0 {
			return most
		}
		most = max(most, g.below(to))
	}
}

func (g *graph) below(n int32) int {
	if g.nodes[n].counted {
		return 0
	}
	return g.nodes[n].needs
}

// decide visits all functions. What a function that counts takes is known when
// all have been visited.
func (g *graph) decide() {
	m := g.w.m
	var path []step
	for f := range m.Funcs {
		if g.nodes[f].order == 0 {
			path = g.walk(int32(f), path)
		}
	}
	for i := range g.w.bodies {
		b, n := &g.w.bodies[i], int32(m.ImportedFuncs+i)
		at := &g.nodes[n]
		b.check = at.checked && (!b.early || b.dense)
		if at.counted {
			b.takes = g.own(n) + g.under(n)
		}
	}
}
