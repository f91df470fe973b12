package triagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Decided is the answer to a webhook.
type Decided struct {
	Delivery   string   `json:"delivery"`
	Event      string   `json:"event"`
	Action     string   `json:"action"`
	Repository string   `json:"repository"`
	Labels     []string `json:"labels"`
	Count      int      `json:"count"`
	Decision   string   `json:"decision"`
	Desk       string   `json:"desk"`
	Hours      int      `json:"hours"`
}

// Counts is what the service tells of a repository.
type Counts struct {
	Repository string         `json:"repository"`
	Total      int            `json:"total"`
	ByEvent    map[string]int `json:"by_event"`
	ByLabel    map[string]int `json:"by_label"`
}

// desks says who looks at what, as docs/service.md does.
var desks = map[string]struct {
	desk  string
	hours int
}{
	"security": {"security@example.com", 4},
	"bug":      {"maintainers@example.com", 48},
	"release":  {"releases@example.com", 24},
	"other":    {"triage@example.com", 72},
}

// hook is one webhook, as GitHub delivers it.
type hook struct {
	event    string
	delivery string
	body     []byte
}

// rule computes from a raw webhook what must be answered, but for the count,
// which depends on what came before. The error is a body that must be refused.
func rule(event, delivery string, body []byte) (Decided, error) {
	d, err := parse(body)
	if err != nil {
		return Decided{}, err
	}
	want := Decided{Delivery: delivery, Event: event, Action: d.text("action"), Labels: d.labels()}
	want.Repository = d.first("repository.full_name", "organization.login", "installation.account.login", "sender.login")
	if want.Repository == "" {
		want.Repository = "github"
	}
	tag := event == "create" && d.text("ref_type") == "tag"
	want.Decision = decision(event, want.Labels, tag)
	want.Desk, want.Hours = desks[want.Decision].desk, desks[want.Decision].hours
	d.first("issue.title", "pull_request.title", "discussion.title", "release.name", "release.tag_name", "security_advisory.summary")
	for _, thread := range []string{"issue", "pull_request", "discussion"} {
		d.text(thread + ".body")
		d.number(thread + ".number")
	}
	return want, d.err
}

// textOf computes from a raw webhook, which the rule takes, the text that is
// to be classified; false when there is none.
func textOf(h hook) (thread, bool) {
	d, err := parse(h.body)
	if err != nil {
		return thread{}, false
	}
	name := map[string]string{"issues": "issue", "pull_request": "pull_request"}[h.event]
	th := thread{
		Delivery: h.delivery, Repository: d.text("repository.full_name"), PullRequest: name == "pull_request", Labels: d.labels(),
		Number: d.number(name + ".number"), Title: d.text(name + ".title"), Body: d.text(name + ".body"),
	}
	action := d.text("action")
	named := regexp.MustCompile(`^[^/]+/[^/]+$`).MatchString(th.Repository)
	return th, name != "" && action != "deleted" && action != "transferred" && th.Number > 0 && strings.TrimSpace(th.Title) != "" && named
}

// decision is the table of docs/service.md.
func decision(event string, labels []string, tag bool) string {
	switch event {
	case "security_advisory", "repository_advisory", "repository_vulnerability_alert", "dependabot_alert",
		"code_scanning_alert", "secret_scanning_alert", "secret_scanning_alert_location":
		return "security"
	}
	if slices.Contains(labels, "security") {
		return "security"
	}
	if slices.Contains(labels, "bug") {
		return "bug"
	}
	if event == "release" || event == "package" || event == "registry_package" || tag {
		return "release"
	}
	return "other"
}

// document is a decoded body. Its methods note the first field that is of
// another kind than asked for.
type document struct {
	root map[string]any
	err  error
}

func parse(body []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not an object", v)
	}
	return &document{root: root}, nil
}

// at finds the field of a dotted path; nil when it or what holds it is absent or null.
func (d *document) at(path string) any {
	var v any = d.root
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			if v != nil {
				d.wrong(path, v)
			}
			return nil
		}
		v = object[name]
	}
	return v
}

func (d *document) text(path string) string {
	v := d.at(path)
	s, ok := v.(string)
	if v != nil && !ok {
		d.wrong(path, v)
	}
	return s
}

// number is zero where there is none.
func (d *document) number(path string) int {
	v := d.at(path)
	n, ok := v.(float64)
	if v != nil && (!ok || n != math.Trunc(n)) {
		d.wrong(path, v)
	}
	return int(n)
}

// first is the first text that is there and not empty; all are looked at.
func (d *document) first(paths ...string) string {
	found := ""
	for _, path := range paths {
		if s := d.text(path); found == "" {
			found = s
		}
	}
	return found
}

func (d *document) labels() []string {
	labels := []string{}
	for _, thread := range []string{"issue", "pull_request", "discussion"} {
		v := d.at(thread + ".labels")
		list, ok := v.([]any)
		if v != nil && !ok {
			d.wrong(thread+".labels", v)
		}
		for _, item := range list {
			label := &document{root: map[string]any{"label": item}}
			name := strings.ToLower(label.text("label.name"))
			d.err = errors.Join(d.err, label.err)
			if name != "" && !slices.Contains(labels, name) {
				labels = append(labels, name)
			}
		}
	}
	return labels
}

func (d *document) wrong(path string, v any) {
	d.err = errors.Join(d.err, fmt.Errorf("%s is a %T", path, v))
}

// tally counts what was decided, by repository.
type tally map[string]*Counts

func (t tally) add(d Decided) {
	c := t[d.Repository]
	if c == nil {
		c = &Counts{Repository: d.Repository, ByEvent: map[string]int{}, ByLabel: map[string]int{}}
		t[d.Repository] = c
	}
	c.Total++
	c.ByEvent[d.Event]++
	for _, label := range d.Labels {
		c.ByLabel[label]++
	}
}
