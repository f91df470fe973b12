// Package secrets is the sealed store of a host: secrets of services, encrypted at rest.
//
// A secret belongs to a service or to all services of a namespace. Each is a file of its
// own (see format1) in the folder, sealed with the host's key: that in GROW_SEAL_KEY, or
// one that is made in the folder when the first secret is set. Whose it is, its name, who
// set it and when are readable and covered by the seal, so an entry that was moved,
// swapped or edited is refused. An older copy of the same entry is not told from the
// current one. Who can read both the key and the folder can read the secrets.
package secrets

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of secrets.
const (
	ValueMax   = 64 << 10 // bytes of a value
	NameMax    = 100      // bytes of a name
	ByMax      = 200      // bytes of who set it
	PlaceMax   = 1000     // secrets of a service, and of a namespace for all its services
	EarlierMax = 100      // values before the current one that are kept, to be masked
	entriesMax = 100_000  // files in the folder
	headMax    = 4 << 10
	headsMax   = headMax + 1<<10 // what a file begins with before what is sealed has fewer
	// CurrentBytesMax is how many bytes the values have together that the secrets of a namespace
	// and its services have. As many are left to those before.
	CurrentBytesMax = HiddenMax / 2
	// EarlierBytesMax is how many bytes those before the current one have together.
	EarlierBytesMax = 4 * ValueMax
	entryMax        = 5*(ValueMax*4/3+16) + headMax + 1<<10 // what is encoded has up to 7 bytes more for each value
)

// KeyFile is the file of the key in the folder.
const KeyFile = "seal.key"

const (
	keyFile    = KeyFile
	tempPrefix = ".new-"
)

var (
	// ErrNotFound is returned for a secret that is not there.
	ErrNotFound = errors.New("no such secret")
	// ErrName is returned for what cannot be a secret's name.
	ErrName = fmt.Errorf("a secret's name has 1 to %d letters, digits, '_', '-' and '.', and begins with a letter or '_'", NameMax)
	// ErrReserved is returned for a name that begins with hostPrefix.
	ErrReserved = errors.New("names that begin with " + hostPrefix + " are the host's own: they come from its environment or its folder of secrets")
	// ErrTooLarge is returned for a value over ValueMax, and for what else is over a limit.
	ErrTooLarge = errors.New("too large")
	// ErrEmpty is returned for a value without bytes.
	ErrEmpty = errors.New("a secret needs a value")
	// ErrTooMany is returned where PlaceMax secrets are.
	ErrTooMany = fmt.Errorf("there are %d secrets, and no more are allowed", PlaceMax)
	// ErrTampered is returned for an entry that is not as it was written.
	ErrTampered = errors.New("the sealed secret was damaged, edited or moved")
	// ErrFormat is returned for an entry of a version that this build does not know.
	ErrFormat = errors.New("the sealed secret has a format of another version of grow")
	// ErrForeign is returned for an entry that was sealed with a key that is not at hand.
	ErrForeign = errors.New("the secret was sealed with another key")
	// ErrKey is returned for what is no key.
	ErrKey = errors.New("not a key of the sealed store")
	// ErrNoKey is returned when there are entries, and no key.
	ErrNoKey = errors.New("the key of the sealed store is missing")
	// ErrPermission is returned for a key's file that others may read.
	ErrPermission = errors.New("the key of the sealed store can be read by other users")
	// ErrGivenKey is returned by Rekey for one key that was given from outside.
	ErrGivenKey = errors.New("the key comes from " + KeyVariable)
)

// hostPrefix begins what the host's owner says of servers that grants reach. Whoever may
// set secrets of a service must not say it.
const hostPrefix = "GROW_"

var entryForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// IsEntry reports whether a file in the folder is a sealed secret.
func IsEntry(file string) bool { return entryForm.MatchString(file) }

// PlaceOf tells whose secret the entry in a file of the folder is, without a key: ErrTampered
// for what is no entry or lies in the place of another, ErrFormat for one of another version.
func PlaceOf(file string, b []byte) (Place, error) {
	e, err := parse(b)
	if err == nil {
		err = e.liesIn(file)
	}
	return Place{e.Namespace, e.Service}, err
}

