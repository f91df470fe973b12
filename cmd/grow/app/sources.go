package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/host/schedule"
	"github.com/grow-platform/grow/host/subscribe"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/specs"
)

// sources bring the messages of schedules and subscriptions into a host. They belong to
// whoever starts, changes or stops it, one at a time.
type sources struct {
	schedules     *schedule.Runner // nil: the service has had none
	subscriptions *subscribe.Runner
}

// checkSources finds out early what schedules and subscriptions lack.
func (h *Host) checkSources(service *specs.Service) error {
	if h.opts.Apart {
		return nil
	}
	if err := subscribe.Check(service.Sources, h.opts.Secret); err != nil {
		return &Error{Code: "secret.missing", Err: err, Hint: "secrets come from the environment: export it and start grow run"}
	}
	return nil
}

// runSources has messages come from the schedules and subscriptions of a revision, and from
// no others.
func (h *Host) runSources(ctx context.Context, service *specs.Service) error {
	if h.opts.Apart {
		return nil
	}
	s := &h.sources
	if s.schedules == nil && slices.ContainsFunc(service.Sources, func(x *specs.Source) bool { return x.Schedule != nil }) {
		store, ok := h.store.(bucket.Store)
		if !ok {
			return errors.New("run schedules: the journal has no buckets")
		}
		b, err := store.Bucket(ctx, bucket.Name{Namespace: h.opts.Namespace, Service: service.Name, Bucket: schedule.Bucket})
		if err != nil {
			return fmt.Errorf("run schedules: %w", err)
		}
		s.schedules = schedule.New(schedule.Options{Shard: h.intake(), Bucket: b, Log: h.log})
	}
	if s.subscriptions == nil {
		s.subscriptions = subscribe.New(subscribe.Options{Namespace: h.opts.Namespace, Service: service.Name, Shard: h.intake(), Secret: h.opts.Secret, Log: h.log})
	}
	if s.schedules != nil {
		if err := s.schedules.Run(service.Sources); err != nil {
			return err
		}
	}
	return s.subscriptions.Run(service)
}

// close has no more messages come.
func (s *sources) close() {
	if s.schedules != nil {
		s.schedules.Close()
	}
	if s.subscriptions != nil {
		s.subscriptions.Close()
	}
}
