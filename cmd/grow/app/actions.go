package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
)

// actionsMax is how many actions on many dead letters are remembered.
const actionsMax = 50

// actions are what is done to many dead letters, and was done last: the host's
// memory for people. What they did is in the journal. Safe for concurrent use.
type actions struct {
	mu   sync.Mutex
	list []*action // oldest first
}

// action is one of them; the actions' mu guards it.
type action struct {
	control.Action
	cancel context.CancelFunc
}

// reason is what the journal is told with each message of the action.
func (a *action) reason() string {
	if a.Act.Reason == "" {
		return a.Name
	}
	return a.Name + ": " + a.Act.Reason
}

// begin notes an action whose context ends when it is aborted, under the name
// asked for or one of its own.
func (l *actions) begin(ctx context.Context, r *control.SettleRequest) (*action, context.Context, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &action{Action: control.Action{Name: r.Name, How: r.How, Act: r.Act, Started: time.Now()}}
	known := func(name string, ended bool) bool {
		return slices.ContainsFunc(l.list, func(b *action) bool { return b.Name == name && (ended || b.Ended.IsZero()) })
	}
	if a.Name == "" {
		base := r.How + "-" + a.Started.UTC().Format("20060102T150405Z")
		a.Name = base
		for n := 2; known(a.Name, true); n++ {
			a.Name = fmt.Sprintf("%s-%d", base, n)
		}
	}
	if known(a.Name, false) {
		return nil, nil, &control.Error{Code: control.CodeConflict, Message: fmt.Sprintf("an action %q is under way", a.Name), At: a.Name, Next: "see how far it is: grow deadletters actions"}
	}
	ctx, a.cancel = context.WithCancel(ctx)
	l.list = append(l.list, a)
	if over := len(l.list) - actionsMax; over > 0 {
		l.list = slices.DeleteFunc(l.list, func(b *action) bool {
			drop := over > 0 && !b.Ended.IsZero()
			if drop {
				over--
			}
			return drop
		})
	}
	return a, ctx, nil
}

// note says how far an action has come.
func (l *actions) note(a *action, p *shard.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.All, a.Done, a.Failed = p.All, p.Done, p.Failed
}

func (l *actions) end(a *action) {
	a.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	a.Ended = time.Now()
}

func (l *actions) aborted(a *action) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.Aborted
}

// Actions implements control.Backend.
func (b backend) Actions(context.Context) ([]control.Action, error) {
	b.actions.mu.Lock()
	defer b.actions.mu.Unlock()
	list := []control.Action{}
	for _, a := range slices.Backward(b.actions.list) {
		list = append(list, a.Action)
	}
	return list, nil
}

// AbortAction implements control.Backend.
func (b backend) AbortAction(_ context.Context, name string) (control.Action, error) {
	b.actions.mu.Lock()
	defer b.actions.mu.Unlock()
	for _, a := range slices.Backward(b.actions.list) {
		if a.Name == name && a.Ended.IsZero() {
			a.Aborted = true
			a.cancel()
			return a.Action, nil
		}
	}
	return control.Action{}, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("no action %q is under way", name), At: name, Next: "see which there are: grow deadletters actions"}
}
