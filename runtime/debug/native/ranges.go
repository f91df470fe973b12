package native

import (
	"cmp"
	"debug/dwarf"
	"math"
	"slices"
	"sort"
)

// span is a range of addresses that is something's.
type span[T any] struct {
	low, high uint64
	of        T
}

// spans are sorted by where they begin.
type spans[T any] []span[T]

func (all spans[T]) sort() {
	slices.SortStableFunc(all, func(a, b span[T]) int { return cmp.Compare(a.low, b.low) })
}

// overlapMax is how many spans may begin between an address and the one it is in.
const overlapMax = 16

// at is what an address is in, the innermost where spans lie within others.
func (all spans[T]) at(pc uint64) (of T, ok bool) {
	i := sort.Search(len(all), func(i int) bool { return all[i].low > pc })
	for k := i - 1; k >= 0 && k >= i-overlapMax; k-- {
		if pc < all[k].high {
			return all[k].of, true
		}
	}
	return of, false
}

// ranges are the addresses of an entry (DWARF 5, section 2.17) without those of code that
// the linker has left out.
func (s *symbols) ranges(u *unit, e *dwarf.Entry) [][2]uint64 {
	var all [][2]uint64
	low, ok := e.Val(dwarf.AttrLowpc).(uint64)
	switch high := e.Val(dwarf.AttrHighpc).(type) {
	case uint64:
		all = s.range1(all, low, high, ok)
	case int64:
		all = s.range1(all, low, low+uint64(high), ok)
	}
	switch list := e.Val(dwarf.AttrRanges).(type) {
	case int64:
		if u.version < 5 {
			return s.ranges4(all, u.low, list)
		}
		return s.ranges5(all, u, list)
	case uint64: // an index, which has been looked up
		return s.ranges5(all, u, int64(min(list, math.MaxInt64)))
	}
	return all
}

// range1 appends a range, unless it is of code that was left out.
func (s *symbols) range1(all [][2]uint64, low, high uint64, ok bool) [][2]uint64 {
	if !ok || dead(low) || high <= low || !s.keep(1) {
		return all
	}
	return append(all, [2]uint64{low, high})
}

// ranges4 reads a list of DWARF 4 (section 2.17.3).
func (s *symbols) ranges4(all [][2]uint64, base uint64, at int64) [][2]uint64 {
	for c := from(s.rng, at); len(all) < listMax && s.spend(1); {
		low, high := c.u32(), c.u32()
		switch {
		case c.failed || low == 0 && high == 0:
			return all
		case low == math.MaxUint32:
			base = uint64(high)
		default:
			all = s.range1(all, base+uint64(low), base+uint64(high), true)
		}
	}
	return all
}

// The kinds of entries of lists of ranges (DWARF 5, section 7.25).
const (
	rleBasex        = 1
	rleStartxEndx   = 2
	rleStartxLength = 3
	rleOffsets      = 4
	rleBase         = 5
	rleStartEnd     = 6
	rleStartLength  = 7
)

func (s *symbols) ranges5(all [][2]uint64, u *unit, at int64) [][2]uint64 {
	base := u.low
	for c := from(s.rnglists, at); len(all) < listMax && s.spend(1); {
		low, high := uint64(0), uint64(0)
		switch c.u8() {
		case rleBasex:
			base = s.address(u, c.uleb())
			continue
		case rleBase:
			base = uint64(c.u32())
			continue
		case rleStartxEndx:
			low, high = s.address(u, c.uleb()), s.address(u, c.uleb())
		case rleStartxLength:
			low = s.address(u, c.uleb())
			high = low + c.uleb()
		case rleOffsets:
			low, high = base+c.uleb(), base+c.uleb()
		case rleStartEnd:
			low, high = uint64(c.u32()), uint64(c.u32())
		case rleStartLength:
			low = uint64(c.u32())
			high = low + c.uleb()
		default: // the end, or what is not known
			return all
		}
		if c.failed {
			return all
		}
		all = s.range1(all, low, high, true)
	}
	return all
}
