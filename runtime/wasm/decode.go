package wasm

import "fmt"

// Numbers of sections (core specification 2.0, section 5.5.2). The last two are
// of proposals that are not accepted.
const (
	SectionCustom    = 0
	SectionType      = 1
	SectionImport    = 2
	SectionFunction  = 3
	SectionTable     = 4
	SectionMemory    = 5
	SectionGlobal    = 6
	SectionExport    = 7
	SectionStart     = 8
	SectionElement   = 9
	SectionCode      = 10
	SectionData      = 11
	SectionDataCount = 12
	SectionTag       = 13
	SectionStrings   = 14
)

// sectionOf are, by number, what sections are called, where in a module they
// stand, and how they are read.
var sectionOf [13]struct {
	name string
	rank int
	read func(*decoder)
}

func init() {
	for rank, s := range []struct {
		id   byte
		name string
		read func(*decoder)
	}{
		{SectionCustom, "custom", nil},
		{SectionType, "type", (*decoder).typeSection},
		{SectionImport, "import", (*decoder).importSection},
		{SectionFunction, "function", (*decoder).functionSection},
		{SectionTable, "table", (*decoder).tableSection},
		{SectionMemory, "memory", (*decoder).memorySection},
		{SectionGlobal, "global", (*decoder).globalSection},
		{SectionExport, "export", (*decoder).exportSection},
		{SectionStart, "start", (*decoder).startSection},
		{SectionElement, "element", (*decoder).elementSection},
		{SectionDataCount, "data count", (*decoder).dataCountSection},
		{SectionCode, "code", (*decoder).codeSection},
		{SectionData, "data", (*decoder).dataSection},
	} {
		sectionOf[s.id].name, sectionOf[s.id].rank, sectionOf[s.id].read = s.name, rank, s.read
	}
}

// Title is what the section is called: code, or custom "name".
func (s *Section) Title() string {
	if s.ID == SectionCustom {
		return fmt.Sprintf("custom %q", Safe(s.Name))
	}
	return sectionOf[s.ID].name
}

// decoder reads the sections of a module.
type decoder struct {
	cursor
	m        *Module
	declared []bool   // functions that ref.func may name, by index
	locals   []Locals // room for those of bodies
	total    int      // locals of all functions
	elements int      // of all segments
	tables   int      // elements of all tables at the start
	check    checker
}

// Decode reads a module and validates it whole. What it refuses it refuses with
// an *Error. The module aliases the binary, which must not be changed.
func Decode(binary []byte) (*Module, error) {
	d := &decoder{cursor: cursor{b: binary, end: len(binary)}, m: &Module{Binary: binary, Start: -1, DataCount: -1}}
	d.peaks = &d.m.peaks
	d.limit(0, len(binary), limitBinary)
	d.header()
	d.split()
	for i := range d.m.Sections {
		s := &d.m.Sections[i]
		if d.err != nil {
			break
		}
		if s.ID != SectionCustom {
			d.section(s)
		}
	}
	d.agree()
	if d.err != nil {
		return nil, d.err
	}
	return d.m, nil
}

// split finds the sections.
func (d *decoder) split() {
	rank := 0
	for d.at < d.end && d.err == nil {
		s := Section{At: d.at}
		s.ID = d.byte()
		at := d.at
		n := d.u32()
		if d.err == nil && uint64(n) > uint64(d.left()) {
			d.invalid(at, "a section of %d bytes is announced, and %d are left", n, d.left())
		}
		s.Start, s.End = d.at, d.at+int(n)
		if !d.place(&s, &rank) {
			return
		}
		d.at = s.End
		d.m.Sections = append(d.m.Sections, s)
		d.limit(s.At, len(d.m.Sections), limitSections)
	}
}

// place holds a section against those before it, and reads the name of a custom one.
func (d *decoder) place(s *Section, rank *int) bool {
	switch {
	case d.err != nil:
	case s.ID == SectionTag:
		d.feature(s.At, "a section of tags", ProposalExceptions)
	case s.ID == SectionStrings:
		d.feature(s.At, "a section of strings", ProposalStringReferences)
	case int(s.ID) >= len(sectionOf):
		d.invalid(s.At, "there is no section %d", s.ID)
	case s.ID == SectionCustom:
		in := cursor{b: d.b, at: s.Start, end: s.End, peaks: d.peaks}
		s.Name = in.name()
		s.Start, d.err = in.at, in.err
	case sectionOf[s.ID].rank == *rank:
		d.invalid(s.At, "there are two sections %s", s.Title())
	case sectionOf[s.ID].rank < *rank:
		d.invalid(s.At, "the section %s is out of order", s.Title())
	default:
		*rank = sectionOf[s.ID].rank
	}
	return d.err == nil
}

// section reads a section, all of it.
func (d *decoder) section(s *Section) {
	d.at, d.end = s.Start, s.End
	sectionOf[s.ID].read(d)
	if d.err == nil && d.at != d.end {
		d.invalid(d.at, "%d bytes are left at the end of the section", d.end-d.at)
	}
	if d.err != nil && d.err.Where == "" {
		d.err.Where = "section " + s.Title()
	}
}

// agree holds sections against each other that say the same thing.
func (d *decoder) agree() {
	if d.err != nil {
		return
	}
	own := len(d.m.Funcs) - d.m.ImportedFuncs
	if own != len(d.m.Bodies) {
		d.invalid(len(d.b), "%d functions are declared, and there is no code section", own)
	}
	if n := d.m.DataCount; n >= 0 && n != len(d.m.Data) {
		d.invalid(len(d.b), "the data count section says %d, and there are %d segments of data", n, len(d.m.Data))
	}
}

// Outline is the sections of a binary, as far as they can be found: of one that
// [Decode] refuses too.
func Outline(binary []byte) []Section {
	d := &decoder{cursor: cursor{b: binary, end: len(binary)}, m: &Module{Binary: binary}}
	d.header()
	d.split()
	return d.m.Sections
}
