package python

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Limits of packages.
const (
	WheelMax    = 64 << 20 // bytes of a wheel
	UnpackedMax = 30 << 20 // bytes of the files of all packages of an actor
)

// wheelName reads the name and version in a wheel's file name (PEP 427).
func wheelName(base string) (name, version string, ok bool) {
	parts := strings.Split(strings.TrimSuffix(base, ".whl"), "-")
	if len(parts) < 5 || len(parts) > 6 || !strings.HasSuffix(base, ".whl") {
		return "", "", false
	}
	return normal(parts[0]), parts[1], true
}

// isNative says whether a file is machine code.
func isNative(name string) bool {
	for _, end := range []string{".so", ".pyd", ".dll", ".dylib", ".a", ".lib"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.Contains(path.Base(name), ".so.")
}

// placeOf is where a file of a wheel goes below packages/; "" for one that is not
// packed. What a wheel wants beside the modules (scripts, headers) has no place.
func placeOf(name string) string {
	top, rest, _ := strings.Cut(name, "/")
	switch {
	case strings.HasSuffix(top, ".dist-info"):
		if rest == "METADATA" || rest == "entry_points.txt" {
			return name
		}
		return ""
	case strings.HasSuffix(top, ".libs"):
		return ""
	case strings.HasSuffix(top, ".data"):
		scheme, in, _ := strings.Cut(rest, "/")
		if scheme != "purelib" && scheme != "platlib" {
			return ""
		}
		name = in
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "__pycache__" {
			return ""
		}
	}
	if strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".pyx") || strings.HasSuffix(name, ".pxd") || strings.HasSuffix(name, ".c") {
		return ""
	}
	return name
}

// packages are the files of all packages of an actor.
type packages struct {
	files map[string][]byte // by path below packages/
	owner map[string]string // which package a path is of
	tops  map[string]bool   // modules that can be imported
	bytes int64
}

func newPackages() *packages {
	return &packages{files: map[string][]byte{}, owner: map[string]string{}, tops: map[string]bool{}}
}

// errPackage is what is wrong with a package.
type errPackage struct{ text string }

func (e *errPackage) Error() string { return e.text }

func wrong(format string, args ...any) error { return &errPackage{fmt.Sprintf(format, args...)} }

// add unpacks a wheel.
func (p *packages) add(pin pin, wheel []byte) error {
	z, err := zip.NewReader(bytes.NewReader(wheel), int64(len(wheel)))
	if err != nil {
		return fmt.Errorf("read wheel: %w", err)
	}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !fs.ValidPath(f.Name) || strings.Contains(f.Name, `\`) || f.Mode()&fs.ModeSymlink != 0 {
			return wrong("its wheel holds a file that leads out of its folder: %q", f.Name)
		}
		place := placeOf(f.Name)
		if place == "" || isNative(place) && pin.Partly {
			continue
		}
		if isNative(place) {
			return wrong("its wheel holds native code, which an actor cannot run: %s", place)
		}
		if err := p.file(pin, f, place); err != nil {
			return err
		}
	}
	return nil
}

func (p *packages) file(pin pin, f *zip.File, place string) error {
	data, err := unzip(f, UnpackedMax-p.bytes)
	if err != nil {
		return err
	}
	if have, taken := p.files[place]; taken && !bytes.Equal(have, data) {
		return wrong("it and %s both bring %s", p.owner[place], place)
	}
	if len(p.files) == thin.FilesMax-FilesMax {
		return wrong("with it the packages have more than %d files", thin.FilesMax-FilesMax)
	}
	p.bytes += int64(len(data))
	p.files[place], p.owner[place] = data, pin.Name
	top, rest, folder := strings.Cut(place, "/")
	if base, py := strings.CutSuffix(top, ".py"); py && !folder {
		p.tops[base] = true
	} else if folder && strings.HasSuffix(rest, ".py") {
		p.tops[top] = true
	}
	for _, name := range reserved {
		if p.tops[name] {
			return wrong("it brings a module %s, which would hide grow's own", name)
		}
	}
	return nil
}

// unzip reads one file, of at most left bytes, whatever the archive says of it.
func unzip(f *zip.File, left int64) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, left+1))
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	if int64(len(data)) > left {
		return nil, wrong("with it the packages are larger than %d MiB", UnpackedMax>>20)
	}
	return data, nil
}

// withoutNative writes a wheel without its native code to a folder, under the
// name of a pure one, so that the resolver takes it.
func withoutNative(wheel, to string) (err error) {
	data, err := readWheel(wheel)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	parts := strings.Split(filepath.Base(wheel), "-")
	out, err := os.Create(filepath.Join(to, parts[0]+"-"+parts[1]+"-py3-none-any.whl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := zip.NewWriter(out)
	for _, f := range z.File {
		if isNative(f.Name) {
			continue
		}
		if err := w.Copy(f); err != nil {
			return err
		}
	}
	return w.Close()
}

// readWheel reads a wheel whose size is within the limit.
func readWheel(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > WheelMax {
		return nil, wrong("its wheel is larger than %d MiB", WheelMax>>20)
	}
	return os.ReadFile(name)
}
