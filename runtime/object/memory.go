package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
)

// MemoryMax is how many bytes a bucket in memory has at most.
const MemoryMax = 256 << 20

// Memory keeps buckets in memory; its zero value has none. Everything is gone with it.
type Memory struct {
	Now func() time.Time // nil: time.Now; set before first use

	mu      sync.Mutex // guards buckets
	buckets map[bucket.Name]*memoryBucket
}

// Objects implements Store.
func (m *Memory) Objects(ctx context.Context, n bucket.Name) (Bucket, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.buckets[n]
	if b == nil {
		if m.buckets == nil {
			m.buckets = map[bucket.Name]*memoryBucket{}
		}
		b = &memoryBucket{now: m.Now, most: MemoryMax, objects: map[string]memoryObject{}, uploads: map[string]*memoryUpload{}, done: map[string]Info{}}
		if b.now == nil {
			b.now = time.Now
		}
		m.buckets[n] = b
	}
	return b, ctx.Err()
}

// ForgetObjects removes all buckets of a service.
func (m *Memory) ForgetObjects(namespace, service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := range m.buckets {
		if n.Namespace == namespace && n.Service == service {
			delete(m.buckets, n)
		}
	}
}

// memoryBucket is a bucket in memory.
type memoryBucket struct {
	now  func() time.Time
	most int64 // bytes

	mu      sync.Mutex // guards what follows
	objects map[string]memoryObject
	uploads map[string]*memoryUpload
	size    int64 // bytes of objects and parts
	last    uint64
	done    map[string]Info // by Once
	order   []string        // of done, the oldest first
}

type memoryObject struct {
	Info
	data []byte // not changed
}

// memoryUpload is what an object may be made of.
type memoryUpload struct {
	key   string
	begun time.Time
	parts map[int][]byte
}

// Stat implements Bucket.
func (b *memoryBucket) Stat(ctx context.Context, key string) (Info, error) {
	o, err := b.get(ctx, key)
	return o.Info, err
}

func (b *memoryBucket) get(ctx context.Context, key string) (o memoryObject, err error) {
	if err := CheckKey(key); err != nil {
		return o, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		return o, ErrNotFound
	}
	return o, ctx.Err()
}

// Read implements Bucket.
func (b *memoryBucket) Read(ctx context.Context, key, revision string, r Range) (Info, []byte, error) {
	o, err := b.get(ctx, key)
	if err == nil && revision != "" && revision != o.Revision {
		err = ErrConflict
	}
	if err != nil {
		return Info{}, nil, err
	}
	from, to := r.Within(o.Size)
	return o.Info, slices.Clone(o.data[from:to]), nil
}

