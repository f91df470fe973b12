package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// client makes its requests one after the other, and makes one again whose end
// it does not know, where it has an idempotency key.
type client struct {
	world  *world
	number int
	next   int      // index of the request to make
	tries  int      // of it, in all lives
	past   []*asked // what was accepted, oldest first
}

// asked is a request that was accepted.
type asked struct {
	request *shard.Request
	id      string
	keeps   bool   // it can be asked about in the next life
	answer  string // in words; "": none yet
}

func (c *client) visit(v *visitor) {
	w := c.world
	for c.next < w.plan.requests && v.pause(time.Duration(w.drawn("gap", c.number, c.next)%int(3*time.Second))) {
		if w.calm != 0 {
			return
		}
		r := c.request(c.next)
		if !c.send(v, r) {
			return
		}
		c.next++
		c.tries = 0
		if len(c.past) > 0 && w.oneIn(4) && !c.again(v, c.past[w.random.IntN(len(c.past))]) {
			return
		}
	}
}

// direct is what the ids of messages that the journal knows nothing of begin with.
const direct = "d"

// request is the nth of this client.
func (c *client) request(n int) *shard.Request {
	w := c.world
	d := w.drawn("request", c.number, n)
	key := fmt.Sprintf("k%d", d%w.plan.keys)
	r := &shard.Request{
		Source: fmt.Sprint("client", c.number), Replies: []string{"out"}, Kept: d/7%3 != 0,
		Attrs: []string{"traceparent", fmt.Sprintf("00-%032x-%016x-00", 1+d, 1+n)},
	}
	switch d / 100 % 6 {
	case 0, 1:
		r.To, r.Type = "w", "in"
		if d/1000%5 == 0 {
			key = "both"
		}
	case 2:
		r.To, r.Type = "inner/held", "work"
	case 3:
		r.To, r.Type = "w/free", "work"
	case 4:
		r.To, r.Type = "pay", "work"
	case 5:
		r.To, r.Type = "w/alone", "in"
	}
	r.Data = fmt.Appendf(nil, `{"k":%q,"n":%d}`, key, n)
	if d/5000%9 == 0 {
		r.Data = fmt.Appendf(nil, `{"n":%d}`, n) // some nodes need a key
	}
	switch {
	case d/20000%3 == 0:
		r.Idempotency = &journal.Idempotency{Scope: "test", Key: fmt.Sprint(c.number, "/", n), Digest: r.Data}
	case d/20000%11 == 1: // which vet allows where there is no state
		r.To, r.Type, r.Direct, r.Kept = "echo", "in", true, false
	}
	return r
}

// send makes a request until it is known what came of it; false: the process is dead.
func (c *client) send(v *visitor, r *shard.Request) bool {
	w := c.world
	for {
		if c.tries > 0 && r.Idempotency == nil {
			return true // nobody can tell what came of it
		}
		c.tries++
		w.found.Requests++
		f, err, ok := c.accept(v, r, c.next)
		switch {
		case !ok:
			return false
		case errors.Is(err, shard.ErrFull):
			c.tries = 0
		case errors.Is(err, shard.ErrStopping):
			c.tries--
			return false
		case errors.Is(err, shard.ErrUnknownTarget) && w.plan.swaps: // at a revision that lacks the node
			return true
		case err == nil:
			return c.took(v, r, f)
		case !errors.Is(err, shard.ErrJournal):
			w.violate("request %d of client %d: %v", c.next, c.number, err)
			return false
		}
		if !v.pause(time.Duration(1+w.random.IntN(2000)) * time.Millisecond) {
			return false
		}
		if w.calm != 0 {
			return true
		}
	}
}

// accept has the shard accept a request as this client's nth.
func (c *client) accept(v *visitor, r *shard.Request, nth int) (f *shard.Flow, err error, ok bool) {
	w := c.world
	if !v.turn(fmt.Sprintf("request %d of client %d, try %d", nth, c.number, c.tries)) {
		return nil, nil, false
	}
	copied := *r
	kind := "c"
	if r.Direct {
		kind = direct
	}
	w.name(fmt.Sprint(kind, c.number, "-", nth))
	shut := w.modes.shut(r)
	known := !both(r) || v.trials.next != revisions[lesser] // otherwise it goes where its key does
	f, err = v.shard.Accept(v.context, &copied)
	if !v.turn("has been told") {
		return nil, nil, false
	}
	if known {
		w.modes.told(shut, err)
	}
	w.trace("request %d of client %d: %v", nth, c.number, err)
	return f, err, true
}

