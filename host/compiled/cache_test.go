package compiled

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// place is where a test's cache is.
type place struct {
	t   *testing.T
	o   CacheOptions
	log bytes.Buffer
}

func newPlace(t *testing.T) *place {
	dir := t.TempDir()
	p := &place{t: t}
	p.o = CacheOptions{
		Dir: filepath.Join(dir, "cache"), Secret: filepath.Join(dir, "settings", "secret"), Recipe: "this release",
		Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	}
	return p
}

// open opens the cache as another process would.
func (p *place) open() *Cache {
	p.t.Helper()
	c, err := OpenCache(p.o)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func key(n byte) (k [32]byte) {
	k[0] = n
	return k
}

var code = bytes.Repeat([]byte("machine code "), 1000)

// has holds what an entry is; nil: there is none.
func (p *place) has(c *Cache, k [32]byte, want []byte) {
	p.t.Helper()
	if got, ok := c.Get(k); ok != (want != nil) || !bytes.Equal(got, want) {
		p.t.Errorf("entry %x: %d bytes, %v; want %d bytes", k[0], len(got), ok, len(want))
	}
}

// must is for what the test needs done.
func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestCacheKeeps: what was put is found, by other processes too, and only under its key.
func TestCacheKeeps(t *testing.T) {
	p := newPlace(t)
	c := p.open()
	p.has(c, key(1), nil)
	c.Put(key(1), code)
	c.Put(key(2), nil)
	p.has(c, key(1), code)
	p.has(p.open(), key(1), code)
	p.has(c, key(2), []byte{})
	p.has(c, key(3), nil)
	if p.log.Len() > 0 {
		t.Error(p.log.String())
	}
	if runtime.GOOS != "windows" {
		for _, path := range []string{p.o.Secret, c.path(key(1))} {
			if s, err := os.Stat(path); err != nil || s.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", path, s.Mode(), err)
			}
		}
	}
}

// TestCacheTampered: an entry that is not as it was sealed is refused, said once, and made anew.
func TestCacheTampered(t *testing.T) {
	flip := func(at int) func(*place, *Cache, string) {
		return func(p *place, _ *Cache, path string) {
			b, err := os.ReadFile(path)
			p.must(err)
			b[(at+len(b))%len(b)] ^= 1
			p.must(os.WriteFile(path, b, 0o600))
		}
	}
	resize := func(to func(n int64) int64) func(*place, *Cache, string) {
		return func(p *place, _ *Cache, path string) {
			s, err := os.Stat(path)
			p.must(err)
			p.must(os.Truncate(path, to(s.Size())))
		}
	}
	tests := map[string]func(p *place, c *Cache, path string){
		"mark": flip(0), "salt": flip(len(mark)), "seal": flip(sealStart), "first of the code": flip(headSize), "last": flip(-1),
		"emptied": resize(func(int64) int64 { return 0 }), "cut": resize(func(n int64) int64 { return n - 1 }),
		"cut to its head": resize(func(int64) int64 { return int64(headSize) }), "longer": resize(func(n int64) int64 { return n + 1 }),
		"too long": resize(func(int64) int64 { return MachineMax + int64(headSize) + 1 }),
		"swapped for another": func(p *place, c *Cache, path string) {
			c.Put(key(9), []byte("other code"))
			p.must(os.Rename(c.path(key(9)), path))
		},
		"of another release": func(p *place, c *Cache, path string) {
			o := p.o
			o.Recipe = "an older release"
			old, err := OpenCache(o)
			p.must(err)
			old.Put(key(1), code)
			p.must(os.Rename(old.path(key(1)), path))
		},
		"of another user": func(p *place, c *Cache, path string) {
			o := p.o
			o.Secret += "-of-another"
			other, err := OpenCache(o)
			p.must(err)
			other.Put(key(1), []byte("hostile code"))
		},
		"a folder": func(p *place, _ *Cache, path string) {
			p.must(os.Remove(path))
			p.must(os.MkdirAll(filepath.Join(path, "below"), 0o700))
		},
	}
	if runtime.GOOS != "windows" {
		tests["a link"] = func(p *place, _ *Cache, path string) {
			p.must(os.Rename(path, path+".real"))
			p.must(os.Symlink(path+".real", path))
		}
		tests["a pipe"] = func(p *place, _ *Cache, path string) {
			p.must(os.Remove(path))
			p.must(exec.Command("mkfifo", path).Run())
		}
		tests["writable by others"] = func(p *place, _ *Cache, path string) { p.must(os.Chmod(path, 0o620)) }
		if os.Getuid() == 0 {
			tests["owned by another"] = func(p *place, _ *Cache, path string) { p.must(os.Chown(path, 65534, 65534)) }
		}
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			c := p.open()
			c.Put(key(1), code)
			c.Put(key(2), code)
			damage(p, c, c.path(key(1)))
			p.has(c, key(1), nil)
			p.has(c, key(1), nil)
			if n := strings.Count(p.log.String(), "refused"); n != 1 {
				t.Errorf("it was said %d times:\n%s", n, p.log.String())
			}
			p.has(c, key(2), code)
			c.Put(key(1), code)
			p.has(c, key(1), code)
		})
	}
}

