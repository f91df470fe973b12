package native

import (
	"bytes"
	"path"
	"strings"
)

// table reads the line table of a unit (DWARF 5, section 6.2). debug/dwarf has a reader
// too, but one that makes as much room as the table says it needs, and is silent about the
// digests of sources.
type table struct {
	s       *symbols
	c       cursor
	version uint16
	dir     string // of the unit
	dirs    []string
	files   []named // by the numbers that they have in the table

	step      byte // the smallest distance of instructions
	isStmt    bool
	base      int64 // of lines
	width     byte  // how many lines a special operation chooses from
	first     byte  // the first special operation
	operands  []byte
	registers registers
}

// named is a file of a line table.
type named struct {
	path   string // "": there is none of that number
	digest []byte // its MD5; nil: it is not said
}

// registers are those of the machine that a table is the program of.
type registers struct {
	address      uint64
	file         int
	line, column int64
	isStmt       bool
	end          bool // of a sequence: the address is the first behind it
	prologueEnd  bool // here a function has its arguments where its variables say they are
}

// openTable reads the header of the table at an offset; nil: there is none, or it is of a
// version that nobody reads.
func (s *symbols) openTable(u *unit, at int64) *table {
	c := from(s.line, at)
	c.b = c.take(int(min(c.u32(), 1<<31-1)))
	if c.failed || !s.spend(16) {
		return nil
	}
	t := &table{s: s, dir: u.dir, version: c.u16()}
	if t.version < 2 || t.version > 5 {
		return nil
	}
	if t.version == 5 {
		c.take(2) // the sizes of addresses and of selectors of segments
	}
	n := int(min(c.u32(), 1<<31-1))
	rest := c.b
	t.c = cursor{b: rest[:min(n, len(rest))]}
	t.step = t.c.u8()
	if t.version >= 4 {
		t.c.u8() // operations of an instruction: 1
	}
	t.isStmt = t.c.u8() != 0
	t.base, t.width, t.first = int64(int8(t.c.u8())), t.c.u8(), t.c.u8()
	if t.width == 0 || t.first == 0 || n > len(rest) {
		return nil
	}
	t.operands = t.c.take(int(t.first) - 1)
	if t.version == 5 {
		t.files5()
	} else {
		t.files4()
	}
	if t.c.failed || s.err != nil {
		return nil
	}
	t.c = cursor{b: rest[n:]}
	t.reset()
	return t
}

// text reads a text that ends with a zero, which may be long: it is cut.
func (c *cursor) text() string {
	n := bytes.IndexByte(c.b, 0)
	if n < 0 {
		c.failed, c.b = true, nil
		return ""
	}
	text := c.b[:min(n, textMax)]
	c.b = c.b[n+1:]
	return string(text)
}

// name notes a file or a folder by its path.
func (t *table) name(name, dir string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	if name != "" && !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	t.s.keep(1 + len(name)/16)
	return name
}

// dirOf is a folder by its number.
func (t *table) dirOf(i uint64) string {
	if i < uint64(len(t.dirs)) {
		return t.dirs[i]
	}
	return t.dir
}

func (t *table) files4() {
	t.dirs, t.files = []string{t.dir}, []named{{}}
	for dir := t.c.text(); dir != "" && t.s.err == nil; dir = t.c.text() {
		t.dirs = append(t.dirs, t.name(dir, t.dir))
	}
	for name := t.c.text(); name != "" && t.s.err == nil; name = t.c.text() {
		t.files = append(t.files, t.file4(&t.c, name))
	}
}

// file4 reads what follows a file's name.
func (t *table) file4(c *cursor, name string) named {
	dir := c.uleb()
	c.uleb() // when it was changed
	c.uleb() // how large it is
	return named{path: t.name(name, t.dirOf(dir))}
}

// What a table says of a file, and in what forms (DWARF 5, sections 7.22 and 7.5.6).
const (
	contentPath   = 1
	contentDir    = 2
	contentDigest = 5

	formData2   = 0x05
	formData4   = 0x06
	formData8   = 0x07
	formString  = 0x08
	formBlock   = 0x09
	formData1   = 0x0b
	formStrp    = 0x0e
	formUdata   = 0x0f
	formData16  = 0x1e
	formLineStr = 0x1f
)

// content is a column of the lists of folders and files.
type content struct{ is, form uint64 }

func (t *table) files5() {
	for _, dir := range t.list5(true) {
		t.dirs = append(t.dirs, dir.path)
	}
	t.files = t.list5(false)
}

