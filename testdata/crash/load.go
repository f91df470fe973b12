package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Entry is what a client sends.
type Entry struct {
	Key    string `json:"key"`
	ID     string `json:"id"`
	Delay  int    `json:"delay"` // milliseconds
	Poison bool   `json:"poison"`
	Fill   string `json:"fill"`
}

// Op is one entry, however often it was sent, or one reading of a book. Its
// times are nanoseconds since the load began its first round.
type Op struct {
	Entry
	Client     int
	Leave      bool // POST /leave, which is answered once the message is accepted
	Pour       bool // POST /pour, the same without an idempotency key, of which a host remembers so many
	Read       bool // of a book, while others write
	Start, End int64
	Status     int    // of the last answer; 0 when there was none
	Message    string // id the host has given
	Body       []byte // of the last answer
	Lines      int    // that a reading found
	Sum        string
	N          int // where the answer said the line stands
	Nonce      string
}

// acknowledged says whether the host has promised something.
func (o *Op) acknowledged() bool { return o.Status == http.StatusOK || o.Status == http.StatusAccepted }

// settled says whether the host has told what became of the entry.
func (o *Op) settled() bool { return o.acknowledged() || o.Status == http.StatusInternalServerError }

// Load sends entries from many connections and remembers all of it. The clients
// of a round write to Ops through add; nobody else does during a round.
type Load struct {
	Clients int
	Poison  float64 // share of entries that crash their actor
	Fill    int     // bytes of an entry that only count

	http  *http.Client
	began time.Time

	mu  sync.Mutex
	ops []*Op
}

// NewLoad makes a load of so many connections.
func NewLoad(clients int) *Load {
	transport := &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients * 2}
	return &Load{Clients: clients, Poison: 0.003, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}, began: time.Now()}
}

// Run sends to keys until ctx ends or the host is gone, and returns what was
// sent. The same seed and the same answers send the same.
func (l *Load) Run(ctx context.Context, url, round string, keys []string, seed uint64) []*Op {
	l.mu.Lock()
	l.ops = nil
	l.mu.Unlock()
	var clients sync.WaitGroup
	for n := range l.Clients {
		clients.Go(func() {
			l.client(ctx, url, fmt.Sprintf("%s-%d", round, n), n, keys, rand.New(rand.NewPCG(seed, uint64(n))))
		})
	}
	clients.Wait()
	l.http.CloseIdleConnections()
	return l.ops
}

func (l *Load) client(ctx context.Context, url, name string, n int, keys []string, random *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		op := &Op{Client: n, Entry: Entry{Key: keys[random.IntN(len(keys))], ID: fmt.Sprintf("%s-%d", name, i)}}
		switch p := random.Float64(); {
		case p < l.Poison:
			op.Poison, op.Leave = true, random.IntN(2) == 0
		case p < 0.10:
			op.Read = true
		case p < 0.25:
			op.Leave = true
		case p < 0.35:
			op.Leave, op.Delay = true, 1+random.IntN(800)
		}
		op.Fill = strings.Repeat("x", random.IntN(l.Fill+1))
		l.mu.Lock()
		l.ops = append(l.ops, op)
		l.mu.Unlock()
		l.Send(ctx, url, op)
		if op.Status == 0 {
			return // the host is gone
		}
		if op.Status == http.StatusServiceUnavailable {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// Send sends an entry, for the first time or again, and keeps the answer.
func (l *Load) Send(ctx context.Context, url string, op *Op) {
	if op.Start == 0 {
		op.Start = int64(time.Since(l.began))
	}
	op.Status, op.Message, op.Body = 0, "", nil
	method, path := http.MethodPost, "/put"
	switch {
	case op.Read:
		method, path = http.MethodGet, "/ledger/"+op.Key
	case op.Pour:
		path = "/pour"
	case op.Leave:
		path = "/leave"
	}
	body, err := json.Marshal(op.Entry)
	if err != nil {
		panic(err) // an Entry is always JSON
	}
	// A request that is under way when the round ends is waited for: else
	// every round would end in a burst of unknown outcomes.
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, url+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // the address came from the host
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", op.ID)
	answer, err := l.http.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return // the answer was cut off: nothing is known
	}
	op.End, op.Status, op.Body, op.Message = int64(time.Since(l.began)), answer.StatusCode, data, answer.Header.Get("Grow-Message-Id")
	op.read()
}

// sure sends an entry until the host does not refuse it because it takes nothing
// now, at most untilMax.
func (l *Load) sure(ctx context.Context, url string, op *Op) {
	for end := time.Now().Add(untilMax); ; time.Sleep(50 * time.Millisecond) {
		if l.Send(ctx, url, op); op.Status != http.StatusServiceUnavailable || time.Now().After(end) {
			return
		}
	}
}

// read takes what the checker needs from an answer.
func (o *Op) read() {
	if o.Status != http.StatusOK {
		return
	}
	if o.Read {
		var b Book
		if json.Unmarshal(o.Body, &b) == nil {
			o.Lines, o.Sum = len(b.Lines), b.Sum
		}
		o.Body = nil
		return
	}
	var done struct {
		N     int
		Nonce string
	}
	if json.Unmarshal(o.Body, &done) == nil {
		o.N, o.Nonce = done.N, done.Nonce
	}
}

// Line is one line of a book, Book the book of a key.
type (
	Line struct{ ID, Nonce string }
	Book struct {
		Key     string
		Lines   []Line
		Sum     string
		Doubles int
	}
)

// Book reads a book: "ledger" or "mirror". A host that cannot be asked now, since
// the disk is busy, is asked again for untilMax.
func (l *Load) Book(ctx context.Context, url, which, key string) (b *Book, err error) {
	for end := time.Now().Add(untilMax); ; time.Sleep(50 * time.Millisecond) {
		if b, err = l.book(ctx, url, which, key); !errors.Is(err, errNotNow) || time.Now().After(end) {
			return b, err
		}
	}
}

var errNotNow = errors.New("the host takes nothing now")

func (l *Load) book(ctx context.Context, url, which, key string) (*Book, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+which+"/"+key, nil)
	if err != nil {
		return nil, err
	}
	answer, err := l.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", which, key, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", which, key, err)
	}
	if answer.StatusCode == http.StatusServiceUnavailable {
		return nil, fmt.Errorf("read %s of %s: %w: %s", which, key, errNotNow, data)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read %s of %s: status %d: %s", which, key, answer.StatusCode, data)
	}
	var b Book
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", which, key, err)
	}
	return &b, nil
}
