package capability

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
)

// Recorded is an answer that a later run of the message must be given again.
type Recorded struct {
	Call      int // number of the request within the message, from 1
	Operation string
	Use       string
	Sum       []byte // SHA-256 of the request's operation, attributes and data: see Digest, which may have to make it
	Frame     []byte // the answer, a frame of one
	Duration  time.Duration
	Failed    bool // the request failed
	Passing   bool // it may be answered otherwise another time: another attempt asks again
	Kept      bool // the journal has it: something outside may have been changed by it
}

// Digest is Sum, which is not made before somebody asks: few records of a message that
// is in no journal are looked for. Until then Sum is empty, and what it is of lies behind
// the room for it. It is for one goroutine at a time, also among copies.
func (r *Recorded) Digest() []byte {
	if len(r.Sum) == 0 && cap(r.Sum) > sha256.Size {
		sum := sha256.Sum256(r.Sum[sha256.Size:cap(r.Sum)])
		r.Sum = append(r.Sum, sum[:]...)
	}
	return r.Sum
}

// Lasts reports whether another attempt at the message is given the answer again. One that
// failed for good counts once something outside may have been changed because of it. Those of
// streams, which end with their attempt, are given to nobody.
func (r *Recorded) Lasts() bool {
	return r.Use != "" && !r.Passing && (!r.Failed || r.Kept) && !IsStream(r.Operation)
}

// Ledger is what the broker knows of the message being handled: what it may
// see and what it has asked for. It belongs to the goroutine that handles.
type Ledger struct {
	Context context.Context
	ID      string
	Config  []byte
	State   *State // nil when the actor declares none
	// Log takes a log line; fields yields the attributes x.<name>.
	Log func(level string, text []byte, fields *abi.View)
	// RealTime is the wall clock in nanoseconds since 1970.
	RealTime func() int64
	// Wait is called once before the first request that may wait for the
	// outside; nil does nothing.
	Wait func()
	// Allow is how long the message may still take at a moment, asked before a request
	// goes outside; nil: CallTimeMax.
	Allow func(now time.Time) time.Duration
	// Rest is called before the handling waits; nil does nothing.
	Rest func()
	// First says that nobody has handled the message before, so that none of its requests were made.
	First bool
	// Effect is called before requests that may change the outside: the message
	// must be kept first, and what it was told so far. An error ends the message.
	Effect func() error

	calls    int // requests, log lines among them
	logged   int // requests that were log lines, which the limit of requests does not count
	bytes    int
	fuel     uint64
	recorded []Recorded
	kept     []byte // room for bytes of recorded, which nobody changes any more
	scratch  []byte // of digest
	waited   bool
	requests []abi.View
	outwards []*outward // room for those of one frame
	stable   names
	untils   []deadline // those that no request has had
	began    time.Time  // some moment, from which now counts
	scope    *scope     // of the message's deadlines; nil: it has none yet
	memo     abi.Memo   // of frames of one request
	same     bool       // the frame is of one, with the attributes of the one before
	served   served     // what those led to
	answer   []byte
	last     int // where the last answer of the frame begins
	streams  streams

	// Again are the successful answers that earlier attempts at the message were
	// given, and all that were given to this one before the process ended, one for
	// each request. One that agrees with a request in number, operation, grant and
	// content is given again, and nobody is asked.
	Again []Recorded
}

// End ends what the message has left open, once it has been handled; it may wait for that.
func (l *Ledger) End() { l.streams.end() }

// Reset prepares the ledger for another message.
func (l *Ledger) Reset() {
	clear(l.recorded)
	l.calls, l.logged, l.bytes, l.fuel, l.recorded, l.waited = 0, 0, 0, 0, l.recorded[:0], false
	l.stable, l.kept, l.scope = names{}, nil, nil
}

// together is up to how many requests of a message share the memory of what each has for
// itself alone: the first has its own, and then the more there were before the more share.
const together = 8

// now is the time; it reads one clock, where time.Now reads two.
func (l *Ledger) now() time.Time {
	if l.began.IsZero() {
		l.began = time.Now()
	}
	return l.began.Add(time.Since(l.began))
}

// until is the deadline of a request that is made now.
func (l *Ledger) until(o *outward, now time.Time) *deadline {
	if len(l.untils) == 0 {
		l.untils = make([]deadline, min(o.number, together))
	}
	if l.scope == nil {
		l.scope = &scope{l.Context, l.began}
	}
	d := &l.untils[0]
	l.untils = l.untils[1:]
	d.message, d.after = l.scope, now.Sub(l.began)+o.timeout
	return d
}

// names are those of the requests of a message, see [Request.Stable].
type names struct {
	next int    // the number of the first one in text
	text string // of some one after the other
}

// name is that of a request; numbers rise.
func (n *names) name(id string, number int) string {
	size := len(id) + 1 + digits(number)
	if number != n.next || len(n.text) < size {
		n.text = namesFrom(id, number, min(number, together))
	}
	name := n.text[:size]
	n.next, n.text = number+1, n.text[size:]
	return name
}

func namesFrom(id string, number, count int) string {
	b := make([]byte, 0, 512)
	for k := range count {
		b = append(append(b, id...), '/')
		b = strconv.AppendInt(b, int64(number+k), 10)
	}
	return string(b)
}

func digits(n int) (count int) {
	for count = 1; n >= 10; n /= 10 {
		count++
	}
	return count
}

// Fuel is what others used to answer the requests since Reset.
func (l *Ledger) Fuel() uint64 { return l.fuel }

// Recorded are the answers to keep, in the order of the requests. The list is valid until
// Reset, and the bytes in it for good.
func (l *Ledger) Recorded() []Recorded { return l.recorded }

