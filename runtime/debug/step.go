package debug

// Step is how a thread goes on.
type Step struct {
	kind stepKind
	to   Position
}

type stepKind int

const (
	free stepKind = iota
	in
	over
	out
	to
)

// Steps.
var (
	Continue = Step{kind: free} // until something else stops it
	In       = Step{kind: in}   // to the next line, or into a function called on this one
	Over     = Step{kind: over} // to the next line of this function, or of one that called it
	Out      = Step{kind: out}  // back in the function that called this one
)

// To goes on to a position, as [Program.Bind] returned it.
func To(p Position) Step { return Step{kind: to, to: p} }

// reaches is how deep a guest may be that ends the step, if it began so many frames deep;
// 0: as deep as it likes.
func (s Step) reaches(depth int) int {
	switch s.kind {
	case over:
		return depth
	case out:
		return max(1, depth-1)
	}
	return 0
}

// stepping is a step that a thread is making. It belongs to the guest's goroutine.
type stepping struct {
	Step
	from  Position
	depth int
	moved bool // it was elsewhere on its line
}

// ends reports whether the step is done where h is.
func (s *stepping) ends(h Halt) bool {
	if s.kind == to {
		return same(s.to, h.Position())
	}
	depth := h.Depth()
	switch s.kind {
	case out:
		return depth < s.depth
	case over:
		if depth > s.depth {
			return false
		}
	}
	at := h.Position()
	if depth != s.depth || at.File != s.from.File || at.Line != s.from.Line {
		return true
	}
	// Still on the line: it came round in a loop, or it is at another of its statements.
	if at.Column != s.from.Column {
		s.moved = true
		return false
	}
	return s.moved || at.Column == 0
}

// mark is a line with a breakpoint on which a frame is. A line has several
// statements; where it was come to first says when it is begun again.
type mark struct {
	depth int
	Position
}

// begins reports whether a thread begins a line, rather than goes on with it.
func (t *thread) begins(depth int, at Position) bool {
	for len(t.marks) > 0 && t.marks[len(t.marks)-1].depth > depth {
		t.marks = t.marks[:len(t.marks)-1]
	}
	if n := len(t.marks); n > 0 && t.marks[n-1].depth == depth {
		m := t.marks[n-1].Position
		if m.File == at.File && m.Line == at.Line && m.Column != at.Column {
			return false
		}
		t.marks[n-1].Position = at
		return true
	}
	t.marks = append(t.marks, mark{depth, at})
	return true
}

// same reports whether at is what a position with a breakpoint names.
func same(point, at Position) bool {
	return point.File == at.File && point.Line == at.Line && (point.Column == 0 || point.Column == at.Column)
}
