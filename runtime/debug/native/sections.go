package native

import (
	"context"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// Limits of what is read of a module's debug information, besides those of work.
const (
	unitsMax   = 20_000    // compile units. Real: 300
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
	work
	data *dwarf.Data
	code uint64 // where the content of the code section begins: address 0
	end  uint64 // and ends, as an address

	// The sections that are read here, each by the name that it has.
	line, lineStr, str, loc, loclists, rng, rnglists, addr []byte

	units  []*unit
	byAddr spans[*unit]
	types  map[dwarf.Offset]*typ
	rust   bool // the actor is written in Rust
}

// unit is a compile unit.
type unit struct {
	at      dwarf.Offset // of its entry
	version uint16
	name    string
	dir     string
	lang    int64
	low     uint64
	table   int64 // where its addresses begin in .debug_addr
	lists   int64 // where its offsets begin in .debug_loclists
	entry   *dwarf.Entry
	files   []int32 // by their numbers in its line table; -1: there is none

	read   bool
	funcs  []*scope
	byAddr spans[*scope]
	vars   []*variable // globals
}

// protect turns a panic of debug/dwarf, which is not written for what lies, into an
// error.
func protect(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errDebug, r)
	}
}

// readSymbols returns nil, nil for a module without debug information.
func readSymbols(ctx context.Context, m *wasm.Module) (s *symbols, err error) {
	defer protect(&err)
	parts := map[string][]byte{}
	s = &symbols{types: map[dwarf.Offset]*typ{}}
	s.begin(ctx, openMax)
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
	units, err := checkUnits(info, parts[".debug_abbrev"])
	if err != nil {
		return nil, err
	}
	s.line, s.lineStr, s.str, s.addr = parts[".debug_line"], cut(parts[".debug_line_str"]), cut(parts[".debug_str"]), parts[".debug_addr"]
	s.loc, s.loclists, s.rng, s.rnglists = parts[".debug_loc"], parts[".debug_loclists"], parts[".debug_ranges"], parts[".debug_rnglists"]
	s.data, err = dwarf.New(parts[".debug_abbrev"], nil, nil, info, nil, nil, nil, s.str)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDebug, err)
	}
	parts[".debug_line_str"] = s.lineStr
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if b := parts[name]; b != nil {
			if err := s.data.AddSection(name, b); err != nil {
				return nil, fmt.Errorf("%w: %w", errDebug, err)
			}
		}
	}
	for _, at := range units {
		if err := s.readUnit(info, at); err != nil {
			return nil, err
		}
	}
	s.byAddr.sort()
	return s, nil
}

// readUnit reads the entry that a unit begins with: what is in it is read when it is asked
// for.
func (s *symbols) readUnit(info []byte, at int) error {
	u := &unit{version: binary.LittleEndian.Uint16(info[at+4:]), at: dwarf.Offset(at + 11)}
	if u.version >= 5 {
		u.at++
	}
	r := s.data.Reader()
	r.Seek(u.at)
	e, err := s.next(r)
	if err != nil || e.Tag != dwarf.TagCompileUnit {
		return err
	}
	u.entry = e
	u.name, _ = e.Val(dwarf.AttrName).(string)
	u.dir, _ = e.Val(dwarf.AttrCompDir).(string)
	u.lang, _ = e.Val(dwarf.AttrLanguage).(int64)
	u.low, _ = e.Val(dwarf.AttrLowpc).(uint64)
	u.table, _ = e.Val(dwarf.AttrAddrBase).(int64)
	u.lists, _ = e.Val(dwarf.AttrLoclistsBase).(int64)
	for _, x := range s.ranges(u, e) { // of a unit without them nothing is found
		s.byAddr = append(s.byAddr, span[*unit]{x[0], x[1], u})
	}
	s.units = append(s.units, u)
	return nil
}

// dead says whether an address is that of code which the linker has left out.
func dead(a uint64) bool {
	x := int32(uint32(a))
	return x == 0 || x == -1 || x == -2
}

func within(ranges [][2]uint64, pc uint64) bool {
	for _, r := range ranges {
		if pc >= r[0] && pc < r[1] {
			return true
		}
	}
	return false
}
