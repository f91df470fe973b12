// Command collect writes the licenses of Go and of the modules that cmd/grow is made of,
// as they lie in the module cache, to the file that its argument names. It runs in the
// root of the clone.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/notice"
)

func main() {
	err := errors.New("name the file to write")
	if len(os.Args) == 2 {
		err = run("./cmd/grow", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "collect licenses:", err)
		os.Exit(1)
	}
}

func run(of, out string) error {
	list, err := collect(of)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := notice.Write(&b, list); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// software is a module, or Go itself, with the folders of it that are used.
type software struct {
	name, version, root string
	dirs                []string
}

func collect(of string) ([]notice.License, error) {
	all, err := used(of)
	if err != nil {
		return nil, err
	}
	var list []notice.License
	for _, s := range all {
		text, err := s.license()
		if err != nil {
			return nil, err
		}
		list = append(list, notice.License{Name: s.name, Version: s.version, Text: text})
	}
	return list, nil
}

// used is what a package and all that it imports come from.
func used(of string) ([]*software, error) {
	goroot, err := command("go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(goroot)), "\n")
	all := []*software{{name: "Go", version: strings.TrimPrefix(version, "go"), root: root, dirs: []string{root}}}
	packages, err := command("go", "list", "-deps", "-json=Dir,Module", of)
	if err != nil {
		return nil, err
	}
	by := map[string]*software{}
	for d := json.NewDecoder(bytes.NewReader(packages)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		switch err := d.Decode(&p); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		case p.Module == nil || p.Module.Main:
			continue
		}
		s := by[p.Module.Path]
		if s == nil {
			s = &software{name: p.Module.Path, version: p.Module.Version, root: p.Module.Dir}
			by[p.Module.Path] = s
			all = append(all, s)
		}
		s.dirs = append(s.dirs, p.Dir)
	}
}

func command(name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return out, nil
}

// telling are the names of files that tell of a license.
var telling = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)

// license is the text of all files that tell of the license of what is used: in the
// folders of packages and those above them. A text that is there twice is taken once.
func (s *software) license() (string, error) {
	var texts []string
	looked := map[string]bool{}
	for _, dir := range s.dirs {
		for ; !looked[dir] && strings.HasPrefix(dir, s.root); dir = filepath.Dir(dir) {
			looked[dir] = true
			more, err := tell(dir)
			if err != nil {
				return "", err
			}
			texts = append(texts, more...)
		}
	}
	slices.Sort(texts)
	if texts = slices.Compact(texts); len(texts) == 0 {
		return "", fmt.Errorf("%s %s: no file in %s tells of its license", s.name, s.version, s.root)
	}
	return strings.Join(texts, "\n\n"), nil
}

// tell reads the files of a folder that tell of a license.
func tell(dir string) (texts []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !telling.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.Trim(string(b), "\r\n"))
	}
	return texts, nil
}
