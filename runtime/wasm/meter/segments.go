package meter

import "github.com/grow-platform/grow/runtime/wasm"

// The bits of what begins a segment of elements (core specification 2.0, section
// 5.5.12).
const (
	notActive = 1
	explicit  = 2
	expresses = 4
)

// segment is what there is before the elements of a segment, and how they are given.
type segment struct {
	reader
	expressions bool
	count       uint32
}

// elements writes a segment up to its elements.
func (w *writer) elements(b []byte, e *wasm.Element) ([]byte, segment) {
	s := segment{reader: reader{b: w.m.Binary, at: e.Start}}
	flags := s.u32()
	b = unsigned(b, uint64(flags))
	s.expressions = flags&expresses != 0
	if flags&notActive == 0 {
		if flags&explicit != 0 {
			b = unsigned(b, uint64(s.u32()))
		}
		b, s.at = w.expr(b, s.at, e.End)
	}
	if flags&(notActive|explicit) != 0 {
		b = append(b, s.byte()) // the kind, or the type, of the elements
	}
	s.count = s.u32()
	return unsigned(b, uint64(s.count)), s
}

func (w *writer) elementSection() []byte {
	b := unsigned(nil, uint64(len(w.m.Elements)))
	for i := range w.m.Elements {
		e := &w.m.Elements[i]
		var s segment
		b, s = w.elements(b, e)
		for range s.count {
			if s.expressions {
				b, s.at = w.expr(b, s.at, e.End)
			} else {
				b = unsigned(b, uint64(w.function(int(s.u32()))))
			}
		}
	}
	return b
}

// referElements notes the functions that segments and globals refer to.
func (w *writer) referElements() {
	in := wasm.Instr{}
	for _, g := range w.m.Globals[w.m.ImportedGlobals:] {
		for scan := w.m.ScanExpr(g.Start, g.End); scan.Next(&in); {
			w.referExpr(&in)
		}
	}
	for i := range w.m.Elements {
		e := &w.m.Elements[i]
		_, s := w.elements(nil, e)
		if s.expressions {
			for scan := w.m.ScanExpr(s.at, e.End); scan.Next(&in); {
				w.referExpr(&in)
			}
			continue
		}
		for range s.count {
			w.refer(int(s.u32()))
		}
	}
}

func (w *writer) referExpr(in *wasm.Instr) {
	if in.Op == wasm.OpRefFunc {
		w.refer(int(in.Index))
	}
}