// took notes that a request was accepted, and may wait for its answer.
func (c *client) took(v *visitor, r *shard.Request, f *shard.Flow) bool {
	w := c.world
	if known := w.model.promise(r); known != "" && known != f.ID() {
		w.violate("request %s became %s", known, f.ID())
	}
	w.model.client(f.ID(), c.number, c.next)
	if r.Kept && !w.model.knows(f.ID()) {
		w.violate("%s was acknowledged and is not in the journal", f.ID())
	}
	a := &asked{request: r, id: f.ID(), keeps: r.Kept}
	c.past = append(c.past, a)
	switch n := w.drawn("wait", c.number, c.next) % 4; {
	case n == 0 && r.Kept:
		return true
	case n == 1 && !r.Direct:
		v.shard.Keep(f)
	}
	return c.await(v, a, f)
}

// await waits for an answer, but not for ever.
func (c *client) await(v *visitor, a *asked, f *shard.Flow) bool {
	w := c.world
	limit := time.NewTimer(time.Duration(w.drawn("patience", a.id)) % (20 * time.Second))
	defer limit.Stop()
	select {
	case <-f.Done():
	case <-limit.C:
	case <-v.killed:
	}
	if !v.turn("waited for the answer to " + a.id) {
		return false
	}
	c.answered(a, f.Answer())
	return true
}

// answered holds an answer against what was answered before, and the journal.
func (c *client) answered(a *asked, answer shard.Answer) {
	w := c.world
	if answer.Outcome == shard.Pending {
		if a.answer != "" && a.keeps {
			w.violate("%s was answered %s, and now has no answer", a.id, a.answer)
		}
		return
	}
	if answer.Code == "journal.unavailable" {
		return // who was told so knows nothing
	}
	text := textOf(answer)
	if f := answer.Outcome; !a.request.Kept && a.request.Idempotency == nil && (f == shard.Refused || f == shard.Failed) {
		text = "failed" // which fault was the first is not kept of what nobody was promised
	}
	w.trace("%s is answered %s", a.id, text)
	w.found.Answers++
	switch {
	case a.answer != "" && a.answer != text:
		w.violate("%s was answered %s, and now %s", a.id, a.answer, text)
	case !a.request.Direct:
		w.model.answered(a.id, &answer)
	}
	a.answer = text
	if a.request.Idempotency != nil {
		a.keeps = true
	}
}

// textOf is an answer in words.
func textOf(a shard.Answer) string {
	if a.Outcome == shard.Replied {
		return fmt.Sprintf("replied %s %s %s", a.Reply.ID(), a.Reply.Type(), a.Reply.Data())
	}
	return fmt.Sprintf("%s %s %s %s", a.Outcome, a.Code, a.Text, a.Node)
}

// again makes a request that was accepted once more, and one that uses its key
// for something else.
func (c *client) again(v *visitor, a *asked) bool {
	w := c.world
	if a.request.Idempotency == nil {
		return true
	}
	w.found.Repeats++
	f, err, ok := c.accept(v, a.request, 1000+slices.Index(c.past, a))
	known := w.model.promise(a.request)
	switch {
	case !ok:
		return false
	case err != nil: // it is not well at the moment
		return true
	case known != "" && f.ID() != known:
		w.violate("a repeat of %s became %s", known, f.ID())
	case f.ID() != a.id:
		a.id, a.answer = f.ID(), "" // what came of the first was lost before it was told to anybody
	}
	if !c.await(v, a, f) {
		return false
	}
	if known == "" {
		return true
	}
	other := *a.request
	promise := *other.Idempotency
	promise.Digest = []byte("another")
	other.Idempotency = &promise
	_, err, ok = c.accept(v, &other, 2000)
	if ok && err == nil {
		w.violate("the key of %s was used for another request", a.id)
	}
	return ok
}
