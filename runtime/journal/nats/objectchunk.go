package nats

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/runtime/object"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// chunk is one message of an object.
type chunk struct {
	seq  uint64
	size int64
}

// read reads a range of an object; jetstream.ErrMsgNotFound says that it is gone.
func (o *objects) read(ctx context.Context, w *written, r object.Range) ([]byte, error) {
	list, err := readChunks(w.Metadata[chunkList])
	if list == nil && w.Size > 0 && err == nil { // another's work
		list, err = o.foreign(ctx, w)
	}
	if err != nil {
		return nil, err
	}
	from, to := r.Within(int64(w.Size))
	data := make([]byte, 0, to-from)
	at := int64(0)
	for _, c := range list {
		if at < to && at+c.size > from {
			err := o.call(ctx, "read", func(ctx context.Context, h *handle) error {
				m, err := h.stream.GetMsg(ctx, c.seq)
				if err != nil {
					return err
				}
				if m.Subject != o.chunks(w.NUID) || int64(len(m.Data)) != c.size {
					return fmt.Errorf("message %d of %s is no part of %q", c.seq, o.title, w.Name)
				}
				data = append(data, m.Data[max(0, from-at):min(c.size, to-at)]...)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		at += c.size
	}
	if int64(len(data)) != to-from {
		return nil, jetstream.ErrMsgNotFound
	}
	return data, nil
}

// foreignMax is how many chunks an object has at most that another client has put: of those of
// 128 KiB that clients of NATS make, more than object.ObjectMax has.
const foreignMax = 16 << 10

// foreign lists the chunks of an object that another client has put. Their bytes stay where they
// are.
func (o *objects) foreign(ctx context.Context, w *written) (list []chunk, err error) {
	if w.Chunks > foreignMax {
		return nil, fmt.Errorf("object %q has %d chunks; at most %d are read: %w", w.Name, w.Chunks, foreignMax, object.ErrTooLarge)
	}
	err = o.call(ctx, "list chunks", func(ctx context.Context, h *handle) error {
		js, err := h.session.reads.JetStream(client.Context(ctx))
		if err != nil {
			return err
		}
		sub, err := js.SubscribeSync(o.chunks(w.NUID), client.OrderedConsumer(), client.HeadersOnly(), client.BindStream("OBJ_"+o.name))
		if err != nil {
			return err
		}
		list, err = chunksOf(ctx, sub)
		return errors.Join(err, sub.Unsubscribe())
	})
	return list, err
}

// chunksOf reads the chunks that a consumer of headers begins with.
func chunksOf(ctx context.Context, sub *client.Subscription) (list []chunk, err error) {
	n, err := sub.InitialConsumerPending()
	for ; n > 0 && err == nil && len(list) < foreignMax; n-- {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		at, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(m.Header.Get(client.MsgSize), 10, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, chunk{at.Sequence.Stream, size})
	}
	return list, err
}

// writeChunks is the text of a list of chunks.
func writeChunks(list []chunk) string {
	var b []byte
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendUint(b, c.seq, 10), ':')
		b = strconv.AppendInt(b, c.size, 10)
	}
	return string(b)
}

// chunksMax is how many chunks an object has at most.
const chunksMax = object.PartsMax * (object.PartMax/chunkSize + 1)

// readChunks is the inverse of writeChunks.
func readChunks(text string) (list []chunk, err error) {
	if text == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		seq, size, _ := strings.Cut(one, ":")
		c := chunk{}
		if c.seq, err = strconv.ParseUint(seq, 10, 64); err == nil {
			c.size, err = strconv.ParseInt(size, 10, 64)
		}
		if err != nil || c.size < 1 || c.size > object.PartMax || len(list) == chunksMax {
			return nil, fmt.Errorf("the chunks %.40q of an object cannot be read", text)
		}
		list = append(list, c)
	}
	return list, nil
}

// scan visits the chunks of a name in the order they were kept.
func (o *objects) scan(ctx context.Context, id string, visit func(m *jetstream.RawStreamMsg) error) error {
	for from := uint64(1); ; {
		var m *jetstream.RawStreamMsg
		err := o.call(ctx, "look through parts", func(ctx context.Context, h *handle) (err error) {
			m, err = h.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(o.chunks(id)))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil
			}
			return err
		})
		if err != nil || m == nil {
			return err
		}
		if err := visit(m); err != nil {
			return err
		}
		from = m.Sequence + 1
	}
}

