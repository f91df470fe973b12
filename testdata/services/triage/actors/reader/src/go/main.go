// Actor reader makes one small message of each kind of GitHub event.
package main

import (
	"encoding/json"
	"slices"
	"strings"

	grow "github.com/grow-platform/grow/sdk/go"
)

// hook is what the reader looks at in the body of any event.
type hook struct {
	Action       string  `json:"action"`
	RefType      string  `json:"ref_type"`
	Issue        *thread `json:"issue"`
	PullRequest  *thread `json:"pull_request"`
	Discussion   *thread `json:"discussion"`
	Organization account `json:"organization"`
	Sender       account `json:"sender"`
	Installation struct {
		Account account `json:"account"`
	} `json:"installation"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Release struct {
		Name    string `json:"name"`
		TagName string `json:"tag_name"`
	} `json:"release"`
	SecurityAdvisory struct {
		Summary string `json:"summary"`
	} `json:"security_advisory"`
}

type account struct {
	Login string `json:"login"`
}

// thread is what people talk in: an issue, a pull request, a discussion.
type thread struct {
	Number int64  `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Labels []struct {
		Name string `json:"name"`
	} `json:"labels"`
}

// event is the message it sends.
type event struct {
	Delivery   string   `json:"delivery"`
	Event      string   `json:"event"`
	Action     string   `json:"action"`
	Repository string   `json:"repository"`
	Title      string   `json:"title"`
	Labels     []string `json:"labels"`
	Tag        bool     `json:"tag"`
}

// text is the message it sends of a thread whose text came with the event.
type text struct {
	Delivery    string   `json:"delivery"`
	Repository  string   `json:"repository"`
	Number      int64    `json:"number"`
	PullRequest bool     `json:"pull_request"`
	Title       string   `json:"title"`
	Body        string   `json:"body"`
	Labels      []string `json:"labels"`
}

func init() { grow.OnMessage("github.hook", read) }

func read(ctx *grow.Context, m grow.Message) error {
	name, delivery := m.Header("x-github-event"), m.Header("x-github-delivery")
	if name == "" || delivery == "" {
		return grow.Refuse("event.header", "X-GitHub-Event and X-GitHub-Delivery are needed")
	}
	if !known[name] {
		return grow.Refusef("event.unknown", "GitHub has no event %q", name)
	}
	var h *hook // nil after the document null
	if err := json.Unmarshal(m.Data(), &h); err != nil {
		return grow.Refusef("event.body", "the body is not an event: %v", err)
	}
	if h == nil {
		return grow.Refuse("event.body", "the body is not an event: it is null")
	}
	ctx.Log.Debug("read", "event", name, "action", h.Action)
	err := ctx.Send("event.read", event{
		Delivery: delivery, Event: name, Action: h.Action,
		Repository: first(h.Repository.FullName, h.Organization.Login, h.Installation.Account.Login, h.Sender.Login, "github"),
		Title:      h.title(), Labels: h.labels(), Tag: name == "create" && h.RefType == "tag",
	})
	if t := h.text(name); t != nil && err == nil {
		err = ctx.Send("thread.read", text{
			Delivery: delivery, Repository: h.Repository.FullName, Number: t.Number, PullRequest: t == h.PullRequest,
			Title: t.Title, Body: t.Body, Labels: h.labels(),
		})
	}
	return err
}

// text is the thread that an event of that name is about, or nil.
func (h *hook) text(name string) *thread {
	t := map[string]*thread{"issues": h.Issue, "pull_request": h.PullRequest}[name]
	owner, repo, found := strings.Cut(h.Repository.FullName, "/")
	switch {
	case t == nil, t.Number <= 0, strings.TrimSpace(t.Title) == "",
		h.Action == "deleted", h.Action == "transferred",
		!found, owner == "", repo == "", strings.Contains(repo, "/"):
		return nil
	}
	return t
}

func (h *hook) threads() []*thread {
	return slices.DeleteFunc([]*thread{h.Issue, h.PullRequest, h.Discussion}, func(t *thread) bool { return t == nil })
}

func (h *hook) title() string {
	for _, t := range h.threads() {
		if t.Title != "" {
			return t.Title
		}
	}
	return first(h.Release.Name, h.Release.TagName, h.SecurityAdvisory.Summary)
}

func (h *hook) labels() []string {
	names := []string{}
	for _, t := range h.threads() {
		for _, l := range t.Labels {
			if name := strings.ToLower(l.Name); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func main() {}