// Part implements Bucket.
func (b *memoryBucket) Part(ctx context.Context, p *Part) error {
	if err := p.Check(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep()
	u := b.uploads[p.Upload]
	if u == nil {
		u = &memoryUpload{p.Key, b.now(), map[int][]byte{}}
	}
	if u.key != p.Key {
		return fmt.Errorf("%w: the upload is of another key", ErrInvalid)
	}
	more := int64(len(p.Data) - len(u.parts[p.Number]))
	if b.size+more > b.most {
		return fmt.Errorf("%w: %d bytes are allowed", ErrFull, b.most)
	}
	b.uploads[p.Upload] = u
	u.parts[p.Number] = slices.Clone(p.Data)
	b.size += more
	return ctx.Err()
}

// sweep removes parts that have waited too long. The lock is held.
func (b *memoryBucket) sweep() {
	for name, u := range b.uploads {
		if b.now().Sub(u.begun) > UploadAge {
			b.drop(name)
		}
	}
}

// drop forgets an upload. The lock is held.
func (b *memoryBucket) drop(upload string) {
	if u := b.uploads[upload]; u != nil {
		for _, data := range u.parts {
			b.size -= int64(len(data))
		}
		delete(b.uploads, upload)
	}
}

// Write implements Bucket.
func (b *memoryBucket) Write(ctx context.Context, w *Write) (Info, error) {
	if err := w.Check(); err != nil {
		return Info{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if done, ok := b.done[w.Once]; ok && w.Once != "" {
		return done, ctx.Err()
	}
	b.sweep()
	have, revision := b.objects[w.Key], None
	if have.Revision != "" {
		revision = have.Revision
	}
	if !w.Expects(revision) {
		return Info{}, ErrConflict
	}
	data, err := b.content(w)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Info{}, err
	}
	b.drop(w.Upload)
	b.size -= have.Size
	delete(b.objects, w.Key)
	var now Info
	b.last++
	if !w.Delete {
		sum := sha256.Sum256(data)
		now = Info{Key: w.Key, Size: int64(len(data)), Digest: "sha256:" + hex.EncodeToString(sum[:]), Revision: strconv.FormatUint(b.last, 10), Modified: b.now().UTC()}
		b.objects[w.Key] = memoryObject{now, data}
		b.size += now.Size
	}
	b.remember(w.Once, now)
	return now, nil
}

// content is what an object is to be made of. The lock is held.
func (b *memoryBucket) content(w *Write) ([]byte, error) {
	if w.Upload == "" {
		if b.size+int64(len(w.Data))-b.objects[w.Key].Size > b.most {
			return nil, fmt.Errorf("%w: %d bytes are allowed", ErrFull, b.most)
		}
		return slices.Clone(w.Data), nil
	}
	u := b.uploads[w.Upload]
	if u == nil || u.key != w.Key { // an earlier attempt may have put more parts
		return nil, ErrNoUpload
	}
	var all [][]byte
	for n := range w.Parts {
		part, ok := u.parts[n+1]
		if !ok {
			return nil, ErrNoUpload
		}
		all = append(all, part)
	}
	data := bytes.Join(all, nil)
	return data, w.Fits(int64(len(data)))
}

// remember notes that a write was done. The lock is held.
func (b *memoryBucket) remember(once string, now Info) {
	if once == "" {
		return
	}
	b.done[once] = now
	b.order = append(b.order, once)
	if len(b.order) > OnceKept {
		delete(b.done, b.order[0])
		b.order = b.order[1:]
	}
}

// List implements Bucket.
func (b *memoryBucket) List(ctx context.Context, prefix, after string, limit int) ([]Info, error) {
	b.mu.Lock()
	all := slices.Collect(maps.Values(b.objects))
	b.mu.Unlock()
	p := NewPage(prefix, after, limit)
	for _, o := range all {
		p.Add(o.Info)
	}
	return p.Objects(), ctx.Err()
}

// Page picks the first objects of many, in bounded room.
type Page struct {
	prefix, after string
	limit         int
	list          []Info
}

// NewPage picks up to limit objects (at most PageMax) whose keys begin with prefix and, when
// after is not "", follow it.
func NewPage(prefix, after string, limit int) *Page {
	return &Page{prefix: prefix, after: after, limit: max(1, min(limit, PageMax))}
}

// Add offers an object.
func (p *Page) Add(i Info) {
	if !strings.HasPrefix(i.Key, p.prefix) || p.after != "" && i.Key <= p.after {
		return
	}
	p.list = append(p.list, i)
	if len(p.list) >= 2*p.limit+16 {
		p.Objects()
	}
}

// Objects are those picked of what was offered, in the order of their keys' bytes. Of one that was
// offered again it is the last.
func (p *Page) Objects() []Info {
	slices.SortStableFunc(p.list, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
	n := 0
	for i := range p.list {
		if i+1 == len(p.list) || p.list[i].Key != p.list[i+1].Key {
			p.list[n] = p.list[i]
			n++
		}
	}
	p.list = p.list[:n]
	p.list = p.list[:min(len(p.list), p.limit)]
	return p.list
}
