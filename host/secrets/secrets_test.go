package secrets

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	shop  = Place{"main", "shop"}
	whole = Place{Namespace: "main"}
)

func at() time.Time { return time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC) }

// open opens the store in dir, as a host that starts does.
func open(t *testing.T, dir, given string) *Sealed {
	t.Helper()
	s, err := Open(dir, given, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t *testing.T, s *Sealed, at Place, name, value string) {
	t.Helper()
	if _, err := s.Set(at, name, []byte(value), "ann"); err != nil {
		t.Fatal(err)
	}
}

func givenKey(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

func wants(t *testing.T, s *Sealed, at Place, name, want string) {
	t.Helper()
	if got, err := s.Get(at, name); err != nil || string(got) != want {
		t.Errorf("%v %s is %q, %v, not %q", at, name, got, err, want)
	}
}

// TestSealed: what is set is there for whoever it is for, also after a restart, and
// nothing of it is in clear in the folder.
func TestSealed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	s := open(t, dir, "")
	if _, err := s.Get(shop, "TOKEN"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking has made a folder")
	}
	set(t, s, whole, "TOKEN", "canary-of-all")
	set(t, s, shop, "TOKEN", "canary-of-shop")
	set(t, s, shop, "TOKEN", "canary-of-shop-2")
	s = open(t, dir, "")
	wants(t, s, shop, "TOKEN", "canary-of-shop-2")
	wants(t, s, Place{"main", "other"}, "TOKEN", "canary-of-all")
	if _, err := s.Get(Place{"else", "shop"}, "TOKEN"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if known := known(s, shop, "TOKEN"); string(bytes.Join(known, []byte(" "))) != "canary-of-shop-2 canary-of-shop canary-of-all" {
		t.Errorf("%q", known)
	}
	list, err := s.List("main")
	if want := []Info{{"main", "", "TOKEN", at(), "ann", time.Time{}}, {"main", "shop", "TOKEN", at(), "ann", time.Time{}}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%v, %v", list, err)
	}
	for name, b := range all(t, dir) {
		if bytes.Contains(b, []byte("canary")) || bytes.Contains(b, []byte("Y2FuYXJ5")) { // and its base64
			t.Errorf("%s holds a value in clear", name)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := s.Delete(shop, "TOKEN"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(shop, "TOKEN"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	wants(t, s, shop, "TOKEN", "canary-of-all")
}

// all are the files of a folder.
func all(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[n.Name()] = b
	}
	return files
}

// TestEarlier: so many earlier values are known, and none twice.
func TestEarlier(t *testing.T) {
	s := open(t, t.TempDir(), "")
	for _, v := range []string{"1", "2", "3", "2", "4", "5", "6"} {
		set(t, s, shop, "A", v)
	}
	if known := known(s, shop, "A"); string(bytes.Join(known, nil)) != "654231" {
		t.Errorf("%q", known)
	}
}

// TestDeleted: what is deleted is not there, and known to be hidden until it is forgotten.
func TestDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	wantKnown := func(want string) {
		t.Helper()
		if got := string(bytes.Join(known(s, shop, "A"), nil)); got != want {
			t.Errorf("%q are known, want %q", got, want)
		}
	}
	for _, v := range []string{"1", "2", "3", "4", "5"} {
		set(t, s, shop, "A", v)
	}
	if err := s.Delete(shop, "A"); err != nil {
		t.Fatal(err)
	}
	wantKnown("54321")
	if list, err := s.List("main"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if n, _, err := s.Rekey(); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	wantKnown("54321")
	set(t, s, shop, "A", "6")
	wants(t, s, shop, "A", "6")
	wantKnown("654321")
	if err := errors.Join(s.Delete(shop, "A"), s.Forget(shop, "A")); err != nil {
		t.Error(err)
	}
	wantKnown("")
	if err := s.Forget(shop, "A"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	set(t, s, shop, "A", "7")
	if err := s.Forget(shop, "A"); err != nil {
		t.Error(err)
	}
	wantKnown("")
	if len(all(t, dir)) != 1 { // the key
		t.Errorf("%d files are left", len(all(t, dir)))
	}
}

// TestDeletedFormat: what was deleted is of a version that hosts which know of none refuse, and
// what such a host's successor wrote as version 1 is still deleted.
func TestDeletedFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "A", "canary-of-a")
	begins := func(format string) {
		t.Helper()
		if b, err := os.ReadFile(filepath.Join(dir, fileOf(shop, "A"))); err != nil || !bytes.HasPrefix(b, []byte(format)) {
			t.Errorf("%.14q, %v; want %q", b, err, format)
		}
	}
	gone := func() {
		t.Helper()
		if v, err := s.Get(shop, "A"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q, %v", v, err)
		}
		if known := known(s, shop, "A"); len(known) != 1 || string(known[0]) != "canary-of-a" {
			t.Errorf("%q", known)
		}
	}
	begins(format1)
	if err := s.Delete(shop, "A"); err != nil {
		t.Fatal(err)
	}
	begins(format2)
	gone()
	e, err := s.read(fileOf(shop, "A"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.keys()
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.open(keys)
	if err != nil {
		t.Fatal(err)
	}
	for format, h := range map[string]head{format1: e.head, format2: {Namespace: "main", Service: "shop", Name: "A"}} {
		b, err := sealAs(format, &h, &c, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fileOf(shop, "A")), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if format == format1 {
			gone()
		} else if _, err := s.Get(shop, "A"); !errors.Is(err, ErrTampered) {
			t.Errorf("%v, want %v", err, ErrTampered)
		}
	}
	if err := s.Forget(shop, "A"); err != nil {
		t.Fatal(err)
	}
	set(t, s, shop, "A", "canary-of-b")
	begins(format1)
}

// TestDeletedMost: of those that were deleted the last ones are kept.
func TestDeletedMost(t *testing.T) {
	now := at()
	s, err := Open(t.TempDir(), "", func() time.Time { now = now.Add(time.Minute); return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"B", "A", "C"} {
		set(t, s, shop, name, name)
		if err := s.Delete(shop, name); err != nil {
			t.Fatal(err)
		}
	}
	set(t, s, shop, "D", "D")
	if err := s.prune(shop, 2, ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "A", "B": "", "C": "C", "D": "D"} {
		if got := string(bytes.Join(known(s, shop, name), nil)); got != want {
			t.Errorf("%s is known as %q", name, got)
		}
	}
}

// TestRefusedValues: what may not be set is refused, and nothing is made of it.
func TestRefusedValues(t *testing.T) {
	tests := map[string]struct {
		name  string
		value int // bytes
		by    string
		want  error
	}{
		"no name":       {"", 1, "", ErrName},
		"path":          {"../A", 1, "", ErrName},
		"digit first":   {"1A", 1, "", ErrName},
		"line break":    {"A\n", 1, "", ErrName},
		"long name":     {strings.Repeat("A", NameMax+1), 1, "", ErrName},
		"the host's":    {"GROW_POSTGRES_SHOP", 1, "", ErrReserved},
		"no value":      {"A", 0, "", ErrEmpty},
		"large":         {"A", ValueMax + 1, "", ErrTooLarge},
		"by a long one": {"A", 1, strings.Repeat("a", ByMax+1), ErrTooLarge},
		"largest":       {strings.Repeat("A", NameMax), ValueMax, strings.Repeat("\x01", ByMax), nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), "")
			for range 6 { // the largest with all that is kept beside it
				value := bytes.Repeat([]byte{'x'}, c.value)
				if c.value == ValueMax {
					value, _ = draw(ValueMax)
				}
				if _, err := s.Set(shop, c.name, value, c.by); !errors.Is(err, c.want) {
					t.Fatal(err)
				}
				if got, err := s.Get(shop, c.name); c.want == nil && (err != nil || !bytes.Equal(got, value)) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}

// TestPlaceMax: a service has so many secrets; another one has its own.
func TestPlaceMax(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "FIRST", "v")
	k, err := s.keys()
	if err != nil {
		t.Fatal(err)
	}
	for i := range PlaceMax - 1 { // written without waiting for the disk
		h := head{Namespace: "main", Service: "shop", Name: fmt.Sprintf("N%d", i)}
		b, err := seal(&h, &content{Value: []byte("v")}, k[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fileOf(shop, h.Name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Set(shop, "MORE", []byte("v"), ""); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	set(t, s, shop, "FIRST", "w")
	set(t, s, whole, "MORE", "v")
}

// TestTampered: whatever is changed in the folder is refused by name, and no other
// secret suffers.
func TestTampered(t *testing.T) {
	move := func(from, to Place) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, fileOf(from, "B")), filepath.Join(dir, fileOf(to, "A"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(change func(b []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, fileOf(shop, "A"))
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	key := func(text string, mode fs.FileMode) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, keyFile)
			if text != "" {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		do   func(t *testing.T, dir string)
		want error
	}{
		"swapped": {move(shop, shop), ErrTampered},
		"its name changed with it": {func(t *testing.T, dir string) {
			move(shop, shop)(t, dir)
			edit(func(b []byte) []byte { return bytes.Replace(b, []byte(`"name":"B"`), []byte(`"name":"A"`), 1) })(t, dir)
		}, ErrTampered},
		"by another":    {edit(func(b []byte) []byte { return bytes.Replace(b, []byte(`"ann"`), []byte(`"bob"`), 1) }), ErrTampered},
		"last byte":     {edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), ErrTampered},
		"cut":           {edit(func(b []byte) []byte { return b[:len(b)-1] }), ErrTampered},
		"empty":         {edit(func([]byte) []byte { return nil }), ErrTampered},
		"endless":       {edit(func(b []byte) []byte { return append(b, make([]byte, entryMax)...) }), ErrTampered},
		"later version": {edit(func(b []byte) []byte { return bytes.Replace(b, []byte("/1\n"), []byte("/3\n"), 1) }), ErrFormat},
		"as if deleted": {edit(func(b []byte) []byte { return bytes.Replace(b, []byte("/1\n"), []byte("/2\n"), 1) }), ErrTampered},
		"another key":   {key(keyLine+givenKey(9)+"\n", 0o600), ErrForeign},
		"key for all":   {key("", 0o644), ErrPermission},
		"no key in it":  {key("hello\n", 0o600), ErrKey},
		"cut key":       {key(keyLine+"AAAA\n", 0o600), ErrKey},
		"key gone": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
				t.Fatal(err)
			}
		}, ErrNoKey},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.want == ErrPermission {
				t.Skip("there are no such modes")
			}
			dir := t.TempDir()
			s := open(t, dir, "")
			set(t, s, shop, "A", "canary-a")
			set(t, s, shop, "B", "canary-b")
			set(t, s, shop, "C", "canary-c")
			c.do(t, dir)
			_, err := s.Get(shop, "A")
			if !errors.Is(err, c.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("get: %v", err)
			}
			if _, err := s.Set(shop, "A", []byte("new"), "ann"); !errors.Is(err, c.want) {
				t.Errorf("set: %v", err)
			}
			if _, _, err := s.Rekey(); !errors.Is(err, c.want) {
				t.Errorf("rekey: %v", err)
			}
			if c.want == ErrTampered || c.want == ErrFormat {
				wants(t, s, shop, "C", "canary-c")
			}
			if err := s.Delete(shop, "A"); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

// TestRekey: after it the old key opens nothing; an interrupted one loses nothing.
func TestRekey(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "A", "1")
	set(t, s, shop, "A", "2")
	set(t, s, whole, "B", "3")
	before := all(t, dir)
	if n, _, err := s.Rekey(); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	wants(t, s, shop, "A", "2")
	if known := known(s, shop, "A"); string(bytes.Join(known, nil)) != "21" {
		t.Errorf("%q", known)
	}
	after := all(t, dir)
	for name, b := range before {
		if bytes.Equal(b, after[name]) {
			t.Errorf("%s is what it was", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, fileOf(shop, "A")), before[fileOf(shop, "A")], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(shop, "A"); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	both := slices.Concat(after[keyFile], before[keyFile]) // as it is in the middle of it
	if err := os.WriteFile(filepath.Join(dir, keyFile), both, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, s, shop, "A", "2")
	wants(t, s, whole, "B", "3")
	if n, _, err := s.Rekey(); n != 2 || err != nil || bytes.Count(all(t, dir)[keyFile], []byte("\n")) != 1 {
		t.Error(n, err)
	}
}

// TestRekeyForeign: what is only hidden and no key opens is left and named; a secret that none opens
// has nothing changed, the keys neither, however often it is tried.
func TestRekeyForeign(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "OLD", "1")
	if err := s.Delete(shop, "OLD"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	set(t, s, shop, "A", "2")
	foreign := all(t, dir)[fileOf(shop, "OLD")]
	for range keysMax + 1 {
		n, left, err := s.Rekey()
		if n != 1 || len(left) != 1 || left[0].Name != "OLD" || left[0].Gone.IsZero() || err != nil || bytes.Count(all(t, dir)[keyFile], []byte("\n")) != 1 {
			t.Fatal(n, left, err)
		}
	}
	wants(t, s, shop, "A", "2")
	if !bytes.Equal(all(t, dir)[fileOf(shop, "OLD")], foreign) {
		t.Error("what no key opens is another one")
	}
	other := t.TempDir()
	set(t, open(t, other, givenKey(3)), whole, "B", "3")
	if err := os.WriteFile(filepath.Join(dir, fileOf(whole, "B")), all(t, other)[fileOf(whole, "B")], 0o600); err != nil {
		t.Fatal(err)
	}
	before := all(t, dir)
	for range keysMax + 1 {
		if n, _, err := s.Rekey(); n != 0 || !errors.Is(err, ErrForeign) || !maps.EqualFunc(before, all(t, dir), bytes.Equal) {
			t.Fatal(n, err)
		}
	}
}

// TestGivenKey: a key from the environment needs no file, and is replaced by giving two.
func TestGivenKey(t *testing.T) {
	dir := t.TempDir()
	set(t, open(t, dir, givenKey(1)), shop, "A", "1")
	if _, ok := all(t, dir)[keyFile]; ok {
		t.Error("a key was made")
	}
	if _, err := open(t, dir, givenKey(2)).Get(shop, "A"); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if _, _, err := open(t, dir, givenKey(1)).Rekey(); !errors.Is(err, ErrGivenKey) {
		t.Error(err)
	}
	if n, _, err := open(t, dir, givenKey(2)+","+givenKey(1)).Rekey(); n != 1 || err != nil {
		t.Error(n, err)
	}
	wants(t, open(t, dir, givenKey(2)), shop, "A", "1")
	for _, given := range []string{"x", ",", "AAAA", givenKey(1) + ",", strings.Repeat(givenKey(1)+",", keysMax) + givenKey(1)} {
		if _, err := Open(dir, given, nil); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), givenKey(1)) {
			t.Errorf("%.20q: %v", given, err)
		}
	}
}

// TestConcurrent: who reads while others set sees one of the values.
func TestConcurrent(t *testing.T) {
	s := open(t, t.TempDir(), "")
	set(t, s, shop, "A", "v")
	var g sync.WaitGroup
	for i := range 4 {
		g.Go(func() {
			if _, err := s.Set(shop, "A", []byte(fmt.Sprintf("v%d", i)), "ann"); err != nil {
				t.Error(err)
			}
		})
		g.Go(func() {
			for range 20 {
				if v, err := s.Get(shop, "A"); err != nil || v[0] != 'v' {
					t.Errorf("%q, %v", v, err)
				}
			}
		})
	}
	g.Wait()
}

// FuzzEntry: no bytes make parse fail in another way than it says, and none but those
// that seal wrote open. They are in a file, since a seal is another one each time and in
// each of the processes that fuzz.
func FuzzEntry(f *testing.F) {
	k := key(bytes.Repeat([]byte{1}, 32))
	good, err := os.ReadFile(filepath.Join("testdata", "entry.sealed"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(format1))
	f.Add([]byte(format2))
	f.Add(append([]byte(format2), good[len(format1):]...))
	f.Add([]byte("grow-secret/3\n"))
	f.Add([]byte(format1 + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parse(b)
		if err != nil {
			if !errors.Is(err, ErrTampered) && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if _, err := e.open([]key{k}); (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("opened: %v", err)
		}
	})
}
