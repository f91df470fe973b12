package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// Limits of what is remembered as given; of more, the last ones.
const (
	spokenMax      = 10_000            // values
	spokenBytesMax = secrets.HiddenMax // bytes of those
)

// sealedAgain is how long what is sealed is not looked at again when it could not be read.
const sealedAgain = time.Minute

// discretion hides, in all that is told of a namespace's services, the secrets that the host
// knows: those that it has given to actors, and all that are and were sealed for the namespace.
// It is safe for concurrent use.
type discretion struct {
	sealed    *secrets.Sealed // nil: none
	namespace string          // whose secrets are hidden of those in sealed
	log       *slog.Logger    // hides nothing itself; nil: none
	told      sync.Once       // that some are left out

	mu    sync.Mutex // guards what follows, held for a moment
	given []string   // values, the last at the end
	bytes int        // of given
	known map[string]bool
	count uint64    // of changes of given
	made  *mask     // the last one
	gave  uint64    // count that made is as of
	asOf  uint64    // sealed.Changes that made is as of
	again time.Time // when sealed is read again; zero: when it has changed
	busy  bool      // a mask is being made

	making sync.Mutex // held by who makes a mask; guards stored. Taken before mu
	stored []string   // what is hidden of sealed, as of asOf
}

func newDiscretion(sealed *secrets.Sealed, namespace string, log *slog.Logger) *discretion {
	return &discretion{sealed: sealed, namespace: namespace, log: log, known: map[string]bool{}}
}

// remember has a value hidden from now on.
func (d *discretion) remember(value string) {
	if len(value) < secretLeast {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[value] {
		return
	}
	d.given, d.known[value] = append(d.given, value), true
	d.count++
	d.bytes += len(value)
	for len(d.given) > spokenMax || d.bytes > spokenBytesMax && len(d.given) > 1 {
		d.bytes -= len(d.given[0])
		delete(d.known, d.given[0])
		d.given = slices.Delete(d.given, 0, 1)
	}
}

// mask is that of all that is known now. It is made when something has changed, by one at a time.
// Meanwhile others have the one before, unless an actor has been given something since: what is
// only sealed nobody can have written yet.
func (d *discretion) mask() mask {
	if m := d.ready(true); m != nil {
		return *m
	}
	d.making.Lock()
	defer d.making.Unlock()
	if m := d.ready(false); m != nil { // somebody else was first
		return *m
	}
	return d.renew()
}

// changes is the store's count of what it has of the namespace.
func (d *discretion) changes() uint64 {
	if d.sealed == nil {
		return 0
	}
	return d.sealed.Changes(d.namespace)
}

// ready is the mask that was made; nil when another is to be. One that is as good while another
// is being made is for those who do not make it: beside.
func (d *discretion) ready(beside bool) *mask {
	now := d.changes()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil || d.gave != d.count {
		return nil
	}
	if now == d.asOf && (d.again.IsZero() || time.Now().Before(d.again)) || beside && d.busy {
		return d.made
	}
	return nil
}

// renew makes the mask. making is held.
func (d *discretion) renew() mask {
	now := d.changes() // before its values: one that comes meanwhile counts as later
	d.mu.Lock()
	d.busy = true
	given, count := slices.Clone(d.given), d.count
	look := d.made == nil || now != d.asOf || !d.again.IsZero() && !time.Now().Before(d.again)
	again := d.again
	d.mu.Unlock()
	if look && d.sealed != nil {
		again = d.look()
	}
	m := newMask(append(given, d.stored...))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made, d.gave, d.asOf, d.again, d.busy = &m, count, now, again, false
	return m
}

// look reads what is sealed, and says when it is to be read again: zero for when it has changed.
// Where it cannot be read what was stays.
func (d *discretion) look() (again time.Time) {
	list, left, err := d.sealed.Hidden(d.namespace)
	if err != nil {
		again = time.Now().Add(sealedAgain)
	}
	if err == nil || len(list) > len(d.stored) {
		d.stored = d.stored[:0]
		for _, value := range list {
			d.stored = append(d.stored, string(value))
		}
	}
	if left > 0 && d.log != nil {
		d.told.Do(func() {
			d.log.Warn("a namespace has had more secrets than are masked: the oldest values are not", "namespace", d.namespace, "values", left, "bytes", secrets.HiddenMax)
		})
	}
	return again
}

// text hides what it knows in a text.
func (d *discretion) text(s string) string { return d.mask().text(s) }

// Longest implements actor.Secrets.
func (d *discretion) Longest() int {
	if m := d.mask(); len(m.forms) > 0 {
		return len(m.forms[0])
	}
	return 0
}

// Whole implements actor.Secrets.
func (d *discretion) Whole(text []byte, at int) int { return d.mask().whole(string(text), at) }

// secret gives a secret to what runs, and hides it from now on. What does not come from the
// sealed store is kept sealed to be hidden, so that it is when there is another value.
func (h *Host) secret(name string) (string, bool) {
	value, ok := h.opts.Secret(name)
	if !ok {
		return value, ok
	}
	h.discretion.remember(value)
	if h.opts.Keep == nil || len(value) < secretLeast || capability.HostSecret(name) {
		return value, ok
	}
	if err := h.opts.Keep(name, value); err != nil {
		h.warnOnce("a secret is hidden while the host runs, and cannot be kept sealed to be hidden later", name, err)
	}
	return value, ok
}

// given notes that the actor of a node is given a secret.
func (h *Host) given(node, name string) {
	if h.opts.Given == nil {
		return
	}
	if err := h.opts.Given(node, name); err != nil {
		h.warnOnce("it cannot be kept which actors are given secrets", "", err)
	}
}

// warnOnce logs what fails over and over, once for each secret.
func (h *Host) warnOnce(what, name string, err error) {
	if _, told := h.warned.LoadOrStore(what+name, true); !told {
		h.log.Warn(what, "name", name, "error", err)
	}
}

// learn has what the secrets that a service names are now be hidden: an actor may have kept
// one from before.
func (h *Host) learn(s *specs.Service) {
	for _, name := range secretNames(s) {
		if value, ok := h.opts.Secret(name); ok {
			h.discretion.remember(value)
		}
	}
}

// mask hides all secrets that the host knows, and those that a service names which is to be
// tried.
func (h *Host) mask(s *specs.Service) mask {
	if s != h.service.Load() {
		h.learn(s)
	}
	return h.discretion.mask()
}

// discreet is a log whose lines have no secrets.
type discreet struct {
	slog.Handler
	hide func(string) string
}

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, d.hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(d.attr(a))
		return true
	})
	return d.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		hidden[i] = d.attr(a)
	}
	return discreet{d.Handler.WithAttrs(hidden), d.hide}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler {
	return discreet{d.Handler.WithGroup(name), d.hide}
}

func (d discreet) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, d.hide(v.String()))
	case slog.KindGroup:
		var all []any
		for _, inner := range v.Group() {
			all = append(all, d.attr(inner))
		}
		return slog.Group(a.Key, all...)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, d.hide(err.Error()))
		}
		return d.any(a.Key, v.Any())
	}
	return a
}

// any hides secrets in a list or structure: where there are some it is told as JSON, or as Go
// writes it where it has none.
func (d discreet) any(key string, v any) slog.Attr {
	text := fmt.Sprintf("%+v", v)
	found := d.hide(text) != text
	if b, err := json.Marshal(v); err == nil {
		text = string(b)
	}
	if told := d.hide(text); found || told != text {
		return slog.String(key, told)
	}
	return slog.Any(key, v)
}
