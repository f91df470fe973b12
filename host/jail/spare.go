package jail

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Spare has a worker started before it is wanted: most of what starting one takes is
// the program's own start, which is the same for all. The worker that waits has no
// limits yet, and has seen nothing but what the program begins with. Its methods may
// be called concurrently.
type Spare struct {
	role string

	mu       sync.Mutex
	next     *Process // that waits; nil: there is none
	closed   bool
	starting sync.WaitGroup
}

// NewSpare makes a spare for workers of a role. None is started before [Spare.Start]
// has been called once. Close it in the end.
func NewSpare(role string) *Spare { return &Spare{role: role} }

// Start is [Start] with these limits: it takes the worker that waits, if there is one,
// and has another one started that will.
func (s *Spare) Start(ctx context.Context, l Limits) (*Process, error) {
	s.mu.Lock()
	p := s.next
	s.next = nil
	s.mu.Unlock()
	var err error
	if p != nil && p.order(l) != nil { // somebody killed it
		p.Kill()
		p = nil
	}
	if p == nil {
		p, err = Start(ctx, Options{Role: s.role, Limits: l})
	}
	s.refill()
	return p, err
}

// refill starts a worker that waits, beside the caller.
func (s *Spare) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.next != nil {
		return
	}
	s.starting.Go(func() {
		p, err := launch(context.Background(), s.role, orders{Wait: true}, nil)
		if err != nil {
			return // who wants one starts it, and is told
		}
		s.mu.Lock()
		over := s.closed || s.next != nil
		if !over {
			s.next = p
		}
		s.mu.Unlock()
		if over {
			p.Kill()
		}
	})
}

// Close ends the worker that waits. Those that were started belong to who has them.
func (s *Spare) Close() {
	s.mu.Lock()
	p := s.next
	s.next, s.closed = nil, true
	s.mu.Unlock()
	s.starting.Wait()
	if p != nil {
		p.Kill()
	}
}

// order gives a worker that waits its orders.
func (p *Process) order(l Limits) error {
	text, err := orders{Limits: l}.encode()
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.limits = l
	p.mu.Unlock()
	_, err = p.conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// ordersMax bounds what a worker that waits is told, in bytes.
const ordersMax = 4 << 10

// awaited reads the orders that a worker waits for. Its error is io.EOF when there
// will be none.
func awaited(conn Conn) (o orders, err error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return o, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n > ordersMax {
		return o, fmt.Errorf("%d bytes of orders", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(conn, text); err != nil {
		return o, err
	}
	err = json.Unmarshal(text, &o)
	if o.Wait || o.Files > 0 {
		err = errors.Join(err, errors.New("a worker that waited is told to wait, or given files"))
	}
	return o, err
}
