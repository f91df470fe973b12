package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// WholeFormat is the version of the format of backups of a whole host that this package
// writes. Version 1, which is read too, has nothing of who did what with secrets.
//
// Such a backup has what a host keeps itself as that of a service has it, and for each service
// one of its own in services/<namespace>/<service>/, but for the blobs, which all share. Its
// manifest.json names the manifests of those, with size and SHA-256, and is put last.
const WholeFormat = 2

const wholeWhat = "backup of a host of grow"

// MembersMax is how many services a backup of a whole host has.
const MembersMax = 10_000

// Whole says what a backup of a whole host holds.
type Whole struct {
	What   string    `json:"what"`
	Format int       `json:"format"`
	Taken  time.Time `json:"taken"` // when it was begun
	// Services are those of the host, but for those that were left out.
	Services []Member `json:"services"`
	Without  []string `json:"without,omitempty"` // NAMESPACE/SERVICE of those
	Contents
}

// Member is a service of a host.
type Member struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Journal   bool   `json:"journal"` // it has one; without, nothing of it has run yet
}

// String is NAMESPACE/SERVICE.
func (m Member) String() string { return m.Namespace + "/" + m.Service }

func (m Member) dir() string { return membersDir + m.String() + "/" }

const membersDir = "services/"

const memberPart = `[a-z][a-z0-9-]{0,62}`

var (
	memberForm   = regexp.MustCompile(`^` + memberPart + `$`)
	manifestForm = membersDir + memberPart + `/` + memberPart + `/manifest\.json`
	wholeFile    = regexp.MustCompile(`^(` + blobDir + `[0-9a-f]{64}|buckets/[0-9]{4}/[0-9]{6}\.grow|` + manifestForm + `)$`)
	memberFile   = regexp.MustCompile(`^` + membersDir + memberPart + `/` + memberPart + `/(manifest\.json|records/[0-9]{20}\.grow|buckets/[0-9]{4}/[0-9]{6}\.grow)$`)
)

// WholeWriter writes a backup of a whole host. It belongs to one goroutine.
type WholeWriter struct {
	b     *backup
	whole Whole
	blobs map[string]bool // names of those that services have put
}

// NewWhole begins a backup of a whole host. now is what its manifest says of the time.
func NewWhole(to Putter, now time.Time) *WholeWriter {
	return &WholeWriter{
		b: &backup{to: to, has: map[string]bool{}}, whole: Whole{What: wholeWhat, Format: WholeFormat, Taken: now, Services: []Member{}}, blobs: map[string]bool{},
	}
}

// Own adds what the host has itself.
func (w *WholeWriter) Own() *Writer { return &Writer{w.b} }

// Service is where the backup of a service goes; one may be written again, which takes the place of what was written before.
func (w *WholeWriter) Service(m Member) Putter { return member{w, m} }

// member puts the files of a service.
type member struct {
	w *WholeWriter
	m Member
}

// Put implements Putter.
func (p member) Put(ctx context.Context, name string, data []byte) error {
	if !strings.HasPrefix(name, blobDir) {
		return p.putOwn(ctx, name, data)
	}
	if p.w.blobs[name] || p.w.b.has[name] {
		return ctx.Err()
	}
	err := p.w.b.to.Put(ctx, name, data)
	p.w.blobs[name] = err == nil
	return err
}

// putOwn puts a file in the service's folder; the manifest is named by the host's.
func (p member) putOwn(ctx context.Context, name string, data []byte) error {
	if name = p.m.dir() + name; strings.HasSuffix(name, "/"+ManifestName) {
		p.w.b.Files = slices.DeleteFunc(p.w.b.Files, func(f File) bool { return f.Name == name })
		return p.w.b.put(ctx, File{Name: name}, data)
	}
	return p.w.b.to.Put(ctx, name, data)
}

// End puts the manifest: the services that are in it, and NAMESPACE/SERVICE of those that were
// left out.
func (w *WholeWriter) End(ctx context.Context, services []Member, without []string) error {
	listed := map[string]bool{}
	for _, m := range services {
		listed[m.dir()+ManifestName] = m.Journal
	}
	w.whole.Services, w.whole.Without, w.whole.Contents = append(w.whole.Services, services...), without, w.b.Contents
	w.whole.Files = nil
	for _, f := range w.b.Files {
		if ours := strings.HasPrefix(f.Name, membersDir); !ours || listed[f.Name] { // others were deleted meanwhile
			w.whole.Files = append(w.whole.Files, f)
		}
	}
	if err := w.whole.check(); err != nil {
		return fmt.Errorf("write %s: %w", ManifestName, err)
	}
	return putManifest(ctx, w.b.to, &w.whole)
}

