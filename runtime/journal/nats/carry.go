package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// carriedHeaders are those of a message that a copy has. The others are for the moment in
// which it was written.
var carriedHeaders = []string{messageTTL, operation, writtenFor, replaced, restoredAs, notedAt, chunkPlace}

// carried is a bucket as it is copied.
type carried struct {
	*area
	roots [][2]string // what begins a subject in a copy, and on the server
}

// The beginnings of subjects in a copy.
const (
	carriedValue  = "v."
	carriedObject = "o."
	carriedChunk  = "c."
	carriedNote   = "n."
)

// carriedBucket is a bucket by its name, which need not be there.
func (s *Store) carriedBucket(c bucket.Carried) (*carried, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.Kind {
	case bucket.Values:
		v := s.buckets[c.Name]
		if v == nil {
			v = newValues(s, c.Name)
			s.buckets[c.Name] = v
		}
		return &carried{v.area, [][2]string{{carriedValue, v.subject("")}, {carriedNote, v.done("")}}}, nil
	case bucket.Objects:
		o := s.objects[c.Name]
		if o == nil {
			o = newObjects(s, c.Name)
			s.objects[c.Name] = o
		}
		return &carried{o.area, [][2]string{{carriedChunk, o.chunks("")}, {carriedObject, o.subject("")}, {carriedNote, o.done("")}}}, nil
	}
	return nil, fmt.Errorf("there are no buckets of kind %q", c.Kind)
}

// inCopy is a subject as a copy has it.
func (c *carried) inCopy(subject string) (string, error) {
	for _, r := range c.roots {
		if rest, ok := strings.CutPrefix(subject, r[1]); ok {
			return r[0] + rest, nil
		}
	}
	return "", fmt.Errorf("%s holds a message of another kind: %q", c.title, subject)
}

// onServer is a copy's subject as the server has it.
func (c *carried) onServer(subject string) (string, error) {
	for _, r := range c.roots {
		if rest, ok := strings.CutPrefix(subject, r[0]); ok && rest != "" && !strings.ContainsAny(rest, " \t\r\n*>") {
			return r[1] + rest, nil
		}
	}
	return "", fmt.Errorf("%w: an item %.80q, which %s cannot hold", bucket.ErrDamaged, subject, c.title)
}

