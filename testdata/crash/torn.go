package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cutMax is how many bytes of the last block's tail a round cuts off at most.
const cutMax = 4 << 10

// Torn is a round that ends with kill -9 under load, after which the end of the
// journal is cut off at a random byte, as a disk does that has not yet written
// what it was given. Grow must go on from the last whole record, or say by name
// why it does not: of what was acknowledged only the end may be missing.
func (r *Run) Torn(ctx context.Context) error {
	r.work.spoil(0, 0)
	if err := r.Start(ctx); err != nil {
		return err
	}
	end := r.begin(ctx, true) // with other keys what is known of them could be lost
	time.Sleep(r.between(loadMin, loadMax))
	r.host.Kill()
	end()
	block, err := lastBlock(r.Service.Journal())
	if err != nil {
		return err
	}
	info, err := os.Stat(block)
	if err != nil {
		return err
	}
	if err := os.Truncate(block, max(0, info.Size()-1-r.Random.Int64N(cutMax))); err != nil {
		return err
	}
	r.hurt = true
	err = r.Start(ctx)
	if refused := (*Refused)(nil); errors.As(err, &refused) && strings.HasPrefix(refused.Code, "journal.") {
		r.named(refused)
		r.work.forget()
		return os.RemoveAll(r.Service.Journal())
	}
	if err != nil {
		return err
	}
	return r.work.cut(ctx, r.host.URL)
}

// onlyEnd checks that nothing acknowledged is missing of which something later is
// there: a journal is cut off at one place.
func onlyEnd(in map[string]bool, ops []*Op) error {
	first, lost := int64(never), ""
	for _, op := range ops {
		if op.acknowledged() && !op.Read && op.Delay == 0 && !in[op.ID] && op.End < first {
			first, lost = op.End, op.ID
		}
	}
	for _, op := range ops {
		if in[op.ID] && op.Start > first {
			return fmt.Errorf("%s is missing, and %s, which was sent after its acknowledgement, is there", lost, op.ID)
		}
	}
	return nil
}

// Bytes is a round that cuts the journal off at every step-th byte of its last
// record, and then at the record's beginning.
func (r *Run) Bytes(ctx context.Context, step int) error {
	if _, ok := r.work.(*books); !ok {
		return errBooks
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	if err := r.All(ctx); err != nil {
		return err
	}
	key := fmt.Sprintf("tail-%d", r.rounds)
	r.rounds++
	for n := range 2 {
		op := &Op{Entry: Entry{Key: key, ID: fmt.Sprintf("%s-%d", key, n)}}
		if r.Load.Send(ctx, r.host.URL, op); op.Status != http.StatusOK {
			return fmt.Errorf("send the last entry: status %d: %s", op.Status, op.Body)
		}
	}
	if _, err := r.Load.Settled(ctx, r.host.URL, []string{key}, nil); err != nil {
		return err
	}
	r.host.Kill()
	whole := filepath.Join(r.Service.Dir, "whole")
	if err := copyFolder(r.Service.Journal(), whole); err != nil {
		return err
	}
	path, err := lastBlock(r.Service.Journal())
	if err != nil {
		return err
	}
	block, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := bounds(block)
	if len(at) < 2 {
		return errors.New("the last block has no record")
	}
	first, last := at[len(at)-2], at[len(at)-1]
	for cut := last - 1; cut >= first; cut = max(cut-step, min(first, cut-1)) {
		if err := copyFolder(whole, r.Service.Journal()); err != nil {
			return err
		}
		if err := os.Truncate(path, int64(cut)); err != nil {
			return err
		}
		r.hurt = true
		if err := r.cutOff(ctx, key); err != nil {
			return fmt.Errorf("cut off at byte %d of a last record from %d to %d: %w", cut, first, last, err)
		}
		r.Cuts++
	}
	return copyFolder(whole, r.Service.Journal())
}

// cutOff checks a journal whose last record was cut: what it said of key may be
// missing, nothing else.
func (r *Run) cutOff(ctx context.Context, key string) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	defer r.Close()
	books, err := r.Load.Settled(ctx, r.host.URL, []string{key}, nil)
	if err != nil {
		return err
	}
	lines := books.Ledger[key].Lines
	for n, line := range lines {
		if line.ID != fmt.Sprintf("%s-%d", key, n) {
			return fmt.Errorf("line %d of %s is %s", n+1, key, line.ID)
		}
	}
	if len(lines) == 0 {
		return fmt.Errorf("%s has lost more than its last record", key)
	}
	return r.All(ctx)
}
