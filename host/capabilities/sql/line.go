package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"slices"
	"sync"
	"time"
)

// line is what waits to write to a database that has one writer at a time. Requests that come
// while one is being done are done in its transaction, each by itself within that, and are
// answered when it is committed: the disk takes as long for many as for one. What fails or
// takes long has no part in the others' transaction. It is safe for concurrent use.
type line struct {
	engine   *sqliteEngine
	patience time.Duration // only tests have another than patience

	mu      sync.Mutex
	waiting []*turn   // first come, first served
	led     bool      // a turn is being done
	apart   time.Time // until then each is committed by itself
}

const (
	// patience is how long one request may hold up others that wait for its transaction
	// to be committed, and for how long others are taken in: a commit takes about as long.
	patience = 10 * time.Millisecond
	// apartFor is how long each is committed by itself once a transaction of several came
	// to nothing, so that what is done twice is little beside what is done once.
	apartFor = 100 * patience
)

// errUndone: a transaction of several requests has come to nothing by the fault of another.
var errUndone = errors.New("what others asked for made the transaction fail")

// turn is one request in a line. It belongs to whoever leads the line once it has left it.
type turn struct {
	ctx     context.Context
	request *request
	entry   *entry
	wake    chan struct{} // has room: the turn is over, or leads
	over    bool          // another has led it
	data    []byte
	err     error
}

// do has a request done, all of it or nothing.
func (l *line) do(t *turn) ([]byte, error) {
	t.wake = make(chan struct{}, 1)
	if !l.enter(t) {
		select {
		case <-t.wake:
		case <-t.ctx.Done():
			if l.leave(t) {
				return nil, t.ctx.Err()
			}
			<-t.wake
		}
		if t.over {
			return t.data, t.err
		}
	}
	l.lead(t)
	return t.data, t.err
}

// enter reports whether the turn leads at once. If not, it waits.
func (l *line) enter(t *turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.led {
		l.led = true
		return true
	}
	l.waiting = append(l.waiting, t)
	return false
}

// leave reports whether a turn was still waiting, and waits no more.
func (l *line) leave(t *turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, t)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// lead does a turn with its own transaction, and has the next one lead.
func (l *line) lead(t *turn) {
	defer l.pass()
	end := func(c *stdsql.Conn, tx sqliteTransaction, data []byte) error { return l.end(c, tx, t, data) }
	t.data, t.err = l.engine.write(t.ctx, t.request, end)
	if errors.Is(t.err, errUndone) {
		apart := func(_ *stdsql.Conn, tx sqliteTransaction, data []byte) error { return tx.finish(t, data) }
		t.data, t.err = l.engine.write(t.ctx, t.request, apart)
	}
}

// pass has the next turn lead.
func (l *line) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next := l.first(); next != nil {
		next.wake <- struct{}{}
	} else {
		l.led = false
	}
}

// first takes who has waited longest; nil: nobody. Called with mu held.
func (l *line) first() *turn {
	if len(l.waiting) == 0 {
		return nil
	}
	t := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	return t
}

// next is who is done along with the one that leads; nil: nobody.
func (l *line) next() *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.apart) {
		return nil
	}
	return l.first()
}

// again puts turns in front of those that wait, of which one could not be done with others.
func (l *line) again(list []*turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.Concat(list, l.waiting)
	l.apart = time.Now().Add(apartFor)
}

// end commits what the leading turn has done, with what others ask for who wait.
func (l *line) end(c *stdsql.Conn, tx sqliteTransaction, own *turn, data []byte) error {
	ctx := context.WithoutCancel(own.ctx)
	if err := tx.add(ctx, own.entry, data); err != nil {
		return err
	}
	var group []*turn
	settled := false
	defer func() {
		if !settled {
			l.again(group)
		}
	}()
	for begun := time.Now(); time.Since(begun) < l.patience; {
		t := l.next()
		if t == nil {
			break
		}
		others := group
		group = append(group, t) // whatever happens in join
		switch lasts, slow := l.join(c, tx, t); {
		case lasts && !slow:
		case lasts:
			group = others
			l.again([]*turn{t})
		case !slow && own.ctx.Err() == nil: // it has ended the transaction itself
			group = others
			l.wake(t)
			return errUndone
		default:
			return errUndone
		}
	}
	if err := tx.Commit(); err != nil {
		if len(group) > 0 {
			return errUndone
		}
		settled = true
		return doubt(err)
	}
	settled = true
	for _, t := range group {
		l.wake(t)
	}
	return nil
}

// wake ends a turn that another has led.
func (l *line) wake(t *turn) {
	t.over = true
	t.wake <- struct{}{}
}

// join does a turn in the transaction of another. It reports whether the transaction lasts, in
// which case nothing is left in it of a turn that has failed, and whether the turn has taken
// longer than it may there: then it has to be done by itself.
func (l *line) join(c *stdsql.Conn, tx sqliteTransaction, t *turn) (lasts, slow bool) {
	if t.data, t.err = nil, t.ctx.Err(); t.err != nil {
		return true, false
	}
	ctx, cancel := context.WithTimeout(t.ctx, l.patience)
	defer cancel()
	within, stop, err := l.engine.interrupt(ctx, c)
	if err != nil {
		t.err = err
		return true, false
	}
	if err = tx.say(within, "savepoint turn"); err == nil {
		if t.data, err = l.engine.all(within, tx, t.request, true); err == nil {
			err = tx.add(within, t.entry, t.data)
		}
	}
	stop()
	if err == nil {
		err = tx.say(within, "release turn")
	}
	if err == nil {
		return true, false
	}
	t.data, t.err = nil, err
	undone := tx.say(within, "rollback to turn") == nil && tx.say(within, "release turn") == nil
	return undone, ctx.Err() != nil && t.ctx.Err() == nil
}
