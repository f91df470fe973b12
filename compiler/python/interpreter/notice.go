package interpreter

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"strings"
)

// Versions says what software the runtime was made of, in which versions. The recipe
// names them; where a mirror lacks one, another is taken. It fails with ErrMissing as
// Find does.
func Versions() (string, error) {
	files, err := lies()
	if err != nil {
		return "", err
	}
	text, err := fs.ReadFile(files, versionsFile)
	if err != nil {
		return "", fmt.Errorf("read the versions of the Python runtime: %w", err)
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ", "), nil
}

// Licenses are those of the software that the runtime was made of: a file for each, by
// the software's name. It fails with ErrMissing as Find does.
func Licenses() (fs.FS, error) {
	files, err := lies()
	if err != nil {
		return nil, err
	}
	b, err := fs.ReadFile(files, licensesFile)
	if err == nil {
		b, err = unpack(b, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("read the licenses of the Python runtime: %w", err)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("read the licenses of the Python runtime: %w", err)
	}
	return r, nil
}
