package crash

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/grow-platform/grow/testdata/triagetest"
)

// verify delivers again what was not answered, as GitHub does, until all is. Then
// the answers number the webhooks of each repository without gap or repeat, counts
// and classifications are those that the rule makes of them in this order, and
// what was acknowledged before the harm is answered as it was.
func (t *triage) verify(ctx context.Context, url string) error {
	var f faults
	compared := 0
	for _, h := range t.hooks {
		if h.Read {
			continue
		}
		t.run.Sent++
		switch {
		case h.Status == http.StatusOK:
			t.run.Acknowledged++
			if compared++; compared%8 == 1 {
				first := bytes.Clone(h.Body)
				again := *h
				again.Status = 0
				for end := time.Now().Add(untilMax); (again.Status == 0 || again.Status == http.StatusServiceUnavailable) && time.Now().Before(end); {
					t.send(ctx, url, &again)
				}
				if again.Status != http.StatusOK || !bytes.Equal(again.Body, first) {
					f.add("%s: %s was answered %s, and when it came again %d %s", h.Key, h.ID, first, again.Status, again.Body)
				}
			}
		case h.Status == 0 || h.Status == http.StatusServiceUnavailable || h.Status == http.StatusGatewayTimeout:
			t.run.Lost++
		default:
			f.add("%s: %s was answered %d: %s", h.Key, h.ID, h.Status, h.Body)
		}
	}
	err := t.unanswered(ctx, url)
	if err == nil {
		err = t.right(ctx, url)
	}
	return errors.Join(f.join(), err)
}

// cut checks a journal that has lost its end: what it has lost is taken as if
// it came for the first time, and what is left is what was.
func (t *triage) cut(ctx context.Context, url string) error {
	t.hooks = slices.DeleteFunc(t.hooks, func(h *hook) bool { return h.Read }) // of what there is no more, perhaps
	for _, h := range t.hooks {
		t.run.Sent++
		if h.Status != http.StatusOK {
			continue
		}
		t.run.Acknowledged++
		first := bytes.Clone(h.Body)
		t.send(ctx, url, h)
		if !bytes.Equal(first, h.Body) {
			t.run.Cut++
		}
	}
	if err := t.unanswered(ctx, url); err != nil {
		return err
	}
	return t.right(ctx, url)
}

