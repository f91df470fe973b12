package grow

import (
	"encoding/json"
	"fmt"
)

// Files are documents of the actor's revision with a grant, to read. Paths are below the
// service's folder, with / between names.
type Files struct {
	ctx *Context
	use string
}

// Files returns the documents that the grant use covers.
func (c *Context) Files(use string) Files { return Files{c, use} }

// File is one of a folder.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes; 0 of a folder
	Folder bool   `json:"folder"`
}

// Read returns the bytes of a file.
func (f Files) Read(path string) ([]byte, error) {
	m, err := f.ctx.one("files.read", f.use, nil, "path", path)
	if err != nil {
		return nil, err
	}
	return append([]byte{}, m.Data...), nil
}

// List returns what is in a folder, by name.
func (f Files) List(path string) ([]File, error) {
	m, err := f.ctx.one("files.list", f.use, nil, "path", path)
	if err != nil {
		return nil, err
	}
	var list []File
	if err := json.Unmarshal(m.Data, &list); err != nil {
		return nil, fmt.Errorf("files.list: %w", err)
	}
	return list, nil
}
