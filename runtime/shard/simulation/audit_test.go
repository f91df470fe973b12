package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// knows reports whether the journal has a message.
func (m *model) knows(id string) bool { return m.waits[id] != nil || m.settled[id] != "" }

// promise is the flow that the journal has for the key of a request; "": none.
func (m *model) promise(r *shard.Request) string {
	if r.Idempotency == nil {
		return ""
	}
	return m.promises[r.Idempotency.Scope+" "+r.Idempotency.Key]
}

// client notes whose request a message is.
func (m *model) client(id string, number, index int) { m.clients[id] = [2]int{number, index} }

// pending lists what waits, oldest first.
func (m *model) pending() []*message {
	return slices.SortedFunc(maps.Values(m.waits), func(a, b *message) int { return int(int64(a.order) - int64(b.order)) })
}

// answered holds an answer that a client was given against the journal.
func (m *model) answered(id string, a *shard.Answer) {
	if a.Outcome == shard.Replied {
		data, ok := m.outs[a.Reply.ID()]
		if !ok || data != string(a.Reply.Data()) {
			m.world.violate("%s was answered by %s %s; the journal has %q of it (%t)", id, a.Reply.ID(), a.Reply.Data(), data, ok)
		}
		return
	}
	if !m.knows(id) {
		m.world.violate("%s was answered %s and is not in the journal", id, textOf(*a))
	}
}

// effect notes that something is done outside: what for is the same at every attempt,
// and when in every life that one has.
func (m *model) effect(stable, data string) {
	id, _, _ := strings.Cut(stable, "/")
	data, when, looked := strings.Cut(data, " at ")
	attempt, when, _ := strings.Cut(when, " ")
	moment := stable + " " + attempt
	if before, again := m.moments[moment]; again && before != when {
		m.world.violate("attempt %s is done outside at %s, after it was at %s", moment, when, before)
	}
	m.moments[moment] = when
	switch before, again := m.effects[stable]; {
	case m.waits[id] == nil:
		m.world.violate("%s is done outside, and the journal does not have %s waiting", stable, id)
	case again && before != data:
		m.world.violate("%s is done outside with %q, after %q", stable, data, before)
	case m.answers[stable] && !looked: // another attempt sees another clock, and asks for something else
		m.world.violate("%s is done outside again, though its answer is kept", stable)
	}
	m.effects[stable] = data
}

// audit holds all that the shard tells against the model, once nothing happens
// any more; l.audited is set when it is done.
func (l *life) audit() {
	l.auditor = true
	n := l.number()
	v := &visitor{life: l, number: n, context: context.WithValue(l.context, callerKey{}, n)}
	l.go_(func() {
		if v.turn("audits") && v.pause(10*time.Second) { // in which a state that could not be read is, for who did not wait
			l.world.audit(v)
		}
		l.audited, l.auditor = true, false
	})
}

func (w *world) audit(v *visitor) {
	for _, m := range w.model.pending() {
		w.violate("%s waits at %s %q in the journal, and the shard has nothing to do", m.id, m.node, m.key)
	}
	w.auditLetters(v)
	w.auditStates(v)
	for _, c := range w.people {
		for _, a := range c.past {
			if !c.audit(v, a) {
				return
			}
		}
	}
	if first, _, err := w.disk.journal.Bounds(context.Background()); first == 1 && err == nil && len(w.people[0].past) > 0 {
		w.auditTrace(v) // which what is trimmed is missing from
	}
}

// audit asks for the answer to a request in each way there is.
func (c *client) audit(v *visitor, a *asked) bool {
	w := c.world
	if answer, ok := v.shard.Lookup(a.id); ok {
		c.answered(a, answer)
		if answer.Outcome == shard.Pending && w.model.knows(a.id) {
			w.violate("%s has no answer, and nothing is left to do", a.id)
		}
	} else if a.keeps && !a.request.Direct {
		w.violate("%s is not known any more", a.id)
	}
	if w.calm < 2 || a.request.Idempotency == nil || w.model.promise(a.request) == "" {
		return true
	}
	f, err, ok := c.accept(v, a.request, 3000)
	switch {
	case !ok:
		return false
	case errors.Is(err, shard.ErrUnknownTarget) && w.model.revision == lesser:
	case err != nil:
		w.violate("a repeat of %s: %v", a.id, err)
	case f.ID() != w.model.promise(a.request):
		w.violate("a repeat of %s became %s", w.model.promise(a.request), f.ID())
	case f.ID() == a.id:
		c.answered(a, f.Answer())
	}
	return true
}

