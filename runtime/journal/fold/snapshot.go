package fold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// Blobs is where snapshots lie.
type Blobs interface {
	// Put keeps data, which the caller may change afterwards, and returns its digest.
	Put(data []byte) (digest string, err error)
	// Page reads a page of states; see [ReadCells].
	Page(digest string) (Cells, error)
	Source
}

// Snapshot is one that has been written.
type Snapshot struct {
	Root     string // digest
	Sequence uint64 // of the last record it holds
	// Older is the sequence of the one before it, which is kept too; 0: there is none.
	Older uint64
	// Garbage are the digests of blobs that neither of them needs.
	Garbage []string
}

// written is what is remembered of a snapshot.
type written struct {
	root     string
	sequence uint64
	blobs    map[string]bool
}

// Snapshot writes what has changed since the last one, and then a root that names
// all of it. Whenever Put is called the world may be read. When it fails the
// world is as it was, and some of the blobs may be there; they do no harm.
func (w *World) Snapshot(b Blobs) (Snapshot, error) {
	for i := 0; i < len(w.states.pages); i++ {
		p := w.states.pages[i]
		if len(p.changes) == 0 {
			continue
		}
		parts, err := p.write(b)
		if err != nil {
			return Snapshot{}, fmt.Errorf("write states: %w", err)
		}
		w.states.pages = slices.Replace(w.states.pages, i, i+1, parts...)
		i += len(parts) - 1
	}
	err := w.waiting.write(b, func(list []*Wait) ([]journal.Entry, error) { return w.messages(list, b) })
	if err == nil {
		err = w.letters.write(b, told)
	}
	if err == nil {
		err = w.flows.shelf.write(b, told)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("write what waits: %w", err)
	}
	last := w.snapshots[1]
	root := &journal.Root{
		Sequence: w.sequence, Epoch: w.epoch, Time: w.now, Order: w.order, DeadEver: w.deadEver, Previous: last.root, Before: last.sequence,
		Routes: w.routes,
	}
	for _, p := range w.states.pages {
		root.Pages = append(root.Pages, journal.Page{Kind: journal.PageState, Low: p.low, Digest: p.digest, Size: p.size})
	}
	root.Pages = w.waiting.pages(root.Pages, journal.PageWaiting)
	root.Pages = w.letters.pages(root.Pages, journal.PageDead)
	root.Pages = w.flows.shelf.pages(root.Pages, journal.PageFlows)
	digest, err := b.Put(journal.AppendEntry(nil, root))
	if err != nil {
		return Snapshot{}, fmt.Errorf("write the root: %w", err)
	}
	s := Snapshot{Root: digest, Sequence: w.sequence, Older: last.sequence}
	now := written{digest, w.sequence, blobsOf(digest, root)}
	for old := range w.snapshots[0].blobs {
		if !last.blobs[old] && !now.blobs[old] {
			s.Garbage = append(s.Garbage, old)
		}
	}
	slices.Sort(s.Garbage)
	w.snapshots = [2]written{last, now}
	return s, nil
}

// Needs reports whether one of the last two snapshots consists of a blob.
func (w *World) Needs(digest string) bool {
	return w.snapshots[0].blobs[digest] || w.snapshots[1].blobs[digest]
}

func blobsOf(digest string, root *journal.Root) map[string]bool {
	blobs := map[string]bool{digest: true}
	for _, p := range root.Pages {
		if p.Digest != "" {
			blobs[p.Digest] = true
		}
	}
	return blobs
}

// Load reads the world that a snapshot holds, but for the states, which are read
// when they are needed. get reads a blob.
func Load(l Limits, digest string, get func(digest string) ([]byte, error)) (*World, error) {
	root, err := readRoot(digest, get)
	if err != nil {
		return nil, err
	}
	w := New(l)
	w.sequence, w.epoch, w.now, w.order, w.deadEver = root.Sequence, root.Epoch, root.Time, root.Order, root.DeadEver
	w.states.pages = nil
	for i := range root.Routes {
		w.routes = append(w.routes, copied(&root.Routes[i]))
	}
	for _, kind := range [...]uint32{journal.PageState, journal.PageFlows, journal.PageWaiting, journal.PageDead} {
		for _, p := range root.Pages {
			if p.Kind != kind {
				continue
			}
			if err := w.load(p, get); err != nil {
				return nil, fmt.Errorf("load page %s: %w", p.Digest, err)
			}
		}
	}
	if len(w.states.pages) == 0 || w.states.pages[0].low != 0 {
		return nil, fmt.Errorf("%w: snapshot %s lacks its first page of states", journal.ErrDamaged, digest)
	}
	slices.SortStableFunc(w.flows.until, func(a, b *Promise) int { return int(min(1, max(-1, a.Until-b.Until))) })
	w.snapshots[1] = written{digest, root.Sequence, blobsOf(digest, root)}
	if root.Previous != "" {
		if before, err := readRoot(root.Previous, get); err == nil { // only needed to know what nobody needs any more
			w.snapshots[0] = written{root.Previous, before.Sequence, blobsOf(root.Previous, before)}
		}
	}
	return w, nil
}

