package compiled

import (
	"cmp"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// freshPrefix begins the names of files that are being written.
const freshPrefix = ".fresh-"

// entry is a file of the cache.
type entry struct {
	name string
	size int64
	used time.Time
}

// trim removes what is left over and what was not used for the longest, until
// the rest is within the limit. What another process removes first is gone too.
func (c *Cache) trim() {
	if !c.trimming.TryLock() {
		return // somebody does it
	}
	defer c.trimming.Unlock()
	list, err := c.entries()
	if err != nil {
		c.tell("the folder of machine code cannot be tidied up", c.o.Dir, err)
		return
	}
	var total int64
	for _, e := range list {
		total += e.size
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.used.UnixNano(), b.used.UnixNano()) })
	for _, e := range list {
		if total <= c.o.SizeMax && !c.stale(e) {
			continue
		}
		if err := os.Remove(filepath.Join(c.o.Dir, e.name)); err == nil {
			total -= e.size
		}
	}
}

// stale reports whether an entry is of no more use to anybody.
func (c *Cache) stale(e entry) bool {
	idle := time.Since(e.used)
	if strings.HasPrefix(e.name, freshPrefix) {
		return idle > aliveMax
	}
	return !strings.HasSuffix(e.name, c.suffix) && idle > otherMax
}

// entries are the files there are that a cache made. The folders of releases that
// kept one for each module are removed.
func (c *Cache) entries() ([]entry, error) {
	files, err := os.ReadDir(c.o.Dir)
	if err != nil {
		return nil, err
	}
	var list []entry
	for _, f := range files {
		name, _, _ := strings.Cut(f.Name(), ".")
		if b, err := hex.DecodeString(name); (err != nil || len(b) != 32) && !strings.HasPrefix(f.Name(), freshPrefix) {
			continue // not ours
		}
		if f.IsDir() {
			_ = os.RemoveAll(filepath.Join(c.o.Dir, f.Name())) // it is tried again the next time
			continue
		}
		info, err := f.Info()
		if err != nil || info.Mode()&fs.ModeType != 0 {
			continue // gone since, or a link, which Get refuses
		}
		list = append(list, entry{f.Name(), info.Size(), info.ModTime()})
	}
	return list, nil
}