// list5 reads the list of folders, which lie in that of the unit, or that of files.
func (t *table) list5(folders bool) []named {
	columns := make([]content, t.c.u8())
	for i := range columns {
		columns[i] = content{t.c.uleb(), t.c.uleb()}
	}
	var all []named
	for n := t.c.uleb(); n > 0 && len(columns) > 0 && !t.c.failed && t.s.spend(len(columns)); n-- {
		name, in, x := "", uint64(0), named{}
		for _, column := range columns {
			text, number, block := t.value(column.form)
			switch column.is {
			case contentPath:
				name = text
			case contentDir:
				in = number
			case contentDigest:
				x.digest = block
			}
		}
		folder := t.dir
		if !folders {
			folder = t.dirOf(in)
		}
		x.path = t.name(name, folder)
		all = append(all, x)
	}
	return all
}

// value reads a value in some form.
func (t *table) value(form uint64) (text string, number uint64, block []byte) {
	c := &t.c
	switch form {
	case formString:
		return c.text(), 0, nil
	case formStrp, formLineStr:
		section := t.s.str
		if form == formLineStr {
			section = t.s.lineStr
		}
		in := from(section, int64(c.u32()))
		return in.text(), 0, nil
	case formData1:
		return "", uint64(c.u8()), nil
	case formData2:
		return "", uint64(c.u16()), nil
	case formData4:
		return "", uint64(c.u32()), nil
	case formData8:
		return "", c.u64(), nil
	case formUdata:
		return "", c.uleb(), nil
	case formData16:
		return "", 0, c.take(16)
	case formBlock:
		return "", 0, c.take(int(min(c.uleb(), 1<<31-1)))
	}
	c.failed, c.b = true, nil
	return "", 0, nil
}

// Operations of the program (DWARF 5, section 7.22).
const (
	lnsExtended   = 0
	lnsCopy       = 1
	lnsAdvancePC  = 2
	lnsAdvance    = 3
	lnsFile       = 4
	lnsColumn     = 5
	lnsNegate     = 6
	lnsConstAddPC = 8
	lnsFixedPC    = 9
	lnsPrologue   = 10
	lneEnd        = 1
	lneAddress    = 2
	lneFile       = 3
)

func (t *table) reset() { t.registers = registers{file: 1, line: 1, isStmt: t.isStmt} }

// next is the next row; false: there is none.
func (t *table) next() (registers, bool) {
	for len(t.c.b) > 0 && t.s.spend(1) {
		op := t.c.u8()
		emits := false
		switch {
		case op >= t.first:
			op -= t.first
			t.advance(uint64(op / t.width))
			t.registers.line += t.base + int64(op%t.width)
			emits = true
		case op == lnsExtended:
			emits = t.extended()
		default:
			emits = t.standard(op)
		}
		if t.c.failed {
			return registers{}, false
		}
		if emits {
			r := t.registers
			if t.registers.prologueEnd = false; r.end {
				t.reset()
			}
			return r, true
		}
	}
	return registers{}, false
}

func (t *table) advance(n uint64) { t.registers.address += n * uint64(t.step) }

func (t *table) standard(op byte) (emits bool) {
	r := &t.registers
	switch op {
	case lnsCopy:
		return true
	case lnsAdvancePC:
		t.advance(t.c.uleb())
	case lnsAdvance:
		r.line += t.c.sleb()
	case lnsFile:
		r.file = int(min(t.c.uleb(), 1<<31-1))
	case lnsColumn:
		r.column = int64(min(t.c.uleb(), 1<<31-1))
	case lnsNegate:
		r.isStmt = !r.isStmt
	case lnsConstAddPC:
		t.advance(uint64((255 - t.first) / t.width))
	case lnsFixedPC:
		r.address += uint64(t.c.u16())
	case lnsPrologue:
		r.prologueEnd = true
	default:
		for range t.operands[op-1] {
			t.c.uleb()
		}
	}
	return false
}

func (t *table) extended() (emits bool) {
	c := cursor{b: t.c.take(int(min(t.c.uleb(), 1<<31-1)))}
	if len(c.b) == 0 {
		return false
	}
	switch c.u8() {
	case lneEnd:
		t.registers.end = true
		return true
	case lneAddress:
		t.registers.address = uint64(c.u32())
	case lneFile:
		if name := c.text(); name != "" && t.version < 5 {
			t.files = append(t.files, t.file4(&c, name))
		}
	}
	return false
}