// TestCacheSecret: without the secret that it was sealed with nothing is believed.
func TestCacheSecret(t *testing.T) {
	tests := map[string]func(p *place){
		"lost":    func(p *place) { p.must(os.Remove(p.o.Secret)) },
		"cut":     func(p *place) { p.must(os.Truncate(p.o.Secret, 5)) },
		"longer":  func(p *place) { p.must(os.Truncate(p.o.Secret, 500)) },
		"another": func(p *place) { p.must(os.WriteFile(p.o.Secret, bytes.Repeat([]byte{7}, secretSize), 0o600)) },
	}
	if runtime.GOOS != "windows" {
		tests["seen by others"] = func(p *place) { p.must(os.Chmod(p.o.Secret, 0o640)) }
		tests["a link"] = func(p *place) {
			p.must(os.Rename(p.o.Secret, p.o.Secret+".real"))
			p.must(os.Symlink(p.o.Secret+".real", p.o.Secret))
		}
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.open().Put(key(1), code)
			damage(p)
			c := p.open()
			p.has(c, key(1), nil)
			c.Put(key(1), code)
			p.has(p.open(), key(1), code)
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(p.o.Secret), ".*")); err != nil || len(left) > 0 {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

// TestCacheSecretRace: those that make the secret at the same time have the same.
func TestCacheSecretRace(t *testing.T) {
	p := newPlace(t)
	var wait sync.WaitGroup
	caches := make([]*Cache, 16)
	for i := range caches {
		wait.Go(func() {
			c, err := OpenCache(p.o)
			if err != nil {
				t.Error(err)
				return
			}
			caches[i] = c
			c.Put(key(byte(i)), code)
			c.Put(key(100), code)
		})
	}
	wait.Wait()
	for i := range caches {
		p.has(caches[0], key(byte(i)), code)
	}
	p.has(caches[0], key(100), code)
}

// TestCacheInTheWay: a cache that cannot be had says so.
func TestCacheInTheWay(t *testing.T) {
	for _, what := range []string{"cache", "settings"} {
		p := newPlace(t)
		p.must(os.WriteFile(filepath.Join(filepath.Dir(p.o.Dir), what), nil, 0o600))
		if _, err := OpenCache(p.o); err == nil {
			t.Errorf("a file for a folder, %s: it was opened", what)
		}
	}
}

// TestCacheUnwritable: what cannot be kept is said once and does no harm, and
// what is there is found.
func TestCacheUnwritable(t *testing.T) {
	p := newPlace(t)
	c := p.open()
	p.must(c.Check())
	p.must(os.RemoveAll(p.o.Dir))
	p.must(os.WriteFile(p.o.Dir, nil, 0o600))
	if err := c.Check(); err == nil {
		t.Error("it is said to be well")
	}
	for n := range byte(3) {
		c.Put(key(n), code)
		p.has(c, key(n), nil)
	}
	if n := strings.Count(p.log.String(), "cannot be kept"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, p.log.String())
	}
}

// TestCacheTrim: what was used last stays, within the limit.
func TestCacheTrim(t *testing.T) {
	p := newPlace(t)
	p.o.SizeMax = int64(3 * (len(code) + headSize))
	c := p.open()
	age := func(path string, d time.Duration) {
		then := time.Now().Add(-d)
		p.must(os.Chtimes(path, then, then))
	}
	for n := range byte(3) {
		c.Put(key(n), code)
		age(c.path(key(n)), time.Duration(10-n)*time.Hour)
	}
	p.has(c, key(0), code) // now it is the one used last
	c.Put(key(3), code)
	for n, want := range [][]byte{code, nil, code, code} {
		p.has(c, key(byte(n)), want)
	}
	c.Put(key(4), bytes.Repeat(code, 4)) // more than there may be at all
	p.has(c, key(4), nil)
	p.has(c, key(3), code)
}

// TestCacheLeftovers: what nobody uses any more goes, and what is not the cache's stays.
func TestCacheLeftovers(t *testing.T) {
	p := newPlace(t)
	c := p.open()
	hex := strings.Repeat("ab", 32)
	write := func(name string, age time.Duration) {
		path := filepath.Join(p.o.Dir, name)
		p.must(os.WriteFile(path, nil, 0o600))
		then := time.Now().Add(-age)
		p.must(os.Chtimes(path, then, then))
	}
	write(hex+".0123456789abcdef", otherMax+time.Hour)
	write(hex+".fedcba9876543210", time.Hour)
	write(freshPrefix+"old", aliveMax+time.Hour)
	write(freshPrefix+"new", 0)
	write("notes.txt", 10*otherMax)
	p.must(os.MkdirAll(filepath.Join(p.o.Dir, hex, "wazero"), 0o700))
	c.Put(key(1), code)
	files, err := os.ReadDir(p.o.Dir)
	p.must(err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	want := fmt.Sprint([]string{freshPrefix + "new", filepath.Base(c.path(key(1))), hex + ".fedcba9876543210", "notes.txt"})
	if fmt.Sprint(names) != want {
		t.Errorf("there are %v; want %s", names, want)
	}
}

// FuzzUnseal: bytes that were not sealed are never believed, and never a panic.
func FuzzUnseal(f *testing.F) {
	dir := f.TempDir()
	c, err := OpenCache(CacheOptions{Dir: dir, Secret: filepath.Join(dir, "s", "secret")})
	if err != nil {
		f.Fatal(err)
	}
	head, err := c.head(key(1), code)
	if err != nil {
		f.Fatal(err)
	}
	whole := append(head, code...)
	f.Add(whole)
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := c.unseal(key(1), b)
		if (err == nil) != bytes.Equal(b, whole) || err == nil && !bytes.Equal(got, code) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		if _, err := c.unseal(key(2), b); err == nil {
			t.Error("it was believed under another key")
		}
	})
}

// TestReadOwnMissing: that there is no file is told apart from every fault.
func TestReadOwnMissing(t *testing.T) {
	if _, _, err := readOwn(filepath.Join(t.TempDir(), "none"), 1, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
