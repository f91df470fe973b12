package interpreter

import (
	"io"
	"io/fs"
	"time"
)

// single is a read-only file system of one file, which can be read anywhere. Its file
// and its folder have no dates.
type single struct {
	name string
	at   io.ReaderAt
	size int64
}

// Open implements fs.FS.
func (s single) Open(name string) (fs.File, error) {
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case name == ".":
		return &folder{entries: []fs.DirEntry{fs.FileInfoToDirEntry(info{s.name, s.size, 0o444})}}, nil
	case name == s.name:
		return &file{io.NewSectionReader(s.at, 0, s.size), info{s.name, s.size, 0o444}}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// file is the open file: also an io.ReaderAt and an io.Seeker.
type file struct {
	*io.SectionReader
	info info
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (*file) Close() error                 { return nil }

// folder is the open folder; entries are those not yet read.
type folder struct{ entries []fs.DirEntry }

func (*folder) Stat() (fs.FileInfo, error) { return info{".", 0, fs.ModeDir | 0o555}, nil }
func (*folder) Close() error               { return nil }

func (*folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(f.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.entries) {
		n = len(f.entries)
	}
	list := f.entries[:n]
	f.entries = f.entries[n:]
	return list, nil
}

// info describes the file or the folder.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
