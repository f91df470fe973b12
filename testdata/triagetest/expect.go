package triagetest

import "fmt"

// remember and similar are the config of the node classify.
const (
	remember = 64
	similar  = 400
)

// RememberMax is how many threads of a repository the service can list: until there are more,
// nothing is forgotten.
const RememberMax = remember

// Listed is what the service tells of a repository's threads.
type Listed struct {
	Repository string       `json:"repository"`
	Seen       int          `json:"seen"`
	Threads    []Classified `json:"threads"`
}

// Rule computes from raw webhooks what the service must answer. Its methods may be called concurrently.
type Rule struct{ words map[string][]row }

// NewRule reads what the service's documents say of words; service is its folder.
func NewRule(service string) (*Rule, error) {
	words, err := readTables(service)
	if err != nil {
		return nil, fmt.Errorf("read the service's words: %w", err)
	}
	return &Rule{words}, nil
}

// Decide is what must be answered to a webhook, but for the count, and whether
// its text is to be classified. The error is a webhook that must be refused.
func (*Rule) Decide(event, delivery string, body []byte) (want Decided, text bool, err error) {
	if want, err = rule(event, delivery, body); err != nil {
		return want, false, err
	}
	_, text = textOf(hook{event, delivery, body})
	return want, text, nil
}

// List is what must be told of the threads of a repository, of which these are
// the webhooks' bodies in the order in which they were classified.
func (r *Rule) List(repository string, events, deliveries []string, bodies [][]byte) Listed {
	m := &memory{}
	for n, body := range bodies {
		if th, ok := textOf(hook{events[n], deliveries[n], body}); ok {
			m.see(newReading(r.words, th), remember, similar)
		}
	}
	list := Listed{Repository: repository, Seen: m.Seen}
	for _, th := range m.Threads {
		list.Threads = append(list.Threads, th.Classified)
	}
	return list
}

// Count is what must be told of the counts of a repository after these decisions.
func Count(repository string, decisions []Decided) Counts {
	all := tally{}
	for _, d := range decisions {
		d.Repository = repository
		all.add(d)
	}
	if all[repository] == nil {
		return Counts{Repository: repository}
	}
	return *all[repository]
}