// unanswered delivers again until all is answered.
func (t *triage) unanswered(ctx context.Context, url string) error {
	end := time.Now().Add(triageMax)
	for _, h := range t.hooks {
		for h.Status != http.StatusOK && !h.Read {
			if t.send(ctx, url, h); h.Status == http.StatusOK && h.known {
				t.run.Recovered++
			} else if time.Now().After(end) {
				return fmt.Errorf("%s: %s is delivered again and answered %d: %s", h.Key, h.ID, h.Status, h.Body)
			}
			if h.Status != http.StatusOK {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	return nil
}

// right checks everything that is told of the round's repositories, all of
// whose webhooks have been answered; and what is known of the others.
func (t *triage) right(ctx context.Context, url string) error {
	var f faults
	byKey := map[string][]*hook{}
	for _, h := range t.hooks {
		byKey[h.Key] = append(byKey[h.Key], h)
		if h.Poison {
			t.spoiled[h.ID] = h.Message
		}
	}
	found := &Books{Ledger: map[string]*Book{}}
	var ops []*Op
	for _, key := range t.keys() {
		var told triageKnown
		have, err := t.get(ctx, url, "/stats/"+key, &told.counts)
		if err != nil {
			return err
		}
		order := f.numbered(key, byKey[key])
		if have != (len(order) > 0) {
			f.add("%s: %d webhooks were answered, and it is known: %v", key, len(order), have)
			continue
		}
		book := &Book{Key: key}
		at := map[string]int{}
		for n, h := range order {
			book.Lines = append(book.Lines, Line{ID: h.ID})
			at[h.ID] = n + 1
		}
		f.counted(told.counts, key, order, byKey[key])
		for _, h := range byKey[key] {
			ops = append(ops, &h.Op)
		}
		f.order(key, at, ops[len(ops)-len(byKey[key]):])
		found.Ledger[key] = book
		if told.list, err = t.classified(ctx, url, key, byKey[key]); err != nil {
			f = append(f, err)
		}
		if have {
			t.known[key] = told
		}
	}
	if err := f.join(); err != nil {
		return err
	}
	return errors.Join(CheckLinear(found, Known{}, ops), t.all(ctx, url))
}

// numbered checks the answers to the webhooks of a repository and returns these in
// the order in which they were counted.
func (f *faults) numbered(key string, hooks []*hook) []*hook {
	var order []*hook
	for _, h := range hooks {
		if h.Read {
			continue
		}
		var got triagetest.Decided
		if err := json.Unmarshal(h.Body, &got); err != nil {
			f.add("%s: %s was answered %s: %w", key, h.ID, h.Body, err)
			continue
		}
		h.N, got.Count = got.Count, 0
		if !reflect.DeepEqual(got, h.want) {
			f.add("%s: %s was answered %+v, the rule says %+v", key, h.ID, got, h.want)
		}
		order = append(order, h)
	}
	slices.SortFunc(order, func(a, b *hook) int { return cmp.Compare(a.N, b.N) })
	for n, h := range order {
		if h.N != n+1 {
			f.add("%s: %s has number %d of %d, and is the one after %d", key, h.ID, h.N, len(order), n)
			break
		}
	}
	return order
}

// counted checks the counts of a repository, now and when they were read.
func (f *faults) counted(now triagetest.Counts, key string, order, all []*hook) {
	upTo := func(n int) triagetest.Counts {
		var d []triagetest.Decided
		for _, h := range order[:min(n, len(order))] {
			d = append(d, h.want)
		}
		return triagetest.Count(key, d)
	}
	if want := upTo(len(order)); len(order) > 0 && !reflect.DeepEqual(now, want) {
		f.add("%s: the counts are %+v, the rule says %+v", key, now, want)
	}
	for _, h := range all {
		if h.Read && h.Status == http.StatusNotFound { // none were counted
			h.Status = http.StatusOK
			continue
		}
		if !h.Read || h.Status != http.StatusOK {
			continue
		}
		if err := json.Unmarshal(h.Body, &h.counts); err != nil {
			f.add("%s: counts were read as %s: %w", key, h.Body, err)
			continue
		}
		h.Lines, h.Sum = h.counts.Total, ""
		for _, before := range order[:min(h.Lines, len(order))] {
			h.Sum = fold(h.Sum, before.ID)
		}
		if want := upTo(h.Lines); !reflect.DeepEqual(h.counts, want) {
			f.add("%s: counts were read as %+v, and after %d webhooks they are %+v", key, h.counts, h.Lines, want)
		}
	}
}

// classified waits until every text of a repository is classified, and checks
// all of them in the order that the service has seen them in.
func (t *triage) classified(ctx context.Context, url, key string, hooks []*hook) (list triagetest.Listed, err error) {
	texts := map[string]*hook{}
	for _, h := range hooks {
		if h.text {
			texts[h.ID] = h
		}
	}
	for end := time.Now().Add(triageMax); ; time.Sleep(50 * time.Millisecond) {
		list = triagetest.Listed{}
		if _, err := t.get(ctx, url, "/classified/"+key, &list); err != nil {
			return list, err
		}
		if list.Seen >= len(texts) {
			break
		}
		if time.Now().After(end) {
			return list, fmt.Errorf("%s: %d of %d texts are classified %v after the start: the others are lost", key, list.Seen, len(texts), triageMax)
		}
	}
	if list.Seen != len(texts) || len(list.Threads) != len(texts) {
		return list, fmt.Errorf("%s: %d texts were sent, %d classified, %d are told", key, len(texts), list.Seen, len(list.Threads))
	}
	var events, ids []string
	var bodies [][]byte
	for _, c := range list.Threads {
		h := texts[c.Delivery]
		if h == nil {
			return list, fmt.Errorf("%s: %s was classified, and is no text of it", key, c.Delivery)
		}
		events, ids, bodies = append(events, h.event), append(ids, h.ID), append(bodies, h.raw)
	}
	if len(texts) == 0 {
		return list, nil
	}
	if want := t.rule.List(key, events, ids, bodies); !reflect.DeepEqual(list, want) {
		return list, fmt.Errorf("%s: what is told of texts differs from the rule:\n  %+v\n  %+v", key, list, want)
	}
	return list, nil
}