// CarriedBuckets implements bucket.Carrier.
func (s *Store) CarriedBuckets(ctx context.Context, namespace, service string) (list []bucket.Carried, err error) {
	err = s.call(ctx, "list buckets", func(ctx context.Context, s *session) error {
		names := s.js.StreamNames(ctx)
		for stream := range names.Name() {
			if c, ok := carriedOf(stream); ok && (namespace == "" || c.Namespace == namespace) && (c.Service == service || c.Service == "") {
				list = append(list, c)
			}
		}
		return names.Err()
	})
	if s.folder != nil { // those that were set aside are not there, and not forgotten either
		if all := s.folder.aside.Load(); all != nil {
			for stream := range *all {
				if c, ok := carriedOf(stream); ok && (namespace == "" || c.Namespace == namespace) && (c.Service == service || c.Service == "") {
					list = append(list, c)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b bucket.Carried) int {
		return strings.Compare(a.Kind+" "+a.String(), b.Kind+" "+b.String())
	})
	return list, err
}

// carriedOf is the bucket that a stream is.
func carriedOf(stream string) (c bucket.Carried, ok bool) {
	kind, rest, _ := strings.Cut(stream, "_GROW_")
	switch kind {
	case "KV":
		c.Kind = bucket.Values
	case "OBJ":
		c.Kind = bucket.Objects
	}
	c.Namespace, rest, _ = strings.Cut(rest, "_")
	c.Service, c.Bucket, _ = strings.Cut(rest, "_")
	return c, c.Kind != "" && c.Check() == nil
}

// CopyBucket implements bucket.Carrier.
func (s *Store) CopyBucket(ctx context.Context, n bucket.Carried, visit func(*bucket.Item) error) (x bucket.Extent, err error) {
	c, err := s.carriedBucket(n)
	if err != nil {
		return x, err
	}
	p := &copying{carried: c, visit: visit, seen: map[string]uint64{}}
	before, err := p.state(ctx)
	if err == nil {
		err = p.read(ctx, before.LastSeq)
	}
	if err != nil {
		return x, err
	}
	if x, err = p.end(ctx, &before); err != nil {
		return x, err
	}
	return x, p.release()
}

// heldMax is how many bytes of what was read while writes wait are kept back, until they go on. What is more
// is visited meanwhile.
const heldMax = 64 << 20

// end reads what came since the state before, while no write runs.
func (p *copying) end(ctx context.Context, before *jetstream.StreamState) (x bucket.Extent, err error) {
	leave, err := p.hold(ctx)
	if err != nil {
		return x, err
	}
	defer leave()
	p.holding = true
	after, err := p.state(ctx)
	if err != nil {
		return x, err
	}
	x.Last = after.LastSeq
	if err = p.read(ctx, x.Last); err != nil {
		return x, err
	}
	if before.LastSeq == after.LastSeq && before.Msgs == after.Msgs && p.count == after.Msgs {
		return x, nil // nothing was written nor removed meanwhile, and all was seen
	}
	x.Gone, err = p.compare(ctx, x.Last)
	return x, err
}

// copying is a copy that is made. It belongs to one goroutine.
type copying struct {
	*carried
	visit func(*bucket.Item) error
	next  uint64            // sequence that was not looked at yet
	count uint64            // items that were visited
	seen  map[string]uint64 // how many of each subject, as the server has it

	holding bool           // items are kept back in held
	held    []*bucket.Item // that were read and not visited yet
	bytes   int            // of them
}

// state is what the server says of the bucket.
func (p *copying) state(ctx context.Context, o ...jetstream.StreamInfoOpt) (state jetstream.StreamState, err error) {
	err = p.call(ctx, "measure", func(ctx context.Context, h *handle) error {
		info, err := h.stream.Info(ctx, o...)
		if err == nil {
			state = info.State
		}
		return err
	})
	return state, err
}

// read visits what there is up to a sequence and was not visited yet.
func (p *copying) read(ctx context.Context, to uint64) error {
	for p.next <= to {
		var m *jetstream.RawStreamMsg
		err := p.call(ctx, "read", func(ctx context.Context, h *handle) (err error) {
			m, err = h.stream.GetMsg(ctx, max(p.next, 1), jetstream.WithGetMsgSubject(">"))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil
			}
			return err
		})
		if err != nil || m == nil {
			return err
		}
		if m.Sequence > to {
			return nil
		}
		p.next = m.Sequence + 1
		p.count++
		p.seen[m.Subject]++
		item := &bucket.Item{Sequence: m.Sequence, Time: m.Time.UTC(), Data: m.Data}
		if item.Subject, err = p.inCopy(m.Subject); err != nil {
			return err
		}
		for _, name := range carriedHeaders {
			if text := m.Header.Get(name); text != "" {
				if item.Header == nil {
					item.Header = map[string]string{}
				}
				item.Header[name] = text
			}
		}
		if err := p.pass(item); err != nil {
			return err
		}
	}
	return nil
}

// pass visits an item, or keeps it back.
func (p *copying) pass(i *bucket.Item) error {
	if !p.holding {
		return p.visit(i)
	}
	p.held = append(p.held, i)
	if p.bytes += entrySize + len(i.Data); p.bytes < heldMax {
		return nil
	}
	return p.release()
}

// release visits what was kept back.
func (p *copying) release() error {
	for _, i := range p.held {
		if err := p.visit(i); err != nil {
			return err
		}
	}
	p.held, p.bytes = nil, 0
	return nil
}

// compare holds what was visited, which is all up to a sequence, against the subjects that are
// there now. It returns those that are not any more. One that has messages that were not visited is
// damaged: the server leaves out what it cannot read.
func (p *copying) compare(ctx context.Context, last uint64) (gone []string, err error) {
	state, err := p.state(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, err
	}
	for subject, n := range state.Subjects {
		if n <= p.seen[subject] {
			continue
		}
		if err := p.newer(ctx, subject, last); err != nil {
			return nil, err
		}
	}
	for subject := range p.seen {
		if state.Subjects[subject] == 0 {
			name, err := p.inCopy(subject)
			if err != nil {
				return nil, err
			}
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return gone, nil
}

// newer checks that what was not visited of a subject came after the last message that was to be:
// on a server of others, hosts write that are not held.
func (p *copying) newer(ctx context.Context, subject string, seq uint64) error {
	var m *jetstream.RawStreamMsg
	err := p.call(ctx, "read", func(ctx context.Context, h *handle) (err error) {
		m, err = p.last(ctx, h, subject)
		return err
	})
	if err != nil || m == nil || m.Sequence > seq { // nil: such a host has removed it a moment ago
		return err
	}
	return p.damaged()
}

// MakeBucket implements bucket.Carrier.
func (s *Store) MakeBucket(ctx context.Context, n bucket.Carried, x bucket.Extent, items func(visit func(*bucket.Item) error) error) error {
	c, err := s.carriedBucket(n)
	if err != nil {
		return err
	}
	config := c.config
	config.FirstSeq = x.Last + 1 // revisions to come are greater than those there were
	config.Metadata = s.marked(map[string]string{})
	err = s.call(ctx, "make "+c.title, func(ctx context.Context, s *session) error {
		switch _, err := s.js.Stream(ctx, config.Name); {
		case err == nil:
			return fmt.Errorf("%w: %s", bucket.ErrExists, n)
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return err
		}
		_, err := s.js.CreateStream(ctx, config)
		return err
	})
	if err != nil {
		return err
	}
	m := &making{carried: c, gone: map[string]bool{}, chunks: map[uint64]uint64{}}
	for _, subject := range x.Gone {
		m.gone[subject] = true
	}
	if err := items(func(i *bucket.Item) error { return m.put(ctx, i) }); err != nil {
		forget := s.call(context.WithoutCancel(ctx), "remove "+c.title, func(ctx context.Context, s *session) error {
			return s.js.DeleteStream(ctx, config.Name)
		})
		c.handle.Store(nil)
		return errors.Join(err, forget)
	}
	return nil
}

// making is a bucket that is made of a copy. It belongs to one goroutine.
type making struct {
	*carried
	gone   map[string]bool
	chunks map[uint64]uint64 // where chunks lie now, by where they lay; of those that no object had yet
}

// put keeps one item.
func (m *making) put(ctx context.Context, i *bucket.Item) error {
	if m.gone[i.Subject] {
		return nil
	}
	subject, err := m.onServer(i.Subject)
	if err != nil {
		return err
	}
	msg := client.NewMsg(subject)
	msg.Data = i.Data
	for _, name := range carriedHeaders {
		if text, ok := i.Header[name]; ok {
			msg.Header.Set(name, text)
		}
	}
	switch i.Subject[:len(carriedValue)] {
	case carriedValue:
		if ttl, over := leftOf(i); over { // and so is what it took the place of
			return m.call(ctx, "remove", func(ctx context.Context, h *handle) error {
				return h.stream.Purge(ctx, jetstream.WithPurgeSubject(subject))
			})
		} else if ttl > 0 {
			msg.Header.Set(messageTTL, ttl.String())
		}
		if msg.Header.Get(restoredAs) == "" {
			msg.Header.Set(restoredAs, strconv.FormatUint(i.Sequence, 10))
		}
	case carriedObject:
		if msg.Data, err = m.object(i); err != nil {
			return err
		}
		msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	case carriedNote:
		msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
		if strings.HasPrefix(string(i.Data), goesAfter) && msg.Header.Get(restoredAs) == "" {
			msg.Header.Set(restoredAs, strconv.FormatUint(i.Sequence, 10))
			msg.Header.Set(notedAt, i.Time.Format(time.RFC3339Nano))
		}
	}
	return m.call(ctx, "write", func(ctx context.Context, h *handle) error {
		seq, err := send(ctx, h, msg, bucket.ErrConflict, bucket.ErrFull)
		if err == nil && strings.HasPrefix(i.Subject, carriedChunk) {
			m.chunks[i.Sequence] = seq
		}
		return err
	})
}

// leftOf is how long a value has still to live, in whole seconds; 0: for ever. over: its time
// has passed.
func leftOf(i *bucket.Item) (ttl time.Duration, over bool) {
	text, ok := i.Header[messageTTL]
	if !ok {
		return 0, false
	}
	whole, err := time.ParseDuration(text)
	if err != nil {
		return 0, false // nothing here writes such a one: the server says so
	}
	left := time.Until(i.Time.Add(whole))
	if left <= 0 {
		return 0, true
	}
	return max(left.Round(bucket.TTLMin), bucket.TTLMin), false
}

// object is what is said of an object, with where its chunks lie now. Those of one that a
// later item takes the place of may have been removed.
func (m *making) object(i *bucket.Item) ([]byte, error) {
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(i.Data, &info); err != nil {
		return nil, fmt.Errorf("%w: what an object of %s is cannot be read: %w", bucket.ErrDamaged, m.title, err)
	}
	list, err := readChunks(info.Metadata[chunkList])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bucket.ErrDamaged, err)
	}
	whole := true
	for n := range list {
		seq, ok := m.chunks[list[n].seq]
		delete(m.chunks, list[n].seq)
		list[n].seq, whole = seq, whole && ok
	}
	if info.Metadata == nil {
		info.Metadata = map[string]string{}
	}
	delete(info.Metadata, chunkList) // then they are looked for by their name
	if whole && len(list) > 0 {
		info.Metadata[chunkList] = writeChunks(list)
	}
	if info.Metadata[modifiedAt] == "" {
		info.Metadata[modifiedAt] = i.Time.Format(time.RFC3339Nano)
	}
	return json.Marshal(&info)
}

var (
	_ bucket.Carrier = (*Store)(nil)
	_ object.Store   = (*Store)(nil)
)