// liesIn says whether a file is the one that the entry was written to.
func (e *entry) liesIn(file string) error {
	if fileOf(Place{e.Namespace, e.Service}, e.Name) != file {
		return fmt.Errorf("%w: it lies in the place of another", ErrTampered)
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// CheckName reports by ErrName and ErrReserved what cannot be a secret's name.
func CheckName(name string) error {
	if len(name) > NameMax || !nameForm.MatchString(name) {
		return ErrName
	}
	if strings.HasPrefix(name, hostPrefix) {
		return ErrReserved
	}
	return nil
}

// Place is whose secrets are meant: those of a service, or, without one, those that all
// services of a namespace have.
type Place struct{ Namespace, Service string }

// Info is what is told of a secret. Its value never is.
type Info struct {
	Namespace string    `json:"namespace"`
	Service   string    `json:"service,omitempty"` // "": all of the namespace
	Name      string    `json:"name"`
	Set       time.Time `json:"set"`
	By        string    `json:"by"`
	// Gone is when it was deleted, or last kept from elsewhere: it is only hidden; zero: it is there.
	Gone time.Time `json:"gone,omitzero"`
}

// Sealed is the store. Its methods may be called concurrently; one process at a time may
// change a folder.
type Sealed struct {
	dir   string
	now   func() time.Time
	given []key // from the environment; nil: those of the file

	changing sync.Mutex        // held by Set, Keep, Delete, Forget and Rekey; guards stocks
	stocks   map[string]*stock // by namespace; missing: nobody has counted
	knowing  sync.Mutex        // guards what follows; taken after changing, and held for a moment
	changes  map[string]uint64
	fates    map[[sha256.Size]byte]fate
}

// Open returns the store in a folder, which is made when the first secret is set. given
// is what KeyVariable holds, "" for none: ErrKey when that is no key. now is asked for
// the time; nil: the system's clock.
func Open(dir, given string, now func() time.Time) (*Sealed, error) {
	s := &Sealed{dir: dir, now: now, stocks: map[string]*stock{}, changes: map[string]uint64{}, fates: map[[sha256.Size]byte]fate{}}
	if s.now == nil {
		s.now = time.Now
	}
	if given == "" {
		return s, nil
	}
	var err error
	s.given, err = parseKeys(strings.Split(given, ","))
	return s, err
}

// keys are those that open; the first one seals.
func (s *Sealed) keys() ([]key, error) {
	if s.given != nil {
		return s.given, nil
	}
	keys, err := readKeys(filepath.Join(s.dir, keyFile))
	if missing(err) {
		return nil, ErrNoKey
	}
	return keys, err
}

// sealing is keys, making one where nothing is sealed but what was deleted: that is lost with
// its key, and nobody is given it.
func (s *Sealed) sealing() ([]key, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	keys, err := s.keys()
	if !errors.Is(err, ErrNoKey) {
		return keys, err
	}
	used := false
	if readErr := s.each(func(e *entry) error { used = used || e.Gone.IsZero(); return nil }); readErr != nil || used {
		return nil, errors.Join(err, readErr)
	}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	return []key{k}, writeKeys(filepath.Join(s.dir, keyFile), []key{k})
}

// files are the names of all entries' files.
func (s *Sealed) files() ([]string, error) {
	d, err := os.Open(s.dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(entriesMax)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == keyFile || strings.HasPrefix(n, tempPrefix) })
	slices.Sort(names)
	return names, nil
}

// read takes the entry in a file apart; fs.ErrNotExist when there is none.
func (s *Sealed) read(file string) (entry, error) { return s.readUpTo(file, entryMax+1) }

// readUpTo is read of so many bytes of it: with headsMax all that is not sealed.
func (s *Sealed) readUpTo(file string, most int64) (entry, error) {
	f, err := os.Open(filepath.Join(s.dir, file))
	if err != nil {
		return entry{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return entry{}, err
	}
	e, err := parse(b)
	if err == nil {
		err = e.liesIn(file)
	}
	return e, err
}

// open opens a secret, also one that was deleted: gone.
func (s *Sealed) open(at Place, name string) (c content, gone bool, err error) {
	e, err := s.read(fileOf(at, name))
	if missing(err) {
		return content{}, false, ErrNotFound
	}
	if err != nil {
		return content{}, false, err
	}
	keys, err := s.keys()
	if err != nil {
		return content{}, false, err
	}
	c, err = e.open(keys)
	return c, !e.Gone.IsZero(), err
}

// get opens a secret that is there.
func (s *Sealed) get(at Place, name string) (content, error) {
	c, gone, err := s.open(at, name)
	if err == nil && gone {
		return content{}, ErrNotFound
	}
	return c, err
}

// Get returns a secret's value: that of the service, else that of its namespace. It is
// read anew each time, so a value that was just set is the one. It fails with
// ErrNotFound, ErrTampered, ErrFormat, ErrForeign, ErrNoKey or ErrPermission.
func (s *Sealed) Get(at Place, name string) ([]byte, error) {
	c, err := s.get(at, name)
	if errors.Is(err, ErrNotFound) && at.Service != "" {
		c, err = s.get(Place{Namespace: at.Namespace}, name)
	}
	return c.Value, err
}

// Set gives a secret a value. by is who does it. The value that it had is kept beside it,
// to be hidden where it was written. It fails with ErrName, ErrReserved, ErrEmpty,
// ErrTooLarge, ErrTooMany, and as Get does for what it replaces.
func (s *Sealed) Set(at Place, name string, value []byte, by string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	switch {
	case len(value) == 0:
		return Info{}, ErrEmpty
	case len(value) > ValueMax:
		return Info{}, fmt.Errorf("%w: a secret has at most %d bytes", ErrTooLarge, ValueMax)
	case len(by) > ByMax:
		return Info{}, fmt.Errorf("%w: who sets a secret has a name of at most %d bytes", ErrTooLarge, ByMax)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	keys, err := s.sealing()
	if err != nil {
		return Info{}, fmt.Errorf("seal %s: %w", name, err)
	}
	c := content{Value: value}
	old, gone, err := s.open(at, name)
	switch {
	case errors.Is(err, ErrNotFound), gone:
		c.Earlier = old.Earlier
	case err != nil:
		return Info{}, fmt.Errorf("replace %s: %w", name, err)
	default:
		c.Earlier = append([][]byte{old.Value}, old.Earlier...)
	}
	if len(value) > len(old.Value) {
		if err := s.room(at, name, len(value), keys); err != nil {
			return Info{}, err
		}
	}
	c.Earlier = trimmed(slices.DeleteFunc(c.Earlier, func(v []byte) bool { return bytes.Equal(v, value) }))
	h := head{Namespace: at.Namespace, Service: at.Service, Name: name, Set: s.now().UTC().Truncate(time.Second), By: by}
	return h.info(), s.write(&h, &c, keys[0])
}

// room reports by ErrTooMany and ErrTooLarge what is too much with a value of so many bytes.
func (s *Sealed) room(at Place, name string, size int, keys []key) error {
	count := 0
	err := s.each(func(e *entry) error {
		if e.Namespace != at.Namespace || !e.Gone.IsZero() || e.Service == at.Service && e.Name == name {
			return nil
		}
		if e.Service == at.Service {
			count++
		}
		if c, err := e.open(keys); err == nil {
			size += len(c.Value)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case count >= PlaceMax:
		return ErrTooMany
	case size > CurrentBytesMax:
		return fmt.Errorf("%w: the secrets of a namespace have at most %d bytes together", ErrTooLarge, CurrentBytesMax)
	}
	return nil
}

func (s *Sealed) write(h *head, c *content, k key) error {
	file := fileOf(Place{h.Namespace, h.Service}, h.Name)
	b, err := seal(h, c, k)
	if err == nil {
		err = replaceFile(filepath.Join(s.dir, file), b)
	}
	if err != nil {
		return fmt.Errorf("seal %s: %w", h.Name, err)
	}
	if had := s.stocks[h.Namespace]; had != nil && !h.Gone.IsZero() {
		had.add(h.Service, len(b))
	}
	s.changed(h.Namespace)
	return nil
}

func (h *head) info() Info { return Info{h.Namespace, h.Service, h.Name, h.Set, h.By, h.Gone} }

// List tells of the secrets of a namespace and of its services, in the order of services
// and names. It needs no key. It fails with ErrTampered for a file that is no entry.
func (s *Sealed) List(namespace string) ([]Info, error) {
	return s.list(func(e *entry) bool { return e.Namespace == namespace && e.Gone.IsZero() })
}

func (s *Sealed) list(picks func(*entry) bool) ([]Info, error) {
	list := []Info{}
	err := s.each(func(e *entry) error {
		if picks(e) {
			list = append(list, e.info())
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Info) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name)) })
	return list, err
}

// each visits all entries.
func (s *Sealed) each(visit func(*entry) error) error {
	names, err := s.files()
	if err != nil {
		return fmt.Errorf("read secrets: %w", err)
	}
	for _, name := range names {
		e, err := s.read(name)
		if missing(err) { // it was deleted meanwhile
			continue
		}
		if err == nil {
			err = visit(&e)
		}
		if err != nil {
			return fmt.Errorf("read secret %s: %w", cmp.Or(e.Name, name), err)
		}
	}
	return nil
}

// Delete deletes a secret; ErrNotFound when there is none. The values that it had stay
// sealed, so that they are hidden where they were written, of the last PlaceMax that were deleted
// of a place. One that cannot be opened is forgotten.
func (s *Sealed) Delete(at Place, name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	file := fileOf(at, name)
	e, err := s.read(file)
	switch {
	case missing(err), err == nil && !e.Gone.IsZero():
		return ErrNotFound
	case err != nil:
		return s.forget(at.Namespace, file)
	}
	keys, err := s.keys()
	if err != nil {
		return s.forget(at.Namespace, file)
	}
	c, err := e.open(keys)
	if err != nil {
		return s.forget(at.Namespace, file)
	}
	if err := s.prune(at, PlaceMax-1, file); err != nil {
		return err
	}
	e.Gone = s.now().UTC()
	return s.write(&e.head, &content{Earlier: trimmed(append([][]byte{c.Value}, c.Earlier...))}, keys[0])
}

// stock is how many secrets of a namespace are only hidden, or more than are.
type stock struct {
	count map[string]int // by service
	bytes int
}

func (s *stock) add(service string, bytes int) {
	s.count[service]++
	s.bytes += bytes
}

// prune forgets those that were deleted of a place before the last so many, and of its namespace
// before what has KeptBytesMax; but not the one of a file. What cannot be read is left. The folder
// is read only when there may be too many.
func (s *Sealed) prune(at Place, most int, but string) error {
	if had := s.stocks[at.Namespace]; had != nil && had.count[at.Service] <= most && had.bytes <= KeptBytesMax {
		return nil
	}
	files, err := s.files()
	if err != nil {
		return fmt.Errorf("read secrets: %w", err)
	}
	var list []entry
	had := &stock{count: map[string]int{}}
	for _, file := range files {
		e, err := s.read(file)
		switch {
		case err != nil || e.Gone.IsZero() || e.Namespace != at.Namespace:
		case file == but:
			had.add(e.Service, len(e.sealed))
		default:
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return b.Gone.Compare(a.Gone) })
	room := KeptBytesMax
	for _, e := range list {
		if e.Service == at.Service {
			most--
		}
		if room -= len(e.sealed); room >= 0 && (e.Service != at.Service || most >= 0) {
			had.add(e.Service, len(e.sealed))
			continue
		}
		if err := s.forget(at.Namespace, fileOf(Place{e.Namespace, e.Service}, e.Name)); err != nil {
			return err
		}
	}
	s.stocks[at.Namespace] = had
	return nil
}

// Has reports by ErrNotFound that Delete, or with forget Forget, would find nothing.
func (s *Sealed) Has(at Place, name string, forget bool) error {
	e, err := s.read(fileOf(at, name))
	if missing(err) || err == nil && !forget && !e.Gone.IsZero() {
		return ErrNotFound
	}
	return nil
}

// Forget deletes a secret with all values that it had, also one that was deleted or cannot
// be opened; ErrNotFound when nothing of it is there.
func (s *Sealed) Forget(at Place, name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	return s.forget(at.Namespace, fileOf(at, name))
}

func (s *Sealed) forget(namespace, file string) error {
	err := os.Remove(filepath.Join(s.dir, file))
	if missing(err) {
		return ErrNotFound
	}
	if err == nil {
		s.changed(namespace)
		err = syncDir(s.dir)
	}
	return err
}

// Rekey seals all secrets with a new key and returns how many there are. What is only hidden and
// no key opens stays as it is: left tells of that. A given key is replaced by giving the new one
// first and the old one after it: ErrGivenKey when there is one alone. Nothing changes when a
// secret cannot be opened. When it is interrupted both keys stay, and the next Rekey completes it.
func (s *Sealed) Rekey() (n int, left []Info, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	keys, err := s.sealing()
	if err != nil {
		return 0, nil, fmt.Errorf("rekey: %w", err)
	}
	if len(s.given) == 1 {
		return 0, nil, fmt.Errorf("rekey: %w", ErrGivenKey)
	}
	used := map[string]bool{}
	err = s.each(func(e *entry) error {
		_, err := e.open(keys)
		if err != nil && !e.Gone.IsZero() {
			left = append(left, e.info())
			return nil
		}
		used[e.Key] = true
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("rekey: %w", err)
	}
	file := filepath.Join(s.dir, keyFile)
	if s.given == nil {
		k, err := newKey()
		if err != nil {
			return 0, nil, err
		}
		keys = append([]key{k}, slices.DeleteFunc(keys, func(k key) bool { return !used[k.id()] })...)
		if len(keys) > keysMax {
			return 0, nil, fmt.Errorf("rekey: %w: %s holds %d keys", ErrTooLarge, keyFile, len(keys)-1)
		}
		if err := writeKeys(file, keys); err != nil {
			return 0, nil, fmt.Errorf("rekey: %w", err)
		}
	}
	err = s.each(func(e *entry) error {
		c, err := e.open(keys)
		if err != nil && !e.Gone.IsZero() {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Gone.IsZero() {
			n++
		}
		return s.write(&e.head, &c, keys[0])
	})
	if err == nil && s.given == nil {
		err = writeKeys(file, keys[:1])
	}
	return n, left, err
}
