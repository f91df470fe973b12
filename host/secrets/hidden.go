package secrets

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"
)

// HiddenMax is how many bytes of values Hidden returns at most.
const HiddenMax = 16 << 20

// KeptBytesMax is how many bytes the entries of secrets that were deleted have at most, of one
// place. Of more the oldest are forgotten.
const KeptBytesMax = 4 << 20

// values are those of an entry.
type values struct {
	at      Place
	when    time.Time // it was set, or deleted
	current []byte    // nil: it was deleted
	earlier [][]byte  // the newest first
}

func (v *values) has(value []byte) bool {
	return v != nil && (bytes.Equal(v.current, value) || slices.ContainsFunc(v.earlier, func(e []byte) bool { return bytes.Equal(e, value) }))
}

// Changes counts the changes that this process has made to the store. What Hidden returned
// holds as long as the count stays.
func (s *Sealed) Changes() uint64 { return s.changes.Load() }

// Hidden returns all values of a namespace and its services that are to be hidden: those that
// secrets have, and those that they had, also of secrets that were deleted. Of more than
// HiddenMax bytes current values go first, then the newest; left is how many are left out.
// What cannot be opened is left out, too. Callers do not change the values.
func (s *Sealed) Hidden(namespace string) (list [][]byte, left int) {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	s.learn()
	var of []*values
	for _, v := range s.known {
		if v.at.Namespace == namespace {
			of = append(of, v)
		}
	}
	slices.SortFunc(of, func(a, b *values) int {
		return cmp.Or(b.when.Compare(a.when), cmp.Compare(a.at.Service, b.at.Service))
	})
	room := HiddenMax
	add := func(value []byte) {
		if room -= len(value); room < 0 {
			left++
			return
		}
		list = append(list, value)
	}
	for _, v := range of {
		if v.current != nil {
			add(v.current)
		}
	}
	for _, v := range of {
		for _, value := range v.earlier {
			add(value)
		}
	}
	return list, left
}

// learn reads all entries that can be opened, once. knowing is held.
func (s *Sealed) learn() {
	if s.known != nil {
		return
	}
	files, err := s.files()
	if err != nil {
		return
	}
	keys, err := s.keys()
	if err != nil && len(files) > 0 {
		return // the next to ask may have more luck
	}
	s.known = map[string]*values{}
	for _, file := range files {
		if e, err := s.read(file); err == nil {
			if c, err := e.open(keys); err == nil {
				s.known[file] = valuesOf(&e.head, &c)
			}
		}
	}
}

func valuesOf(h *head, c *content) *values {
	v := &values{at: Place{h.Namespace, h.Service}, when: h.Set, earlier: c.Earlier}
	if h.Gone.IsZero() {
		v.current = c.Value
	} else {
		v.when = h.Gone
	}
	return v
}

// changed notes what a file holds now; nil: it is gone.
func (s *Sealed) changed(file string, v *values) {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	s.learn()
	switch {
	case v == nil:
		delete(s.known, file)
	case s.known != nil:
		s.known[file] = v
	}
	s.changes.Add(1)
}

// Keep keeps a value that a service was given under a name from elsewhere, to be hidden: the
// environment or a file may have another one tomorrow. It is sealed beside those that the
// store itself has, or had, under the name, and nobody is given it from there. It does nothing
// for a value that is there, nor where the key lies in the folder, beside what it would seal:
// who gives a host secrets by its environment does not want them on its disk. It fails as Set
// does.
func (s *Sealed) Keep(at Place, name string, value []byte) error {
	if s.given == nil || s.hides(at, name, value) {
		return nil
	}
	if err := CheckName(name); err != nil {
		return err
	}
	if len(value) > ValueMax {
		return ErrTooLarge
	}
	s.changing.Lock()
	defer s.changing.Unlock()
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
			err = errors.Join(err, s.forget(fileOf(at, i.Name)))
		}
	}
	return err
}

// hides reports whether a value of a name is hidden already.
func (s *Sealed) hides(at Place, name string, value []byte) bool {
	s.knowing.Lock()
	defer s.knowing.Unlock()
	s.learn()
	return s.known[fileOf(at, name)].has(value) || s.known[fileOf(Place{Namespace: at.Namespace}, name)].has(value)
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
