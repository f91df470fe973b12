package simulation

import (
	"bytes"
	"errors"
	"time"

	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
)

// governor is who puts the service and its actors into modes. What was said last
// holds in the next life, too, as a host keeps it.
type governor struct {
	world *world
	modes shard.Modes
	acts  int // ever
}

// visit draws modes now and then, and leaves everything running.
func (g *governor) visit(v *visitor) {
	w := g.world
	for g.acts < w.plan.modes && v.pause(time.Duration(w.random.Int64N(int64(8*time.Second)))) {
		if w.calm != 0 {
			break
		}
		g.acts++
		g.govern(v, g.draw())
	}
	if !v.dead() {
		g.govern(v, shard.Modes{})
	}
}

// draw draws modes: of the whole service seldom, of each actor now and then.
func (g *governor) draw() shard.Modes {
	w := g.world
	modes := []shard.Mode{shard.Paused, shard.Drained, shard.Stopped}
	m := shard.Modes{Actors: map[string]shard.Mode{}}
	for _, name := range []string{"front", "held", "free", "alone", "echo", "pay"} {
		if w.oneIn(3) {
			m.Actors[name] = modes[w.random.IntN(len(modes))]
		}
	}
	if w.oneIn(5) {
		m.Service = modes[w.random.IntN(len(modes))]
	}
	return m
}

// rest leaves everything running in the end, or has what only takes from outside be
// drained: it must come to its end all the same.
func (g *governor) rest(v *visitor) {
	m := shard.Modes{}
	if g.world.oneIn(2) {
		m = shard.Modes{Service: shard.Drained, Actors: map[string]shard.Mode{"front": shard.Drained, "echo": shard.Drained, "pay": shard.Drained}}
	}
	g.govern(v, m)
}

func (g *governor) govern(v *visitor, m shard.Modes) {
	for v.applying { // Govern waits for a lock, which is no place to take turns at
		if !v.pause(time.Millisecond) {
			return
		}
	}
	g.world.found.Modes++
	g.world.trace("modes %+v", m)
	g.modes = m
	v.shard.Govern(m)
}

// of is the mode of an actor.
func (g *governor) of(actor string) shard.Mode {
	return g.modes.Actors[actor] | g.modes.Service&shard.Paused
}

// begins holds what begins to be handled against the modes: a paused actor handles
// nothing, and nobody what could send to one that takes nothing.
func (g *governor) begins(n *router.Node, id string) {
	if m := g.of(n.Actor.Name); m&shard.Paused != 0 {
		g.world.violate("%s begins to be handled at %s, which is %s", id, n.Path, m)
	}
	for _, below := range n.Next {
		if m := g.of(below.Actor.Name); m&shard.Drained != 0 {
			g.world.violate("%s begins to be handled at %s, and %s below is %s", id, n.Path, below.Path, m)
		}
	}
}

// shut reports whether a request goes to who takes nothing.
func (g *governor) shut(r *shard.Request) bool {
	if g.modes.Service&shard.Drained != 0 {
		return true
	}
	actors := map[string][]string{
		"w": {"front"}, "inner/held": {"held"}, "w/free": {"free"}, "pay": {"pay"}, "w/alone": {"alone"}, "echo": {"echo"},
	}[r.To]
	if both(r) && g.world.model.revision != lesser {
		actors = append(actors, "alone")
	}
	for _, a := range actors {
		if g.of(a)&shard.Drained != 0 {
			return true
		}
	}
	return false
}

// both reports whether a request goes to alone, too, in all revisions but the lesser one.
func both(r *shard.Request) bool {
	return r.To == "w" && bytes.Contains(r.Data, []byte(`"both"`))
}

// told holds what a request was told, that came when who it was for was shut or not,
// against that.
func (g *governor) told(shut bool, err error) {
	switch {
	case shut && err == nil:
		g.world.violate("a request was accepted by who is drained")
	case errors.Is(err, shard.ErrShut):
		g.world.found.Shut++
		if !shut {
			g.world.violate("nobody is drained: %v", err)
		}
	}
}
