package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/grow-platform/grow/host/store"
)

// The client's object store changes what it knows of an object whether or not somebody
// else has changed it meanwhile. Touch and RemoveUnchanged must not; so they write the
// same messages themselves, on the condition that no other has come. The subjects and
// messages are those of https://github.com/nats-io/nats-architecture-and-design,
// ADR-20.
const (
	metaSubject  = "$O." + objectsBucket + ".M."
	chunkSubject = "$O." + objectsBucket + ".C."
)

func metaOf(d store.Digest) string {
	return metaSubject + base64.URLEncoding.EncodeToString([]byte(d))
}

// meta is what the server knows of an object; store.ErrNotFound when it is not there.
type meta struct {
	info     jetstream.ObjectInfo
	time     time.Time
	sequence uint64
}

func (s *Store) meta(ctx context.Context, d store.Digest) (m meta, err error) {
	raw, err := s.stream.GetLastMsgForSubject(ctx, metaOf(d))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, store.ErrNotFound
	}
	if err != nil {
		return m, fault(err)
	}
	if err := json.Unmarshal(raw.Data, &m.info); err != nil {
		return m, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	if m.info.Deleted {
		return m, store.ErrNotFound
	}
	m.time, m.sequence = raw.Time, raw.Sequence
	return m, nil
}

// replace writes what is known of an object anew; store.ErrConflict when it is not m any
// more. It returns the new sequence number.
func (s *Store) replace(ctx context.Context, d store.Digest, m meta) (uint64, error) {
	b, err := json.Marshal(m.info)
	if err != nil {
		return 0, err
	}
	msg := client.NewMsg(metaOf(d))
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	msg.Data = b
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(m.sequence))
	if err != nil {
		return 0, fault(err)
	}
	return ack.Sequence, nil
}

// Touch implements store.Store.
func (s *Store) Touch(ctx context.Context, d store.Digest) (store.Object, error) {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return store.Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	m, err := s.meta(ctx, d)
	if err == nil {
		_, err = s.replace(ctx, d, m)
	}
	// Who was quicker has renewed or removed it: Stat says which.
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return store.Object{}, fmt.Errorf("object %s: %w", d, err)
	}
	return s.Stat(ctx, d)
}

// RemoveUnchanged implements store.Store.
func (s *Store) RemoveUnchanged(ctx context.Context, o store.Object) error {
	if err := errors.Join(o.Digest.Check(), s.usable(ctx)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	m, err := s.meta(ctx, o.Digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && !m.time.Equal(o.Time) {
		err = store.ErrConflict
	}
	var marker uint64
	if err == nil {
		m.info.Deleted, m.info.Size, m.info.Chunks, m.info.Digest = true, 0, 0, ""
		marker, err = s.replace(ctx, o.Digest, m)
	}
	if err == nil {
		err = s.stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject+m.info.NUID))
	}
	if err == nil { // what marks the removal; not what was put since
		err = s.stream.Purge(ctx, jetstream.WithPurgeSubject(metaOf(o.Digest)), jetstream.WithPurgeSequence(marker+1))
	}
	if err != nil {
		return fmt.Errorf("remove object %s: %w", o.Digest, fault(err))
	}
	return nil
}
