package router

// Below gives, for each of some tables and by their nodes' indexes, the nodes that each node
// may send to, but for those from which messages may come back to it, going by whichever of
// the tables: filling one of them holds the node up. A circle that only all tables together
// have would be one in which everybody waits for everybody, as one of a single table would.
func Below(tables ...*Table) [][][]*Node {
	number := map[string]int{} // of paths
	var next [][]int
	for _, t := range tables {
		for _, n := range t.Nodes {
			if _, ok := number[n.Path]; !ok {
				number[n.Path] = len(next)
				next = append(next, nil)
			}
		}
	}
	for _, t := range tables {
		for _, n := range t.Nodes {
			from := number[n.Path]
			for _, to := range n.Next {
				next[from] = append(next[from], number[to.Path])
			}
		}
	}
	circle := components(next)
	below := make([][][]*Node, len(tables))
	for i, t := range tables {
		below[i] = make([][]*Node, len(t.Nodes))
		for _, n := range t.Nodes {
			for _, to := range n.Next {
				if circle[number[to.Path]] != circle[number[n.Path]] {
					below[i][n.Index] = append(below[i][n.Index], to)
				}
			}
		}
	}
	return below
}

// components numbers the strongly connected components of a graph given as
// lists of successors (Tarjan, 1972; iterative, since graphs come from users).
func components(next [][]int) []int {
	n := len(next)
	index, low, number := make([]int, n), make([]int, n), make([]int, n)
	var stack []int
	onStack := make([]bool, n)
	count, found := 0, 0
	type frame struct{ v, i int }
	for root := range n {
		if index[root] != 0 {
			continue
		}
		work := []frame{{v: root}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			v := f.v
			if f.i == 0 {
				count++
				index[v], low[v] = count, count
				stack, onStack[v] = append(stack, v), true
			}
			descended := false
			for f.i < len(next[v]) {
				w := next[v][f.i]
				f.i++
				if index[w] == 0 {
					work = append(work, frame{v: w})
					descended = true
					break
				}
				if onStack[w] {
					low[v] = min(low[v], index[w])
				}
			}
			if descended {
				continue
			}
			if low[v] == index[v] {
				for {
					w := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					onStack[w], number[w] = false, found
					if w == v {
						break
					}
				}
				found++
			}
			work = work[:len(work)-1]
			if len(work) > 0 {
				p := work[len(work)-1].v
				low[p] = min(low[p], low[v])
			}
		}
	}
	return number
}
