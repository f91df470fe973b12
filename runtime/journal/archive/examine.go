package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// TouchedMax is how many entries a report tells of.
const TouchedMax = 1000

// The codes of findings.
const (
	CodeRecord   = "record.damaged"
	CodeMissing  = "record.missing"
	CodeContrary = "record.contradicts" // it cannot be true of what the records before it left
	CodeFormat   = "format"             // it is of another version of grow
	CodeBlob     = "blob.damaged"
	CodeNoBlob   = "blob.missing"
	CodeSnapshot = "snapshot.damaged" // a snapshot or a page of it
	CodePointer  = "pointer.damaged"
	CodeShort    = "journal.short" // it ends before its snapshot
	CodeFile     = "file.damaged"  // of the server's
)

// Finding is one thing that is wrong.
type Finding struct {
	Code   string    `json:"code"`
	Record uint64    `json:"record,omitempty"`
	To     uint64    `json:"to,omitempty"` // the last of several in a row, from Record on
	Blob   string    `json:"blob,omitempty"`
	Where  string    `json:"where,omitempty"` // file and offset, where known
	Text   string    `json:"text"`
	Held   []Touched `json:"held,omitempty"` // what a damaged record seems to have held
}

// Touched is an entry of a record that is lost, or may have been in a damaged one.
type Touched struct {
	Record uint64 `json:"record"`
	What   string `json:"what"` // accepted, handled, attempt, dead, action
	ID     string `json:"id"`   // of the message
	Node   string `json:"node"`
	Key    string `json:"key,omitempty"`
	State  bool   `json:"state,omitempty"` // the key's state changed with it
}

// Plan is how a journal can go on: from a snapshot, and the records after it.
type Plan struct {
	Snapshot uint64 `json:"snapshot"` // record up to which it holds everything; 0: there is none
	Root     string `json:"root,omitempty"`
	First    uint64 `json:"first"` // record that is kept; last + 1 when none is
	Last     uint64 `json:"last"`
}

// Report is what [Examine] found.
type Report struct {
	First    uint64    `json:"first"` // record that is there; last + 1 when none is
	Last     uint64    `json:"last"`  // record that is known of
	Snapshot uint64    `json:"snapshot"`
	Findings []Finding `json:"findings"`
	Leaked   []string  `json:"leaked"` // blobs that nothing refers to, by digest
	Blobs    int       `json:"blobs"`  // all there are
	Plan     *Plan     `json:"plan"`   // nil: nothing is left to go on from
	// LostFrom is the first record that Plan goes on without; 0: none is lost.
	LostFrom uint64    `json:"lost_from,omitempty"`
	Lost     []Touched `json:"lost,omitempty"` // what those held, at most TouchedMax
	LostAll  int       `json:"lost_all,omitempty"`
	// Open is set when there may be records lost that nothing is known of any more.
	Open bool `json:"lost_unknown,omitempty"`
}

// Sound reports whether nothing is wrong.
func (r *Report) Sound() bool { return len(r.Findings) == 0 }

// Lossless reports whether Plan goes on without losing anything but history.
func (r *Report) Lossless() bool { return r.Plan != nil && r.LostFrom == 0 && !r.Open }

// examiner makes a report. It belongs to one goroutine.
type examiner struct {
	Report
	src     Source
	limits  fold.Limits
	damaged map[uint64]bool   // records
	runs    [][2]uint64       // of sound records, first and last
	used    map[string]uint64 // blobs that records refer to, and the last record that does
	roots   map[string]uint64 // snapshots, by their root
	seen    map[string]bool   // blobs that a finding tells of
	foreign bool              // something is of another format
}

