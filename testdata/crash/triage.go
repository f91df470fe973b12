package crash

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/testdata/triagetest"
	"github.com/grow-platform/grow/testdata/webhooks"
)

const (
	repositories = 16               // of a round, which no other has
	triageMax    = 90 * time.Second // until what was accepted is classified
	hookSecret   = "known to the checker and the service"
	labelsOver   = 101 // more labels than actor classify takes
)

// hook is a webhook, however often it was delivered, or one reading of a
// repository's counts.
type hook struct {
	Op
	event  string
	raw    []byte
	want   triagetest.Decided
	text   bool // it is to be classified
	counts triagetest.Counts
	known  bool // the last answer was that of an earlier delivery
	turn   int  // when it was made, among the hooks of its round
}

// triage is the work on the service testdata/services/triage: real webhooks, of
// which the body names one of the round's repositories. What is right is said by
// package triagetest.
type triage struct {
	run      *Run
	rule     *triagetest.Rule
	payloads []webhooks.Payload // with a repository
	poison   float64
	fill     int
	known    map[string]triageKnown // by repository
	spoiled  map[string]string      // id of a message by delivery; of all rounds

	mu    sync.Mutex
	round int
	hooks []*hook
	texts map[string]int // of a repository; the number of a thread is that of its text
}

// triageKnown is what was told of a repository after its round.
type triageKnown struct {
	counts triagetest.Counts
	list   triagetest.Listed
}

// Triage has a run work on the service testdata/services/triage, which it was built from.
func (r *Run) Triage(from string) error {
	rule, err := triagetest.NewRule(from)
	if err != nil {
		return err
	}
	all, err := webhooks.Payloads()
	if err != nil {
		return err
	}
	t := &triage{run: r, rule: rule, poison: 0.003, known: map[string]triageKnown{}, spoiled: map[string]string{}}
	for _, p := range all {
		var body struct{ Repository map[string]any }
		if json.Unmarshal(p.Body, &body) == nil && body.Repository["full_name"] != nil {
			t.payloads = append(t.payloads, p)
		}
	}
	r.Service.Env = append(r.Service.Env, "GITHUB_WEBHOOK_SECRET="+hookSecret)
	r.work = t
	return nil
}

// There are fewer webhooks a second than entries, and they are larger: up to
// fillMax bytes, which with a real webhook are less than a request may have.
const (
	fillMore = 12
	fillMax  = 900 << 10
)

func (t *triage) spoil(poison float64, fill int) {
	t.poison, t.fill = poison, min(fillMore*fill, fillMax)
}

func (t *triage) forget() {
	t.known, t.spoiled = map[string]triageKnown{}, map[string]string{}
}

func (t *triage) begin(round int, _ bool) {
	t.round, t.hooks, t.texts = round, nil, map[string]int{}
}

