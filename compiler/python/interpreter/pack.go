package interpreter

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/compiler/cache"
)

// Pack takes what the last step of the recipe made, python.wasm, the folders lib and
// licenses and the file versions, and writes the packed runtime to the folder out. The same input gives the same
// bytes.
func Pack(in, out string) error {
	module, err := os.ReadFile(filepath.Join(in, "python.wasm"))
	if err != nil {
		return fmt.Errorf("pack the Python runtime: %w", err)
	}
	library, err := archive(os.DirFS(filepath.Join(in, "lib")))
	if err != nil {
		return fmt.Errorf("pack Python's standard library: %w", err)
	}
	licenses, err := archive(os.DirFS(filepath.Join(in, "licenses")))
	if err != nil {
		return fmt.Errorf("pack the licenses of the Python runtime: %w", err)
	}
	versions, err := os.ReadFile(filepath.Join(in, versionsFile))
	if err != nil {
		return fmt.Errorf("pack the Python runtime: %w", err)
	}
	if licenses, err = packWhole(licenses); err != nil {
		return err
	}
	var inParts bytes.Buffer
	if err := packParts(&inParts, library); err != nil {
		return err
	}
	packed, err := packWhole(module)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		moduleFile: packed, libraryFile: inParts.Bytes(), licensesFile: licenses, versionsFile: versions, digestFile: []byte(Digest()),
	} {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// archive makes a zip of the files, not compressed: a guest would unpack more slowly
// than the host does. The files are in the order of their names and have no dates.
func archive(files fs.FS) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		f, err := w.CreateRaw(&zip.FileHeader{
			Name: path, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
		})
		if err == nil {
			_, err = f.Write(data)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// unpackModule returns the reactor of a packed runtime.
func unpackModule(files fs.FS) ([]byte, error) {
	packed, err := fs.ReadFile(files, moduleFile)
	if err != nil {
		return nil, fmt.Errorf("read the Python runtime: %w", err)
	}
	module, err := unpack(packed, 0)
	if err != nil {
		return nil, fmt.Errorf("unpack the Python runtime: %w", err)
	}
	return module, nil
}

// Embed puts the packed runtime in dir into the folder that the binary is built with.
func Embed(dir, dist string) error {
	for _, name := range packedFiles {
		if _, err := cache.Place(filepath.Join(dir, name), filepath.Join(dist, name)); err != nil {
			return fmt.Errorf("embed the Python runtime: %w", err)
		}
	}
	return nil
}
