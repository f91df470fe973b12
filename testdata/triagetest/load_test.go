package triagetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/host/logs"
)

const (
	loadSenders = 4
	loadMost    = 600 // webhooks that are sent while nobody awaits any: a swap may take long on a busy machine
	loadNumbers = 90  // threads of a repository, more than are remembered
	loadAsks    = 4   // every how manieth thread is asked for once it is sent
)

// load is what clients send without pause: real webhooks, each client's of a
// repository of its own, one after the other. So it is known in which order
// the messages of a key must be handled. It outlives hosts.
type load struct {
	hooks []hook
	sent  [loadSenders][]thread // what was to be classified
	next  [loadSenders]int

	mu       sync.Mutex // guards those below
	changed  *sync.Cond
	answered int
	most     int // that may be answered before senders rest
	ended    bool
	err      error
}

func newLoad(t *testing.T) *load {
	l := &load{}
	l.changed = sync.NewCond(&l.mu)
	for _, h := range hooks(t) {
		if th, ok := textOf(h); ok && th.Repository == "Codertocat/Hello-World" {
			l.hooks = append(l.hooks, h)
		}
	}
	if len(l.hooks) < 50 {
		t.Fatalf("%d webhooks have a text: too few to tell", len(l.hooks))
	}
	return l
}

func loadRepository(sender int) string { return fmt.Sprintf("load/sender-%d", sender) }

// during sends to a host while f runs, and returns when the last is answered.
func (l *load) during(t *testing.T, c *client, f func()) {
	t.Helper()
	l.mu.Lock()
	l.most, l.ended = l.answered+loadMost, false
	l.mu.Unlock()
	var wait sync.WaitGroup
	for sender := range loadSenders {
		wait.Go(func() {
			for {
				err := l.send(c, sender)
				l.mu.Lock()
				l.answered++
				if l.err == nil {
					l.err = err
				}
				l.changed.Broadcast()
				for l.answered >= l.most && l.err == nil && !l.ended {
					l.changed.Wait()
				}
				ended := l.ended || err != nil
				l.mu.Unlock()
				if ended {
					return
				}
			}
		})
	}
	f()
	l.mu.Lock()
	l.ended = true
	l.changed.Broadcast()
	l.mu.Unlock()
	wait.Wait()
	if l.err != nil {
		t.Fatal(l.err)
	}
}

// await returns once n more webhooks are answered; false: one was not.
func (l *load) await(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.answered + n
	l.most = until + loadMost
	l.changed.Broadcast()
	for l.answered < until && l.err == nil {
		l.changed.Wait()
	}
	return l.err == nil
}

// send delivers the next webhook of a sender, and now and then asks what became
// of it: the classifier has it as the last of its repository.
func (l *load) send(c *client, sender int) error {
	n := l.next[sender]
	l.next[sender]++
	h, th, err := l.hook(sender, n)
	if err != nil {
		return err
	}
	a, err := c.deliver(h)
	if err != nil {
		return err
	}
	var decided Decided
	if err := json.Unmarshal([]byte(a.body), &decided); err != nil || a.status != http.StatusOK || decided.Count != n+1 {
		return fmt.Errorf("%s %s: %d %s, want the answer to event %d of %s", h.event, h.delivery, a.status, a.body, n+1, th.Repository)
	}
	l.sent[sender] = append(l.sent[sender], th)
	if n%loadAsks != 0 {
		return nil
	}
	r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/classified/%s/%d", c.host.URL(), th.Repository, th.Number), nil)
	if err != nil {
		return err
	}
	if a, err = c.do(r); err != nil {
		return err
	}
	var got found
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || got.Delivery != h.delivery || got.Seq != len(l.sent[sender]) {
		return fmt.Errorf("%s: %d %s, want delivery %s as number %d", r.URL, a.status, a.body, h.delivery, len(l.sent[sender]))
	}
	return nil
}

