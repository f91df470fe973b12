package python

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/compiler"
)

// Limits of the files of an actor, its packages left out.
const (
	FilesMax  = 2_000    // files
	SourceMax = 4 << 20  // bytes of one .py file
	BytesMax  = 24 << 20 // bytes of all files together
)

// entry is the file that an actor begins with.
const entry = "main.py"

// products are folders of what tools make or fetch, as no actor needs them.
var products = map[string]bool{"__pycache__": true, "venv": true, "node_modules": true, "__pypackages__": true}

// left says whether a file or folder is no part of an actor.
func left(name string, folder bool) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	if folder {
		return products[name] || strings.HasSuffix(name, ".egg-info") || strings.HasSuffix(name, ".dist-info")
	}
	return strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".pyo") || name == requirementsName || name == lockName
}

// inspect refuses what has no main.py before anything is read.
func inspect(s compiler.Source) error {
	refuse := func(text, hint string, cause error) error {
		e := compiler.Fail(s, compiler.CodeSource, text, cause)
		e.Hint = hint
		return e
	}
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("read sources", "put main.py there, or name its folder under `code:` in actor.yaml", err)
	case err != nil:
		return refuse("read sources", "", err)
	case !info.IsDir():
		return refuse("read sources: "+s.Relative(s.Path)+" is a file", "name the folder that holds it under `code:` in actor.yaml; it begins with main.py there", nil)
	}
	info, err = os.Stat(filepath.Join(s.Path, entry))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("no main.py in "+s.Relative(s.Path), "write it, with a handler for each type: @grow.on(\"order.placed\")", nil)
	case err != nil:
		return refuse("read main.py", "", err)
	case !info.Mode().IsRegular():
		return refuse("main.py in "+s.Relative(s.Path)+" is not a file", "an actor begins with the file main.py", nil)
	}
	return nil
}

// collector reads the files of an actor.
type collector struct {
	source compiler.Source
	root   *os.Root // which links do not lead out of
	files  map[string][]byte
	bytes  int64
}

// collect returns the files of an actor by slash-separated path.
func collect(s compiler.Source) (map[string][]byte, error) {
	root, err := os.OpenRoot(s.Path)
	if err != nil {
		return nil, compiler.Fail(s, compiler.CodeSource, "read sources", err)
	}
	defer root.Close()
	c := &collector{source: s, root: root, files: map[string][]byte{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case left(d.Name(), d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		return c.read(name, d)
	})
	if e, ok := errors.AsType[*compiler.Error](err); ok {
		return nil, e
	}
	if err != nil {
		return nil, compiler.Fail(s, compiler.CodeSource, "read sources", err)
	}
	return c.files, nil
}

func (c *collector) read(name string, d fs.DirEntry) error {
	info, err := c.root.Stat(name)
	switch {
	case err != nil && d.Type()&fs.ModeSymlink != 0:
		return c.refuse(name, "a link that leads out of the folder of the sources, or nowhere", "copy what it leads to into the folder")
	case errors.Is(err, fs.ErrNotExist):
		return nil // a file that an editor has just removed
	case err != nil:
		return err
	case info.IsDir():
		return c.refuse(name, "a link to a folder", "copy the folder, or import it as a package by "+requirementsName)
	case !info.Mode().IsRegular():
		return c.refuse(name, "neither a file nor a folder", "move it out of the folder of the sources")
	case strings.HasSuffix(name, ".py") && info.Size() > SourceMax:
		return c.refuse(name, fmt.Sprintf("%d bytes of source, more than the %d MiB of one file", info.Size(), SourceMax>>20), "keep data in a file of its own, such as .json, and read it from there")
	}
	if c.bytes += info.Size(); c.bytes > BytesMax {
		return c.refuse(name, fmt.Sprintf("with it the files are larger than %d MiB together", BytesMax>>20), "move data and products out of the folder of the sources")
	}
	if len(c.files) == FilesMax {
		return c.refuse(name, fmt.Sprintf("there are more than %d files", FilesMax), "move data and products out of the folder of the sources")
	}
	c.files[name], err = c.root.ReadFile(name)
	return err
}

func (c *collector) refuse(name, text, hint string) error {
	return &compiler.Error{
		Code: compiler.CodeSource, Actor: c.source.Actor, Text: "read sources", Hint: hint,
		Diagnostics: []compiler.Diagnostic{{File: c.source.Relative(filepath.Join(c.source.Path, filepath.FromSlash(name))), Text: text}},
	}
}
