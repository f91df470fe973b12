package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
)

// attemptsMax is how often a transaction is begun that others get into the way of, or
// whose connection is lost. That changes nothing twice: see inbox.
const attemptsMax = 3

// ask reads a request; e: it writes. no: it is refused.
func (d *database) ask(r *capability.Request) (q *request, e *entry, no capability.Answer) {
	writes := r.Operation == Exec
	if writes && !d.writes() {
		return nil, nil, capability.Fail(capability.Denied, "the grant is to read %s: it needs access: write", d.Database)
	}
	verbs := queries
	if writes {
		verbs = changes
	}
	q, err := parse(r.Data, verbs, d.lex())
	var refused *refusal
	if errors.As(err, &refused) {
		return nil, nil, capability.Fail(capability.Denied, "%v", err)
	}
	if err != nil {
		return nil, nil, capability.Fail(capability.Invalid, "%v", err)
	}
	if writes {
		digest := sha256.Sum256(r.Data)
		e = &entry{stable: r.Stable, digest: hex.EncodeToString(digest[:])}
	}
	return q, e, no
}

// Do implements capability.Capability. What may have been done before is looked for first: doing
// it again takes time, and may do what no transaction takes back, as with sequences.
func (d *database) Do(ctx context.Context, r *capability.Request) capability.Answer {
	q, e, no := d.ask(r)
	if q == nil {
		return no
	}
	for attempt := 1; ; attempt++ {
		var data []byte
		var err error
		if e != nil {
			err = d.ready(ctx)
		}
		if err == nil && e != nil && (attempt > 1 || !r.First) {
			data, err = d.done(ctx, e)
			err = doubt(err)
		}
		if err == nil && data == nil {
			data, err = d.attempt(ctx, q, e, attempt > 1)
		}
		if err == nil {
			return capability.Answer{Data: data}
		}
		f := d.explain(err)
		if f.again && attempt < attemptsMax && ctx.Err() == nil {
			continue
		}
		var open *unsure
		if !errors.As(err, &open) {
			return capability.Fail(f.code, "%s", f.text)
		}
		switch data, err := d.before(ctx, e); {
		case err != nil:
			return capability.Fail(capability.Unavailable, "it is not known whether this was done before: %s", f.text)
		case data != nil:
			return capability.Answer{Data: data}
		}
		return capability.Fail(f.code, "%s", f.text)
	}
}

// unsure is an error that leaves open whether a request was done: it could not be looked for, or
// could not be added to the inbox, or nobody said how its transaction ended.
type unsure struct{ error }

// Unwrap is the cause.
func (u *unsure) Unwrap() error { return u.error }

// doubt makes an error one that leaves it open.
func doubt(err error) error {
	if err == nil {
		return nil
	}
	return &unsure{err}
}

// beforeTime is how long it may take to find out what was done, once a request's time is over.
const beforeTime = 2 * time.Second

// before is what was answered to a request before, also when its time is over; nil: nothing.
func (d *database) before(ctx context.Context, e *entry) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beforeTime)
	defer cancel()
	return d.done(ctx, e)
}

// answers puts together what the statements of a request are answered, each of which one adds.
func (g *grant) answers(q *request, one func(s *statement, a *answer) error) ([]byte, error) {
	a := &answer{limit: g.Answer, rows: g.Rows}
	if q.several {
		a.json = append(a.json, `{"results":[`...)
	}
	for i := range q.statements {
		a.json = append(separate(a.json, i), '{')
		if err := one(&q.statements[i], a); err != nil {
			return nil, at(i, q.several, err)
		}
		a.json = append(a.json, '}')
	}
	if q.several {
		a.json = append(a.json, `]}`...)
	}
	return a.json, a.room()
}

// Times of the inbox.
const (
	inboxTime  = 30 * 24 * time.Hour // how long it knows what was done
	inboxEvery = time.Hour           // how often what is older is removed
)

// inbox is the table of what has been done for which request. One in the transaction
// with the effects makes a repeated request harmless.
type inbox struct {
	layout string // of the table, behind its columns
	there  func(ctx context.Context) (bool, error)
	say    func(ctx context.Context, text string, args ...any) error
	mu     sync.Mutex
	next   time.Time // guarded by mu: when it is looked at again
}

// entry identifies a request: a later attempt at a message that asks for something else
// by the same number has not been answered.
type entry struct{ stable, digest string }

// What is said to the table; the arguments of inboxAdd are those that row returns.
const (
	inboxFind = `select answer from ` + inboxName + ` where stable = $1 and digest = $2`
	inboxAdd  = `insert into ` + inboxName + ` (stable, digest, answer, at) values ($1, $2, $3, $4)`
)

// row is one of the table.
func (e *entry) row(answer []byte) []any {
	return []any{e.stable, e.digest, string(answer), time.Now().Unix()}
}

// texts are the same as PostgreSQL takes them.
func (e *entry) texts(answer []byte) (list [][]byte) {
	return [][]byte{[]byte(e.stable), []byte(e.digest), answer, strconv.AppendInt(nil, time.Now().Unix(), 10)}
}

// ready makes the table when it is not there, and forgets what is too old.
func (b *inbox) ready(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.next) {
		return nil
	}
	there, err := b.there(ctx)
	if err != nil {
		return err
	}
	if !there {
		err := b.say(ctx, `create table if not exists `+inboxName+` (
			stable text not null, digest text not null, answer text not null, at bigint not null, primary key (stable, digest)) `+b.layout)
		if err != nil {
			return fmt.Errorf("make the table %s: %w", inboxName, err)
		}
	}
	if err := b.say(ctx, `delete from `+inboxName+` where at < $1`, time.Now().Add(-inboxTime).Unix()); err != nil {
		return err
	}
	b.next = time.Now().Add(inboxEvery)
	return nil
}
