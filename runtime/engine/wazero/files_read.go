package wazero

import (
	"encoding/binary"
	"math"
)

// fdRead is fd_read(descriptor, iovecs, n, read). Standard input is empty.
func fdRead(i *instance, f *files, p []uint64) uint32 {
	d, got := uint32(p[0]), uint32(p[3])
	if d == 0 {
		return i.put(got, 0)
	}
	h := f.handle(d)
	if h == nil {
		return errnoBadf
	}
	n, errno := i.scatter(h.node, h.at, uint32(p[1]), uint32(p[2]))
	if errno != 0 {
		return errno
	}
	h.at += int64(n)
	return i.put(got, n)
}

// fdPread is fd_pread(descriptor, iovecs, n, offset, read).
func fdPread(i *instance, f *files, p []uint64) uint32 {
	h := f.handle(uint32(p[0]))
	if h == nil {
		return errnoBadf
	}
	if int64(p[3]) < 0 {
		return errnoInval
	}
	n, errno := i.scatter(h.node, int64(p[3]), uint32(p[1]), uint32(p[2]))
	if errno != 0 {
		return errno
	}
	return i.put(uint32(p[4]), n)
}

// scatter reads from an offset into pieces of memory.
func (i *instance) scatter(n *node, from int64, iovecs, count uint32) (total, errno uint32) {
	if n.folder != nil {
		return 0, errnoIsdir
	}
	if count > iovecsMax {
		return 0, errnoInval
	}
	list, ok := i.memory.Read(iovecs, count*iovecSize)
	if !ok {
		return 0, errnoFault
	}
	left := n.data[min(from, int64(len(n.data))):]
	for ; len(list) > 0; list = list[iovecSize:] {
		room, ok := i.memory.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return 0, errnoFault
		}
		k := copy(room, left)
		i.payCall(k)
		left, total = left[k:], total+uint32(k)
	}
	return total, 0
}

// fdSeek is fd_seek(descriptor, offset, whence, result).
func fdSeek(i *instance, f *files, p []uint64) uint32 {
	h := f.handle(uint32(p[0]))
	switch {
	case isStream(uint32(p[0])):
		return errnoSpipe
	case h == nil:
		return errnoBadf
	case h.folder != nil:
		return errnoIsdir
	}
	from := int64(0)
	switch uint32(p[2]) {
	case 0:
	case 1:
		from = h.at
	case 2:
		from = int64(len(h.data))
	default:
		return errnoInval
	}
	by := int64(p[1])
	if by > math.MaxInt64-from || from+by < 0 {
		return errnoInval
	}
	h.at = from + by
	return i.put64(uint32(p[3]), uint64(h.at))
}

// fdTell is fd_tell(descriptor, result).
func fdTell(i *instance, f *files, p []uint64) uint32 {
	h := f.handle(uint32(p[0]))
	switch {
	case isStream(uint32(p[0])):
		return errnoSpipe
	case h == nil:
		return errnoBadf
	}
	return i.put64(uint32(p[1]), uint64(h.at))
}

func (i *instance) put64(at uint32, v uint64) (errno uint32) {
	if !i.memory.WriteUint64Le(at, v) {
		return errnoFault
	}
	return 0
}

// path reads a path from memory.
func (i *instance) path(at, n uint32) (string, uint32) {
	if n > pathMax {
		return "", errnoNametoolong
	}
	i.payCall(int(n) * unitBytes) // every byte is looked at
	b, ok := i.memory.Read(at, n)
	if !ok {
		return "", errnoFault
	}
	return string(b), 0
}

// pathFileStatus is path_filestat_get(descriptor, flags, path, length, status).
func pathFileStatus(i *instance, f *files, p []uint64) uint32 {
	path, errno := i.path(uint32(p[2]), uint32(p[3]))
	if errno != 0 {
		return errno
	}
	n, errno := f.find(uint32(p[0]), path)
	if errno != 0 {
		return errno
	}
	return i.fileStatus(uint32(p[4]), n)
}

// pathReadlink is path_readlink(descriptor, path, length, …): there are no links.
func pathReadlink(i *instance, f *files, p []uint64) uint32 {
	path, errno := i.path(uint32(p[1]), uint32(p[2]))
	if errno != 0 {
		return errno
	}
	if _, errno := f.find(uint32(p[0]), path); errno != 0 {
		return errno
	}
	return errnoInval
}

// Flags of path_open.
const (
	openCreate    = 1 << 0
	openFolder    = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
)

// pathOpen is path_open(descriptor, lookup flags, path, length, flags, rights,
// inherited rights, descriptor flags, descriptor). Rights are asked for by what is
// to be done: who wants to write is told at once that nothing can be written.
func pathOpen(i *instance, f *files, p []uint64) uint32 {
	path, errno := i.path(uint32(p[2]), uint32(p[3]))
	if errno != 0 {
		return errno
	}
	flags, rights := uint32(p[4]), p[5]
	n, errno := f.find(uint32(p[0]), path)
	switch {
	case errno == errnoNoent && flags&openCreate != 0:
		return errnoRofs
	case errno != 0:
		return errno
	case flags&openExclusive != 0 && flags&openCreate != 0:
		return errnoExist
	case flags&openFolder != 0 && n.folder == nil:
		return errnoNotdir
	case flags&openTruncate != 0 || rights&rightWrite != 0 && n.folder == nil:
		return errnoRofs
	}
	k := 0
	for k < len(f.open) && f.open[k] != nil {
		k++
	}
	if k == openMax {
		return errnoMfile
	}
	if errno := i.put(uint32(p[8]), uint32(firstTree+len(f.trees)+k)); errno != 0 {
		return errno
	}
	if k == len(f.open) {
		f.open = append(f.open, nil)
	}
	f.open[k] = &handle{node: n}
	return 0
}

// entrySize is the bytes of an entry of fd_readdir, without its name.
const entrySize = 24

// fdReaddir is fd_readdir(descriptor, room, size, cookie, used): the entries from
// the cookie on, the last one cut off where there is no more room.
func fdReaddir(i *instance, f *files, p []uint64) uint32 {
	n := f.node(uint32(p[0]))
	switch {
	case n == nil:
		return errnoBadf
	case n.folder == nil:
		return errnoNotdir
	}
	room, ok := i.memory.Read(uint32(p[1]), uint32(p[2]))
	if !ok {
		return errnoFault
	}
	used := 0
	for k := p[3]; len(room) > 0 && k < uint64(len(n.sorted))+2; k++ {
		e := n.entry(int(k))
		i.payCall(len(e))
		done := copy(room, e)
		room, used = room[done:], used+done
	}
	return i.put(uint32(p[4]), uint32(used))
}

// entry is the k-th entry of a folder, after itself and the one above.
func (n *node) entry(k int) []byte {
	name, number, kind := "..", n.number, byte(kindFolder)
	switch {
	case k == 0:
		name = "."
	case k > 1:
		e := n.sorted[k-2]
		name, number, kind = e.name, e.number, e.kind()
	}
	b := make([]byte, entrySize, entrySize+len(name))
	binary.LittleEndian.PutUint64(b, uint64(k+1))
	binary.LittleEndian.PutUint64(b[8:], number)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(name)))
	b[20] = kind
	return append(b, name...)
}
