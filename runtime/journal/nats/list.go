package nats

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	valuesBatch  = 1000        // headers of values that are on their way at a time
	objectsBatch = 100         // descriptions of objects
	listEnd      = time.Second // that the server may take to forget a list
	listLeft     = time.Minute // after which it forgets one that was cut off
)

// newest visits the newest message of each subject that a filter picks. It asks for what there is until
// the server has no more: that skips what it cannot read, without a word. whole: as many came as
// the server had said, and then none can be missing that it does not know of yet.
func (a *area) newest(ctx context.Context, h *handle, c jetstream.ConsumerConfig, batch int, visit func(m jetstream.Msg, at *jetstream.MsgMetadata) error) (whole bool, err error) {
	js := h.session.aside
	c.DeliverPolicy, c.AckPolicy, c.MemoryStorage, c.InactiveThreshold = jetstream.DeliverLastPerSubjectPolicy, jetstream.AckNonePolicy, true, listLeft
	list, err := js.CreateConsumer(ctx, a.config.Name, c)
	if err != nil {
		return false, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), listEnd)
		defer cancel()
		_ = js.DeleteConsumer(end, a.config.Name, list.CachedInfo().Name) // else it goes by itself
	}()
	pending, came := list.CachedInfo().NumPending, uint64(0)
	for pending > 0 {
		some, err := list.FetchNoWait(batch)
		if err != nil {
			return false, err
		}
		before := came
		for m := range some.Messages() { // all of them, so that nobody waits to tell them
			at, metaErr := m.Metadata()
			if err = errors.Join(err, metaErr, ctx.Err()); err != nil {
				continue
			}
			if came++; at.Sequence.Consumer != came {
				err = errDropped
				continue
			}
			pending = at.NumPending
			err = visit(m, at)
		}
		if err = errors.Join(err, some.Error(), ctx.Err()); err != nil || came == before {
			return false, err
		}
	}
	return true, nil
}

// List implements bucket.Bucket. Keys whose values cannot be read are among them.
func (v *values) List(ctx context.Context, prefix, after string, limit int) ([]string, error) {
	var p *bucket.Page
	err := v.call(ctx, "list", func(ctx context.Context, h *handle) error {
		p = bucket.NewPage(prefix, after, limit)
		gone := map[string]bool{}
		filter := jetstream.ConsumerConfig{FilterSubject: v.subject(">"), HeadersOnly: true}
		whole, err := v.newest(ctx, h, filter, valuesBatch, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
			key, ok := decodeKey(strings.TrimPrefix(m.Subject(), v.subject("")))
			switch {
			case !ok:
			case m.Headers().Get(operation) != "":
				gone[key] = true
			default:
				p.Add(key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		info, err := h.stream.Info(ctx)
		if err != nil || whole && info.State.NumSubjects <= info.State.Msgs { // of each subject there is one message
			return err
		}
		return v.unread(ctx, h, p, bucket.NewPage(prefix, after, limit+len(gone)), gone)
	})
	if err != nil {
		return nil, err
	}
	return p.Keys(), nil
}

// unread adds to a page what the server counts, by an index apart from the messages, and has not
// given. q picks as many as may belong to the page; gone are those that were given as removed.
func (v *values) unread(ctx context.Context, h *handle, p, q *bucket.Page, gone map[string]bool) error {
	info, err := h.stream.Info(ctx, jetstream.WithSubjectFilter(v.subject(">")))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		if key, ok := decodeKey(strings.TrimPrefix(subject, v.subject(""))); ok && !gone[key] {
			q.Add(key)
		}
	}
	given := slices.Clone(p.Keys())
	for _, key := range q.Keys() {
		if _, ok := slices.BinarySearch(given, key); ok {
			continue
		}
		m, err := v.last(ctx, h, v.subject(encodeKey(key)))
		if err != nil && !errors.Is(err, bucket.ErrDamaged) {
			return err
		}
		if err != nil || m != nil && m.Header.Get(operation) == "" {
			p.Add(key)
		}
	}
	return nil
}

// each visits all objects, and calls damaged with the keys of those of which it cannot be read what
// they are. What is visited may be visited again when the connection is lost: begin is called before.
func (o *objects) each(ctx context.Context, begin func(), visit func(i *jetstream.ObjectInfo), damaged func(key string)) error {
	return o.call(ctx, "list", func(ctx context.Context, h *handle) error {
		begin()
		given := map[string]bool{}
		_, err := o.newest(ctx, h, jetstream.ConsumerConfig{FilterSubject: o.subject(">")}, objectsBatch, func(m jetstream.Msg, at *jetstream.MsgMetadata) error {
			var i jetstream.ObjectInfo
			if json.Unmarshal(m.Data(), &i) != nil {
				return nil // as one that was not given
			}
			given[m.Subject()] = true
			if i.ModTime = at.Timestamp; !i.Deleted {
				visit(&i)
			}
			return nil
		})
		if err != nil {
			return err
		}
		info, err := h.stream.Info(ctx, jetstream.WithSubjectFilter(o.subject(">")))
		if err != nil {
			return err
		}
		for subject := range info.State.Subjects {
			if !given[subject] {
				if err := o.unread(ctx, h, subject, visit, damaged); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// unread looks at an object that the server counts and has not given.
func (o *objects) unread(ctx context.Context, h *handle, subject string, visit func(i *jetstream.ObjectInfo), damaged func(key string)) error {
	key, ok := o.keyOf(subject)
	if !ok {
		return nil
	}
	m, err := o.last(ctx, h, subject)
	if err != nil && !errors.Is(err, bucket.ErrDamaged) || m == nil && err == nil {
		return err
	}
	var i jetstream.ObjectInfo
	if err != nil || json.Unmarshal(m.Data, &i) != nil {
		damaged(key)
		return nil
	}
	if i.ModTime = m.Time; !i.Deleted {
		visit(&i)
	}
	return nil
}