// The range of limit of state.list.
const (
	listDefault = 100
	listMax     = 1000
)

func (l *Ledger) state(v *abi.View) Answer {
	if l.State == nil {
		return Fail(Denied, "the definition declares no state")
	}
	raw, _ := v.Attr("name")
	name := string(raw)
	switch string(v.Type) {
	case "state.get":
		value := l.State.Get(name)
		return Answer{Attrs: []string{"revision", strconv.FormatUint(value.Revision, 10)}, Data: value.Data}
	case "state.set":
		revision, err := l.State.Set(name, v.Data)
		if errors.Is(err, ErrFull) {
			return Fail(Limit, "set state %q: %v", name, err)
		}
		if err != nil {
			return Fail(Invalid, "set state %q: %v", name, err)
		}
		return Answer{Attrs: []string{"revision", strconv.FormatUint(revision, 10)}}
	case "state.delete":
		l.State.Delete(name)
		return Answer{}
	}
	prefix, _ := v.Attr("prefix")
	var after *string
	if text, ok := v.Attr("after"); ok {
		name := string(text)
		after = &name
	}
	limit := listDefault
	if text, ok := v.Attr("limit"); ok {
		n, err := strconv.Atoi(string(text))
		if err != nil || n < 1 || n > listMax {
			return Fail(Invalid, "limit %q is not a number from 1 to %d", text, listMax)
		}
		limit = n
	}
	names := l.State.List(string(prefix), after, limit)
	if names == nil {
		names = []string{}
	}
	data, err := json.Marshal(names)
	if err != nil {
		return Fail(Invalid, "list state: %v", err)
	}
	return Answer{Data: data}
}

// append adds an answer to the answer frame.
func (l *Ledger) append(a *Answer) {
	b := l.answer
	l.last = len(b)
	if a.Code == "" {
		b = abi.AppendAttrCount(b, 1+len(a.Attrs)/2)
		b = abi.AppendAttr(b, abi.Type, abi.TypeOK)
		for i := 0; i+1 < len(a.Attrs); i += 2 {
			b = abi.AppendAttr(b, a.Attrs[i], a.Attrs[i+1])
		}
		l.answer = abi.AppendData(b, a.Data)
		return
	}
	retry := "no"
	if a.Retry {
		retry = "yes"
	}
	b = abi.AppendAttrCount(b, 3)
	b = abi.AppendAttr(b, abi.Type, abi.TypeError)
	b = abi.AppendAttr(b, abi.Code, a.Code)
	b = abi.AppendAttr(b, abi.RetryAttr, retry)
	l.answer = abi.AppendData(b, []byte(strings.ToValidUTF8(a.Text, "\uFFFD")))
}

// askedMax is up to how many bytes of a request are kept in place of its digest.
const askedMax = 128

// record keeps the last answer appended.
func (l *Ledger) record(number int, operation, use string, v *abi.View, took time.Duration) *Recorded {
	answer, attrs := l.answer[l.last:], v.Encoded()
	asked := len(attrs) + len(v.Data)
	if asked > askedMax {
		asked = 0
	}
	b := l.room(sha256.Size + asked + countSize + len(answer))
	r := Recorded{Call: number, Operation: operation, Use: use, Duration: took}
	if asked > 0 {
		b = append(append(b[:sha256.Size], attrs...), v.Data...)
		r.Sum = b[:0:len(b)]
	} else {
		sum := l.digest(v)
		b = append(b, sum[:]...)
		r.Sum = b[:len(sum):len(sum)]
	}
	begin := len(b)
	b = append(abi.AppendCount(b, 1), answer...)
	r.Frame = b[begin:]
	l.recorded = append(l.recorded, r)
	return &l.recorded[len(l.recorded)-1]
}

// countSize is how many bytes of a frame say how many messages it holds.
const countSize = 4

// recall is the answer that was given to the same request before; nil: there is none.
func (l *Ledger) recall(number int, use string, v *abi.View) *Recorded {
	for i := range l.Again {
		r := &l.Again[i]
		if r.Call != number || r.Operation != string(v.Type) || r.Use != use || len(r.Frame) <= countSize {
			continue
		}
		if sum := l.digest(v); bytes.Equal(r.Digest(), sum[:]) {
			return r
		}
	}
	return nil
}

// repeat adds an answer that was given before.
func (l *Ledger) repeat(r *Recorded) {
	l.last = len(l.answer)
	l.answer = append(l.answer, r.Frame[countSize:]...)
	l.recorded = append(l.recorded, *r)
}

// roomMax bounds the room that is made for several recorded answers together, in bytes.
const roomMax = 4 << 10

// room is n bytes for what is recorded. Answers of one message lie together.
func (l *Ledger) room(n int) []byte {
	if len(l.kept) < n {
		l.kept = make([]byte, max(n, min(n*l.calls, roomMax)))
	}
	b := l.kept[:0:n]
	l.kept = l.kept[n:]
	return b
}

// scratchMax is up to how many bytes of a request are put together for its digest: one
// call of the hash costs less than three, and copying much costs more.
const scratchMax = 1 << 10

// digest is that of a request's operation, attributes and data.
func (l *Ledger) digest(v *abi.View) (sum [sha256.Size]byte) {
	if attrs := v.Encoded(); len(attrs)+len(v.Data) <= scratchMax {
		l.scratch = append(append(l.scratch[:0], attrs...), v.Data...)
		return sha256.Sum256(l.scratch)
	}
	h := sha256.New()
	h.Write(v.Encoded())
	h.Write(v.Data)
	h.Sum(sum[:0])
	return sum
}
