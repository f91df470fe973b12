package bucket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// entryBytes is counted for each value besides its key and data.
const entryBytes = 64

// Memory keeps buckets in memory; its zero value has none. Everything is gone with it.
type Memory struct {
	Now func() time.Time // nil: time.Now; set before first use

	mu      sync.Mutex // guards buckets
	buckets map[Name]*memoryBucket
}

// Bucket implements Store.
func (m *Memory) Bucket(ctx context.Context, n Name) (Bucket, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.buckets[n]
	if b == nil {
		if m.buckets == nil {
			m.buckets = map[Name]*memoryBucket{}
		}
		b = &memoryBucket{now: m.Now, values: map[string]memoryEntry{}, done: map[string]uint64{}, most: SizeMax}
		if b.now == nil {
			b.now = time.Now
		}
		m.buckets[n] = b
	}
	return b, ctx.Err()
}

// Exists implements Store.
func (m *Memory) Exists(ctx context.Context, n Name) (bool, error) {
	if err := n.Check(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.buckets[n] != nil, ctx.Err()
}

// Forget removes all buckets of a service.
func (m *Memory) Forget(namespace, service string) {
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
	most int // bytes

	mu     sync.Mutex // guards what follows
	values map[string]memoryEntry
	size   int // bytes of values
	last   uint64
	done   map[string]uint64 // revision by Once
	order  []string          // of done, the oldest first
}

type memoryEntry struct {
	Entry
	ends time.Time // zero: never
}

func (b *memoryBucket) remove(key string) {
	if v, ok := b.values[key]; ok {
		b.size -= entryBytes + len(key) + len(v.Data)
		delete(b.values, key)
	}
}

// get returns a value that has not run out.
func (b *memoryBucket) get(key string) (Entry, bool) {
	v, ok := b.values[key]
	if ok && !v.ends.IsZero() && !b.now().Before(v.ends) {
		b.remove(key)
		return Entry{}, false
	}
	return v.Entry, ok
}

// Get implements Bucket.
func (b *memoryBucket) Get(ctx context.Context, key string) (Entry, error) {
	if err := CheckKey(key); err != nil {
		return Entry{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.get(key)
	if !ok {
		return Entry{}, ErrNotFound
	}
	v.Data = slices.Clone(v.Data)
	return v, ctx.Err()
}

// Write implements Bucket.
func (b *memoryBucket) Write(ctx context.Context, w *Write) (uint64, error) {
	if err := w.Check(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if revision, ok := b.done[w.Once]; ok && w.Once != "" {
		return revision, ctx.Err()
	}
	have, _ := b.get(w.Key)
	if w.If != nil && *w.If != have.Revision {
		return 0, ErrConflict
	}
	if size := b.size + entryBytes + len(w.Key) + len(w.Data); !w.Delete && size > b.most {
		if b.sweep(); b.size+entryBytes+len(w.Key)+len(w.Data) > b.most {
			return 0, fmt.Errorf("%w: %d bytes are allowed", ErrFull, b.most)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.remove(w.Key)
	b.last++
	if !w.Delete {
		e := memoryEntry{Entry: Entry{Data: slices.Clone(w.Data), Revision: b.last}}
		if w.TTL > 0 {
			e.ends = b.now().Add(w.TTL)
		}
		b.values[w.Key] = e
		b.size += entryBytes + len(w.Key) + len(w.Data)
	}
	b.remember(w.Once)
	return b.last, nil
}

// sweep removes what has run out.
func (b *memoryBucket) sweep() {
	for key := range b.values {
		b.get(key)
	}
}

func (b *memoryBucket) remember(once string) {
	if once == "" {
		return
	}
	b.done[once] = b.last
	b.order = append(b.order, once)
	if len(b.order) > OnceKept {
		delete(b.done, b.order[0])
		b.order = b.order[1:]
	}
}

// List implements Bucket.
func (b *memoryBucket) List(ctx context.Context, prefix, after string, limit int) ([]string, error) {
	b.mu.Lock()
	b.sweep()
	p := NewPage(prefix, after, limit)
	for key := range b.values {
		p.Add(key)
	}
	b.mu.Unlock()
	return p.Keys(), ctx.Err()
}

// Page picks the first keys of many, in bounded room.
type Page struct {
	prefix, after string
	limit         int
	keys          []string
}

// NewPage picks up to limit keys (at most PageMax) that begin with prefix and, when after
// is not "", follow it.
func NewPage(prefix, after string, limit int) *Page {
	return &Page{prefix: prefix, after: after, limit: max(1, min(limit, PageMax))}
}

// Add offers a key.
func (p *Page) Add(key string) {
	if !strings.HasPrefix(key, p.prefix) || p.after != "" && key <= p.after {
		return
	}
	p.keys = append(p.keys, key)
	if len(p.keys) >= 2*p.limit+16 {
		p.Keys()
	}
}

// Keys are those picked of what was offered, in the order of their bytes.
func (p *Page) Keys() []string {
	slices.Sort(p.keys)
	p.keys = slices.Compact(p.keys)
	p.keys = p.keys[:min(len(p.keys), p.limit)]
	return p.keys
}
