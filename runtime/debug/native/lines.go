package native

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
}

// source is a file of the module's sources.
type source struct {
	name string // as users see it
	path string // as the compiler had it
	own  bool   // the actor's author wrote it
	std  bool   // the language's standard library has it
}

// lines is the line table of a module.
type lines struct {
	files  []source
	byPath map[string]int32
	byName map[string]int32
	rows   [][]row // by body, ascending
}

// readLines reads the line tables of all units.
func readLines(m *wasm.Module, s *symbols, sources fs.FS) (l *lines, err error) {
	defer protect(&err)
	l = &lines{byPath: map[string]int32{}, byName: map[string]int32{}}
	var all []row
	for _, u := range s.units {
		if all, err = l.unit(s, u, sources, all); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	l.rows = make([][]row, len(m.Bodies))
	for i, from := 0, 0; i < len(m.Bodies); i++ {
		b := &m.Bodies[i]
		from += sort.Search(len(all)-from, func(k int) bool { return all[from+k].at >= uint32(b.Start) })
		to := from + sort.Search(len(all)-from, func(k int) bool { return all[from+k].at >= uint32(b.End) })
		l.rows[i] = all[from:to:to]
		from = to
	}
	return l, nil
}

func (l *lines) unit(s *symbols, u *unit, sources fs.FS, all []row) ([]row, error) {
	r, err := s.data.LineReader(u.entry)
	if err != nil || r == nil {
		return all, nil // a unit without lines, or one whose are of a version nobody reads
	}
	u.files = r.Files()
	known := map[*dwarf.LineFile]int32{}
	var e dwarf.LineEntry
	begins, skip := true, false
	for len(all) < rowsMax {
		if err := r.Next(&e); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", errDebug, err)
		}
		if begins {
			begins, skip = false, dead(e.Address)
		}
		if e.EndSequence {
			begins = true
		}
		if skip || !e.IsStmt && !e.EndSequence || e.Address > s.end {
			continue
		}
		x := row{at: uint32(s.code + e.Address), file: -1}
		if e.File != nil && !e.EndSequence && e.Line > 0 {
			f, ok := known[e.File]
			if !ok {
				f = l.file(e.File.Name, u.dir, sources)
				known[e.File] = f
			}
			x.file, x.line, x.column = f, int32(e.Line), int32(e.Column)
		}
		if n := len(all); n > 0 && all[n-1] == x {
			continue
		}
		all = append(all, x)
	}
	return all, nil
}

// file is the number of a file.
func (l *lines) file(name, dir string, sources fs.FS) int32 {
	name = strings.ReplaceAll(name, `\`, "/")
	if !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	name = path.Clean(name)
	if f, ok := l.byPath[name]; ok {
		return f
	}
	x := source{name: wasm.Safe(name), path: name, std: standard(name)}
	if own := find(sources, name); own != "" {
		x.name, x.own = own, true
	} else if sources == nil {
		x.own = !x.std && !strings.Contains(name, "/registry/src/")
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
		strings.Contains(p, "/library/core/src/") || strings.Contains(p, "/library/alloc/src/") || strings.Contains(p, "/library/std/src/")
}

// find is the file of sources that a path ends with, as much of it as possible; "":
// there is none.
func find(sources fs.FS, p string) string {
	if sources == nil || standard(p) || strings.Contains(p, "/registry/src/") {
		return ""
	}
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i := range parts {
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
			if r.line >= int32(line) && (r.line == int32(line) || first <= int32(line)) && (next == 0 || r.line < next) {
				next = r.line
			}
		}
	}
	if next == 0 {
		return debug.Position{}, fmt.Errorf("%s:%d: %w", l.files[file].name, line, debug.ErrNoCode)
	}
	return debug.Position{File: l.files[file].name, Line: int(next)}, nil
}