// Examine looks a journal over: every record and blob, what they add up to, and how
// it can go on. damaged are its damaged messages as far as the source knows them
// already. Damage is no error.
func Examine(ctx context.Context, src Source, limits fold.Limits, damaged []Finding) (*Report, error) {
	x := &examiner{
		src: src, limits: limits, damaged: map[uint64]bool{}, used: map[string]uint64{}, roots: map[string]uint64{}, seen: map[string]bool{},
		Report: Report{Findings: []Finding{}, Leaked: []string{}},
	}
	for _, f := range damaged {
		x.damaged[f.Record] = true
		x.foreign = x.foreign || f.Code == CodeFormat
		x.Findings = append(x.Findings, f)
	}
	var err error
	if x.First, x.Last, err = src.Bounds(ctx); err != nil {
		return nil, err
	}
	pointer, err := pointed(ctx, src)
	if err != nil && !isDamage(err) {
		return nil, err
	}
	if err != nil {
		x.find(Finding{Code: CodePointer, Text: err.Error()})
	}
	if err := errors.Join(x.records(ctx), x.blobs(ctx, x.trimmed(ctx, pointer))); err != nil {
		return nil, err
	}
	if err := x.plan(ctx, pointer); err != nil {
		return nil, err
	}
	if err := x.leaks(ctx, pointer); err != nil {
		return nil, err
	}
	return &x.Report, x.lost(ctx)
}

func (x *examiner) find(f Finding) { x.Findings = append(x.Findings, f) }

