package actor

import (
	"math/rand/v2"
)

// begin sets the world that the guest sees while it handles a message.
func (i *Instance) begin(id string, now int64) {
	i.id, i.now = id, now
	i.slept = 0
	i.said, i.complaint, i.drawn, i.told = said{}, "", false, false
	i.spell = spell{}
}

// Call implements engine.Host.
func (i *Instance) Call(request []byte) ([]byte, error) {
	return i.actor.Broker.Serve(&i.ledger, request)
}

// Now implements engine.Host: the wall clock stands while a message is handled.
func (i *Instance) Now() int64 {
	i.told = true
	return i.now
}

// Monotonic implements engine.Host: it stands too, but for what calls and
// sleeps took, which the journal knows.
func (i *Instance) Monotonic() int64 {
	t := i.Now() + int64(i.slept)
	for _, r := range i.ledger.Recorded() {
		t += int64(r.Duration)
	}
	return t
}

// Random implements engine.Host. The stream begins when the first byte is drawn.
func (i *Instance) Random(p []byte) {
	if !i.drawn {
		i.drawn = true
		i.seed = i.actor.Seed(i.id)
		if i.random == nil {
			i.random = rand.NewChaCha8(i.seed)
		} else {
			i.random.Seed(i.seed)
		}
	}
	// Read of ChaCha8 never fails.
	_, _ = i.random.Read(p)
}
