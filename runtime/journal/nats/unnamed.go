package nats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// takeWreck locks a folder that holds journals of grow, and says what is wrong with
// the file that says so. A folder that holds none is ErrForeign, and one that says
// that it is of another version is ErrFormat: that is never taken for damage.
func takeWreck(dir string) (f *folder, unnamed, err error) {
	_, err = os.Stat(filepath.Join(dir, identityFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		unnamed = fmt.Errorf("%w: %s is missing", journal.ErrDamaged, identityFile)
		if !holdsJournals(dir) {
			return nil, nil, fmt.Errorf("%w: %w", journal.ErrForeign, err)
		}
	case err != nil:
		return nil, nil, diskError(err)
	}
	if f, err = lockFolder(dir); err != nil || unnamed != nil {
		return f, unnamed, err
	}
	unnamed = f.identify()
	if unnamed != nil && !(holdsJournals(dir) && (errors.Is(unnamed, journal.ErrDamaged) || errors.Is(unnamed, journal.ErrForeign))) {
		return nil, nil, errors.Join(unnamed, f.release())
	}
	return f, unnamed, nil
}

// holdsJournals reports whether a folder has files of a journal's records.
func holdsJournals(dir string) bool {
	list, err := os.ReadDir(filepath.Join(dir, storeDir, "$G", "streams"))
	if err != nil {
		return false
	}
	for _, e := range list {
		if _, ours := nameOf(e.Name()); ours && strings.HasPrefix(e.Name(), journalPrefix) {
			return true
		}
	}
	return false
}

// Name has the folder say again that it holds journals of grow.
func (s *Salvage) Name() error {
	if err := s.folder.name(); err != nil {
		return fmt.Errorf("write %s: %w", identityFile, err)
	}
	s.Unnamed = nil
	return nil
}

// IdentityFile is the file by which a data folder says that it is one.
const IdentityFile = identityFile

// Empty reports whether a folder, there or not, holds nothing yet.
func Empty(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, identityFile)); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist) || checkForeign(dir) == nil
}
