package enginetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
)

// Descriptors of the toy's trees, and the first of those it opens.
const (
	libFD = iota + 3
	appFD
	packagesFD
	rootFD
	openFD
)

// Errors of WASI.
const (
	badf, exist, fault, inval, isdir, mfile, nametoolong, noent, enosys, notdir, notsup, rofs, spipe, notcapable = 8, 20, 21, 28, 31, 33, 37, 44, 52, 54, 58, 69, 70, 76

	outside = 0xfffffff0 // of memory
)

// reader is an instance of the toy that is asked for functions of WASI.
type reader struct {
	t *testing.T
	i engine.Instance
	h *Host
}

func newReader(t *testing.T, e engine.Engine, more ...string) *reader {
	h := &Host{}
	return &reader{t: t, h: h, i: instance(t, compile(t, e, Thin(t, "the program", more...)), h)}
}

// ask calls a function and returns its errno.
func (r *reader) ask(name, text string, args ...uint64) uint32 {
	r.t.Helper()
	return words(handle(r.t, r.i, r.h, wasiInput(name, text, args...)))[0]
}

// wants holds the errno of a function.
func (r *reader) wants(errno uint32, name, text string, args ...uint64) {
	r.t.Helper()
	if got := r.ask(name, text, args...); got != errno {
		r.t.Errorf("%s %q %x: errno %d, want %d", name, text, args, got, errno)
	}
}

// at are bytes of memory.
func (r *reader) at(at, n uint32) []byte {
	r.t.Helper()
	var b []byte
	for k := uint32(0); k < n; k += 4 {
		b = append(b, handle(r.t, r.i, r.h, op('r', at+k))...)
	}
	return b[:n]
}

// open opens a path and wants a descriptor.
func (r *reader) open(fd uint64, path string, want uint32) {
	r.t.Helper()
	r.wants(0, "path_open", path, fd, 0, toyBlock+toyText, uint64(len(path)), 0, 2, 0, 0, toyRoom)
	if got := binary.LittleEndian.Uint32(r.at(toyRoom, 4)); got != want {
		r.t.Errorf("%s has descriptor %d, want %d", path, got, want)
	}
}

// iovec has a function write n bytes to toyRoom+64.
func (r *reader) iovec(n uint32) uint64 {
	handle(r.t, r.i, r.h, op('w', toyRoom+32, toyRoom+64))
	handle(r.t, r.i, r.h, op('w', toyRoom+36, n))
	return toyRoom + 32
}

func (r *reader) read(fd uint64, n uint32) string {
	r.t.Helper()
	r.wants(0, "fd_read", "", fd, r.iovec(n), 1, toyRoom)
	return string(r.at(toyRoom+64, binary.LittleEndian.Uint32(r.at(toyRoom, 4))))
}