func (w *world) auditLetters(v *visitor) {
	var have, want []string
	unkept := func(id, node string) bool { return strings.HasPrefix(id, direct) && node == "echo" } // where direct requests go
	kept := func(d *shard.DeadLetter) bool { return !unkept(d.ID, d.Node) }
	for _, d := range v.shard.DeadLetters(kept, 0) {
		have = append(have, fmt.Sprintf("%s at %s %q: %s, attempt %d, %s %s", d.ID, d.Node, d.Key, d.Code, d.Attempt, d.Type, d.Message.Data()))
	}
	for _, d := range w.model.letters {
		if unkept(d.id, d.node) {
			continue
		}
		want = append(want, fmt.Sprintf("%s at %s %q: %s, attempt %d, %s %s", d.id, d.node, d.key, d.code, d.attempt, d.typ, d.data))
	}
	for _, d := range have {
		if !slices.Contains(want, d) {
			w.violate("the shard has a dead letter that the journal does not have: %s", d)
		}
	}
	for _, d := range want {
		if !slices.Contains(have, d) {
			w.violate("the journal has a dead letter that the shard does not have: %s", d)
		}
	}
	if len(have) != len(want) {
		w.violate("the shard has %d dead letters, and the journal %d", len(have), len(want))
	}
}

// auditStates reads the state of every key.
func (w *world) auditStates(v *visitor) {
	for _, n := range revisions[w.model.revision].table.Nodes {
		if len(n.Actor.State) == 0 {
			continue
		}
		list, err := v.shard.ListStates(v.context, &shard.StateFilter{Node: n.Path, Limit: 1000})
		if !v.turn("has listed states") {
			return
		}
		var keys, want []string
		for i := range list {
			keys = append(keys, list[i].Key)
		}
		for at := range w.model.states {
			if at.node == n.Path {
				want = append(want, at.key)
			}
		}
		slices.Sort(want)
		if err != nil || !slices.Equal(keys, want) {
			w.violate("states at %s are listed as %q, %v; the journal has %q", n.Path, keys, err, want)
		}
		for _, key := range want {
			have, err := v.shard.GetState(v.context, n.Path, key)
			if !v.turn("has read a state") {
				return
			}
			values := map[string]value{}
			for name, x := range have {
				values[name] = value{string(x.Data), x.Revision}
			}
			if at := w.model.states[cell{n.Path, key}]; err != nil || !maps.Equal(values, at) {
				w.violate("the state of %q at %s is %v, %v; the journal has %v", key, n.Path, values, err, at)
			}
		}
	}
}

// auditTrace asks for the life of a message.
func (w *world) auditTrace(v *visitor) {
	a := w.people[0].past[0]
	if !w.model.knows(a.id) {
		return
	}
	traced, err := v.shard.Trace(v.context, a.id)
	if !v.turn("has traced") {
		return
	}
	if first, _, _ := w.disk.journal.Bounds(context.Background()); first > 1 || errors.Is(err, journal.ErrTrimmed) { // meanwhile
		return
	}
	if err != nil {
		w.violate("the trace of %s: %v", a.id, err)
		return
	}
	ended := map[string]int{}
	for _, h := range traced.Hops {
		if h.What == shard.HopHandled || h.What == shard.HopRefused || h.What == shard.HopDead {
			ended[h.ID]++
		}
	}
	for id, n := range ended {
		if n != 1 {
			w.violate("the trace of %s has %s end %d times", a.id, id, n)
		}
	}
	if len(traced.Hops) == 0 {
		w.violate("the trace of %s is empty", a.id)
	}
}

var _ journal.Journal = (*handle)(nil)
