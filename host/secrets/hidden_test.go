package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// known are the values of a name that another process would hide, the current one first.
func known(s *Sealed, at Place, name string) (list [][]byte) {
	for _, one := range []Place{at, {Namespace: at.Namespace}} {
		c, gone, err := s.open(one, name)
		if err != nil {
			continue
		}
		if !gone {
			list = append(list, c.Value)
		}
		list = append(list, c.Earlier...)
	}
	return list
}

// hides holds what is hidden of a namespace, also for a process that comes later.
func hides(t *testing.T, s *Sealed, namespace, want string) {
	t.Helper()
	for who, s := range map[string]*Sealed{"this process": s, "another": {dir: s.dir, given: s.given, now: s.now}} {
		list, left, err := s.Hidden(namespace)
		if got := string(bytes.Join(list, []byte(" "))); got != want || left != 0 || err != nil {
			t.Errorf("%s hides %q of %s, want %q; %d are left out, %v", who, got, namespace, want, left, err)
		}
	}
}

// TestHidden: all that a namespace's secrets are and were is hidden, whoever names them, and
// nothing of another namespace; with each change the count is another one.
func TestHidden(t *testing.T) {
	now := at()
	s, err := Open(t.TempDir(), "", func() time.Time { now = now.Add(time.Minute); return now })
	if err != nil {
		t.Fatal(err)
	}
	hides(t, s, "main", "")
	last := s.Changes("main")
	step := func(err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		hides(t, s, "main", want)
		if n := s.Changes("main"); n == last {
			t.Error("the count is as it was")
		} else {
			last = n
		}
	}
	set(t, s, shop, "A", "a1")
	before := s.Changes("main")
	set(t, s, Place{"other", "shop"}, "A", "o1")
	if s.Changes("main") != before {
		t.Error("what changes in another namespace counts")
	}
	step(nil, "a1")
	set(t, s, Place{"main", "till"}, "A", "t1")
	step(nil, "t1 a1")
	set(t, s, shop, "A", "a2")
	step(nil, "a2 t1 a1")
	set(t, s, whole, "B", "b1")
	step(s.Delete(whole, "B"), "a2 t1 b1 a1")
	step(s.Delete(shop, "A"), "t1 a2 a1 b1")
	step(s.Forget(shop, "A"), "t1 b1")
	if _, _, err := s.Rekey(); err != nil {
		t.Fatal(err)
	}
	hides(t, s, "main", "t1 b1")
	hides(t, s, "other", "o1")
}

// TestKeep: a value from elsewhere is hidden, and given to nobody; not twice, and not what the
// store has itself.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, givenKey(1))
	keep := func(name, value string, changes bool) {
		t.Helper()
		before := s.Changes("main")
		if err := s.Keep(shop, name, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if (s.Changes("main") != before) != changes {
			t.Errorf("%s of %s: changes %v, want %v", value, name, !changes, changes)
		}
	}
	keep("ENV", "e1", true)
	keep("ENV", "e1", false)
	keep("ENV", "e2", true)
	if v, err := s.Get(shop, "ENV"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%q, %v", v, err)
	}
	if list, err := s.List("main"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	set(t, s, shop, "ENV", "s1")
	keep("ENV", "s1", false)
	keep("ENV", "e3", true)
	wants(t, s, shop, "ENV", "s1")
	set(t, s, whole, "ALL", "n1")
	keep("ALL", "n1", false)
	if got := string(bytes.Join(known(s, shop, "ENV"), []byte(" "))); got != "s1 e3 e2 e1" {
		t.Errorf("%q", got)
	}
	if err := s.Keep(shop, "GROW_SQL_A", []byte("x")); !errors.Is(err, ErrReserved) {
		t.Error(err)
	}
	keep("CLEAR", "canary-of-clear", true)
	for name, b := range all(t, dir) {
		if bytes.Contains(b, []byte("canary-of-clear")) {
			t.Errorf("%s is in clear", name)
		}
	}
}

// TestKeptAlone: what was only kept keeps nobody from sealing when its key is lost; what is set does.
func TestKeptAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "ENV", "e1")
	if err := s.Delete(shop, "ENV"); err != nil {
		t.Fatal(err)
	}
	lose := func() *Sealed {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, KeyFile)); err != nil {
			t.Fatal(err)
		}
		return open(t, dir, "")
	}
	s = lose()
	set(t, s, shop, "ENV", "s1")
	wants(t, s, shop, "ENV", "s1")
	if _, err := lose().Set(shop, "OTHER", []byte("e2"), "ann"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
}

