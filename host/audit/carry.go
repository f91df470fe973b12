package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RestoredMax is how many bytes of what backups have brought are kept of a namespace, the newest.
const RestoredMax = 2 << 20

// restored is the file of what backups have brought, of all of the host.
const restored = "acts.restored.jsonl"

func restoredOf(namespace string) string {
	if namespace == "" {
		return restored
	}
	return namespace + "." + restored
}

// FileOf is what the entries of a namespace are called in a backup; "": those of all of the host.
func FileOf(namespace string) string { return filesOf(namespace)[1] }

// NamespaceOf is whose entries a file of a backup has. It reports whether it can be one.
func NamespaceOf(file string) (namespace string, ok bool) {
	if file == newer {
		return "", true
	}
	namespace, ok = strings.CutSuffix(file, "."+newer)
	return namespace, ok && namespace != "" && !strings.ContainsAny(namespace, `./\`)
}

// Namespaces are those that have entries, and "" where the host has, sorted.
func (l *Log) Namespaces() (list []string, err error) {
	files, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list who did what with secrets: %w", err)
	}
	for _, f := range files {
		for _, name := range []string{older, newer, restored} {
			namespace, ok := strings.CutSuffix(f.Name(), name)
			if !ok || namespace != "" && !strings.HasSuffix(namespace, ".") {
				continue
			}
			namespace = strings.TrimSuffix(namespace, ".")
			if _, ok := NamespaceOf(FileOf(namespace)); ok { // else it is none of ours
				list = append(list, namespace)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// Lines are the entries in the files of a namespace that pick picks, a line of JSON each, the oldest
// first; nil: there are none. Of more than RestoredMax bytes they are the newest.
func (l *Log) Lines(namespace string, pick func(*Entry) bool) ([]byte, error) {
	var list []Entry
	err := l.each(filesToRead(namespace), func(e Entry) {
		if (namespace == "" || e.Namespace == namespace) && pick(&e) {
			list = append(list, e)
		}
	})
	if err != nil {
		return nil, err
	}
	return linesOf(list)
}

// linesOf are entries as they are written, sorted by time: the newest, where they have more than
// RestoredMax bytes.
func linesOf(list []Entry) (text []byte, err error) {
	slices.SortStableFunc(list, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	for i := range list {
		line, err := json.Marshal(&list[i])
		if err != nil {
			return nil, err
		}
		text = append(append(text, line...), '\n')
	}
	if len(text) > RestoredMax {
		text = text[len(text)-RestoredMax:]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text, nil
}

// ReadLines reads what Lines has made of a namespace. It fails for a line that is none.
func ReadLines(namespace string, from io.Reader) (list []Entry, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
		}
		if namespace != "" && e.Namespace != namespace {
			return nil, fmt.Errorf("line %d: it is of namespace %.40q, and not of %.40q", len(list)+1, e.Namespace, namespace)
		}
		list = append(list, e)
	}
	return list, lines.Err()
}

// Restore adds entries of a namespace that are in a backup, marked with the time when it was
// taken, to those that are there; one that is there already, as in the folder that was backed up,
// stays as it is. What is there is never put away for it. It can be repeated.
func (l *Log) Restore(namespace string, list []Entry, taken time.Time) error {
	if taken.IsZero() {
		taken = l.now() // the mark must not be missing
	}
	there, kept := map[Entry]bool{}, []Entry{}
	err := l.each(filesToRead(namespace), func(e Entry) {
		if !e.Restored.IsZero() {
			kept = append(kept, e)
		}
		there[unmarked(e)] = true
	})
	if err != nil {
		return err
	}
	for _, e := range list {
		if there[unmarked(e)] {
			continue
		}
		if e.Restored.IsZero() {
			e.Restored = taken.UTC().Truncate(time.Millisecond)
		}
		kept = append(kept, e)
	}
	text, err := linesOf(kept)
	if err == nil && len(text) > 0 {
		err = l.replace(restoredOf(namespace), text)
	}
	if err != nil {
		return fmt.Errorf("restore who did what with secrets: %w", err)
	}
	return nil
}

// unmarked is an entry as the host noted it.
func unmarked(e Entry) Entry {
	e.Restored, e.Time = time.Time{}, e.Time.UTC()
	return e
}

// replace writes a file of the folder, whole or not at all.
func (l *Log) replace(name string, text []byte) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	fresh := filepath.Join(l.dir, name+".new")
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(l.dir, name)); err != nil {
		return err
	}
	d, err := os.Open(l.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
