// Package sdk holds the sources of the SDKs that actors are written with, so
// that the one binary can build actors on a machine that has never fetched
// them.
package sdk

import (
	"archive/zip"
	"bytes"
	"embed"
	"io/fs"
	"strings"
	"sync"
)

// An embed pattern cannot reach into a nested module. So the Go SDK is part of
// the main module here, where its tests run with all others, and becomes a
// module of its own when it is written out: it imports nothing but the
// standard library, hence this go.mod is all it takes.
const goMod = "module github.com/grow-platform/grow/sdk/go\n\ngo 1.24\n"

// Module is the path by which actors import the Go SDK; Crate is the name by
// which they depend on the Rust SDK.
const (
	Module = "github.com/grow-platform/grow/sdk/go"
	Crate  = "grow"
)

//go:embed go/*.go go/growtest/*.go go/internal/*/*.go
var goFiles embed.FS

//go:embed rust/Cargo.toml rust/src
var rustFiles embed.FS

//go:embed all:python/grow
var pythonFiles embed.FS

// Go returns the Go SDK as a complete module called [Module], without its
// tests. [os.CopyFS] writes it out. The same binary always returns the same
// bytes. It is safe for concurrent use.
func Go() fs.FS { return goOnce() }

// Rust returns the Rust SDK as a complete crate called [Crate]. [os.CopyFS]
// writes it out, without its tests. It is safe for concurrent use.
func Rust() fs.FS { return rustOnce() }

// Python returns the packages of the Python SDK: grow/__init__.py and so on. They are
// compiled into the standard library of the Python runtime. It is safe for concurrent
// use.
func Python() fs.FS { return pythonOnce() }

var goOnce = sync.OnceValue(func() fs.FS { return pack(goFiles, "go", map[string]string{"go.mod": goMod}) })

var rustOnce = sync.OnceValue(func() fs.FS { return pack(rustFiles, "rust", nil) })

var pythonOnce = sync.OnceValue(func() fs.FS { return pack(pythonFiles, "python", nil) })

// pack puts the files below dir, but for tests and products, and the extra ones into
// a file system. A zip archive in memory is the one that the standard library
// lets us add files to. What it reads is part of the binary, so a failure is a
// mistake of the build.
func pack(files embed.FS, dir string, extra map[string]string) fs.FS {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	add := func(name string, data []byte) error {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = f.Write(data)
		}
		return err
	}
	err := fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || isTest(name) || strings.Contains(name, "__pycache__/") {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return add(strings.TrimPrefix(name, dir+"/"), data)
	})
	for name, data := range extra {
		if err == nil {
			err = add(name, []byte(data))
		}
	}
	if err == nil {
		err = w.Close()
	}
	var r *zip.Reader
	if err == nil {
		r, err = zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	}
	if err != nil {
		panic("sdk: pack " + dir + ": " + err.Error())
	}
	return r
}

func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_test.rs")
}
