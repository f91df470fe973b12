package native

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/wasm"
)

// row is where a statement begins. Line 0: code that belongs to no line.
type row struct {
	at           uint32 // offset in the binary
	file         int32  // index into lines.files; -1: none
	line, column int32
	// prologue is set where a function's arguments are not yet where its variables say
	// they are: nobody is stopped there. settled ends that.
	prologue, settled bool
}

// source is a file of the module's sources.
type source struct {
	name string // as users see it
	path string // as the compiler had it
	own  bool   // the actor's author wrote it
	std  bool   // the language's standard library has it
	// digest is the MD5 of what the compiler has read; nil: it does not say.
	digest []byte
}

// lines is the line table of a module. Nothing of it changes once it was read.
type lines struct {
	files  []source
	byPath map[string]int32
	byName map[string]int32
	tables map[int64][]int32 // the numbers of their files, by where they begin
	rows   [][]row           // by body, ascending
	kit    []string          // folders of the SDK's sources
}

// readLines reads the line tables of all units.
func readLines(m *wasm.Module, s *symbols, sources fs.FS) *lines {
	l := &lines{byPath: map[string]int32{}, byName: map[string]int32{}, tables: map[int64][]int32{}, kit: kitFolders(s)}
	var all []row
	for _, u := range s.units {
		all = l.unit(s, u, sources, all)
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	l.rows = make([][]row, len(m.Bodies))
	for i, from := 0, 0; i < len(m.Bodies); i++ {
		b := &m.Bodies[i]
		from += sort.Search(len(all)-from, func(k int) bool { return all[from+k].at >= uint32(b.Start) })
		to := from + sort.Search(len(all)-from, func(k int) bool { return all[from+k].at >= uint32(b.End) })
		l.rows[i] = all[from:to:to]
		markPrologue(l.rows[i])
		from = to
	}
	return l
}

// markPrologue marks the rows of a body up to where its prologue ends, if that is said.
func markPrologue(rows []row) {
	end := slices.IndexFunc(rows, func(r row) bool { return r.settled && r.line > 0 })
	for i := range max(end, 0) {
		rows[i].prologue = true
	}
}

// unit reads the line table of a unit, and notes all files that it names.
func (l *lines) unit(s *symbols, u *unit, sources fs.FS, all []row) []row {
	at, ok := u.entry.Val(dwarf.AttrStmtList).(int64)
	if !ok {
		return all
	}
	if read, twice := l.tables[at]; twice {
		u.files = read
		return all
	}
	t := s.openTable(u, at)
	if t == nil {
		return all
	}
	begins, skip, first := true, false, len(all)
	for {
		r, ok := t.next()
		if !ok {
			break
		}
		if begins {
			begins, skip = false, dead(r.address)
		}
		if r.end {
			begins = true
		}
		if skip || !r.isStmt && !r.end || r.address > s.end {
			continue
		}
		x := row{at: uint32(s.code + r.address), file: -1, settled: r.prologueEnd}
		if !r.end && r.line > 0 && r.line <= math.MaxInt32 && r.file < len(t.files) && t.files[r.file].path != "" {
			x.file, x.line, x.column = int32(r.file), int32(r.line), int32(r.column)
		}
		if n := len(all); n > first && all[n-1] == x {
			continue
		}
		if all = append(all, x); len(all) > rowsMax {
			s.err = errHuge
			return all
		}
	}
	u.files = l.number(s, t, sources)
	l.tables[at] = u.files
	for i := first; i < len(all); i++ {
		if f := all[i].file; f >= 0 {
			all[i].file = u.files[f]
		}
	}
	return all
}

// number gives the files of a table their numbers; -1: there is none.
func (l *lines) number(s *symbols, t *table, sources fs.FS) []int32 {
	all := make([]int32, len(t.files))
	for i, f := range t.files {
		all[i] = -1
		if f.path != "" && s.err == nil {
			all[i] = l.file(s, f, sources)
		}
	}
	return all
}

// file is the number of a file.
func (l *lines) file(s *symbols, named named, sources fs.FS) int32 {
	name := path.Clean(named.path)
	if f, ok := l.byPath[name]; ok {
		return f
	}
	x := source{name: wasm.Safe(name), path: name, std: standard(name), digest: named.digest}
	if !x.std && !l.foreign(name) {
		own := find(s, sources, name)
		if x.own = own != "" || sources == nil; own != "" {
			x.name = own
		}
	}
	f, twice := l.byName[x.name]
	if !twice {
		f = int32(len(l.files))
		l.files = append(l.files, x)
		l.byName[x.name] = f
	}
	l.byPath[name] = f
	return f
}

// standard says whether a path is one of a standard library.
func standard(p string) bool {
	return strings.HasPrefix(p, "/rustc/") || strings.Contains(p, "/rustlib/src/") ||
		strings.Contains(p, "/library/core/src/") || strings.Contains(p, "/library/alloc/src/") || strings.Contains(p, "/library/std/src/") ||
		strings.HasPrefix(p, "/rust/deps/")
}

// foreign says whether a path is one of somebody else's library. Their files have the
// names that everybody's have, src/lib.rs say, and are not to be taken for the actor's.
func (l *lines) foreign(p string) bool {
	return strings.Contains(p, "/registry/src/") || strings.Contains(p, "/git/checkouts/") ||
		slices.ContainsFunc(l.kit, func(dir string) bool { return strings.HasPrefix(p, dir) })
}

// kitFolders are the folders of the crate grow. rustc names a unit by the first file of
// its crate, and the crate: DIR/lib.rs/@/grow.HASH-cgu.0.
func kitFolders(s *symbols) []string {
	var dirs []string
	for _, u := range s.units {
		first, crate, ok := strings.Cut(u.name, "/@/")
		if dir := path.Dir(first) + "/"; ok && strings.HasPrefix(crate, "grow.") && path.IsAbs(first) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// statWork is the units of work that it takes to look whether there is a file.
const statWork = 200

// find is the file of sources that a path ends with, as much of it as possible; "":
// there is none.
func find(s *symbols, sources fs.FS, p string) string {
	if sources == nil {
		return ""
	}
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i := range parts {
		if !s.spend(statWork) {
			break
		}
		name := strings.Join(parts[i:], "/")
		if info, err := fs.Stat(sources, name); fs.ValidPath(name) && err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// position is a row as others see it.
func (l *lines) position(r row) debug.Position {
	if r.file < 0 {
		return debug.Position{}
	}
	return debug.Position{File: l.files[r.file].name, Line: int(r.line), Column: int(r.column)}
}

// rowAt is the row that an offset in a body belongs to.
func (l *lines) rowAt(body int, at uint32) row {
	rows := l.rows[body]
	i := sort.Search(len(rows), func(i int) bool { return rows[i].at > at })
	for i--; i >= 0; i-- {
		if rows[i].line > 0 {
			return rows[i]
		}
	}
	return row{file: -1}
}

// named finds a file by its name, or by what a name ends with if that is one only.
func (l *lines) named(file string) (int32, error) {
	if f, ok := l.byName[file]; ok {
		return f, nil
	}
	found := int32(-1)
	for i := range l.files {
		f := &l.files[i]
		if f.path == file || strings.HasSuffix(f.path, "/"+file) || strings.HasSuffix(file, "/"+f.name) {
			if found >= 0 && l.files[found].own == f.own {
				return 0, fmt.Errorf("source %s: %w: several files have that name", file, debug.ErrUnknown)
			}
			if found < 0 || f.own {
				found = int32(i)
			}
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("source %s: %w", file, debug.ErrUnknown)
	}
	return found, nil
}

// bind is where a breakpoint comes to lie: on the line, or the next one with code in a
// function that begins before it.
func (l *lines) bind(file int32, line int) (debug.Position, error) {
	next := int32(0)
	for _, rows := range l.rows {
		first := int32(0)
		for _, r := range rows {
			if r.file != file {
				continue
			}
			if first == 0 {
				first = r.line
			}
			if !r.prologue && r.line >= int32(line) && (r.line == int32(line) || first <= int32(line)) && (next == 0 || r.line < next) {
				next = r.line
			}
		}
	}
	if next == 0 {
		return debug.Position{}, fmt.Errorf("%s:%d: %w", l.files[file].name, line, debug.ErrNoCode)
	}
	return debug.Position{File: l.files[file].name, Line: int(next)}, nil
}
