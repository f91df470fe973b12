package shard

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/runtime/router"
)

// noRoutes is the number of the plan before the first table.
const noRoutes = math.MaxUint32

// routes are those that messages go by. Shard.applying guards them, but for what is atomic.
type routes struct {
	numbers map[string]uint32 // of those that are kept, by how they are written; nil: the journal has had none
	last    uint32            // number given away
	force   uint32            // number of those that are in force by the journal; guarded by swapping
	former  []former          // those that were replaced last, last
	found   []journal.Routes  // of the last life, until the first table is there
	kept    atomic.Pointer[[]*plan]
	looking bool
	coming  atomic.Uint32 // 1 + number of those that the journal is taking note of
	ended   atomic.Pointer[func()]
}

// number is that of a table's routes, a new one unless they are known.
func (k *routes) number(t *router.Table) (number uint32, known bool) {
	text := string(t.Routes())
	if k.numbers == nil { // what is in an older journal goes by its first table
		k.numbers = map[string]uint32{text: 0}
		return 0, text == ""
	}
	number, known = k.numbers[text]
	if !known {
		k.last++
		number = k.last
		k.numbers[text] = number
	}
	return number, known
}

// enforce gives the routes of a table that is to be in force their number, which the
// journal knows then.
func (s *Shard) enforce(t *router.Table) (uint32, error) {
	number, known := s.numbered(t)
	if known && number == s.routes.force {
		return number, nil
	}
	err := s.journalled(t, number, journal.RoutesInForce)
	if err == nil {
		s.routes.force = number
		return number, nil
	}
	s.routes.force = noRoutes // whichever the journal says are, or will
	if !known {
		s.unnumber(t)
	}
	return number, err
}

// numbered is routes.number for who does not hold applying.
func (s *Shard) numbered(t *router.Table) (number uint32, known bool) {
	s.applying.Lock()
	defer s.applying.Unlock()
	number, known = s.routes.number(t)
	s.routes.coming.Store(number + 1)
	return number, known
}

// unnumber forgets the number of routes that the journal may not know. It is used up, unless
// it is that of an older journal's messages.
func (s *Shard) unnumber(t *router.Table) {
	s.applying.Lock()
	defer s.applying.Unlock()
	delete(s.routes.numbers, string(t.Routes()))
	if s.routes.last == 0 && len(s.routes.numbers) == 0 {
		s.routes.numbers = nil
	}
}

// journalled has the journal take note of what becomes of routes, and returns once it has.
func (s *Shard) journalled(t *router.Table, number, use uint32) error {
	if err := s.Err(); err != nil {
		return err
	}
	done, late := make(chan error, 1), make(chan struct{})
	s.note(t.Routes(), number, use, done)
	stop := s.clock.AfterFunc(routesWait, func() { close(late) })
	defer stop()
	select {
	case err := <-done:
		s.resume(s.context, "routes")
		if err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		return nil
	case <-late:
		s.resume(s.context, "routes are late")
		if use == journal.RoutesTried {
			s.note(t.Routes(), number, journal.RoutesWithdrawn, make(chan error, 1))
		}
		return fmt.Errorf("%w: it has not taken note of other routes for %v", ErrJournal, routesWait)
	case <-s.context.Done():
		return ErrStopping
	}
}

// note writes what becomes of routes to the journal; done, which takes one error, is told
// when that is there.
func (s *Shard) note(text []byte, number, use uint32, done chan error) {
	e := &journal.Routes{Number: number, Text: text, Time: s.clock.Now().UnixNano(), Use: use}
	s.lanes[len(s.lanes)-1].post(event{note: noteRoutes{e, done}})
}

// noteRoutes writes what becomes of routes.
type noteRoutes struct {
	routes *journal.Routes
	done   chan error
}

func (n noteRoutes) run(l *lane) {
	l.write(n.routes)
	l.batch.barriers = append(l.batch.barriers, n.done)
}

// find takes over what the journal knows of routes.
func (s *Shard) find(w *fold.World) {
	k := &s.routes
	k.found = slices.Clone(w.Routes())
	for i := range k.found {
		r := &k.found[i]
		if k.numbers == nil {
			k.numbers = map[string]uint32{}
		}
		k.numbers[string(r.Text)] = r.Number
		k.last = max(k.last, r.Number)
		if r.Use == journal.RoutesInForce {
			k.force = r.Number
		}
	}
}