// place says which chunk a message is: i of n of a part of an upload of a key.
type place struct {
	part, i, n int
	key        string
}

func (p place) String() string { return fmt.Sprintf("%d %d %d %q", p.part, p.i, p.n, p.key) }

func readPlace(text string) (p place, ok bool) {
	n, err := fmt.Sscanf(text, "%d %d %d %q", &p.part, &p.i, &p.n, &p.key)
	return p, n == 4 && err == nil
}

// keep keeps bytes as chunks of a name.
func (o *objects) keep(ctx context.Context, id, key string, part int, data []byte) (list []chunk, err error) {
	n := (len(data) + chunkSize - 1) / chunkSize
	for i := range n {
		m := client.NewMsg(o.chunks(id))
		m.Data = data[i*chunkSize : min(len(data), (i+1)*chunkSize)]
		m.Header.Set(chunkPlace, place{part, i, n, key}.String())
		err := o.call(ctx, "write", func(ctx context.Context, h *handle) error {
			seq, err := send(ctx, h, m, object.ErrConflict, object.ErrFull)
			list = append(list, chunk{seq, int64(len(m.Data))})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Part implements object.Bucket.
func (o *objects) Part(ctx context.Context, p *object.Part) error {
	if err := p.Check(); err != nil {
		return err
	}
	leave, err := o.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := o.space(ctx, 4*entrySize+len(p.Key)+len(p.Data), false); err != nil {
		return err
	}
	have, err := o.look(ctx, p.Key)
	if err != nil || have.there() && have.NUID == p.Upload { // it has become the object, which this would be a copy in
		return err
	}
	_, err = o.keep(ctx, p.Upload, p.Key, p.Number, p.Data)
	return err
}

// gathered is what an object is made of.
type gathered struct {
	id    string // of its chunks
	list  []chunk
	size  int64
	sum   hash.Hash
	extra []uint64 // messages of its name that are no part of it
}

// gather finds the parts of an upload. Of one that was kept several times the last counts.
func (o *objects) gather(ctx context.Context, w *object.Write) (*gathered, error) {
	type found struct {
		chunk
		n int
	}
	parts := map[[2]int]found{}
	g := &gathered{id: w.Upload, sum: sha256.New()}
	fresh := false
	err := o.scan(ctx, w.Upload, func(m *jetstream.RawStreamMsg) error {
		p, ok := readPlace(m.Header.Get(chunkPlace))
		if !ok || p.key != w.Key {
			return fmt.Errorf("%w: the upload is of another key", object.ErrInvalid)
		}
		at := [2]int{p.part, p.i}
		if former, ok := parts[at]; ok {
			g.extra = append(g.extra, former.seq)
		} else if len(parts) >= chunksMax {
			return object.ErrTooLarge
		}
		parts[at], fresh = found{chunk{m.Sequence, int64(len(m.Data))}, p.n}, o.now().Sub(m.Time) < object.UploadAge
		return nil
	})
	if err != nil {
		return nil, err
	}
	for part := 1; part <= w.Parts; part++ {
		for i, n := 0, 1; i < n; i++ {
			c, ok := parts[[2]int{part, i}]
			if !ok || !fresh {
				return nil, object.ErrNoUpload
			}
			n = c.n
			g.list, g.size = append(g.list, c.chunk), g.size+c.size
			delete(parts, [2]int{part, i})
		}
	}
	for _, c := range parts {
		g.extra = append(g.extra, c.seq)
	}
	if err := w.Fits(g.size); err != nil {
		return nil, err
	}
	return g, o.hash(ctx, g)
}

// hash reads what was gathered.
func (o *objects) hash(ctx context.Context, g *gathered) error {
	for _, c := range g.list {
		err := o.call(ctx, "read", func(ctx context.Context, h *handle) error {
			m, err := h.stream.GetMsg(ctx, c.seq)
			if err == nil {
				g.sum.Write(m.Data)
			}
			return err
		})
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return object.ErrNoUpload
		}
		if err != nil {
			return err
		}
	}
	return nil
}
