// Package sweep removes from a host's store the objects that nobody names any more:
// those of services that were removed, records that were written anew, uploads that
// were never deployed. Before, it has old deployments forgotten, whose objects nobody names
// then.
//
// An object is kept when a ref leads to it, and for Grace after it was last put or
// touched. So whoever puts objects or touches those that are there, and then moves a ref
// to name them, within Grace, loses none of them, whenever a sweep comes in between: a
// sweep takes the time first, then looks at all refs. What was renewed before that time
// by more than Grace has been named, and is found; what was renewed later is young, or,
// when that happens after it was listed, has another time than it was listed with, and
// store.Store.RemoveUnchanged leaves it. What is only looked at changes nothing, so that
// a sweep may end anywhere.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// Limits of sweeps.
const (
	// Grace is for how long an object stays that nobody names. A host's clock may differ
	// from that of a store on servers by far less than this.
	Grace     = time.Hour
	Every     = time.Hour // from the end of a sweep to the next one
	RemoveMax = 10_000    // objects that one sweep removes; the next goes on
	// retainTime is how long a service's old deployments may take, with the wait for one
	// that is under way.
	retainTime = time.Minute
)

// Options say what is swept.
type Options struct {
	Store     store.Store
	Documents *documents.Documents // in Store
	Deployer  *deploy.Deployer     // whose old deployments Run removes; nil: none are
	Keep      deploy.Retention     // which stay
	Services  func() []Service     // that Run has remove what is over its time; nil: none
	Log       *slog.Logger         // of Run
	RemoveMax int                  // objects that one sweep removes; 0: RemoveMax
	// Turn takes a token while Run removes something. Who puts one in has nothing removed
	// until it is taken out; nil: nobody does.
	Turn chan struct{}
}

// Service is one that runs, and keeps things for a time. It is safe for concurrent use.
type Service interface {
	// Expire removes what is over its time and is not needed any more, and says how much.
	Expire(ctx context.Context) (objects int, bytes int64, err error)
	// String names it for people.
	String() string
}

// Swept is what a sweep has done.
type Swept struct {
	Kept    int   // objects that are named
	Young   int   // objects that are not, and may be soon
	Removed int   // objects
	Bytes   int64 // of those
	More    bool  // there are others to remove
}

// Run sweeps now and then, from now on until ctx ends, and logs what it has done. One
// that fails has removed nothing that is named; the next tries again.
func Run(ctx context.Context, o Options) {
	for ctx.Err() == nil {
		if o.Turn != nil {
			select {
			case o.Turn <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
		retain(ctx, o)
		began := time.Now()
		s, err := Once(ctx, o)
		if o.Turn != nil {
			<-o.Turn
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.Log.Warn("objects that nobody names stay in the store", "error", err, "hint", "check the store's disk or server; the host tries again", "again_in", Every)
		case s.Removed > 0:
			o.Log.Info("removed objects that nobody names", "objects", s.Removed, "bytes", s.Bytes, "kept", s.Kept, "more", s.More, "took", time.Since(began))
		}
		expire(ctx, o)
		select {
		case <-time.After(Every):
		case <-ctx.Done():
		}
	}
}

// expireTime is how long one service may take to remove what is over its time.
const expireTime = 10 * time.Minute

// expire has each service that runs remove what is over its time. What fails has its turn next time.
func expire(ctx context.Context, o Options) {
	if o.Services == nil {
		return
	}
	for _, s := range o.Services() {
		turn, cancel := context.WithTimeout(ctx, expireTime)
		n, bytes, err := s.Expire(turn)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.Log.Warn("kept answers that are over their time stay", "service", s.String(), "error", err, "again_in", Every)
		case n > 0:
			o.Log.Info("removed kept answers that are over their time", "service", s.String(), "objects", n, "bytes", bytes)
		}
	}
}

// retain removes what is old of each service. One that is busy has its turn next time.
func retain(ctx context.Context, o Options) {
	if o.Deployer == nil {
		return
	}
	list, err := o.Documents.Services(ctx)
	if err != nil && ctx.Err() == nil {
		o.Log.Warn("old deployments stay", "error", err, "again_in", Every)
	}
	for _, s := range list {
		turn, cancel := context.WithTimeout(ctx, retainTime)
		n, err := o.Deployer.Retain(turn, s, o.Keep)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			o.Log.Warn("old deployments stay", "service", s.String(), "error", err, "again_in", Every)
		case n.Deployments > 0:
			o.Log.Info("removed old deployments", "service", s.String(), "deployments", n.Deployments, "revisions", n.Revisions)
		}
	}
}

// Once sweeps. It may be called while others use the store, and by several hosts of one
// store. What it returns is also right with an error. It removes nothing when something
// that is named cannot be read: what that names is not known then.
func Once(ctx context.Context, o Options) (s Swept, err error) {
	if o.RemoveMax <= 0 {
		o.RemoveMax = RemoveMax
	}
	old := time.Now().Add(-Grace) // before refs are looked at
	m := marks{o: o, named: map[store.Digest]bool{}}
	if err := m.all(ctx); err != nil {
		return s, fmt.Errorf("look for what is named: %w", err)
	}
	for object, err := range o.Store.Objects(ctx) {
		switch {
		case err != nil:
			return s, fmt.Errorf("sweep: %w", err)
		case m.named[object.Digest]:
			s.Kept++
			continue
		case !object.Time.Before(old):
			s.Young++
			continue
		case s.Removed == o.RemoveMax:
			s.More = true
			return s, nil
		}
		switch err := o.Store.RemoveUnchanged(ctx, object); {
		case errors.Is(err, store.ErrConflict):
			s.Young++
		case err != nil:
			return s, fmt.Errorf("sweep: %w", err)
		default:
			s.Removed++
			s.Bytes += object.Size
		}
	}
	return s, nil
}