// toyFiles: files are read, at any place.
func toyFiles(t *testing.T, e engine.Engine) {
	r := newReader(t, e, "packages/a/b.txt", "of a package")
	r.open(appFD, "main.txt", openFD)
	r.open(libFD, "sub/../sub/./deep.x", openFD+1)
	r.open(packagesFD, "a/b.txt", openFD+2)
	same(t, "program", r.read(openFD, 3)+r.read(openFD, 100)+r.read(openFD, 100), "the program")
	same(t, "deep", r.read(openFD+1, 100), "deep")
	same(t, "package", r.read(openFD+2, 100), "of a package")
	r.wants(0, "fd_seek", "", openFD, 4, 0, toyRoom)
	same(t, "after seek", r.read(openFD, 4), "prog")
	r.wants(0, "fd_seek", "", openFD, ^uint64(1), 1, toyRoom)
	same(t, "back", r.read(openFD, 4), "ogra")
	r.wants(0, "fd_seek", "", openFD, ^uint64(2), 2, toyRoom)
	same(t, "from the end", r.read(openFD, 9), "ram")
	r.wants(0, "fd_tell", "", openFD, toyRoom)
	same(t, "tell", binary.LittleEndian.Uint64(r.at(toyRoom, 8)), 11)
	r.wants(0, "fd_seek", "", openFD, 1<<40, 0, toyRoom)
	same(t, "behind the end", r.read(openFD, 9), "")
	r.wants(0, "fd_pread", "", openFD, r.iovec(3), 1, 4, toyRoom)
	same(t, "pread", string(r.at(toyRoom+64, 3)), "pro")
	r.wants(0, "fd_filestat_get", "", openFD, toyRoom+64)
	status := r.at(toyRoom+64, 64)
	same(t, "kind and size", []uint64{uint64(status[16]), binary.LittleEndian.Uint64(status[32:])}, []uint64{4, 11})
	path := func(fd uint64, p string) []byte {
		r.wants(0, "path_filestat_get", p, fd, 0, toyBlock+toyText, uint64(len(p)), toyRoom+64)
		return r.at(toyRoom+64, 64)
	}
	same(t, "by path", path(appFD, "main.txt"), status)
	same(t, "a folder", path(libFD, "sub")[16], 3)
	for _, f := range []string{"fd_advise", "fd_datasync", "fd_sync", "fd_fdstat_set_flags"} {
		r.wants(0, f, "", openFD, 0, 0, 0)
	}
	r.wants(0, "fd_close", "", openFD+1)
	r.wants(badf, "fd_close", "", openFD+1)
	r.open(libFD, "toy.txt", openFD+1)
	same(t, "standard input", r.read(0, 10), "")
}

// noFiles: there is no way out, nothing can be written, and what cannot be is told.
func noFiles(t *testing.T, e engine.Engine) {
	r := newReader(t, e, "app/f/g", "")
	open := func(errno uint32, path string, flags, rights uint64) {
		t.Helper()
		r.wants(errno, "path_open", path, appFD, 0, toyBlock+toyText, uint64(len(path)), flags, rights, 0, 0, toyRoom)
	}
	open(noent, "none", 0, 2)
	open(noent, "", 0, 2)
	open(notdir, "main.txt/", 0, 2)
	open(notdir, "main.txt/x", 0, 2)
	open(notcapable, "/app/main.txt", 0, 2)
	open(notcapable, "..", 0, 2)
	open(notcapable, "f/../../lib/toy.txt", 0, 2)
	open(nametoolong, strings.Repeat("./", 2049), 0, 2)
	open(rofs, "new", 1, 2)
	open(rofs, "main.txt", 8, 2)
	open(rofs, "main.txt", 0, 64)
	open(exist, "main.txt", 1|4, 2)
	open(notdir, "main.txt", 2, 2)
	r.wants(badf, "path_open", "x", 99, 0, toyBlock+toyText, 1, 0, 2, 0, 0, toyRoom)
	r.wants(fault, "path_open", "", appFD, 0, outside, 9, 0, 2, 0, 0, toyRoom)
	r.wants(fault, "path_open", "f", appFD, 0, toyBlock+toyText, 1, 0, 2, 0, 0, outside)
	r.wants(rofs, "fd_allocate", "", appFD, 0, 1)
	r.wants(rofs, "fd_filestat_set_size", "", appFD, 0)
	r.wants(rofs, "fd_pwrite", "", appFD, 0, 0, 0, 0)
	r.wants(rofs, "path_create_directory", "x", appFD, toyBlock+toyText, 1)
	r.wants(rofs, "path_create_directory", "x", rootFD, toyBlock+toyText, 1)
	r.wants(rofs, "path_unlink_file", "f", appFD, toyBlock+toyText, 1)
	r.wants(noent, "path_unlink_file", "x", appFD, toyBlock+toyText, 1)
	r.wants(fault, "path_unlink_file", "x", appFD, outside, 1)
	r.wants(rofs, "path_rename", "fx", appFD, toyBlock+toyText, 1, appFD, toyBlock+toyText+1, 1)
	r.wants(noent, "path_rename", "xf", appFD, toyBlock+toyText, 1, appFD, toyBlock+toyText+1, 1)
	r.wants(inval, "path_readlink", "f", appFD, toyBlock+toyText, 1, toyRoom, 9, toyRoom)
	r.wants(noent, "path_readlink", "x", appFD, toyBlock+toyText, 1, toyRoom, 9, toyRoom)
	r.wants(noent, "path_filestat_get", "x", appFD, 0, toyBlock+toyText, 1, toyRoom)
	r.wants(fault, "path_filestat_get", "f", appFD, 0, toyBlock+toyText, 1, outside)
	r.wants(enosys, "fd_renumber", "", appFD, 1)
	r.open(appFD, "main.txt", openFD)
	r.wants(badf, "fd_write", "", openFD, r.iovec(1), 1, toyRoom)
	r.wants(inval, "fd_seek", "", openFD, ^uint64(0), 0, toyRoom)
	r.wants(inval, "fd_seek", "", openFD, 0, 3, toyRoom)
	r.wants(0, "fd_seek", "", openFD, 5, 0, toyRoom)
	r.wants(inval, "fd_seek", "", openFD, 1<<63-1, 1, toyRoom)
	r.wants(inval, "fd_pread", "", openFD, r.iovec(1), 1, 1<<63, toyRoom)
	r.wants(inval, "fd_read", "", openFD, toyRoom, 1025, toyRoom)
	r.wants(fault, "fd_read", "", openFD, outside, 1, toyRoom)
	r.wants(fault, "fd_read", "", openFD, r.iovec(outside), 1, toyRoom)
	for _, f := range []string{"fd_seek", "fd_tell"} {
		r.wants(spipe, f, "", 1, 0, 0, toyRoom)
		r.wants(badf, f, "", 99, 0, 0, toyRoom)
	}
	r.wants(isdir, "fd_read", "", r.folder(), r.iovec(1), 1, toyRoom)
	r.wants(isdir, "fd_seek", "", openFD+1, 0, 0, toyRoom)
	r.wants(notdir, "fd_readdir", "", openFD, toyRoom, 99, 0, toyRoom)
}