func (t *triage) load(ctx context.Context, url string, seed uint64) {
	var clients sync.WaitGroup
	for n := range t.run.Load.Clients {
		clients.Go(func() { t.client(ctx, url, n, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
	clients.Wait()
	t.run.Load.http.CloseIdleConnections()
}

func (t *triage) client(ctx context.Context, url string, n int, random *rand.Rand) {
	for ctx.Err() == nil {
		h := t.draw(random, n)
		t.send(ctx, url, h)
		for h.Status == http.StatusServiceUnavailable && !h.Read && ctx.Err() == nil { // GitHub delivers again
			time.Sleep(20 * time.Millisecond)
			t.send(ctx, url, h)
		}
		if h.Status == 0 {
			return // the host is gone
		}
	}
}

// draw makes the next webhook, or a reading.
func (t *triage) draw(random *rand.Rand, client int) *hook {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &hook{turn: len(t.hooks)}
	h.Client = client
	h.Key = fmt.Sprintf("crash/r%d-%d", t.round, random.IntN(repositories))
	h.ID = fmt.Sprintf("r%d-%d", t.round, h.turn)
	h.Read = random.Float64() < 0.10
	if !h.Read {
		p := t.payloads[random.IntN(len(t.payloads))]
		h.Poison = random.Float64() < t.poison
		t.write(h, p, random.IntN(t.fill+1))
	}
	t.hooks = append(t.hooks, h)
	return h
}

// write makes a webhook of a real one: of another repository, and of a thread
// of a number of its own.
func (t *triage) write(h *hook, p webhooks.Payload, fill int) {
	h.event = p.Event
	var body map[string]any
	if err := json.Unmarshal(p.Body, &body); err != nil {
		panic(err) // it was read before
	}
	if h.Poison { // the reader takes it, actor classify does not
		labels := make([]any, labelsOver)
		for i := range labels {
			labels[i] = map[string]any{"name": fmt.Sprint("l", i)}
		}
		h.event = "issues"
		body = map[string]any{"action": "opened", "issue": map[string]any{"title": "It crashes", "labels": labels}, "repository": body["repository"]}
	}
	name := map[string]string{"issues": "issue", "pull_request": "pull_request"}[h.event]
	thread, _ := body[name].(map[string]any)
	if thread != nil && t.texts[h.Key] >= triagetest.RememberMax && !h.Poison {
		h.event, body, thread = "push", map[string]any{"repository": body["repository"]}, nil
	}
	if thread != nil {
		thread["number"] = 1 + h.turn
	}
	body["repository"].(map[string]any)["full_name"] = h.Key
	if fill > 0 {
		body["fill"] = strings.Repeat("x", fill)
	}
	var err error
	if h.raw, err = json.Marshal(body); err == nil {
		h.want, h.text, err = t.rule.Decide(h.event, h.ID, h.raw)
	}
	if err != nil {
		panic(fmt.Sprintf("the rule refuses a webhook made of %s: %v", p.Name, err))
	}
	h.text = h.text && !h.Poison
	if h.text {
		t.texts[h.Key]++
	}
}

// send delivers a webhook, for the first time or again, or reads counts.
func (t *triage) send(ctx context.Context, url string, h *hook) {
	l := t.run.Load
	if h.Start == 0 {
		h.Start = int64(time.Since(l.began))
	}
	h.Status, h.Body = 0, nil
	method, path := http.MethodPost, "/hooks/github"
	if h.Read {
		method, path = http.MethodGet, "/stats/"+h.Key
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, url+path, bytes.NewReader(h.raw))
	if err != nil {
		panic(err) // the address came from the host
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(h.raw)
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {h.event}, "X-Github-Delivery": {h.ID},
		"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	answer, err := l.http.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return // the answer was cut off: nothing is known
	}
	h.End, h.Status, h.Body, h.Message = int64(time.Since(l.began)), answer.StatusCode, data, answer.Header.Get("Grow-Message-Id")
	h.known = answer.Header.Get("Idempotency-Replayed") == "true"
}

func (t *triage) probe(ctx context.Context, url, id string) int {
	h := &hook{event: "push", raw: []byte(`{"repository": {"full_name": "crash/probe"}}`)}
	h.ID = id
	t.send(ctx, url, h)
	return h.Status
}

// get reads what the service tells under a path, which may have no other
// fields; false when it knows nothing. A host that cannot be asked now is asked again.
func (t *triage) get(ctx context.Context, url, path string, into any) (found bool, err error) {
	for end := time.Now().Add(untilMax); ; time.Sleep(50 * time.Millisecond) {
		if found, err = t.ask(ctx, url, path, into); !errors.Is(err, errNotNow) || time.Now().After(end) {
			return found, err
		}
	}
}

func (t *triage) ask(ctx context.Context, url, path string, into any) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
	if err != nil {
		return false, err
	}
	answer, err := t.run.Load.http.Do(r)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode == http.StatusNotFound {
		return false, err
	}
	if answer.StatusCode == http.StatusServiceUnavailable {
		return false, fmt.Errorf("read %s: %w: %s", path, errNotNow, data)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || answer.StatusCode != http.StatusOK {
		return false, errors.Join(err, fmt.Errorf("read %s: status %d: %s", path, answer.StatusCode, data))
	}
	return true, nil
}

// keys are the repositories of what was sent.
func (t *triage) keys() []string {
	keys := map[string]bool{}
	for _, h := range t.hooks {
		keys[h.Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// all compares what is told of every repository of earlier rounds.
func (t *triage) all(ctx context.Context, url string) error {
	var f faults
	for _, key := range slices.Sorted(maps.Keys(t.known)) {
		var now triageKnown
		if _, err := t.get(ctx, url, "/stats/"+key, &now.counts); err != nil {
			return err
		}
		if _, err := t.get(ctx, url, "/classified/"+key, &now.list); err != nil {
			return err
		}
		if was := t.known[key]; !reflect.DeepEqual(now, was) {
			f.add("%s: what is told differs from what was:\n  %+v\n  %+v", key, now, was)
		}
	}
	return errors.Join(f.join(), t.dead(ctx))
}

// dead checks the dead letters: one for each text that actor classify does not take.
func (t *triage) dead(ctx context.Context) error {
	for end := time.Now().Add(triageMax); ; time.Sleep(100 * time.Millisecond) {
		dead, err := t.run.Service.Dead(ctx)
		if err != nil {
			return err
		}
		var f faults
		for _, d := range dead {
			if d.Node != "triage/classify" || d.Code != "thread.labels" {
				f.add("dead letter %s of %s: %s: %s", d.ID, d.Node, d.Code, d.Reason)
			}
		}
		if len(dead) != len(t.spoiled) {
			f.add("%d dead letters of %d webhooks that actor classify does not take", len(dead), len(t.spoiled))
		}
		if f == nil || time.Now().After(end) {
			return f.join()
		}
	}
}
