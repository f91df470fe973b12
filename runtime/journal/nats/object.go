package nats

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	chunkSize   = 512 << 10                    // bytes of a message of an object, at most
	chunkPlace  = "Grow-Chunk"                 // header: which chunk of which part of which object
	chunkList   = "grow-chunks"                // metadata of an object: sequence and size of each chunk
	modifiedAt  = "grow-modified"              // metadata of one that was copied: when it was written
	sweptAfter  = object.UploadAge + time.Hour // from when on parts are removed, which no write takes any more
	changedMost = 10                           // times that an object is read anew that others have written meanwhile
	sweepEvery  = 1000                         // writes after which parts are looked through
	sweptFull   = time.Minute                  // from one time to the next when there is no room

	objectsWriters = 16 // writes at one time; others wait
)

// objects is a bucket of objects: a stream as NATS's own object stores have it, with notes
// of former writes. The bytes lie in chunks under a name of their own, an object's meta
// message says which, and makes them the object.
type objects struct {
	*area
	name  string           // of the object store on the server
	now   func() time.Time // time.Now, but in tests
	swept atomic.Int64     // writes since parts were looked through
	full  atomic.Int64     // when they were for want of room, in nanoseconds since 1970
}

// Objects implements object.Store.
func (s *Store) Objects(ctx context.Context, n bucket.Name) (object.Bucket, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	o := s.objects[n]
	if o == nil {
		o = newObjects(s, n)
		s.objects[n] = o
	}
	s.mu.Unlock()
	err := o.call(ctx, "open", func(context.Context, *handle) error { return nil })
	return o, err
}

func newObjects(s *Store, n bucket.Name) *objects {
	o := &objects{name: bucketName(n), now: time.Now}
	o.swept.Store(sweepEvery)
	replicas := s.options.Replicas
	o.area = newArea(s, "bucket "+o.name, object.SizeMax, objectsWriters, []trim{{o.done(">"), object.OnceKept}}, jetstream.StreamConfig{
		Name: "OBJ_" + o.name, Subjects: []string{o.chunks(">"), o.subject(">"), o.done(">")}, Storage: jetstream.FileStorage, Replicas: replicas,
		Discard: jetstream.DiscardNew, Duplicates: 100 * time.Millisecond, MaxMsgSize: 1 << 20, AllowDirect: replicas == 1, AllowRollup: true,
	})
	return o
}

func (o *objects) chunks(id string) string    { return "$O." + o.name + ".C." + id }
func (o *objects) subject(name string) string { return "$O." + o.name + ".M." + name }
func (o *objects) done(once string) string    { return "$GROW.O." + o.name + "." + once }
func (o *objects) meta(key string) string {
	return o.subject(base64.URLEncoding.EncodeToString([]byte(key)))
}

// keyOf is the key that meta has made a subject of; false: it did not come from there.
func (o *objects) keyOf(subject string) (string, bool) {
	key, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(subject, o.subject("")))
	return string(key), err == nil && object.CheckKey(string(key)) == nil
}

// written is an object as its meta message describes it.
type written struct {
	jetstream.ObjectInfo
	seq  uint64 // of the message; 0: there is none
	once string // what it was written for
}

// there reports whether the object is.
func (w *written) there() bool { return w.seq != 0 && !w.Deleted }

// revision is the name of the chunks, which is another one for each write.
func (w *written) revision() string {
	if !w.there() {
		return object.None
	}
	return w.NUID
}

func (w *written) info() object.Info {
	if !w.there() {
		return object.Info{}
	}
	return infoOf(&w.ObjectInfo)
}

func infoOf(i *jetstream.ObjectInfo) object.Info {
	info := object.Info{Key: i.Name, Size: int64(i.Size), Revision: i.NUID, Modified: i.ModTime.UTC()}
	if t, err := time.Parse(time.RFC3339Nano, i.Metadata[modifiedAt]); err == nil {
		info.Modified = t.UTC()
	}
	if sum, err := jetstream.DecodeObjectDigest(i.Digest); err == nil && len(sum) == sha256.Size {
		info.Digest = digestPrefix + hex.EncodeToString(sum)
	}
	return info
}

// look reads what is there of a key.
func (o *objects) look(ctx context.Context, key string) (w written, err error) {
	err = o.call(ctx, "look", func(ctx context.Context, h *handle) error {
		m, err := o.last(ctx, h, o.meta(key))
		if m == nil || err != nil {
			return err
		}
		w.seq, w.once = m.Sequence, m.Header.Get(writtenFor)
		if err := json.Unmarshal(m.Data, &w.ObjectInfo); err != nil {
			return fmt.Errorf("%w: read what object %q is: %w", bucket.ErrDamaged, key, err)
		}
		w.ModTime = m.Time
		return nil
	})
	return w, err
}

// Stat implements object.Bucket.
func (o *objects) Stat(ctx context.Context, key string) (object.Info, error) {
	if err := object.CheckKey(key); err != nil {
		return object.Info{}, err
	}
	w, err := o.look(ctx, key)
	if err == nil && !w.there() {
		err = object.ErrNotFound
	}
	return w.info(), err
}

// Read implements object.Bucket.
func (o *objects) Read(ctx context.Context, key, revision string, r object.Range) (object.Info, []byte, error) {
	if err := object.CheckKey(key); err != nil {
		return object.Info{}, nil, err
	}
	was := "" // revision whose chunks were not all there
	for try := 1; ; try++ {
		w, err := o.look(ctx, key)
		switch {
		case err != nil:
		case !w.there():
			err = object.ErrNotFound
		case revision != "" && revision != w.NUID:
			err = object.ErrConflict
		}
		if err != nil {
			return object.Info{}, nil, err
		}
		data, err := o.read(ctx, &w, r)
		if errors.Is(err, jetstream.ErrMsgNotFound) && w.NUID == was { // which go when another takes its place
			return object.Info{}, nil, o.damaged()
		}
		was = w.NUID
		if err == nil || !errors.Is(err, jetstream.ErrMsgNotFound) || try == changedMost {
			return w.info(), data, err
		}
	}
}

// List implements object.Bucket.
func (o *objects) List(ctx context.Context, prefix, after string, limit int) ([]object.Info, error) {
	var p *object.Page
	err := o.each(ctx, func() { p = object.NewPage(prefix, after, limit) }, func(i *jetstream.ObjectInfo) { p.Add(infoOf(i)) }, func(key string) {
		p.Add(object.Info{Key: key, Damaged: true})
	})
	if err != nil {
		return nil, err
	}
	return p.Objects(), nil
}
