package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// What the bank does to a request besides answering it, as shares of all.
const (
	bankRefuses = 0.05 // 503, and nothing is done
	bankCuts    = 0.05 // done, and the connection is cut
	bankFails   = 0.03 // done, and 500
	bankWaits   = 0.10 // done, and answered late

	bankWaitMax = 300 * time.Millisecond
	bankBodyMax = 64 << 10
)

// post is what actor order of the service in folder effects posts.
type post struct {
	ID, Account string
	N           int
	Attempt     string
	Clock, Real int64
}

// posted is what came under one Idempotency-Key.
type posted struct {
	post
	receipt string
	times   int
}

// bank is the outside that the service in folder effects posts to: an HTTP server that
// counts by Idempotency-Key, as one does that takes money. mu guards what is below it.
type bank struct {
	server  *http.Server
	address string
	ended   chan struct{} // closed when it serves no more

	mu     sync.Mutex
	random *rand.Rand
	posts  map[string]*posted // by Idempotency-Key
	keys   map[string]string  // Idempotency-Key by id of the order
	faults faults
	asked  int // requests in all
}

// newBank starts one on a port of the loopback; the seed draws what it does to requests.
func newBank(seed uint64) (*bank, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &bank{
		address: l.Addr().String(), ended: make(chan struct{}), random: rand.New(rand.NewPCG(seed, 11)), posts: map[string]*posted{}, keys: map[string]string{},
	}
	b.server = &http.Server{Handler: b, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	go func() { // until close
		defer close(b.ended)
		_ = b.server.Serve(l) // how it ended is known
	}()
	return b, nil
}

func (b *bank) close() error {
	err := b.server.Close()
	<-b.ended
	return err
}

// ServeHTTP implements http.Handler.
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bankBodyMax))
	if err != nil {
		return // who asked is gone
	}
	receipt, fate, wait := b.take(r.Header.Get("Idempotency-Key"), body)
	time.Sleep(wait)
	switch {
	case fate == http.StatusOK:
		_, _ = fmt.Fprintf(w, `{"receipt":%q}`, receipt) // who asked may be gone
	case fate != 0:
		w.WriteHeader(fate)
	default:
		panic(http.ErrAbortHandler)
	}
}

// take does what is asked for, or not, and says how it is answered: with a status, or 0 for
// not at all, after a wait.
func (b *bank) take(key string, body []byte) (receipt string, status int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	fate := b.random.Float64()
	if fate < bankRefuses {
		return "", http.StatusServiceUnavailable, 0
	}
	var p post
	if err := json.Unmarshal(body, &p); err != nil || key == "" {
		b.faults.add("the bank was asked under the key %q for %q: %w", key, body, errors.Join(err, errPost))
		return "", http.StatusBadRequest, 0
	}
	done := b.posts[key]
	if done == nil {
		done = &posted{post: p, receipt: fmt.Sprintf("r%d", len(b.posts)+1)}
		b.posts[key] = done
	}
	done.times++
	if other := b.keys[p.ID]; other != "" && other != key {
		b.faults.add("%s was posted under the key %s, and before under %s", p.ID, key, other)
	}
	b.keys[p.ID] = key
	b.same(key, done, &p)
	switch fate -= bankRefuses; {
	case fate < bankCuts:
		return "", 0, 0
	case fate < bankCuts+bankFails:
		return "", http.StatusInternalServerError, 0
	case fate < bankCuts+bankFails+bankWaits:
		wait = time.Duration(b.random.Int64N(int64(bankWaitMax)))
	}
	return done.receipt, http.StatusOK, wait
}

var errPost = errors.New("that is no post of an order")

// same holds a post that comes again against the one before: it is for the same, and of one
// attempt it is the same.
func (b *bank) same(key string, before *posted, p *post) {
	was := before.post
	if p.Attempt != was.Attempt {
		was.Attempt, was.Clock, was.Real = p.Attempt, p.Clock, p.Real
	}
	if *p != was {
		b.faults.add("%s was posted as %+v, after %+v", key, *p, before.post)
	}
	before.post = *p
}
