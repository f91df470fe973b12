package shard

import (
	"strconv"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestBatchesKept holds what all lanes together keep of memory for batches against its limit.
func TestBatchesKept(t *testing.T) {
	s := &Shard{opts: Options{Lanes: 2}}
	s.committer.shard = s
	lanes := []*lane{newLane(s, 0), newLane(s, 1)}
	var made int64
	for i := 0; made < 3*batchesMax; i++ {
		b := &batch{lane: lanes[i%2]}
		b.answers = make([]answered, 0, 4096)
		made += b.memory()
		lanes[i%2].committed(b)
	}
	var kept int64
	for _, l := range lanes {
		for _, b := range l.batches {
			kept += b.memory()
		}
	}
	if got := s.committer.reused.Load(); got != kept || kept > batchesMax || kept < batchesMax/2 {
		t.Errorf("%d bytes of batches are kept and %d counted; at most %d may be", kept, got, batchesMax)
	}
	for _, l := range lanes {
		for len(l.batches) > 0 {
			l.openBatch()
			l.batch = nil
		}
	}
	if got := s.committer.reused.Load(); got != 0 {
		t.Errorf("%d bytes are counted of batches that are all in use", got)
	}
}

// TestRecordsGather: while appends are under way what lanes hand over gathers in one record,
// in the order in which they do, and in another one when that is full.
func TestRecordsGather(t *testing.T) {
	s := &Shard{opts: Options{Lanes: 2}}
	c := &s.committer
	c.shard, c.flight = s, journal.InFlight
	lanes := []*lane{newLane(s, 0), newLane(s, 1)}
	hand := func(n int, text string) {
		l := lanes[n%2]
		l.write(&journal.Accepted{ID: strconv.Itoa(n), Input: []byte(text)})
		l.flush()
		if l.record != nil && l.record.writer.Entries() != 0 {
			t.Errorf("lane %d has %d entries that it handed over", n%2, l.record.writer.Entries())
		}
	}
	for n := range 5 {
		hand(n, "")
	}
	if len(c.waiting) != 1 || len(c.waiting[0].batches) != 5 || c.queued != c.waiting[0].writer.Size() {
		t.Fatalf("%d records wait, of %d bytes", len(c.waiting), c.queued)
	}
	record, err := journal.Parse(c.waiting[0].writer.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var at journal.Cursor
	at.Reset(record)
	for n := range 5 {
		if e, err := at.Next(); err != nil || e.(*journal.Accepted).ID != strconv.Itoa(n) {
			t.Errorf("entry %d: %+v, %v", n, e, err)
		}
	}
	large := strings.Repeat("x", journal.InlineMax-100)
	for n := range 3 { // two fill a record
		hand(n, large)
	}
	if len(c.waiting) != 2 || c.queued != c.waiting[0].writer.Size()+c.waiting[1].writer.Size() {
		t.Errorf("%d records wait, of %d bytes", len(c.waiting), c.queued)
	}
}