// check says what is wrong with a manifest.
func (w *Whole) check() error {
	if err := w.Contents.check(wholeFile); err != nil {
		return err
	}
	if len(w.Services) > MembersMax {
		return fmt.Errorf("it has %d services; %d are allowed", len(w.Services), MembersMax)
	}
	seen, files := map[string]bool{}, map[string]int{}
	for i := range w.Files {
		files[w.Files[i].Name]++
	}
	for _, m := range w.Services {
		if !memberForm.MatchString(m.Namespace) || !memberForm.MatchString(m.Service) || seen[m.String()] {
			return fmt.Errorf("it names a service %.140q", m.String())
		}
		seen[m.String()] = true
		if m.Journal && files[m.dir()+ManifestName] == 0 {
			return fmt.Errorf("it names no file %s", m.dir()+ManifestName)
		}
	}
	return nil
}

// ReadWhole reads what a backup of a whole host says it holds. It fails with ErrForeign for
// what is none, such as the backup of a service, ErrFormat for one of another version, and
// ErrDamaged.
func ReadWhole(text []byte) (*Whole, error) {
	w := new(Whole)
	if err := json.Unmarshal(text, w); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", journal.ErrDamaged, ManifestName, err)
	}
	switch {
	case w.What != wholeWhat:
		return nil, fmt.Errorf("%w: %s says %q", journal.ErrForeign, ManifestName, w.What)
	case w.Format < firstFormat || w.Format > WholeFormat:
		return nil, fmt.Errorf("%w: the backup is of format version %d; this version of grow reads %d to %d", journal.ErrFormat, w.Format, firstFormat, WholeFormat)
	}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", journal.ErrDamaged, ManifestName, err)
	}
	return w, nil
}

// KeptWhole is a backup of a whole host that is read. It is for one goroutine.
type KeptWhole struct {
	Whole
	Host     *Kept   // what the host has itself, of no journal
	Services []*Kept // with a journal, in the order of the manifest
}

// Bytes is the size of all files, without the manifest.
func (k *KeptWhole) Bytes() int64 {
	n := k.Host.Bytes()
	for _, s := range k.Services {
		n += s.Bytes()
	}
	return n
}

// OpenWhole opens a backup of a whole host and checks each file against its digest, as Open
// does. It fails with ErrForeign for the backup of a service.
func OpenWhole(ctx context.Context, from Getter, tell func(Progress)) (*KeptWhole, error) {
	text, err := from.Get(ctx, ManifestName)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, fmt.Errorf("%w: there is no %s, which a whole backup has", journal.ErrForeign, ManifestName)
	}
	if err != nil {
		return nil, err
	}
	w, err := ReadWhole(text)
	if err != nil {
		return nil, err
	}
	count := &meter{tell: tell}
	k := &KeptWhole{Whole: *w}
	if k.Host, err = openKept(ctx, from, &Manifest{Taken: w.Taken, Contents: w.Contents}, text, count); err != nil {
		return nil, err
	}
	for _, m := range w.Services {
		if !m.Journal {
			continue
		}
		count.At = m.String()
		one, err := openMember(ctx, from, m, k.Host.files[m.dir()+ManifestName], count)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", m, err)
		}
		k.Services = append(k.Services, one)
	}
	return k, nil
}

func openMember(ctx context.Context, from Getter, m Member, manifest *File, count *meter) (*Kept, error) {
	text, err := getFile(ctx, from, manifest)
	if err != nil {
		return nil, err
	}
	said, err := ReadManifest(text)
	if err != nil {
		return nil, err
	}
	if said.Namespace != m.Namespace || said.Service != m.Service {
		return nil, fmt.Errorf("%w: %s is that of %s/%s", journal.ErrDamaged, manifest.Name, said.Namespace, said.Service)
	}
	return openKept(ctx, below{from, m.dir()}, said, text, count)
}

// MemberOf is NAMESPACE/SERVICE of the service of a host that a file of a backup is of; "": it is of
// none alone.
func MemberOf(file string) string {
	rest, ok := strings.CutPrefix(file, membersDir)
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(parts) < 3 {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

// below is where the backup of a service lies in that of its host.
type below struct {
	from Getter
	dir  string
}

// Get implements Getter.
func (b below) Get(ctx context.Context, name string) ([]byte, error) {
	if !strings.HasPrefix(name, blobDir) {
		name = b.dir + name
	}
	return b.from.Get(ctx, name)
}

// GetFile implements Addressed.
func (b below) GetFile(ctx context.Context, f *File) ([]byte, error) {
	if from, ok := b.from.(Addressed); ok {
		return from.GetFile(ctx, f)
	}
	return b.Get(ctx, f.Name)
}
