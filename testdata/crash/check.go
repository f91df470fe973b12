package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// settleMax is how long what was acknowledged may take to be in the books after
// a restart, and readers how many connections read books.
const (
	settleMax = time.Minute
	readers   = 8
	faultsMax = 20 // that are told of a round
)

// Books are all books of some keys.
type Books struct {
	Ledger, Mirror map[string]*Book
}

// Known is what was read after the rounds before: books only grow.
type Known map[string][]Line

// read reads the books of keys.
func (l *Load) read(ctx context.Context, url string, keys []string) (*Books, error) {
	books := Books{map[string]*Book{}, map[string]*Book{}}
	work := make(chan string)
	var mu sync.Mutex // books and faults
	var faults error
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			for key := range work {
				ledger, err := l.Book(ctx, url, "ledger", key)
				mirror, err2 := l.Book(ctx, url, "mirror", key)
				mu.Lock()
				books.Ledger[key], books.Mirror[key] = ledger, mirror
				if err = errors.Join(err, err2); faults == nil {
					faults = err
				}
				mu.Unlock()
			}
		})
	}
	for _, key := range keys {
		work <- key
	}
	close(work)
	wait.Wait()
	return &books, faults
}

// missing is what was acknowledged and is not in the books: "" for nothing.
func (b *Books) missing(ops []*Op) string {
	in := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(b.Ledger)) {
		if l, m := len(b.Ledger[key].Lines), len(b.Mirror[key].Lines); l != m {
			return fmt.Sprintf("%s: %d lines in the ledger, %d in the mirror", key, l, m)
		}
		for _, line := range b.Ledger[key].Lines {
			in[line.ID] = true
		}
	}
	for _, op := range ops {
		if op.acknowledged() && !op.Read && !op.Poison && !in[op.ID] {
			return fmt.Sprintf("%s: %s was answered %d and is not in the ledger", op.Key, op.ID, op.Status)
		}
	}
	return ""
}

