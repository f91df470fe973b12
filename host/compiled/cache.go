package compiled

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// CacheOptions say where a cache is and what is kept in it.
type CacheOptions struct {
	Dir string // of the entries; it is made when missing
	// Secret is the file of the secret that entries are sealed with. It is made
	// when missing, and must not lie in Dir: who can write there must not know it.
	Secret string
	// Recipe is what an entry depends on besides its key, the release of the
	// compiler above all. Entries of other recipes are not found.
	Recipe  string
	SizeMax int64        // bytes; 0: [SizeMax]
	Log     *slog.Logger // told of what is refused and what cannot be kept; nil: nobody
}

// Cache keeps modules and their machine code in a folder, one file an entry. Any number of
// processes may use the folder at the same time. Its methods may be called
// concurrently.
//
// What it returns was read once and verified where it then lies: nobody can
// change it between the one and the other.
type Cache struct {
	o      CacheOptions
	secret []byte
	suffix string // of the names of entries of this recipe

	trimming sync.Mutex // held by who tidies up
	mu       sync.Mutex
	told     map[string]bool // what has been logged
}

// OpenCache opens a cache. It fails when there is no folder or no secret to be
// had; then nothing is kept.
func OpenCache(o CacheOptions) (*Cache, error) {
	if o.SizeMax <= 0 {
		o.SizeMax = SizeMax
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of machine code: %w", err)
	}
	secret, err := openSecret(o.Secret)
	if err != nil {
		return nil, fmt.Errorf("open secret of machine code: %w", err)
	}
	sum := sha256.Sum256([]byte(o.Recipe))
	return &Cache{o: o, secret: secret, suffix: "." + hex.EncodeToString(sum[:8]), told: map[string]bool{}}, nil
}

func (c *Cache) path(key [32]byte) string {
	return filepath.Join(c.o.Dir, hex.EncodeToString(key[:])+c.suffix)
}

// Get returns the machine code of a key, if there is an entry that this user
// sealed. Any other entry is removed.
func (c *Cache) Get(key [32]byte) ([]byte, bool) {
	path := c.path(key)
	b, age, err := readOwn(path, int64(headSize+EntryMax), forMachine)
	if err == nil {
		b, err = c.unseal(key, b)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		c.tell("machine code was refused and is made anew", path, err)
		if err := os.RemoveAll(path); err != nil {
			c.tell("machine code that was refused cannot be removed", path, err)
		}
		return nil, false
	}
	if age > touchAge {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // it is only thrown out earlier
	}
	return b, true
}

// Put keeps an entry. What cannot be kept is logged, and made again by the next process.
func (c *Cache) Put(key [32]byte, entry []byte) {
	if len(entry) > EntryMax || int64(len(entry)+headSize) > c.o.SizeMax {
		return
	}
	head, err := c.head(key, entry)
	if err == nil {
		err = c.write(c.path(key), head, entry)
	}
	if err != nil {
		c.tell("machine code cannot be kept, and is made anew by the next start", c.o.Dir, err)
		return
	}
	c.trim()
}

// Check reports why nothing can be kept.
func (c *Cache) Check() error {
	f, err := os.CreateTemp(c.o.Dir, freshPrefix+"*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// write writes a file beside and renames it: nobody ever sees half of it, and of
// two that write the same entry one wins.
func (c *Cache) write(path string, parts ...[]byte) error {
	f, err := os.CreateTemp(c.o.Dir, freshPrefix+"*")
	if err != nil {
		return err
	}
	for _, b := range parts {
		if err == nil {
			_, err = f.Write(b)
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the fault is what matters
	}
	return err
}

// tell logs something about a path once.
func (c *Cache) tell(what, path string, err error) {
	c.mu.Lock()
	again := c.told[what+path]
	c.told[what+path] = true
	c.mu.Unlock()
	if !again {
		c.o.Log.Warn(what, "path", path, "reason", err.Error())
	}
}
