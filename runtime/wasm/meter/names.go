package meter

// The parts of the name section that are written (core specification 2.0,
// appendix A.5).
const (
	namesModule    = 0
	namesFunctions = 1
)

// namesMax bounds the names of functions, in bytes; those that come later are
// left out. Real: 2 MB.
const namesMax = 8 << 20

// nameSection makes a name section for the new indexes of what can be read of the
// old one and is fit to be shown. Nothing is copied: engines refuse modules whose
// name section is wrong, and allocate by the counts in it.
func (w *writer) nameSection() []byte {
	old := w.m.Names()
	b := text(nil, "name")
	if old.Module != "" {
		b = content(append(b, namesModule), text(nil, old.Module))
	}
	n, names := 0, []byte(nil)
	for i := range w.m.Funcs {
		if name := old.Func(i); name != "" && len(names) < namesMax {
			names = text(unsigned(names, uint64(w.function(i))), name)
			n++
		}
	}
	names = text(unsigned(names, uint64(w.sliceIndex())), reserved+ImportName)
	for i, h := range w.helpers {
		names = text(unsigned(names, uint64(w.helperIndex(i))), h.name())
	}
	n += 1 + len(w.helpers)
	return content(append(b, namesFunctions), append(unsigned(nil, uint64(n)), names...))
}
