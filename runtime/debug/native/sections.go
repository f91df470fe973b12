package native

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// Limits of what is read of a module's debug information. What is beyond them is left
// out, but for unitsMax, which refuses it.
const (
	unitsMax   = 20_000    // compile units. Real: 300
	entriesMax = 4_000_000 // entries of a unit. Real: 200,000
	rowsMax    = 4_000_000 // rows of all line tables. Real: 300,000
	nestingMax = 200       // entries within entries that are followed
	membersMax = 10_000    // of a type
	chainMax   = 20        // entries that refer to others, and types to types
)

// errDebug is for debug information that makes no sense.
var errDebug = errors.New("the debug information of the module makes no sense")

// symbols are what a module's DWARF sections say (DWARF 4 and 5, and the WebAssembly
// tool conventions for it). It is not safe for concurrent use.
type symbols struct {
	data  *dwarf.Data
	code  uint64 // where the content of the code section begins: address 0
	end   uint64 // and ends, as an address
	loc   []byte // .debug_loc
	locls []byte // .debug_loclists
	addr  []byte // .debug_addr
	units []*unit
	types map[dwarf.Offset]*typ
}

// unit is a compile unit.
type unit struct {
	at      dwarf.Offset // of its entry
	version uint16
	name    string
	dir     string
	lang    int64
	low     uint64
	ranges  [][2]uint64
	table   int64 // where its addresses begin in .debug_addr
	lists   int64 // where its offsets begin in .debug_loclists
	entry   *dwarf.Entry
	files   []*dwarf.LineFile

	read  bool
	funcs []*scope
	vars  []*variable // globals
}

// protect turns a panic of debug/dwarf, which is not written for what lies, into an
// error.
func protect(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errDebug, r)
	}
}

// readSymbols returns nil, nil for a module without debug information.
func readSymbols(m *wasm.Module) (s *symbols, err error) {
	defer protect(&err)
	parts := map[string][]byte{}
	s = &symbols{types: map[dwarf.Offset]*typ{}}
	for i := range m.Sections {
		x := &m.Sections[i]
		switch {
		case x.ID == wasm.SectionCode:
			s.code, s.end = uint64(x.Start), uint64(x.End-x.Start)
		case x.ID == wasm.SectionCustom && strings.HasPrefix(x.Name, ".debug_") && parts[x.Name] == nil:
			parts[x.Name] = m.Binary[x.Start:x.End]
		}
	}
	info := parts[".debug_info"]
	if len(info) == 0 {
		return nil, nil
	}
	s.loc, s.locls, s.addr = parts[".debug_loc"], parts[".debug_loclists"], parts[".debug_addr"]
	s.data, err = dwarf.New(parts[".debug_abbrev"], nil, nil, info, parts[".debug_line"], nil, parts[".debug_ranges"], parts[".debug_str"])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDebug, err)
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists", ".debug_loclists", ".debug_types"} {
		if b := parts[name]; b != nil {
			if err := s.data.AddSection(name, b); err != nil {
				return nil, fmt.Errorf("%w: %w", errDebug, err)
			}
		}
	}
	return s, s.findUnits(info)
}

// findUnits reads the headers of units (DWARF 5, section 7.5.1), and the entry that
// each begins with: what is in them is read when it is asked for.
func (s *symbols) findUnits(info []byte) error {
	for at := 0; at+12 <= len(info); {
		size := int(binary.LittleEndian.Uint32(info[at:]))
		if size > len(info)-at-4 || len(s.units) == unitsMax {
			return fmt.Errorf("%w: a unit of %d bytes is announced at %d", errDebug, size, at)
		}
		u := &unit{version: binary.LittleEndian.Uint16(info[at+4:])}
		head := 11
		if u.version >= 5 {
			head = 12
		}
		u.at = dwarf.Offset(at + head)
		at += 4 + size
		if size < head {
			continue
		}
		r := s.data.Reader()
		r.Seek(u.at)
		e, err := r.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", errDebug, err)
		}
		if e == nil || e.Tag != dwarf.TagCompileUnit {
			continue
		}
		u.entry = e
		u.name, _ = e.Val(dwarf.AttrName).(string)
		u.dir, _ = e.Val(dwarf.AttrCompDir).(string)
		u.lang, _ = e.Val(dwarf.AttrLanguage).(int64)
		u.low, _ = e.Val(dwarf.AttrLowpc).(uint64)
		u.table, _ = e.Val(dwarf.AttrAddrBase).(int64)
		u.lists, _ = e.Val(dwarf.AttrLoclistsBase).(int64)
		u.ranges, _ = s.data.Ranges(e) // of a unit without them nothing is found
		s.units = append(s.units, u)
	}
	return nil
}

// dead says whether an address is that of code which the linker has left out.
func dead(a uint64) bool {
	x := int32(uint32(a))
	return x == 0 || x == -1 || x == -2
}

// unitOf is the unit of an address; nil: there is none.
func (s *symbols) unitOf(pc uint64) *unit {
	for _, u := range s.units {
		if within(u.ranges, pc) {
			return u
		}
	}
	return nil
}

func within(ranges [][2]uint64, pc uint64) bool {
	for _, r := range ranges {
		if pc >= r[0] && pc < r[1] && !dead(r[0]) {
			return true
		}
	}
	return false
}
