package cache

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Stamp is kept beside a module, as MODULE.json, and says what it was made of.
// While all of it is still so, the module need not be made again.
type Stamp struct {
	// Recipe is the digest of what is not in files: language, options, SDK, the
	// environment that the tools look at.
	Recipe string `json:"recipe"`
	// Tools are the fingerprints of the programs that made it, by name; see
	// toolchain.Fingerprint. A tool that is not there any more does not count as changed:
	// what it made is as good as it was, and nothing could make it anew.
	Tools map[string]string `json:"tools,omitempty"`
	// Root is the digest of the files below the source folder, and Also those
	// of files and folders elsewhere that it uses, by absolute path.
	Root string            `json:"root"`
	Also map[string]string `json:"also,omitempty"`
	// Module is the SHA-256 of the module in hex.
	Module string `json:"module"`
	// Log is what the tools printed when they made it.
	Log string `json:"log,omitempty"`
}

func stampPath(module string) string { return module + ".json" }

// ReadStamp returns the stamp of a module, and whether there is a good one.
func ReadStamp(module string) (Stamp, bool) {
	var s Stamp
	data, err := os.ReadFile(stampPath(module))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return Stamp{}, false
	}
	return s, true
}

// Write puts the stamp beside its module.
func (s Stamp) Write(module string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(module), ".stamp-")
	if err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(append(data, '\n'))
	if closed := draft.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(draft.Name(), stampPath(module))
	}
	if err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

// Holds reports whether the module is still what want would give. want has the
// Recipe, the Tools that were found and the Root of now; what s holds Also, and
// the module itself, are looked at here.
func (s Stamp) Holds(want Stamp, module string) bool {
	if s.Recipe != want.Recipe || s.Root != want.Root {
		return false
	}
	for name, print := range want.Tools {
		if print != "" && s.Tools[name] != print {
			return false
		}
	}
	for path, sum := range s.Also {
		if now, err := DigestPath(path); err != nil || now != sum {
			return false
		}
	}
	sum, err := DigestFile(module)
	return err == nil && sum == s.Module
}

// DigestPath returns the digest of a file, or of all files below a folder. A
// path that ends in a separator stands for the files directly in that folder:
// a Go package, say, without the packages below it.
func DigestPath(path string) (string, error) {
	dir, flat := strings.CutSuffix(path, string(filepath.Separator))
	if !flat {
		files, err := Files(path)
		return Digest(files), err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	parts := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if parts[e.Name()], err = DigestFile(filepath.Join(dir, e.Name())); err != nil {
			return "", err
		}
	}
	return Digest(parts), nil
}