// TestKeepBeside: where the key lies in the folder nothing from elsewhere is written beside it.
func TestKeepBeside(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "")
	set(t, s, shop, "A", "1")
	before := len(all(t, dir))
	if err := s.Keep(shop, "ENV", []byte("e1")); err != nil || len(all(t, dir)) != before {
		t.Error(err, len(all(t, dir)))
	}
	hides(t, s, "main", "1")
}

// TestKeepFails: what cannot be kept is not tried again for a while, and then is.
func TestKeepFails(t *testing.T) {
	now, dir := at(), filepath.Join(t.TempDir(), "secrets")
	s, err := Open(dir, givenKey(1), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // where the folder is to be
		t.Fatal(err)
	}
	first := s.Keep(shop, "ENV", []byte("e1"))
	if first == nil {
		t.Fatal("it is kept")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(shop, "ENV", []byte("e1")); err != first {
		t.Errorf("%v, want %v once more", err, first)
	}
	if err := s.Keep(shop, "ENV", []byte("e2")); err != nil {
		t.Errorf("another value: %v", err)
	}
	now = now.Add(keptAgain)
	if err := s.Keep(shop, "ENV", []byte("e1")); err != nil {
		t.Error(err)
	}
	hides(t, s, "main", "e1 e2")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(shop, "ENV", []byte("e1")); err != nil { // it looks nowhere
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("what is kept is kept again")
	}
}

// TestNamespaceMax: the secrets of a namespace have so many bytes together; another one has its own.
func TestNamespaceMax(t *testing.T) {
	s := open(t, t.TempDir(), "")
	value := string(bytes.Repeat([]byte("x"), ValueMax))
	for n := range CurrentBytesMax / ValueMax {
		set(t, s, Place{"main", fmt.Sprint("s", n%3)}, fmt.Sprint("L", n), value)
	}
	if _, err := s.Set(whole, "MORE", []byte("x"), "ann"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	set(t, s, Place{"other", ""}, "MORE", "x")
	set(t, s, Place{"main", "s0"}, "L0", "smaller")
	set(t, s, whole, "MORE", "x")
	if _, err := s.Set(Place{"main", "s0"}, "L0", []byte(value), "ann"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestKeptForgotten: what is only hidden can be listed, and goes with its service; what is set stays.
func TestKeptForgotten(t *testing.T) {
	s := open(t, t.TempDir(), givenKey(1))
	set(t, s, shop, "A", "1")
	set(t, s, shop, "B", "2")
	set(t, s, whole, "C", "3")
	for _, err := range []error{s.Delete(shop, "B"), s.Delete(whole, "C"), s.Keep(shop, "ENV", []byte("e1")), s.Keep(shop, "A", []byte("e2"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	names := func() (text string) {
		list, err := s.Kept("main")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			text += i.Service + "/" + i.Name + " "
		}
		return text
	}
	if got := names(); got != "/C shop/B shop/ENV " {
		t.Error(got)
	}
	if err := s.ForgetKept(shop); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "/C " {
		t.Error(got)
	}
	wants(t, s, shop, "A", "1")
	hides(t, s, "main", "1 3 e2")
}

// TestKeptMost: what is kept of a secret, and of those that were deleted, has its limits.
func TestKeptMost(t *testing.T) {
	now := at()
	s, err := Open(t.TempDir(), "", func() time.Time { now = now.Add(time.Minute); return now })
	if err != nil {
		t.Fatal(err)
	}
	for n := range EarlierMax + 10 {
		set(t, s, shop, "A", fmt.Sprint(n))
	}
	if list := known(s, shop, "A"); len(list) != 1+EarlierMax || string(list[EarlierMax]) != "9" {
		t.Errorf("%d values, the oldest %q", len(list), list[len(list)-1])
	}
	large := bytes.Repeat([]byte("x"), ValueMax-8)
	names := KeptBytesMax/(5*ValueMax) + 2 // whose entries are too large together
	for n := range names {
		for i := range 6 {
			set(t, s, whole, fmt.Sprint("L", n), fmt.Sprintf("%d %d %s", n, i, large))
		}
		if err := s.Delete(whole, fmt.Sprint("L", n)); err != nil {
			t.Fatal(err)
		}
	}
	if first, last := known(s, whole, "L0"), known(s, whole, fmt.Sprint("L", names-1)); first != nil || len(last) < 4 {
		t.Errorf("%d values of the first that was deleted, %d of the last", len(first), len(last))
	}
	list, left, err := s.Hidden("main")
	if size := len(bytes.Join(list, nil)); err != nil || left == 0 || string(list[0]) != fmt.Sprint(EarlierMax+9) || size > HiddenMax || size < HiddenMax-ValueMax {
		t.Errorf("%d values of %d bytes, %d left out, %v", len(list), size, left, err)
	}
}
