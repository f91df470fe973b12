package shard

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Mode is what an actor, or the whole service, does with messages.
type Mode uint32

// The modes. Two of them together are a fourth.
const (
	Running Mode = 0
	Paused  Mode = 1                // messages are taken, and wait
	Drained Mode = 2                // no more are taken; those that wait are handled
	Stopped Mode = Paused | Drained // neither
)

var modeNames = []string{"running", "paused", "drained", "stopped"}

// String names the mode in one word.
func (m Mode) String() string { return modeNames[m&Stopped] }

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) error {
	i := slices.Index(modeNames, string(b))
	if i < 0 {
		return fmt.Errorf("there is no mode %.40q: there are running, paused, drained and stopped", b)
	}
	*m = Mode(i)
	return nil
}

// Modes says in which mode a service and its actors are. Those that it does not name
// are Running.
type Modes struct {
	Service Mode            `json:"service,omitempty"`
	Actors  map[string]Mode `json:"actors,omitempty"` // by name
}

// of is the mode of an actor's nodes.
func (m *Modes) of(actor string) Mode { return m.Actors[actor] | m.Service&Paused }

// ErrShut is returned by Accept, together with ErrFull, for messages to who is Drained
// or Stopped.
var ErrShut = errors.New("takes no messages")

// shutError says who takes no messages.
type shutError struct {
	who  string
	mode Mode
}

// Error implements error.
func (e *shutError) Error() string {
	return fmt.Sprintf("%s %v: it is %v", e.who, ErrShut, e.mode)
}

// Is makes it an ErrShut and an ErrFull: as with a full mailbox, later it may be taken.
func (e *shutError) Is(target error) bool { return target == ErrShut || target == ErrFull }

// Govern puts a service and its actors into modes, those that are to come by a later
// Apply included. Before the first Apply it says what recovery begins with. A message
// that an actor sends to one that is shut waits where it is sent, as it does for room;
// within a cycle it is let through, so that what waits there can be handled.
func (s *Shard) Govern(m Modes) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.modes = Modes{m.Service, maps.Clone(m.Actors)}
	s.mode.Store(uint32(m.Service))
	for _, n := range s.nodes {
		if r := n.run.Load(); r != nil && r.actor != nil {
			n.mode.Store(uint32(s.modes.of(r.spec.Actor.Name)))
		}
	}
	for _, l := range s.lanes {
		l.post(event{note: noteGoverned{}})
	}
}

// Modes returns what Govern was given last.
func (s *Shard) Modes() Modes {
	s.applying.Lock()
	defer s.applying.Unlock()
	return Modes{s.modes.Service, maps.Clone(s.modes.Actors)}
}

func (n *node) paused() bool { return Mode(n.mode.Load())&Paused != 0 }

func (n *node) shut() bool { return Mode(n.mode.Load())&Drained != 0 }

// waits has a cell wait while its actor is paused, or while there is none yet: Govern, Apply
// and Try list it again. r runs there.
func (l *lane) waits(c *cell, r *running) bool {
	if r.actor != nil && !c.local.node.paused() {
		return false
	}
	c.listed = true
	c.local.hungry = append(c.local.hungry, c)
	return true
}

// noteGoverned says that modes have changed.
type noteGoverned struct{}

func (noteGoverned) run(l *lane) {
	l.room = true
	for _, local := range l.locals {
		if local != nil {
			l.feedHere(local)
		}
	}
}