// Settled reads the books of keys until all that was acknowledged is there, and
// at most settleMax.
func (l *Load) Settled(ctx context.Context, url string, keys []string, ops []*Op) (*Books, error) {
	for end := time.Now().Add(settleMax); ; {
		books, err := l.read(ctx, url, keys)
		if err != nil {
			return nil, err
		}
		missing := books.missing(ops)
		if missing == "" {
			return books, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("lost: %s, %v after the start", missing, settleMax)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Quiet reads the books of keys until nothing has come to them for a second.
func (l *Load) Quiet(ctx context.Context, url string, keys []string) (*Books, error) {
	books, err := l.Settled(ctx, url, keys, nil)
	for err == nil {
		time.Sleep(time.Second)
		var next *Books
		if next, err = l.Settled(ctx, url, keys, nil); err == nil && next.lines() == books.lines() {
			return next, nil
		}
		books = next
	}
	return nil, err
}

func (b *Books) lines() int {
	sum := 0
	for _, book := range b.Ledger {
		sum += len(book.Lines)
	}
	return sum
}

// faults gathers what does not hold.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f faults) join() error {
	if n := len(f); n > faultsMax {
		f = append(f[:faultsMax:faultsMax], fmt.Errorf("and %d more", n-faultsMax))
	}
	return errors.Join(f...)
}

// Check holds the books against all that was sent in this round and what was
// known before it. It returns every fault there is.
func Check(books *Books, known Known, ops []*Op) error {
	var f faults
	sent := map[string]*Op{}
	byKey := map[string][]*Op{}
	for _, op := range ops {
		if !op.Read {
			sent[op.ID] = op
		}
		byKey[op.Key] = append(byKey[op.Key], op)
	}
	for key, ledger := range books.Ledger {
		f.book(ledger, known[key], sent)
		mirror := books.Mirror[key]
		if mirror.Doubles != 0 || mirror.Sum != ledger.Sum || !slices.Equal(mirror.Lines, ledger.Lines) {
			f.add("%s: the mirror is not what the ledger sent on: %d lines, sum %s, %d doubles; the ledger has %d, %s", key, len(mirror.Lines), mirror.Sum, mirror.Doubles, len(ledger.Lines), ledger.Sum)
		}
		at := map[string]int{}
		for n, line := range ledger.Lines {
			at[line.ID] = n + 1
		}
		f.answers(ledger, at, byKey[key])
		f.order(key, at, byKey[key])
	}
	return f.join()
}

// book checks what can be said of a book alone.
func (f *faults) book(b *Book, known []Line, sent map[string]*Op) {
	if len(b.Lines) < len(known) || !slices.Equal(b.Lines[:len(known)], known) {
		f.add("%s: the book does not begin as it was before: it has %d lines, %d were known", b.Key, len(b.Lines), len(known))
		return
	}
	if b.Doubles != 0 {
		f.add("%s: the actor was given %d lines again", b.Key, b.Doubles)
	}
	sum, seen := "", map[string]bool{}
	for n, line := range b.Lines {
		sum = fold(sum, line.ID)
		if seen[line.ID] {
			f.add("%s: %s was applied twice", b.Key, line.ID)
		}
		seen[line.ID] = true
		if n < len(known) {
			continue
		}
		switch op := sent[line.ID]; {
		case op == nil:
			f.add("%s: %s was never sent", b.Key, line.ID)
		case op.Key != b.Key:
			f.add("%s: %s was sent to %s", b.Key, line.ID, op.Key)
		case op.Poison:
			f.add("%s: %s is poison and was applied", b.Key, line.ID)
		}
	}
	if sum != b.Sum {
		f.add("%s: the sum over the ids is %s, the actor has kept %s", b.Key, sum, b.Sum)
	}
}

// answers checks that what was answered is what there is.
func (f *faults) answers(b *Book, at map[string]int, ops []*Op) {
	for _, op := range ops {
		n := at[op.ID]
		switch {
		case op.Read || op.Status == 0 || op.Status == http.StatusServiceUnavailable || op.Status == http.StatusGatewayTimeout:
		case op.Poison && (op.Status == http.StatusInternalServerError || op.Status == http.StatusAccepted && op.Leave):
		case !op.acknowledged() || op.Poison:
			f.add("%s: %s was answered %d: %s", op.Key, op.ID, op.Status, op.Body)
		case n == 0:
			f.add("%s: %s was answered %d and is lost", op.Key, op.ID, op.Status)
		case op.Leave:
		case n != op.N || b.Lines[n-1].Nonce != op.Nonce:
			f.add("%s: %s was answered as line %d with nonce %s, and is line %d with %s", op.Key, op.ID, op.N, op.Nonce, n, b.Lines[n-1].Nonce)
		}
	}
}

// order checks that what was acknowledged before another was sent stands before it.
func (f *faults) order(key string, at map[string]int, ops []*Op) {
	type moment struct {
		time int64
		end  bool
		op   *Op
	}
	var moments []moment
	for _, op := range ops {
		if op.Read || op.Delay > 0 || at[op.ID] == 0 {
			continue
		}
		moments = append(moments, moment{op.Start, false, op})
		if op.acknowledged() {
			moments = append(moments, moment{op.End, true, op})
		}
	}
	slices.SortFunc(moments, func(a, b moment) int {
		switch {
		case a.time < b.time:
			return -1
		case a.time > b.time:
			return 1
		}
		return 0
	})
	last, before := 0, ""
	for _, m := range moments {
		switch n := at[m.op.ID]; {
		case m.end && n > last:
			last, before = n, m.op.ID
		case !m.end && n < last:
			f.add("%s: %s stands before %s, which was acknowledged before it was sent", key, m.op.ID, before)
		}
	}
}

// CheckDead holds the dead letters of the service against the poison that was
// sent in all rounds.
func CheckDead(dead []Dead, ops []*Op) error {
	var f faults
	seen, poison := map[string]bool{}, 0
	for _, d := range dead {
		if seen[d.ID] {
			f.add("dead letter %s is there twice", d.ID)
		}
		seen[d.ID] = true
		if d.Type != "entry.put" {
			f.add("dead letter %s of type %s: %s: %s", d.ID, d.Type, d.Code, d.Reason)
		}
	}
	for _, op := range ops {
		if !op.Poison || op.Read {
			continue
		}
		poison++
		if op.settled() && !seen[op.Message] {
			f.add("%s: poison %s was answered %d and its dead letter %s is lost", op.Key, op.ID, op.Status, op.Message)
		}
	}
	if len(dead) > poison {
		f.add("%d dead letters of %d poisoned entries", len(dead), poison)
	}
	return f.join()
}

// Again repeats requests after a restart: those whose answer was lost, each with
// the chance retry, so that what became of the others is the host's to decide;
// and some that were answered, whose answer must be what it was.
func (l *Load) Again(ctx context.Context, url string, ops []*Op, retry float64, chance func() float64) error {
	var f faults
	compared := 0
	for _, op := range ops {
		switch {
		case op.Read || op.Pour:
		case !op.settled():
			if chance() < retry {
				l.Send(ctx, url, op)
			}
		case compared < 64 && chance() < 0.1 || compared == 0:
			compared++
			again := &Op{Entry: op.Entry, Leave: op.Leave}
			l.sure(ctx, url, again)
			if again.Status != op.Status || !bytes.Equal(again.Body, op.Body) || again.Message != op.Message {
				f.add("%s: %s was answered %d %s %s, and when it came again %d %s %s", op.Key, op.ID, op.Status, op.Message, op.Body, again.Status, again.Message, again.Body)
			}
			other := &Op{Entry: op.Entry, Leave: op.Leave}
			other.Fill += "another"
			if l.sure(ctx, url, other); other.Status != http.StatusUnprocessableEntity {
				f.add("%s: %s was sent with another body and answered %d, not 422", op.Key, op.ID, other.Status)
			}
		}
	}
	return f.join()
}

// Learn adds what books say to what is known.
func (k Known) Learn(books *Books) {
	for key, b := range books.Ledger {
		k[key] = b.Lines
	}
}

// fold is the sum that the actor keeps: FNV-1a over the sum before and an id.
func fold(before, id string) string {
	h := uint64(0xcbf29ce484222325)
	for _, b := range []byte(before + " " + id) {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return fmt.Sprintf("%016x", h)
}

// never is the end of what was not answered.
const never = math.MaxInt64
