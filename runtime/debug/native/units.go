package native

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Limits of what debug/dwarf reads as a whole, before anything is asked of it.
const (
	abbrevsMax = 4_000_000 // attributes of all abbreviations that units name. Real: 30,000
	attrsMax   = 100       // attributes of an abbreviation. Real: 20
	textMax    = 4 << 10   // bytes of a text; what is longer is cut
)

// checkUnits reads the headers of all units (DWARF 5, section 7.5.1) and what they
// abbreviate, so that debug/dwarf, which takes a module at its word, is given nothing that
// it would need too much time or memory for. It returns where units begin.
func checkUnits(info, abbrev []byte) ([]int, error) {
	var all []int
	checked, total := map[uint32]bool{}, 0
	for at := 0; at < len(info); {
		if len(info)-at < 12 {
			return nil, fmt.Errorf("%w: half a unit at %d", errDebug, at)
		}
		size := int(binary.LittleEndian.Uint32(info[at:]))
		if size < 8 || size > len(info)-at-4 || len(all) == unitsMax {
			return nil, fmt.Errorf("%w: unit %d, at %d, is one of %d bytes", errDebug, len(all), at, size)
		}
		c := cursor{b: info[at+4 : at+4+size]}
		version, from, width := c.u16(), uint32(0), byte(0)
		if version >= 5 {
			c.u8()
			width = c.u8()
			from = c.u32()
		} else {
			from = c.u32()
			width = c.u8()
		}
		if version < 2 || version > 5 || width != 4 || c.failed {
			return nil, fmt.Errorf("%w: unit %d is of version %d, with addresses of %d bytes", errDebug, len(all), version, width)
		}
		if !checked[from] {
			checked[from] = true
			n, err := checkAbbrevs(abbrev, from)
			if total += n; err != nil || total > abbrevsMax {
				return nil, fmt.Errorf("%w: the abbreviations of unit %d", errDebug, len(all))
			}
		}
		all = append(all, at)
		at += 4 + size
	}
	return all, nil
}

// checkAbbrevs counts the attributes of a table of abbreviations (DWARF 5, section 7.5.3).
func checkAbbrevs(section []byte, at uint32) (total int, err error) {
	const implicit = 0x21 // a form with its value beside it
	c := from(section, int64(at))
	for c.uleb() != 0 {
		c.uleb()
		c.u8()
		for n := 0; ; n++ {
			attr, form := c.uleb(), c.uleb()
			if form == implicit {
				c.sleb()
			}
			if total++; n > attrsMax || total > abbrevsMax {
				return total, errHuge
			}
			if attr == 0 && form == 0 {
				break
			}
		}
		total++
	}
	if c.failed {
		return total, errDebug
	}
	return total, nil
}

// cut is a section of texts without any that is longer than textMax.
func cut(section []byte) []byte {
	cloned := false
	for at := 0; at < len(section); {
		n := bytes.IndexByte(section[at:min(len(section), at+textMax)], 0)
		if n < 0 && len(section)-at > textMax {
			if !cloned {
				section, cloned = slices.Clone(section), true
			}
			n = textMax - 1
			section[at+n] = 0
		}
		if n < 0 {
			break
		}
		at += n + 1
	}
	return section
}
