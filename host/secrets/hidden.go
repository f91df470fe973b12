package secrets

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"slices"
	"time"
)

// HiddenMax is how many bytes of values Hidden returns at most, of a namespace.
const HiddenMax = 2 << 20

// KeptBytesMax is how many bytes the entries of secrets that were deleted have at most, of one
// namespace. Of more the oldest are forgotten.
const KeptBytesMax = 4 << 20

const (
	keptMax   = 10_000      // values that Keep remembers the fate of
	keptAgain = time.Minute // until it tries again what has failed
)

// fate is what became of keeping a value.
type fate struct {
	err     error
	until   time.Time // zero: as long as changes
	changes uint64    // of the namespace
}

// Changes counts the changes that this process has made to what the store has of a namespace.
// What Hidden returned holds as long as the count stays.
func (s *Sealed) Changes(namespace string) uint64 {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	return s.changes[namespace]
}

// Hidden reads all values of a namespace and its services that are to be hidden: those that
// secrets have, and those that they had, also of secrets that were deleted. Of more than
// HiddenMax bytes current values go first, then those of what was changed last; left is how
// many are left out. What no key opens is left out, too. The error says that there may be more.
func (s *Sealed) Hidden(namespace string) (list [][]byte, left int, err error) {
	files, err := s.files()
	if err != nil || len(files) == 0 {
		return nil, 0, err
	}
	keys, err := s.keys()
	if err != nil {
		return nil, 0, err
	}
	var heads []head
	for _, file := range files {
		e, readErr := s.readUpTo(file, headsMax)
		switch {
		case readErr == nil && e.Namespace == namespace:
			heads = append(heads, e.head)
		case readErr != nil && !missing(readErr) && !damaged(readErr):
			err = readErr
		}
	}
	slices.SortFunc(heads, func(a, b head) int {
		return cmp.Or(b.changed().Compare(a.changed()), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
	return s.hiddenOf(heads, keys, err)
}

// hiddenOf is Hidden of entries, the newest first.
func (s *Sealed) hiddenOf(heads []head, keys []key, err error) ([][]byte, int, error) {
	var earlier, list [][]byte
	left, room, roomEarlier := 0, HiddenMax, HiddenMax
	add := func(list [][]byte, room *int, value []byte) [][]byte {
		if *room -= len(value); *room < 0 {
			left++
			return list
		}
		return append(list, value)
	}
	for _, h := range heads {
		e, readErr := s.read(fileOf(Place{h.Namespace, h.Service}, h.Name))
		if readErr != nil {
			if !missing(readErr) && !damaged(readErr) {
				err = readErr
			}
			continue
		}
		c, openErr := e.open(keys)
		if openErr != nil {
			continue
		}
		if e.Gone.IsZero() {
			list = add(list, &room, c.Value)
		}
		for _, value := range c.Earlier {
			earlier = add(earlier, &roomEarlier, value)
		}
	}
	for _, value := range earlier {
		list = add(list, &room, value)
	}
	return list, left, err
}

// damaged reports whether there is nothing to be had of an entry, however often it is read.
func damaged(err error) bool { return errors.Is(err, ErrTampered) || errors.Is(err, ErrFormat) }

// changed is when an entry was set, or deleted.
func (h *head) changed() time.Time {
	if h.Gone.IsZero() {
		return h.Set
	}
	return h.Gone
}

// changed notes that something of a namespace is another.
func (s *Sealed) changed(namespace string) {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	s.changes[namespace]++
}

// Keep keeps a value that a service was given under a name from elsewhere, to be hidden: the
// environment or a file may have another one tomorrow. It is sealed beside those that the
// store itself has, or had, under the name, and nobody is given it from there. It does nothing
// for a value that is there, nor where the key lies in the folder, beside what it would seal:
// who gives a host secrets by its environment does not want them on its disk. It fails as Set
// does.
func (s *Sealed) Keep(at Place, name string, value []byte) error {
	if s.given == nil {
		return nil
	}
	of := sha256.Sum256(slices.Concat([]byte(at.Namespace+"\x00"+at.Service+"\x00"+name+"\x00"), value))
	if f, ok := s.fateOf(of, at.Namespace); ok {
		return f.err
	}
	f := fate{err: s.keep(at, name, value)}
	if f.err != nil {
		f.until = s.now().Add(keptAgain)
	}
	s.knowing.Lock()
	defer s.knowing.Unlock()
	f.changes = s.changes[at.Namespace]
	s.fates[of] = f
	return f.err
}

// fateOf is what became of keeping a value. Who is told that it is not known is to keep it: until
// that is done others are told that it is kept.
func (s *Sealed) fateOf(of [sha256.Size]byte, namespace string) (fate, bool) {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	f, ok := s.fates[of]
	if ok && f.changes == s.changes[namespace] && (f.until.IsZero() || s.now().Before(f.until)) {
		return f, true
	}
	if len(s.fates) >= keptMax {
		clear(s.fates) // some are looked for on the disk once more
	}
	s.fates[of] = fate{changes: s.changes[namespace]}
	return fate{}, false
}

// keep is Keep of what is not known to be there.
func (s *Sealed) keep(at Place, name string, value []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if len(value) > ValueMax {
		return ErrTooLarge
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	for _, one := range []Place{at, {Namespace: at.Namespace}} {
		c, gone, err := s.open(one, name)
		if err == nil && (!gone && bytes.Equal(c.Value, value) || slices.ContainsFunc(c.Earlier, func(e []byte) bool { return bytes.Equal(e, value) })) {
			return nil
		}
	}
	keys, err := s.sealing()
	if err != nil {
		return err
	}
	file := fileOf(at, name)
	h := head{Namespace: at.Namespace, Service: at.Service, Name: name, Set: s.now().UTC().Truncate(time.Second), Gone: s.now().UTC()}
	var c content
	if e, readErr := s.read(file); readErr == nil {
		c, err = e.open(keys)
		if e.Gone.IsZero() && err != nil {
			return err
		}
		h.Set, h.By = e.Set, e.By
		if e.Gone.IsZero() {
			h.Gone = time.Time{}
		}
	} else if !missing(readErr) {
		return readErr
	}
	if !h.Gone.IsZero() {
		if err := s.prune(at, PlaceMax-1, file); err != nil {
			return err
		}
	}
	c.Earlier = trimmed(append([][]byte{value}, c.Earlier...))
	return s.write(&h, &c, keys[0])
}

// Kept tells of what is only hidden, of a namespace and its services: secrets that were deleted,
// and those that Keep has kept, in the order of List.
func (s *Sealed) Kept(namespace string) ([]Info, error) {
	return s.list(func(e *entry) bool { return e.Namespace == namespace && !e.Gone.IsZero() })
}

// ForgetKept forgets what is only hidden of a place.
func (s *Sealed) ForgetKept(at Place) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	list, err := s.Kept(at.Namespace)
	for _, i := range list {
		if i.Service == at.Service {
			err = errors.Join(err, s.forget(at.Namespace, fileOf(at, i.Name)))
		}
	}
	return err
}

// trimmed are the newest of earlier values, within EarlierMax and EarlierBytesMax.
func trimmed(earlier [][]byte) [][]byte {
	room := EarlierBytesMax
	for n, value := range earlier {
		if room -= len(value); room < 0 || n == EarlierMax {
			return earlier[:n]
		}
	}
	return earlier
}
