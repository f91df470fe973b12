package shard

import "testing"

// TestBatchesKept holds what all lanes together keep of memory for batches against its limit.
func TestBatchesKept(t *testing.T) {
	s := &Shard{opts: Options{Lanes: 2}}
	s.committer.shard = s
	lanes := []*lane{newLane(s, 0), newLane(s, 1)}
	var made int64
	for i := 0; made < 3*batchesMax; i++ {
		b := newBatch(lanes[i%2])
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
