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
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	accounts     = 12 // of a round, which no other has: few, so that orders are in each other's way
	lanes        = 24 // orders of one are handled one at a time
	accountsOld  = 12 // of earlier rounds, read again
	bankNowhere  = "127.0.0.1:1"
	ledgerSecret = "GROW_SQL_LEDGER"
)

// order is one that a client places, however often it sends it. Its fields in capitals are
// what is sent.
type order struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Lane    string `json:"lane"`
	Trips   int    `json:"trips"`
	Fill    string `json:"fill"`

	status int // of the last answer; 0 when there was none
	answer placed
}

// placed is what is told of an order: its number in the account, and the bank's receipt.
type placed struct {
	ID      string
	N       int
	Receipt string
}

// account is what the service tells of one: by its bucket and by its database.
type account struct {
	N    int
	Last string
	Rows []placed
}

// effects is the work on the service in folder effects: orders, for each of which an actor
// counts by compare-and-set in a bucket, posts to an HTTP server, and writes to a database.
type effects struct {
	run   *Run
	bank  *bank
	trips float64 // share of orders that crash their actor in between
	fill  int
	known map[string]account // by name, of all rounds

	mu     sync.Mutex
	round  int
	orders []*order // of this round
}

// Effects has a run work on the service in folder effects, which it was built from. What it
// returns ends the server that the service posts to. ledger is the address of a PostgreSQL
// in place of the service's SQLite; "": none.
func (r *Run) Effects(ledger string) (end func() error, err error) {
	b, err := newBank(r.Random.Uint64())
	if err != nil {
		return nil, err
	}
	path := filepath.Join(r.Service.Dir, "actors", "order", "actor.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, bytes.ReplaceAll(text, []byte(bankNowhere), []byte(b.address)), 0o644)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	r.Service.Args = append(r.Service.Args, "--allow-network", "127.0.0.0/8")
	if ledger != "" {
		r.Service.Env = append(r.Service.Env, ledgerSecret+"="+ledger)
	}
	r.work = &effects{run: r, bank: b, trips: 0.1, known: map[string]account{}}
	return b.close, nil
}

// errEffects: a fault takes away what was accepted, whose effects outside stay.
var errEffects = errors.New("this fault takes away what was accepted, so that what was done outside for it is done again: it is for other services")

func (e *effects) cut(context.Context, string) error { return errEffects }
func (e *effects) forget()                           { e.known = map[string]account{} }
func (e *effects) spoil(trips float64, fill int)     { e.trips, e.fill = max(0.1, trips), fill }
func (e *effects) begin(round int, _ bool)           { e.round, e.orders = round, nil }

func (e *effects) load(ctx context.Context, url string, seed uint64) {
	var clients sync.WaitGroup
	for n := range e.run.Load.Clients {
		clients.Go(func() { e.client(ctx, url, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
	clients.Wait()
	e.run.Load.http.CloseIdleConnections()
}

func (e *effects) client(ctx context.Context, url string, random *rand.Rand) {
	for ctx.Err() == nil {
		o := e.draw(random)
		if e.send(ctx, url, o); o.status == 0 {
			return // the host is gone
		}
		if o.status == http.StatusServiceUnavailable {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// draw makes the next order.
func (e *effects) draw(random *rand.Rand) *order {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := &order{
		ID: fmt.Sprintf("r%d-%d", e.round, len(e.orders)), Account: fmt.Sprintf("r%d-%d", e.round, random.IntN(accounts)),
		Lane: fmt.Sprint(random.IntN(lanes)), Fill: strings.Repeat("x", random.IntN(e.fill+1)),
	}
	if random.Float64() < e.trips {
		o.Trips = 1 + random.IntN(2)
	}
	e.orders = append(e.orders, o)
	return o
}

// send sends an order, for the first time or again, and keeps the answer.
func (e *effects) send(ctx context.Context, url string, o *order) {
	o.status = 0
	body, err := json.Marshal(o)
	if err != nil {
		panic(err) // an order is always JSON
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url+"/orders", bytes.NewReader(body))
	if err != nil {
		panic(err) // the address came from the host
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {o.ID}}
	answer, err := e.run.Load.http.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return // the answer was cut off: nothing is known
	}
	if answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(data, &o.answer)
	}
	if err == nil {
		o.status = answer.StatusCode
	}
}

func (e *effects) probe(ctx context.Context, url, id string) int {
	o := &order{ID: id, Account: "probe", Lane: id}
	e.send(ctx, url, o)
	return o.status
}

// verify has every order of the round answered, and holds all that was done for it against it.
func (e *effects) verify(ctx context.Context, url string) error {
	if err := e.answered(ctx, url); err != nil {
		return err
	}
	byAccount := map[string][]*order{}
	for _, o := range e.orders {
		byAccount[o.Account] = append(byAccount[o.Account], o)
	}
	var f faults
	for name, orders := range byAccount {
		found, err := e.read(ctx, url, name)
		if err != nil {
			return err
		}
		f.account(name, found, orders)
		e.known[name] = found
	}
	e.bank.mu.Lock()
	f.bank(e.orders, e.bank)
	e.bank.mu.Unlock()
	return errors.Join(f.join(), e.old(ctx, url, accountsOld), e.dead(ctx))
}

// answered sends the orders again that were not answered, several at a time, until all are.
func (e *effects) answered(ctx context.Context, url string) error {
	var left []*order
	for _, o := range e.orders {
		e.run.Sent++
		if o.status == http.StatusOK {
			e.run.Acknowledged++
		} else {
			e.run.Lost++
			left = append(left, o)
		}
	}
	var clients sync.WaitGroup
	places := make(chan struct{}, max(1, e.run.Load.Clients))
	for _, o := range left {
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			for end := time.Now().Add(untilMax); o.status != http.StatusOK && ctx.Err() == nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				e.send(ctx, url, o)
			}
		})
	}
	clients.Wait()
	for _, o := range left {
		if o.status != http.StatusOK {
			return fmt.Errorf("order %s was answered %d for %v", o.ID, o.status, untilMax)
		}
	}
	return ctx.Err()
}

func (e *effects) read(ctx context.Context, url, name string) (a account, err error) {
	for end := time.Now().Add(untilMax); ; time.Sleep(50 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/accounts/"+name, nil)
		if err != nil {
			return a, err
		}
		answer, err := e.run.Load.http.Do(r)
		if err != nil {
			return a, fmt.Errorf("read account %s: %w", name, err)
		}
		data, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return a, fmt.Errorf("read account %s: %w", name, err)
		}
		if answer.StatusCode == http.StatusOK {
			return a, json.Unmarshal(data, &a)
		}
		if time.Now().After(end) {
			return a, fmt.Errorf("read account %s: status %d: %s", name, answer.StatusCode, data)
		}
	}
}

// account holds what is told of an account against its orders: each was counted once, by a
// number of its own, stands in the database once, and was answered so.
func (f *faults) account(name string, found account, orders []*order) {
	last := ""
	rows := map[string][]placed{}
	for i, row := range found.Rows {
		if row.N != i+1 {
			f.add("%s: the database has number %d in place of %d: %s", name, row.N, i+1, row.ID)
		}
		rows[row.ID] = append(rows[row.ID], row)
		last = row.ID
	}
	if found.N != len(orders) || found.Last != last {
		f.add("%s: the bucket has counted %d orders, the last of them %s; there were %d, the last of them %s", name, found.N, found.Last, len(orders), last)
	}
	for _, o := range orders {
		switch have := rows[o.ID]; {
		case len(have) != 1:
			f.add("%s: order %s stands %d times in the database", name, o.ID, len(have))
		case have[0] != o.answer:
			f.add("%s: order %s was answered %+v; the database has %+v", name, o.ID, o.answer, have[0])
		}
		delete(rows, o.ID)
	}
	for id := range rows {
		f.add("%s: the database has %s, which nobody has sent", name, id)
	}
}

// bank holds what was posted against the orders that were answered.
func (f *faults) bank(orders []*order, b *bank) {
	*f = append(*f, b.faults...)
	for _, o := range orders {
		key := b.keys[o.ID]
		switch p := b.posts[key]; {
		case p == nil:
			f.add("order %s was not posted", o.ID)
		case p.N != o.answer.N || p.receipt != o.answer.Receipt || p.Account != o.Account:
			f.add("order %s was answered %+v; posted was %+v, for the receipt %s", o.ID, o.answer, p.post, p.receipt)
		}
	}
}

// old reads so many accounts of earlier rounds, which nobody has touched since.
func (e *effects) old(ctx context.Context, url string, n int) error {
	var f faults
	var names []string
	for name := range e.known {
		names = append(names, name)
	}
	slices.Sort(names)
	e.run.Random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:min(n, len(names))] {
		now, err := e.read(ctx, url, name)
		if err != nil {
			return err
		}
		if was := e.known[name]; !reflect.DeepEqual(now, was) {
			f.add("%s: what is told differs from what was:\n  %+v\n  %+v", name, now, was)
		}
	}
	return f.join()
}

func (e *effects) all(ctx context.Context, url string) error {
	return errors.Join(e.old(ctx, url, len(e.known)), e.dead(ctx))
}

// dead checks that nothing was given up on.
func (e *effects) dead(ctx context.Context) error {
	list, err := e.run.Service.Dead(ctx)
	if err != nil {
		return err
	}
	var f faults
	for _, d := range list {
		f.add("dead letter %s of %s: %s: %s", d.ID, d.Node, d.Code, d.Reason)
	}
	return f.join()
}
