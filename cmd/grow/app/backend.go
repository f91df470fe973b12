package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// backend is what the control socket offers of a host.
type backend struct{ *Host }

// Status implements control.Backend.
func (b backend) Status(ctx context.Context) (control.Status, error) {
	s := b.service.Load()
	status := control.Status{
		Service: s.Name, Version: s.Version, Dir: b.opts.Dir, URL: b.URL(), PID: os.Getpid(), Started: b.started, Time: time.Now(),
		Nodes: b.shard.Status(), Processes: b.engine.processesOf(b.owner()), Endpoints: []control.Endpoint{},
	}
	status.Migrators = migratorsOf(s)
	for _, e := range s.Endpoints {
		status.Endpoints = append(status.Endpoints, control.Endpoint{Endpoint: e.Name(), Send: e.Send, To: e.To})
	}
	status.Dead, status.Kept = b.shard.DeadCount()
	status.Journal = b.journal(ctx)
	if err := b.shard.Err(); err != nil {
		status.Fault = err.Error()
	} else if status.Journal.Fault != "" {
		status.Fault = shard.ErrJournal.Error() + ": " + status.Journal.Fault
	}
	return status, nil
}

// migratorsOf are the actors that migrate what others keep, by name.
func migratorsOf(s *specs.Service) []string {
	var names []string
	for _, a := range s.Actors {
		for _, state := range a.State {
			for _, m := range state.From {
				names = append(names, m.Actor.Name)
			}
			if state.Back != "" {
				names = append(names, state.Back)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// journalFresh is for how long what was told of the journal is told again: what it costs
// to look does not grow with how many ask.
const journalFresh = 200 * time.Millisecond

// bytesFresh is the same for how much a journal's folder holds, of which every file has to
// be looked at.
const bytesFresh = 2 * time.Second

// lastLook is what was told of the journal last.
type lastLook struct {
	mu      sync.Mutex // held while somebody looks
	at      time.Time
	journal control.Journal
	sized   time.Time // when its folder was looked at
	size    int64     // bytes that it held
}

// bytes is how much a folder holds, or did at most bytesFresh ago.
func (l *lastLook) bytes(dir string, now time.Time) int64 {
	if since := now.Sub(l.sized); since < 0 || since >= bytesFresh {
		l.size, l.sized = folderBytes(dir), now
	}
	return l.size
}

// journal is how the journal is.
func (b backend) journal(ctx context.Context) control.Journal {
	l := &b.looked
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := time.Since(l.at); since >= 0 && since < journalFresh {
		return l.journal
	}
	j := control.Journal{At: b.opts.Journal.place(b.opts.Dir)}
	st, err := b.shard.JournalStatus(ctx)
	j.Records, j.Epoch = st.Last, st.Epoch
	if st.Snapshot != nil {
		j.Snapshot, j.Taken = st.Snapshot.After, st.Snapshot.Time
	}
	if b.opts.Journal.At == "" {
		j.Bytes = l.bytes(j.At, time.Now())
	}
	if err = cmp.Or(b.store.Health(), err); err != nil {
		j.Fault = err.Error()
	}
	if ctx.Err() == nil { // else it is the one who asked that has ended
		l.at, l.journal = time.Now(), j
	}
	return j
}

// sendTime is how long a sender waits who does not say.
const sendTime = 30 * time.Second

// Send implements control.Backend.
func (b backend) Send(ctx context.Context, r control.SendRequest) (control.SendReply, error) {
	if b.stopping.Load() { // requests under way are still answered
		return control.SendReply{}, sendError(r, shard.ErrStopping)
	}
	if err := b.shard.Takes(r.To, r.Type); err != nil {
		return control.SendReply{}, sendError(r, err)
	}
	if err := checked(b.service.Load(), &r); err != nil {
		return control.SendReply{}, err
	}
	attrs := []string{}
	if r.ContentType != "" {
		attrs = append(attrs, abi.ContentType, r.ContentType)
	}
	for name, value := range r.Attrs {
		attrs = append(attrs, name, value)
	}
	began := time.Now()
	f, err := b.intake().Accept(ctx, &shard.Request{To: r.To, Source: "grow send", Type: r.Type, Attrs: attrs, Data: r.Data, AnyReply: true, Kept: !r.Wait})
	if err != nil {
		return control.SendReply{}, sendError(r, err)
	}
	if !r.Wait {
		return control.SendReply{ID: f.ID(), Outcome: "accepted"}, nil
	}
	if r.Timeout <= 0 {
		r.Timeout = sendTime
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	select {
	case <-f.Done():
		reply := b.told(f)
		reply.Took = float64(time.Since(began).Round(time.Microsecond)) / float64(time.Millisecond)
		return reply, nil
	case <-ctx.Done():
		b.shard.Keep(f)
		return control.SendReply{}, &control.Error{
			Code: "reply.timeout", Message: fmt.Sprintf("no reply within %v; the message is %s and goes on", r.Timeout, f.ID()),
			Next: "wait longer: --timeout; or look: grow logs --message " + f.ID(),
		}
	}
}

// checked holds the data against its type, as endpoints do.
func checked(s *specs.Service, r *control.SendRequest) error {
	return checkedAs(s, r.Type, r.Data)
}

// checkedAs holds data against a type, if there is one of that name.
func checkedAs(s *specs.Service, name string, data []byte) error {
	t, ok := s.Types[name]
	if !ok {
		return nil // whether it is taken there is the shard's to say
	}
	if err := t.Check(data); err != nil {
		return &control.Error{Code: "request.type", Message: fmt.Sprintf("the data is not a valid %s: %v", name, err), At: name, Next: "look at the type in types/"}
	}
	return nil
}

func sendError(r control.SendRequest, err error) error {
	e := &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: r.To}
	switch {
	case errors.Is(err, shard.ErrUnknownTarget):
		e.Code, e.Next = control.CodeNotFound, "see what there is: grow status"
	case errors.Is(err, shard.ErrNotTaken):
		e.Next = "see what it takes: `in:` in its definition"
	case errors.Is(err, shard.ErrFull):
		e.Code, e.Next = "mailbox.full", "try again later; see: grow status"
	case errors.Is(err, shard.ErrTooLarge):
		e.Code, e.Next = control.CodeTooLarge, "send less; what is large can lie elsewhere, and the message say where"
	case errors.Is(err, shard.ErrStopping):
		e.Code = "host.stopping"
	case errors.Is(err, shard.ErrJournal):
		e.Code, e.Next = CodeJournal, "it goes on by itself when the cause is gone; see: grow status"
	}
	return e
}

// told makes a reply of a flow that has ended. A reply itself is as the actor made it.
func (b backend) told(f *shard.Flow) control.SendReply {
	a := f.Answer()
	reply := control.SendReply{ID: f.ID(), Outcome: a.Outcome.String(), Node: a.Node, Fuel: f.Fuel()}
	if a.Code != "" || a.Text != "" {
		m := b.mask(b.service.Load())
		reply.Code, reply.Text = m.text(a.Code), m.text(a.Text)
	}
	if a.Reply != nil {
		reply.Type, reply.Attrs = a.Reply.Type(), attributes(a.Reply)
		reply.Data, reply.Raw = data(a.Reply)
	}
	return reply
}

func attributes(m *abi.Message) map[string]string {
	list := map[string]string{}
	for name, value := range m.All() {
		list[name] = value
	}
	return list
}

// valueOf is data when it is JSON, else nil.
func valueOf(b []byte) json.RawMessage {
	if json.Valid(b) {
		return b
	}
	return nil
}

// data is a message's data as JSON when it is that, else as bytes.
func data(m *abi.Message) (json.RawMessage, []byte) {
	if json.Valid(m.Data()) {
		return m.Data(), nil
	}
	return nil, m.Data()
}

// Logs implements control.Backend.
func (b backend) Logs(ctx context.Context, f logs.Filter, follow bool, emit func(logs.Record) error) error {
	f.Namespace, f.Service = b.opts.Namespace, b.opts.Service.Name // services of one host share a store
	if follow {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if b.opts.Shared != nil {
			defer context.AfterFunc(b.opts.Shared.ending, cancel)()
		}
		return b.logs.Follow(ctx, f, emit)
	}
	for _, r := range b.logs.Query(f) {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}
