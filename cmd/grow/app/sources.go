package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/grow-platform/grow/host/schedule"
	"github.com/grow-platform/grow/host/subscribe"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/specs"
)

// sources bring the messages of schedules and subscriptions into a host.
type sources struct {
	mu            sync.Mutex       // guards what follows
	schedules     *schedule.Runner // nil: the service has had none
	subscriptions *subscribe.Runner
	ended         bool
}

// checkSources finds out early what schedules and subscriptions lack.
func (h *Host) checkSources(service *specs.Service) error {
	if h.opts.Apart {
		return nil
	}
	if err := subscribe.Check(service.Sources, h.opts.Secret); err != nil {
		return secretError(err)
	}
	return nil
}

// openSources makes what runs a service's schedules and subscriptions, once.
func (h *Host) openSources(ctx context.Context, service *specs.Service) error {
	s := &h.sources
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.opts.Apart || s.ended {
		return nil
	}
	if s.subscriptions == nil {
		s.subscriptions = subscribe.New(subscribe.Options{Namespace: h.opts.Namespace, Service: service.Name, Shard: h.intake(), Secret: h.opts.Secret, Log: h.log})
	}
	if s.schedules != nil {
		return nil
	}
	store, ok := h.store.(bucket.Store)
	name := bucket.Name{Namespace: h.opts.Namespace, Service: service.Name, Bucket: schedule.Bucket}
	some := slices.ContainsFunc(service.Sources, func(x *specs.Source) bool { return x.Schedule != nil })
	if !some {
		// What a former revision's schedules have left is forgotten, where they left anything.
		if !ok {
			return nil
		}
		if there, err := store.Exists(ctx, name); err != nil {
			return fmt.Errorf("look for former schedules: %w", err)
		} else if !there {
			return nil
		}
	} else if !ok {
		return errors.New("run schedules: the journal has no buckets")
	}
	b, err := store.Bucket(ctx, name)
	if err != nil && !some && errors.Is(err, bucket.ErrDamaged) {
		h.log.Warn("what is known of former schedules cannot be removed", "error", err)
		return nil
	}
	if err != nil {
		return bucketFault(fmt.Errorf("run schedules: %w", err))
	}
	s.schedules = schedule.New(schedule.Options{Shard: h.intake(), Bucket: b, Log: h.log, Clock: h.opts.Clock})
	return nil
}

// runSources has messages come from the schedules and subscriptions of a revision, and from
// no others, for which they have been opened. Nothing comes any more once they have ended.
func (h *Host) runSources(service *specs.Service) error {
	s := &h.sources
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || h.opts.Apart {
		return nil
	}
	if s.schedules != nil {
		if err := s.schedules.Run(service.Sources); err != nil {
			return err
		}
	}
	return s.subscriptions.Run(service)
}

// resumeSources runs them after a pause. What was checked before can hardly fail, and what
// is live stays live.
func (h *Host) resumeSources(service *specs.Service) {
	if err := h.runSources(service); err != nil {
		h.log.Error("schedules and subscriptions do not run", "error", err)
	}
}

// pause has no messages come until they are run again; for good has them never be.
func (s *sources) pause(forGood bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || forGood
	if s.schedules != nil {
		s.schedules.Close()
	}
	if s.subscriptions != nil {
		s.subscriptions.Close()
	}
}