func readRoot(digest string, get func(digest string) ([]byte, error)) (root *journal.Root, err error) {
	data, err := get(digest)
	if err != nil {
		return nil, fmt.Errorf("read the root of a snapshot: %w", err)
	}
	err = journal.Entries(data, func(e journal.Entry) error {
		r, ok := e.(*journal.Root)
		if !ok || root != nil {
			return fmt.Errorf("%w: %T in the root %s", journal.ErrDamaged, e, digest)
		}
		root = r
		return nil
	})
	if err == nil && root == nil {
		err = fmt.Errorf("%w: the root %s is empty", journal.ErrDamaged, digest)
	}
	return root, err
}

func (w *World) load(p journal.Page, get func(digest string) ([]byte, error)) error {
	if p.Kind == journal.PageState {
		if n := len(w.states.pages); n > 0 && w.states.pages[n-1].low >= p.Low {
			return fmt.Errorf("%w: pages of states are out of order", journal.ErrDamaged)
		}
		w.states.pages = append(w.states.pages, &page{low: p.Low, digest: p.Digest, size: p.Size, changes: map[Cell]map[string]change{}})
		return nil
	}
	data, err := get(p.Digest)
	if err != nil {
		return err
	}
	switch p.Kind {
	case journal.PageWaiting:
		return reload(&w.waiting, p, data, w.reload)
	case journal.PageDead:
		return reload(&w.letters, p, data, w.rebury)
	case journal.PageFlows:
		return reload(&w.flows.shelf, p, data, w.flows.reload)
	}
	return fmt.Errorf("%w: a page of kind %d in a snapshot", journal.ErrDamaged, p.Kind)
}

func (d *Dead) entry() journal.Entry {
	return &journal.Dead{
		ID: d.ID, Node: d.Node, Key: d.Key, Code: d.Code, Reason: d.Reason, Attempt: d.Attempt, Fuel: d.Fuel, Time: d.Time, Revision: d.Revision, Input: d.Frame,
	}
}

func (w *World) rebury(e *journal.Dead) (*Dead, error) {
	d := &Dead{
		ID: e.ID, Cell: Cell{e.Node, e.Key}, Code: e.Code, Reason: e.Reason, Attempt: e.Attempt, Fuel: e.Fuel, Time: e.Time, Revision: e.Revision, Frame: e.Input,
	}
	w.dead = append(w.dead, d)
	w.deadSize += d.size()
	return d, nil
}

func (f *Flow) entry() journal.Entry {
	e := &journal.Asked{Flow: f.ID, Replies: f.Replies, Any: f.Any, Waits: f.Waits, Listed: f.listed}
	a := f.Answer
	if a == nil && f.Fault != nil {
		a, e.Fault = f.Fault, true
	}
	if a != nil {
		e.Outcome, e.Reply, e.Code, e.Text, e.Node = uint32(a.Outcome), a.Reply, a.Code, a.Text, a.Node
	}
	if p := f.Promise; p != nil {
		e.Until, e.Idempotency = p.Until, &journal.Idempotency{Scope: p.Scope, Key: p.Key, Digest: p.Digest}
	}
	return e
}

func (k *flows) reload(e *journal.Asked) (*Flow, error) {
	f := &Flow{ID: e.Flow, Replies: slices.Clone(e.Replies), Any: e.Any, Waits: e.Waits, listed: e.Listed}
	k.byID[f.ID] = f
	if f.listed {
		k.order = append(k.order, f)
	}
	if e.Outcome != 0 {
		a := &Answer{Outcome(e.Outcome), e.Reply, strings.Clone(e.Code), strings.Clone(e.Text), strings.Clone(e.Node)}
		if e.Fault {
			f.Fault = a
		} else {
			f.Answer = a
			if f.listed {
				k.bytes += len(a.Reply)
			}
		}
	}
	if i := e.Idempotency; i != nil {
		f.Promise = &Promise{Scope: i.Scope, Key: i.Key, Digest: i.Digest, Until: e.Until, Flow: f}
		k.enter(f.Promise)
		k.until = append(k.until, f.Promise)
	}
	return f, nil
}