// folder opens a folder.
func (r *reader) folder() uint64 {
	r.open(appFD, "f", openFD+1)
	return openFD + 1
}

// descriptors: those of the trees come first, in their order; of files a limited
// number is open.
func descriptors(t *testing.T, e engine.Engine) {
	r := newReader(t, e)
	for k, name := range []string{"/lib", "/app", "/packages", "/"} {
		fd := uint64(libFD + k)
		r.wants(0, "fd_prestat_get", "", fd, toyRoom)
		same(t, "prestat", words(r.at(toyRoom, 8)), []uint32{0, uint32(len(name))})
		r.wants(0, "fd_prestat_dir_name", "", fd, toyRoom, uint64(len(name)))
		same(t, "name", string(r.at(toyRoom, uint32(len(name)))), name)
		r.wants(nametoolong, "fd_prestat_dir_name", "", fd, toyRoom, uint64(len(name)-1))
		r.wants(notsup, "fd_close", "", fd)
		r.wants(0, "fd_fdstat_get", "", fd, toyRoom)
		same(t, "kind", r.at(toyRoom, 1)[0], 3)
		// A C library asks for no right that folders do not pass on: without that of
		// writing nobody would be told that nothing can be written.
		same(t, "rights passed on", r.at(toyRoom+16, 1)[0]&66, 66)
	}
	for _, fd := range []uint64{0, openFD, 1 << 31, 1<<32 - 1} {
		r.wants(badf, "fd_prestat_get", "", fd, toyRoom)
		r.wants(badf, "fd_prestat_dir_name", "", fd, toyRoom, 9)
	}
	for _, f := range []string{"fd_fdstat_get", "fd_filestat_get", "fd_sync", "fd_advise", "fd_close", "fd_read", "fd_pread", "fd_readdir"} {
		r.wants(badf, f, "", 1<<31, toyRoom, 0, 0, toyRoom)
	}
	for fd := range uint64(3) {
		r.wants(0, "fd_close", "", fd) // it stays open
		r.wants(0, "fd_fdstat_get", "", fd, toyRoom)
		same(t, "kind of a stream", r.at(toyRoom, 1)[0], 2)
		r.wants(0, "fd_filestat_get", "", fd, toyRoom)
	}
	for k := range 64 {
		r.open(appFD, "main.txt", uint32(openFD+k))
	}
	r.wants(mfile, "path_open", "main.txt", appFD, 0, toyBlock+toyText, 8, 0, 2, 0, 0, toyRoom)
	r.wants(0, "fd_close", "", openFD+7)
	r.open(appFD, "main.txt", openFD+7)
}