// hook is the nth webhook of a sender: a real one, but of the sender's
// repository and of another number.
func (l *load) hook(sender, n int) (hook, thread, error) {
	h := l.hooks[(n+sender*7)%len(l.hooks)]
	var body map[string]json.RawMessage
	if err := json.Unmarshal(h.body, &body); err != nil {
		return h, thread{}, err
	}
	for name, set := range map[string][2]string{
		"repository": {"full_name", fmt.Sprintf("%q", loadRepository(sender))}, "issue": {"number", fmt.Sprint(n%loadNumbers + 1)},
		"pull_request": {"number", fmt.Sprint(n%loadNumbers + 1)},
	} {
		if body[name] == nil {
			continue
		}
		var part map[string]json.RawMessage
		if err := json.Unmarshal(body[name], &part); err != nil {
			return h, thread{}, err
		}
		part[set[0]] = json.RawMessage(set[1])
		b, err := json.Marshal(part)
		if err != nil {
			return h, thread{}, err
		}
		body[name] = b
	}
	b, err := json.Marshal(body)
	h.body, h.delivery = b, fmt.Sprintf("load-%d-%d", sender, n)
	th, ok := textOf(h)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s is not to be classified any more", h.event, h.delivery)
	}
	return h, th, err
}

// memories are what the rule remembers of what was sent, by sender.
func (l *load) memories(t *testing.T) [loadSenders]*memory {
	t.Helper()
	words, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	var all [loadSenders]*memory
	for sender, list := range l.sent {
		all[sender] = &memory{}
		for _, th := range list {
			all[sender].see(newReading(words, th), remember, similar)
		}
	}
	return all
}

// check holds what a host has of each repository to the rule, and to another
// host's, on which the same messages were handled in the same order and nothing
// was swapped.
func (l *load) check(t *testing.T, c *client) {
	t.Helper()
	plain := start(t, classifiers["rust"])
	var wait sync.WaitGroup
	for sender := range loadSenders {
		wait.Go(func() {
			for n := range l.next[sender] {
				h, _, err := l.hook(sender, n)
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := plain.deliver(h); err != nil || a.status != http.StatusOK {
					t.Errorf("%s without swaps: %v %d %s", h.delivery, err, a.status, a.body)
				}
			}
		})
	}
	wait.Wait()
	for sender, want := range l.memories(t) {
		repository := loadRepository(sender)
		if len(want.Threads) != remember {
			t.Errorf("%s: %d threads are too few to forget any", repository, len(want.Threads))
		}
		for what, host := range map[string]*client{"with swaps": c, "without": plain} {
			if diff := cmp.Diff(want, host.remembers(t, repository)); diff != "" {
				t.Errorf("%s %s: the state differs from the rule's (-rule +state):\n%s", repository, what, diff)
			}
		}
	}
	c.quiet(t)
}

// remembers reads the classifier's state of a repository, once nothing is to be
// handled any more.
func (c *client) remembers(t *testing.T, repository string) *memory {
	t.Helper()
	if !c.ask(t, "/classified/"+repository, new(Listed)) {
		t.Fatalf("%s: nothing was classified", repository)
	}
	values, err := c.host.Shard().GetState(t.Context(), "triage/classify", repository)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	dec := json.NewDecoder(strings.NewReader(string(values[""].Data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		t.Fatalf("%s: %v: %s", repository, err, values[""].Data)
	}
	return m
}

// logWhole is how many webhooks a host's log has all lines of. Of more it has the newest,
// which are more than half of as many as TestSwap sends at most.
const logWhole = 10_000

// checkLog makes sure that the log has each thread once, in the order in which
// they were sent, numbered without a gap.
func (l *load) checkLog(t *testing.T, c *client) {
	t.Helper()
	var got [loadSenders][]string
	for _, r := range c.host.Logs().Query(logs.Filter{Node: "triage/classify", Level: "info"}) {
		var sender, n int
		if _, err := fmt.Sscanf(r.Fields["delivery"], "load-%d-%d", &sender, &n); err != nil || r.Text != "classified" {
			t.Fatalf("%+v: %v", r, err)
		}
		got[sender] = append(got[sender], r.Fields["delivery"]+" "+r.Fields["seq"])
	}
	for sender, list := range l.sent {
		want := make([]string, len(list))
		for i, th := range list {
			want[i] = fmt.Sprint(th.Delivery, " ", i+1)
		}
		if gone := len(want) - len(got[sender]); l.answered > logWhole && gone > 0 && gone < len(want)/2 {
			want = want[gone:]
		}
		if !slices.Equal(got[sender], want) {
			t.Errorf("%s was classified as %v, want %v", loadRepository(sender), got[sender], want)
		}
	}
}