// isDamage tells what is wrong with a journal from what keeps it from being read.
func isDamage(err error) bool {
	for _, is := range []error{journal.ErrDamaged, journal.ErrNotFound, journal.ErrTrimmed, journal.ErrShort, journal.ErrFormat, fold.ErrContradicts} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// records reads every record there is, and notes what is wrong with each.
func (x *examiner) records(ctx context.Context) error {
	for from := x.First; from <= x.Last; {
		next := from
		err := readUntil(ctx, x.src, from, x.Last, func(seq uint64, record []byte) error {
			next = seq
			if err := journal.EachPacked(record, func(digest string) { x.used[digest] = seq }); err != nil {
				return &journal.Damaged{Seq: seq, Cause: err}
			}
			next = seq + 1
			return nil
		})
		if next > from {
			x.runs = append(x.runs, [2]uint64{from, next - 1})
		}
		if err == nil {
			return nil
		}
		if !isDamage(err) {
			return err
		}
		x.record(next, err)
		from = next + 1
	}
	return nil
}

// record notes a record that cannot be read.
func (x *examiner) record(seq uint64, err error) {
	x.foreign = x.foreign || errors.Is(err, journal.ErrFormat)
	if x.damaged[seq] {
		return
	}
	x.damaged[seq] = true
	f := Finding{Code: CodeMissing, Record: seq, Text: err.Error()}
	var d *journal.Damaged
	if errors.As(err, &d) {
		f.Where, f.Text = d.Where, d.Cause.Error()
	}
	switch n := len(x.Findings); {
	case errors.Is(err, journal.ErrFormat):
		f.Code = CodeFormat
	case d != nil && errors.Is(d.Cause, journal.ErrDamaged):
		f.Code = CodeRecord
	case n > 0 && x.Findings[n-1].Code == CodeMissing && max(x.Findings[n-1].Record, x.Findings[n-1].To) == seq-1:
		x.Findings[n-1].To = seq
		return
	}
	x.find(f)
}

// trimmed is the record up to which a trim may have gone: the older snapshot holds
// all of that. Records that were trimmed may be there again after a crash, without
// their blobs, which were deleted then.
func (x *examiner) trimmed(ctx context.Context, pointer *journal.SnapshotTaken) uint64 {
	if pointer == nil {
		return 0
	}
	data, err := x.src.Blob(ctx, pointer.Object)
	if err != nil {
		return 0
	}
	root, err := readRoot(data)
	if err != nil {
		return 0
	}
	return root.Before
}

// blobs reads every blob there is, and notes which are the roots of snapshots. Those
// of records up to one may be gone.
func (x *examiner) blobs(ctx context.Context, trimmed uint64) error {
	lister, ok := x.src.(journal.BlobLister)
	if !ok {
		return nil
	}
	there := map[string]bool{}
	err := lister.ListBlobs(ctx, func(digest string, whole bool) error {
		x.Blobs++
		if !whole {
			return nil
		}
		there[digest] = true
		data, err := x.src.Blob(ctx, digest)
		switch {
		case err == nil:
			if root, err := readRoot(data); err == nil {
				x.roots[digest] = root.Sequence
			}
		case isDamage(err):
			x.blob(digest, err)
		default:
			return err
		}
		return nil
	})
	for _, digest := range slices.Sorted(maps.Keys(x.used)) {
		if !there[digest] && x.used[digest] > trimmed {
			x.blob(digest, fmt.Errorf("%w: a record needs it", journal.ErrNotFound))
		}
	}
	return err
}

// blob notes a blob that cannot be read.
func (x *examiner) blob(digest string, err error) {
	if x.seen[digest] {
		return
	}
	x.seen[digest] = true
	code := CodeBlob
	if errors.Is(err, journal.ErrNotFound) {
		code = CodeNoBlob
	}
	x.find(Finding{Code: code, Blob: digest, Text: err.Error()})
}

// leaks lists the blobs that neither snapshot nor record refers to.
func (x *examiner) leaks(ctx context.Context, pointer *journal.SnapshotTaken) error {
	lister, ok := x.src.(journal.BlobLister)
	if !ok || !x.Sound() { // where something is damaged, what it referred to is not known
		return nil
	}
	used := map[string]bool{}
	for digest := range x.used {
		used[digest] = true
	}
	root := ""
	if pointer != nil {
		root = pointer.Object
	}
	for range 2 { // the last snapshot and the one before it
		if root == "" {
			break
		}
		data, err := x.src.Blob(ctx, root)
		if err != nil {
			break
		}
		r, err := readRoot(data)
		if err != nil {
			return err
		}
		used[root] = true
		for _, p := range r.Pages {
			used[p.Digest] = true
		}
		root = r.Previous
	}
	err := lister.ListBlobs(ctx, func(digest string, _ bool) error {
		if !used[digest] {
			x.Leaked = append(x.Leaked, digest)
		}
		return nil
	})
	slices.Sort(x.Leaked)
	return err
}

// attempt is how far one snapshot leads.
type attempt struct {
	root     string
	snapshot uint64
	reach    uint64
	stop     error // what it ends at; nil: nothing
}

// plan finds the snapshot that leads furthest: the last one, unless that or what
// follows it is damaged.
func (x *examiner) plan(ctx context.Context, pointer *journal.SnapshotTaken) error {
	var best *attempt
	for _, a := range x.candidates(pointer) {
		if err := x.try(ctx, a); err != nil {
			return err
		}
		if a.stop != nil {
			x.stopped(a)
		}
		if a.reach == 0 && a.stop != nil {
			continue
		}
		if best == nil || a.reach > best.reach {
			best = a
		}
		if best.reach >= x.Last {
			break
		}
	}
	if pointer != nil {
		x.Snapshot = pointer.Sequence
	}
	if x.short(pointer) {
		x.Open = true
		x.find(Finding{Code: CodeShort, Text: fmt.Sprintf("the journal ends with record %d, and its snapshot holds everything up to record %d: what came last is gone", x.Last, x.newest(pointer))})
	}
	if best == nil && x.Snapshot+1 < x.First {
		x.find(Finding{Code: CodeMissing, Record: x.Snapshot + 1, To: x.First - 1, Text: "gone, and no snapshot holds what they did"})
	}
	if best == nil || x.foreign {
		return nil
	}
	x.Plan = &Plan{Snapshot: best.snapshot, Root: best.root, First: x.run(best), Last: best.reach}
	if best.reach < x.Last {
		x.LostFrom = best.reach + 1
	}
	return nil
}

// candidates are the snapshots to go on from, the likeliest first.
func (x *examiner) candidates(pointer *journal.SnapshotTaken) []*attempt {
	var list []*attempt
	for root, seq := range x.roots {
		list = append(list, &attempt{root: root, snapshot: seq})
	}
	slices.SortFunc(list, func(a, b *attempt) int {
		return cmp.Or(cmp.Compare(b.snapshot, a.snapshot), cmp.Compare(a.root, b.root))
	})
	if pointer == nil {
		return append(list, &attempt{})
	}
	list = slices.DeleteFunc(list, func(a *attempt) bool { return a.root == pointer.Object })
	list = slices.Insert(list, 0, &attempt{root: pointer.Object, snapshot: pointer.Sequence})
	return append(list, &attempt{})
}

// try finds out how far a snapshot leads. What cannot be used at all reaches 0.
func (x *examiner) try(ctx context.Context, a *attempt) error {
	if a.snapshot+1 < x.First {
		a.stop = fmt.Errorf("%w: the records after %d are not there any more", journal.ErrTrimmed, a.snapshot)
		return nil
	}
	w, err := replay(ctx, x.src, x.limits, a.root, x.Last)
	if err != nil && w != nil && w.Sequence() > a.snapshot && w.Sequence() < x.Last {
		a.reach, a.stop = w.Sequence(), err
		w, err = replay(ctx, x.src, x.limits, a.root, a.reach) // whether what is left holds together
	} else if err != nil && w != nil && w.Sequence() == a.snapshot {
		a.reach, a.stop = a.snapshot, err
		return x.only(err)
	}
	if err != nil {
		a.reach, a.stop = 0, err
		return x.only(err)
	}
	a.reach = w.Sequence()
	return nil
}

// only lets through what is no damage.
func (x *examiner) only(err error) error {
	if isDamage(err) {
		return nil
	}
	return err
}

// stopped notes what a snapshot ends at, unless it is known.
func (x *examiner) stopped(a *attempt) {
	switch {
	case errors.Is(a.stop, journal.ErrTrimmed):
	case errors.Is(a.stop, fold.ErrContradicts) && a.reach == 0:
		x.find(Finding{Code: CodeContrary, Text: fmt.Sprintf("what follows record %d does not fit what was before: %v", a.snapshot, a.stop)})
	case errors.Is(a.stop, fold.ErrContradicts) && !x.damaged[a.reach+1]:
		x.damaged[a.reach+1] = true
		x.find(Finding{Code: CodeContrary, Record: a.reach + 1, Text: a.stop.Error()})
	case a.reach == 0 && a.root != "":
		x.find(Finding{Code: CodeSnapshot, Blob: a.root, Text: fmt.Sprintf("the snapshot after record %d cannot be used: %v", a.snapshot, a.stop)})
	case a.reach > 0 && !x.damaged[a.reach+1]:
		x.damaged[a.reach+1] = true
		x.find(Finding{Code: CodeRecord, Record: a.reach + 1, Text: a.stop.Error()})
	}
}

// short reports whether records are missing from the journal's end, as far as can
// be known.
func (x *examiner) short(pointer *journal.SnapshotTaken) bool { return x.newest(pointer) > x.Last }

// newest is the record up to which the latest snapshot that is known of goes.
func (x *examiner) newest(pointer *journal.SnapshotTaken) uint64 {
	var last uint64
	if pointer != nil {
		last = pointer.Sequence
	}
	for _, seq := range x.roots {
		last = max(last, seq)
	}
	return last
}

// run is the first of the records that lead up to the end of an attempt without a gap.
func (x *examiner) run(a *attempt) uint64 {
	for _, r := range x.runs {
		if r[0] <= a.reach && a.reach <= r[1] && r[0] <= a.snapshot+1 {
			return r[0]
		}
	}
	return a.reach + 1
}

// lost tells what the records held that the plan goes on without.
func (x *examiner) lost(ctx context.Context) error {
	if x.LostFrom == 0 {
		return nil
	}
	for _, r := range x.runs {
		err := readUntil(ctx, x.src, max(r[0], x.LostFrom), r[1], func(seq uint64, record []byte) error {
			list := Held(seq, record)
			x.LostAll += len(list)
			x.Lost = append(x.Lost, list[:min(len(list), TouchedMax-len(x.Lost))]...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
