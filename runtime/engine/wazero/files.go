package wazero

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Limits of what the guests of a language runtime do with files.
const (
	openMax = 64      // files and folders that an instance has open
	pathMax = 4 << 10 // bytes of a path
)

// Errors of WASI for files.
const (
	errnoExist       = 20
	errnoIsdir       = 31
	errnoMfile       = 33
	errnoNametoolong = 37
	errnoNoent       = 44
	errnoNotdir      = 54
	errnoNotsup      = 58
	errnoRofs        = 69
	errnoSpipe       = 70
	errnoNotcapable  = 76
)

// firstTree is the descriptor of the first tree; those of open files follow on
// the last one's.
const firstTree = 3

// files are the descriptors of an instance.
type files struct {
	trees []*tree
	open  []*handle // nil: a descriptor that is free
}

// handle is an open file or folder.
type handle struct {
	*node
	at int64 // where it is read next
}

// opened is how many descriptors are in use besides those there are from the start.
func (f *files) opened() (n int) {
	for _, h := range f.open {
		if h != nil {
			n++
		}
	}
	return n
}

// node is what a descriptor stands for; nil: neither a file nor a folder.
func (f *files) node(descriptor uint32) *node {
	if k := descriptor - firstTree; uint64(k) < uint64(len(f.trees)) {
		return f.trees[k].root
	}
	if h := f.handle(descriptor); h != nil {
		return h.node
	}
	return nil
}

// handle is the open file or folder of a descriptor; nil: there is none.
func (f *files) handle(descriptor uint32) *handle {
	if k := int64(descriptor) - firstTree - int64(len(f.trees)); k >= 0 && k < int64(len(f.open)) {
		return f.open[k]
	}
	return nil
}

// find is what lies at a path below a descriptor. Nothing above it can be named.
func (f *files) find(descriptor uint32, path string) (*node, uint32) {
	at := f.node(descriptor)
	switch {
	case at == nil:
		return nil, errnoBadf
	case path == "":
		return nil, errnoNoent
	case path[0] == '/':
		return nil, errnoNotcapable
	}
	var above []*node
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case at.folder == nil:
			return nil, errnoNotdir
		case name == "" || name == ".":
		case name == "..":
			if len(above) == 0 {
				return nil, errnoNotcapable
			}
			at, above = above[len(above)-1], above[:len(above)-1]
		default:
			next := at.folder[name]
			if next == nil {
				return nil, errnoNoent
			}
			above = append(above, at)
			at = next
		}
	}
	return at, 0
}

// fileFunctions are the functions of WASI that guests of a language runtime have
// files by. What there is cannot be changed: see readOnly.
var fileFunctions = map[string]func(i *instance, f *files, p []uint64) uint32{
	"fd_advise":           steady,
	"fd_close":            fdClose,
	"fd_datasync":         steady,
	"fd_fdstat_get":       fdStatus,
	"fd_fdstat_set_flags": steady,
	"fd_filestat_get":     fdFileStatus,
	"fd_pread":            fdPread,
	"fd_prestat_get":      fdPrestat,
	"fd_prestat_dir_name": fdPrestatName,
	"fd_read":             fdRead,
	"fd_readdir":          fdReaddir,
	"fd_seek":             fdSeek,
	"fd_sync":             steady,
	"fd_tell":             fdTell,
	"path_filestat_get":   pathFileStatus,
	"path_open":           pathOpen,
	"path_readlink":       pathReadlink,
}

// readOnly are the functions of WASI that would change files, and where among its
// parameters stands a path that must be there for that; 0: nowhere.
var readOnly = map[string]int{
	"fd_allocate": 0, "fd_filestat_set_size": 0, "fd_filestat_set_times": 0, "fd_pwrite": 0, "path_create_directory": 0, "path_filestat_set_times": 2,
	"path_link": 2, "path_remove_directory": 1, "path_rename": 1, "path_symlink": 0, "path_unlink_file": 1,
}

// unchanged is the answer of a function that would change files: that there is no file,
// as programs expect that remove one if there is one, or that it cannot be changed.
func (i *instance) unchanged(path int, p []uint64) uint32 {
	if path > 0 {
		name, errno := i.path(uint32(p[path]), uint32(p[path+1]))
		if errno == 0 {
			_, errno = i.speech.files.find(uint32(p[0]), name)
		}
		if errno != 0 {
			return errno
		}
	}
	return errnoRofs
}

// exportFiles has a module of host functions serve files. typed is the type of a
// function of WASI.
func exportFiles(b wazero.HostModuleBuilder, typed func(name string) (params, results []api.ValueType)) wazero.HostModuleBuilder {
	export := func(name string, f api.GoModuleFunc) {
		params, results := typed(name)
		b = b.NewFunctionBuilder().WithGoModuleFunction(f, params, results).Export(name)
	}
	for name, f := range fileFunctions {
		export(name, func(ctx context.Context, caller api.Module, stack []uint64) {
			defer guard()
			i := of(ctx, caller)
			i.payCall(0)
			stack[0] = uint64(f(i, &i.speech.files, stack))
		})
	}
	for name, path := range readOnly {
		export(name, func(ctx context.Context, caller api.Module, stack []uint64) {
			defer guard()
			i := of(ctx, caller)
			i.payCall(0)
			stack[0] = uint64(i.unchanged(path, stack))
		})
	}
	return b
}

