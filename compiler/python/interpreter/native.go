package interpreter

import (
	"fmt"
	"os"
	"path/filepath"
)

// Native is the path of the Python of this machine that the runtime's modules were
// compiled with: the same version, from the same sources. It has no modules in C but
// those built in. It is there where the runtime was built, and nowhere else.
func Native() (string, error) {
	dir, err := Dir(Steps()[1])
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find the native Python that the runtime was built with: %w; make setup builds it", err)
	}
	return path, nil
}
