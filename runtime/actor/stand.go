package actor

import "time"

// Stand has the handling wait for a person who looks at it: wait is called once the lane
// and other long handlings go on without it, and the time that passes until it returns
// does not count as the message's. It is called on the goroutine that handles, while the
// instance does, and returns what wait does.
func (i *Instance) Stand(wait func() error) error {
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	i.rest()
	before := time.Now()
	err := wait()
	if !i.spell.began.IsZero() {
		i.spell.apart += time.Since(before)
	}
	return err
}