// isStream says whether a descriptor is one of those that are no files: input,
// output and errors.
func isStream(descriptor uint32) bool { return descriptor < firstTree }

// steady is what has nothing to do here: (descriptor, …).
func steady(_ *instance, f *files, p []uint64) uint32 {
	if d := uint32(p[0]); !isStream(d) && f.node(d) == nil {
		return errnoBadf
	}
	return 0
}

// fdClose is fd_close(descriptor). Streams stay open, for others may print too.
func fdClose(_ *instance, f *files, p []uint64) uint32 {
	d := uint32(p[0])
	switch {
	case isStream(d):
		return 0
	case f.handle(d) != nil:
		f.open[int(d)-firstTree-len(f.trees)] = nil
		return 0
	case f.node(d) != nil:
		return errnoNotsup
	}
	return errnoBadf
}

// Kinds of files.
const (
	kindDevice = 2 // of characters
	kindFolder = 3
	kindFile   = 4
)

func (n *node) kind() byte {
	if n.folder != nil {
		return kindFolder
	}
	return kindFile
}

// Rights of descriptors.
const (
	rightRead   = 1 << 1
	rightSeek   = 1 << 2
	rightTell   = 1 << 5
	rightWrite  = 1 << 6
	rightOpen   = 1 << 13
	rightList   = 1 << 14
	rightLook   = 1 << 18 // path_filestat_get
	rightStatus = 1 << 21 // fd_filestat_get

	rightsFile   = rightRead | rightSeek | rightTell | rightStatus
	rightsFolder = rightOpen | rightList | rightLook | rightStatus
)

// fdStatus is fd_fdstat_get(descriptor, status).
func fdStatus(i *instance, f *files, p []uint64) uint32 {
	var b [24]byte
	d := uint32(p[0])
	n := f.node(d)
	rights, inherited := uint64(rightsFile), uint64(0)
	switch {
	case isStream(d):
		b[0], rights = kindDevice, rightRead|rightWrite|rightStatus
	case n == nil:
		return errnoBadf
	default:
		b[0] = n.kind()
		if n.folder != nil {
			// A C library asks for no right that is not here: to be told of one who
			// wants to write, that right is.
			rights, inherited = rightsFolder, rightsFolder|rightsFile|rightWrite
		}
	}
	binary.LittleEndian.PutUint64(b[8:], rights)
	binary.LittleEndian.PutUint64(b[16:], inherited)
	return i.store(uint32(p[1]), b[:])
}

// store writes bytes to memory.
func (i *instance) store(at uint32, b []byte) (errno uint32) {
	if !i.memory.Write(at, b) {
		return errnoFault
	}
	return 0
}

// fdFileStatus is fd_filestat_get(descriptor, status).
func fdFileStatus(i *instance, f *files, p []uint64) uint32 {
	d := uint32(p[0])
	n := f.node(d)
	if n == nil && !isStream(d) {
		return errnoBadf
	}
	return i.fileStatus(uint32(p[1]), n)
}

// fileStatus writes what there is to know of a file; nil: of a stream. All are of
// the same time, which says nothing.
func (i *instance) fileStatus(at uint32, n *node) uint32 {
	var b [64]byte
	b[16] = kindDevice
	if n != nil {
		binary.LittleEndian.PutUint64(b[8:], n.number)
		b[16] = n.kind()
		binary.LittleEndian.PutUint64(b[32:], uint64(len(n.data)))
	}
	b[24] = 1 // links
	for k := 40; k < 64; k += 8 {
		binary.LittleEndian.PutUint64(b[k:], uint64(imageTime))
	}
	return i.store(at, b[:])
}

// fdPrestat is fd_prestat_get(descriptor, prestat).
func fdPrestat(i *instance, f *files, p []uint64) uint32 {
	k := uint32(p[0]) - firstTree
	if uint64(k) >= uint64(len(f.trees)) {
		return errnoBadf
	}
	var b [8]byte
	binary.LittleEndian.PutUint32(b[4:], uint32(len(f.trees[k].at)))
	return i.store(uint32(p[1]), b[:])
}

// fdPrestatName is fd_prestat_dir_name(descriptor, path, room).
func fdPrestatName(i *instance, f *files, p []uint64) uint32 {
	k := uint32(p[0]) - firstTree
	if uint64(k) >= uint64(len(f.trees)) {
		return errnoBadf
	}
	if uint64(len(f.trees[k].at)) > uint64(uint32(p[2])) {
		return errnoNametoolong
	}
	return i.store(uint32(p[1]), []byte(f.trees[k].at))
}
