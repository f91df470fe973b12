// Package subscribe takes a service's messages from servers outside: subjects of NATS,
// topics of Kafka, streams of Redis. Each subscription is a durable consumer or a group there;
// a message is acknowledged once it is in the service's journal, and taken once, however often
// it comes.
package subscribe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/host/outside/redis"
	"github.com/grow-platform/grow/host/source"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Limits.
const (
	callMax    = 10 * time.Second // of one call of a server
	ackWait    = 30 * time.Second // after which a message comes again that nobody acknowledged
	aheadMax   = 64               // messages that are fetched ahead, of a subscription
	headersMax = 32               // of a message; others are left out
	headerMax  = 4 << 10          // bytes of a header's value
)

// The attributes of a message that came from a subject.
const (
	Subject  = "nats.subject"
	Sequence = "nats.sequence"
	Header   = "nats.header." // and the name in lower case
)

// Options of a runner.
type Options struct {
	Namespace, Service string
	Shard              source.Shard
	Secret             func(name string) (string, bool)
	Log                *slog.Logger
}

// Runner runs the subscriptions of a service. Its methods are called by one goroutine at a time.
type Runner struct {
	opts    Options
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes a runner of no subscriptions.
func New(o Options) *Runner { return &Runner{opts: o, cancel: func() {}} }

// Check says what is missing to run the subscriptions of a service.
func Check(sources []*specs.Source, secret func(string) (string, bool)) error {
	for _, s := range sources {
		if s.Subscription != nil {
			if err := kinds[s.Subscription.Via].check(s.Subscription.Server, secret); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// Run runs the subscriptions of a service in place of those that ran.
func (r *Runner) Run(service *specs.Service) error {
	r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	for _, s := range service.Sources {
		if s.Subscription == nil {
			continue
		}
		e := &entry{Source: s, opts: &r.opts, kind: service.Types[s.Send]}
		from, err := kinds[s.Subscription.Via].open(e)
		if err != nil {
			r.Close()
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		r.running.Go(func() { e.run(ctx, from) }) // ends with Close
	}
	return nil
}

// Close ends all subscriptions. What was not acknowledged comes again.
func (r *Runner) Close() {
	r.cancel()
	r.running.Wait()
}

// origin is what a subscription takes messages from. It belongs to one goroutine.
type origin interface {
	// consume takes messages until something is wrong or ctx ends, and returns how many.
	consume(ctx context.Context) (taken int, err error)
	// known is an error of consume in words that do not say where the server is.
	known(err error) string
	close()
}

// kinds are what there is to subscribe to.
var kinds = map[specs.Via]struct {
	check func(server string, secret func(string) (string, bool)) error
	open  func(*entry) (origin, error)
}{
	specs.ViaNATS:  {nats.Check, openNATS},
	specs.ViaKafka: {kafka.Check, openKafka},
	specs.ViaRedis: {redis.Check, openRedis},
}

// entry is one subscription. It belongs to the goroutine of run.
type entry struct {
	*specs.Source
	opts *Options
	kind *shape.Type // of the messages it makes
}

// group is the name of the consumer: the same for the same subscription.
func (e *entry) group() string {
	sum := sha256.Sum256([]byte(e.Subscription.Subject))
	return "grow_" + e.opts.Namespace + "_" + e.opts.Service + "_" + hex.EncodeToString(sum[:6])
}

func (e *entry) run(ctx context.Context, from origin) {
	defer from.close()
	said := ""
	for wait := source.WaitMin; ; wait = min(2*wait, source.WaitMax) {
		taken, err := from.consume(ctx)
		if ctx.Err() != nil {
			return
		}
		if taken > 0 {
			wait, said = source.WaitMin, ""
		}
		if text := from.known(err); text != said {
			e.opts.Log.Warn("a subscription takes nothing at the moment", "source", e.Name, "server", e.Subscription.Server, "error", text)
			said = text
		}
		if !source.Wait(ctx, wait) {
			return
		}
	}
}

// message is one that came.
type message struct {
	data  []byte
	attrs []string
	// key tells it from every other of the subscription, and place where it lies.
	key, place string
	again      func() // called while it waits to be taken
}

// errRefused is a message that the service can never take, which has been told of.
var errRefused = errors.New("the message is refused")

// take has a message enter the service. It fails with errRefused for one that never can, and
// with the error of ctx.
func (e *entry) take(ctx context.Context, m *message) error {
	if e.kind != nil {
		if err := e.kind.Check(m.data); err != nil {
			return e.refuse(m, err)
		}
	}
	err := source.Keep(ctx, e.opts.Shard, &shard.Request{To: e.To, Source: e.Name, Type: e.Send, Attrs: m.attrs, Data: m.data}, m.key, e.opts.Log, m.again)
	if errors.Is(err, source.ErrAstray) {
		return e.refuse(m, err)
	}
	return err
}

func (e *entry) refuse(m *message, cause error) error {
	e.opts.Log.Error("a message of a subscription cannot be taken, and is left where it is", "source", e.Name, "place", m.place, "error", cause)
	return errRefused
}

// headers adds up to headersMax attributes, prefix and name in lower case.
type headers struct {
	prefix string
	given  map[string]bool
	attrs  []string
}

// add adds one, when it can be one.
func (h *headers) add(name, value string) {
	name = strings.ToValidUTF8(strings.ToLower(name), "\uFFFD")
	if len(h.given) == headersMax || name == "" || h.given[name] || len(h.prefix)+len(name) > abi.AttrNameMax || len(value) > headerMax {
		return
	}
	if h.given == nil {
		h.given = map[string]bool{}
	}
	h.given[name] = true
	h.attrs = append(h.attrs, h.prefix+name, strings.ToValidUTF8(value, "\uFFFD"))
}
