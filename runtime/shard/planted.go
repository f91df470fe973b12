package shard

import (
	"bytes"
	"time"

	"github.com/grow-platform/grow/runtime/journal/fold"
)

// bug is an error that a build has on purpose, by a build tag of its name, to
// show that make simulate finds it (simulation), and make crash (testdata/crash) all but
// what only a trial does wrong. Without such a tag planted is
// noBug, and the compiler leaves out all that asks for another.
type bug int

const (
	noBug           bug = iota
	acknowledgeSoon     // what is appended is acknowledged before it is
	forgetKeys          // recovery leaves out the idempotency keys
	skipPending         // recovery leaves out a message that waits
	repeatPending       // recovery brings messages that wait twice
	forgetDead          // recovery leaves out a dead letter
	flapKeys            // in a trial messages of a key are handled by either revision
	forgetBegun         // recovery leaves out what an attempt was told that had begun
	unpinFlows          // what comes of a message goes by the routes of whatever sends it
	unpinWaiting        // recovery leaves out by which routes a message came
)

// soon is how long before its append a record is acknowledged by acknowledgeSoon.
const soon = 5 * time.Millisecond

// append makes an append; with a bug after what it holds has been acknowledged.
func (c *committer) append(f *flight, record []byte, last uint64) {
	if planted != acknowledgeSoon {
		c.journal.Append(record, last, f.done)
		return
	}
	record = bytes.Clone(record)
	c.shard.start(func() { f.done(last+1, nil) })
	time.Sleep(soon)
	c.journal.Append(record, last, func(uint64, error) {})
}

// misremember does to a world that was recovered what the bug does.
func misremember(pending []*fold.Wait, dead []*fold.Dead) ([]*fold.Wait, []*fold.Dead) {
	switch {
	case planted == skipPending && len(pending) > 0:
		pending = pending[1:]
	case planted == repeatPending:
		pending = append(pending[:len(pending):len(pending)], pending...)
	case planted == forgetDead && len(dead) > 0:
		dead = dead[1:]
	}
	return pending, dead
}