// above: the folder above all leads to the others, and nowhere else.
func above(t *testing.T, e engine.Engine) {
	r := newReader(t, e, "packages/a/b.txt", "of a package")
	r.open(rootFD, "app/main.txt", openFD)
	same(t, "program", r.read(openFD, 100), "the program")
	r.open(rootFD, "app/../packages/a/b.txt", openFD+1)
	same(t, "package", r.read(openFD+1, 100), "of a package")
	r.wants(0, "fd_readdir", "", rootFD, toyRoom+64, 1000, 0, toyRoom)
	b := r.at(toyRoom+64, binary.LittleEndian.Uint32(r.at(toyRoom, 4)))
	var names []string
	for len(b) > 0 {
		n := 24 + binary.LittleEndian.Uint32(b[16:])
		names, b = append(names, string(b[24:n])), b[n:]
	}
	same(t, "names", names, []string{".", "..", "app", "lib", "packages"})
	for path, errno := range map[string]uint32{"../app": notcapable, "etc/passwd": noent, "main.txt": noent} {
		r.wants(errno, "path_open", path, rootFD, 0, toyBlock+toyText, uint64(len(path)), 0, 2, 0, 0, toyRoom)
	}
}

// folders: all entries are listed, whatever the room.
func folders(t *testing.T, e engine.Engine) {
	var more []string
	want := map[string]byte{".": 3, "..": 3, "main.txt": 4, "z": 3}
	for k := range 20 {
		name := fmt.Sprintf("file%d", k)
		want[name] = 4
		more = append(more, "app/"+name, "x")
	}
	r := newReader(t, e, append(more, "app/z/deep", "x")...)
	for _, room := range []uint64{40, 100, 4000} {
		got := map[string]byte{}
		for cookie := uint64(0); ; {
			r.wants(0, "fd_readdir", "", appFD, toyRoom+64, room, cookie, toyRoom)
			used := binary.LittleEndian.Uint32(r.at(toyRoom, 4))
			b := r.at(toyRoom+64, used)
			for len(b) >= 24 && len(b) >= 24+int(binary.LittleEndian.Uint32(b[16:])) {
				n := 24 + int(binary.LittleEndian.Uint32(b[16:]))
				got[string(b[24:n])] = b[20]
				cookie, b = binary.LittleEndian.Uint64(b), b[n:]
			}
			if uint64(used) < room {
				break
			}
		}
		if !slices.Equal(keys(got), keys(want)) || got["z"] != 3 || got["main.txt"] != 4 {
			t.Errorf("with room for %d: %v", room, keys(got))
		}
	}
	r.wants(0, "fd_readdir", "", appFD, toyRoom, 0, 0, toyRoom)
	r.wants(0, "fd_readdir", "", appFD, toyRoom, 99, 1<<63, toyRoom)
	r.wants(fault, "fd_readdir", "", appFD, outside, 99, 0, toyRoom)
}

// fileFuel: what the host does with files is paid for.
func fileFuel(t *testing.T, e engine.Engine) {
	big := strings.Repeat("0123456789abcdef", 8<<10)
	r := newReader(t, e, "app/big", big)
	r.open(appFD, "big", openFD)
	fuel := func(n uint32) uint64 {
		v := r.iovec(n)
		a, err := r.i.Handle(r.h, engine.Frame(wasiInput("fd_pread", "", openFD, v, 1, 0, toyRoom)))
		if err != nil {
			t.Fatal(err)
		}
		return a.Fuel
	}
	small, large := fuel(8), fuel(80_008)
	same(t, "fuel of 80,000 bytes", large-small, 10_000)
	if small < 200 {
		t.Errorf("a call takes %d units", small)
	}
}
