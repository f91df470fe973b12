package triagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/logs"
)

// TestSignature posts what GitHub did not sign.
func TestSignature(t *testing.T) {
	c := start(t, triage)
	body := opened("octo/forged", "bug")
	for i, tt := range []struct{ name, signature string }{
		{"missing", ""},
		{"empty", "sha256="},
		{"of another secret", sign("guessed", body)},
		{"of another body", sign(secret, append(slices.Clone(body), ' '))},
		{"cut", sign(secret, body)[:40]},
		{"longer", sign(secret, body) + "00"},
		{"not hex", "sha256=zz"},
		{"of another scheme", "sha1=" + sign(secret, body)[len("sha256="):]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := hook{"issues", fmt.Sprint("forged-", i), body}.header()
			header.Del("X-Hub-Signature-256")
			if tt.signature != "" {
				header.Set("X-Hub-Signature-256", tt.signature)
			}
			a := must(t)(c.post("/hooks/github", header, body))
			if p := a.problem(); a.status != http.StatusUnauthorized || p.Code != "request.signature" {
				t.Errorf("%d %s, want 401 request.signature", a.status, a.body)
			}
		})
	}
	c.untouched(t, "octo/forged")
	// A forged delivery does not use up the id of the true one.
	if a := must(t)(c.deliver(hook{"issues", "forged-0", body})); a.status != http.StatusOK {
		t.Errorf("the true webhook after forged ones: %d %s", a.status, a.body)
	}
	c.quiet(t)
}

// TestRefused posts, signed, what is no event.
func TestRefused(t *testing.T) {
	c := start(t, triage)
	whole := opened("octo/refused", "bug")
	type refusal struct {
		name   string
		hook   hook
		status int
		code   string // the problem's
		reason string // the actor's
	}
	cases := []refusal{
		{"unknown event", hook{"moon_landing", "r-unknown", whole}, 422, "message.refused", "event.unknown"},
		{"event in upper case", hook{"ISSUES", "r-upper", whole}, 422, "message.refused", "event.unknown"},
		{"no event", hook{"", "r-none", whole}, 422, "message.refused", "event.header"},
		{"no delivery", hook{"issues", "", whole}, 400, "request.idempotency", ""},
	}
	for i, body := range []string{
		"", " ", "null", "true", "7", `"issues"`, "[]", "[{}]", "{", "}", "{}{}", "{} x", "payload=%7B%7D", "<xml/>", "\x00", "\xff\xfe",
		`{"action": 7}`, `{"repository": "octo/refused"}`, `{"repository": {"full_name": ["octo/refused"]}}`, `{"issue": []}`,
		`{"issue": {"labels": {"name": "bug"}}}`, `{"issue": {"labels": ["bug"]}}`, `{"issue": {"title": 1}}`, `{"issue": {"number": "1"}}`,
		`{"issue": {"number": 1.5}}`, `{"pull_request": {"body": []}}`, `{"release": {"name": {}}}`,
	} {
		if _, err := rule("issues", "", []byte(body)); err == nil {
			t.Errorf("the rule takes %q", body)
		}
		cases = append(cases, refusal{fmt.Sprintf("body %q", body), hook{"issues", fmt.Sprint("r-body-", i), []byte(body)}, 422, "message.refused", "event.body"})
	}
	for n := range len(whole) {
		cases = append(cases, refusal{fmt.Sprintf("cut after %d bytes", n), hook{"issues", fmt.Sprint("r-cut-", n), whole[:n]}, 422, "message.refused", "event.body"})
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			first := must(t)(c.deliver(tt.hook))
			if p := first.problem(); first.status != tt.status || p.Code != tt.code || p.Reason != tt.reason {
				t.Errorf("%d %s, want %d %s %s", first.status, first.body, tt.status, tt.code, tt.reason)
			}
			if tt.hook.delivery == "" {
				return
			}
			if again := must(t)(c.deliver(tt.hook)); again.status != first.status || again.body != first.body {
				t.Errorf("delivered again: %d %s, want %s", again.status, again.body, first.body)
			}
		})
	}
	c.untouched(t, "octo/refused")
	c.quiet(t) // the client is told; nobody needs to look at it later
	if a := must(t)(c.deliver(hook{"issues", "r-whole", whole})); a.status != http.StatusOK {
		t.Errorf("a webhook after refused ones: %d %s", a.status, a.body)
	}
}

// TestRepeated delivers one webhook several times, one after the other and all at once.
func TestRepeated(t *testing.T) {
	c := start(t, triage)
	for _, name := range []string{"one after the other", "at once"} {
		t.Run(name, func(t *testing.T) {
			repository := "octo/" + map[bool]string{true: "once", false: "twice"}[name == "at once"]
			h := hook{"issues", repository, opened(repository, "bug")}
			var answers []answer
			if name == "at once" {
				answers = c.deliverAll(t, slices.Repeat([]hook{h}, senders))
			} else {
				for range 3 {
					answers = append(answers, must(t)(c.deliver(h)))
				}
			}
			fresh := 0
			for _, a := range answers {
				if a.header.Get("Idempotency-Replayed") == "" {
					fresh++
				}
				if a.status != http.StatusOK || a.body != answers[0].body || a.header.Get("Grow-Message-Id") != answers[0].header.Get("Grow-Message-Id") {
					t.Errorf("%d %s, want %s", a.status, a.body, answers[0].body)
				}
			}
			if got, _ := c.stats(t, repository); got.Total != 1 || fresh != 1 {
				t.Errorf("counted %d times, handled %d times; want once", got.Total, fresh)
			}
		})
	}
	c.quiet(t)
}

// TestReused uses the id of a delivery for another one.
func TestReused(t *testing.T) {
	c := start(t, triage)
	first := hook{"issues", "used", opened("octo/used", "bug")}
	want := must(t)(c.deliver(first))
	a := must(t)(c.deliver(hook{"issues", "used", opened("octo/other", "bug")}))
	if p := a.problem(); a.status != http.StatusUnprocessableEntity || p.Code != "idempotency.reused" {
		t.Errorf("another body: %d %s, want 422 idempotency.reused", a.status, a.body)
	}
	c.untouched(t, "octo/other")
	if again := must(t)(c.deliver(first)); again.status != http.StatusOK || again.body != want.body {
		t.Errorf("the first one again: %d %s, want %s", again.status, again.body, want.body)
	}
}

// TestDecisions holds service and rule to decisions written out here, where
// several rows of the table would do, or nearly.
func TestDecisions(t *testing.T) {
	c := start(t, triage)
	cases := []struct{ event, body, repository, decision string }{
		{"issues", string(opened("o/r")), "o/r", "other"},
		{"issues", string(opened("o/r", "bug")), "o/r", "bug"},
		{"issues", string(opened("o/r", "BUG", "bug")), "o/r", "bug"},
		{"issues", string(opened("o/r", "bugs", "debug")), "o/r", "other"},
		{"issues", string(opened("o/r", "bug", "Security")), "o/r", "security"},
		{"pull_request", `{"pull_request": {"title": null, "labels": [{"name": "bug"}]}, "repository": {"full_name": "o/r"}}`, "o/r", "bug"},
		{"discussion", `{"discussion": {"labels": [{"name": "security"}, null, {}, {"name": null}, {"name": ""}]}}`, "github", "security"},
		{"issue_comment", `{"issue": {"labels": null}, "pull_request": {"labels": [{"name": "bug"}]}, "sender": {"login": "s"}}`, "s", "bug"},
		{"release", `{"release": {"name": null, "tag_name": "v1"}, "repository": null, "organization": {"login": "acme"}}`, "acme", "release"},
		{"release", `{"issue": {"labels": [{"name": "bug"}]}}`, "github", "bug"},
		{"package", `{"repository": {"full_name": ""}, "installation": {"account": {"login": "inst"}}, "sender": {"login": "s"}}`, "inst", "release"},
		{"registry_package", `{"organization": {}, "installation": {"id": 1}, "sender": {"login": "s"}}`, "s", "release"},
		{"create", `{"ref_type": "tag"}`, "github", "release"},
		{"create", `{"ref_type": "branch"}`, "github", "other"},
		{"delete", `{"ref_type": "tag"}`, "github", "other"},
		{"dependabot_alert", string(opened("o/r", "bug")), "o/r", "security"},
		{"secret_scanning_alert_location", `{"action": null}`, "github", "security"},
		{"ping", ` {"zen": "Speak like a human.", "hook": {"repository": 7}} `, "github", "other"},
	}
	counted := map[string]int{}
	for i, tt := range cases {
		h := hook{tt.event, fmt.Sprint("d-", i), []byte(tt.body)}
		want, err := rule(h.event, h.delivery, h.body)
		if err != nil || want.Decision != tt.decision || want.Repository != tt.repository {
			t.Errorf("%s %s: the rule says %s of %s (%v), want %s of %s", tt.event, tt.body, want.Decision, want.Repository, err, tt.decision, tt.repository)
		}
		counted[want.Repository]++
		want.Count = counted[want.Repository]
		a := must(t)(c.deliver(h))
		var got Decided
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
			t.Errorf("%s %s: %d %s", tt.event, tt.body, a.status, a.body)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s: answer differs from the rule (-rule +answer):\n%s", tt.event, tt.body, diff)
		}
	}
}

// TestCounts has many events of one repository, and of several, counted at once.
func TestCounts(t *testing.T) {
	c, wanted := start(t, triage), tally{}
	var list []hook
	for i := range 120 {
		labels := []string{fmt.Sprint("l", i%7), "all"}
		h := hook{[]string{"issues", "label", "push"}[i%3], fmt.Sprint("c-", i), opened(fmt.Sprint("busy/", i%4), labels...)}
		want, err := rule(h.event, h.delivery, h.body)
		if err != nil {
			t.Fatal(err)
		}
		wanted.add(want)
		list = append(list, h)
	}
	numbers := map[string][]int{}
	for i, a := range c.deliverAll(t, list) {
		var got Decided
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || got.Delivery != list[i].delivery {
			t.Errorf("%s: %d %s", list[i].delivery, a.status, a.body)
		}
		numbers[got.Repository] = append(numbers[got.Repository], got.Count)
	}
	checkNumbers(t, wanted, numbers)
	c.checkCounts(t, wanted)
	c.quiet(t)
}

// TestUnknown asks for the counts of what had no event.
func TestUnknown(t *testing.T) {
	c := start(t, triage)
	if a := must(t)(c.deliver(hook{"issues", "u", opened("octo/Hello")})); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, repository := range []string{"octo/nothing", "octo/hello", "nobody/Hello"} {
		c.untouched(t, repository)
	}
	if got, found := c.stats(t, "octo/Hello"); !found || got.Total != 1 {
		t.Errorf("counts of octo/Hello: %+v", got)
	}
}

// TestSmall runs the smallest service, whose module is built by hand.
func TestSmall(t *testing.T) {
	module, err := os.ReadFile("../services/small/actors/echo/module.wasm")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../wat/echo.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(module, source) {
		t.Error("the module is not testdata/wat/echo.wasm: copy it")
	}
	c := start(t, small)
	header := http.Header{"Content-Type": {"application/json"}}
	if a := must(t)(c.post("/echo", header, []byte(`{"text": "hello"}`))); a.status != http.StatusOK || a.body != `{"text": "hello"}` {
		t.Errorf("%d %s, want what was sent", a.status, a.body)
	}
	if a := must(t)(c.post("/echo", header, []byte(`{"text": ""}`))); a.status != http.StatusBadRequest || a.problem().Code != "request.type" {
		t.Errorf("%d %s, want 400 request.type", a.status, a.body)
	}
	c.quiet(t)
}

// TestBroken posts a webhook of which the connection brings half.
func TestBroken(t *testing.T) {
	c := start(t, triage)
	h := hook{"issues", "broken", opened("octo/broken", "bug")}
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.host.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", len(h.body))
	if err := h.header().Write(&request); err != nil {
		t.Fatal(err)
	}
	request.WriteString("\r\n")
	request.Write(h.body[:len(h.body)/2])
	if _, err := request.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := must(t)(read(resp))
	if p := a.problem(); a.status != http.StatusBadRequest || p.Code != "request.body" {
		t.Errorf("%d %s, want 400 request.body", a.status, a.body)
	}
	c.untouched(t, "octo/broken")
	if a := must(t)(c.deliver(h)); a.status != http.StatusOK {
		t.Errorf("the whole webhook after half of it: %d %s", a.status, a.body)
	}
}

// TestDocument runs the commands that the service's document shows.
func TestDocument(t *testing.T) {
	c := start(t, triage)
	text, err := os.ReadFile("../services/triage/docs/service.md")
	if err != nil {
		t.Fatal(err)
	}
	var printed []string
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(block[1], "http://"+app.DefaultListen, c.host.URL()))
		cmd.Env = append(os.Environ(), "GITHUB_WEBHOOK_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s%v\n%s", block[1], err, out)
		}
		printed = append(printed, string(out))
	}
	var got Decided
	var told Counts
	var about found
	var kept report
	var list struct{ Reports []report }
	if len(printed) != 6 || json.Unmarshal([]byte(printed[0]), &got) != nil || json.Unmarshal([]byte(printed[1]), &told) != nil ||
		json.Unmarshal([]byte(printed[3]), &about) != nil || json.Unmarshal([]byte(printed[4]), &kept) != nil || json.Unmarshal([]byte(printed[5]), &list) != nil {
		t.Fatalf("the commands print %q, want a decision, counts, another decision, a classification, a report and reports", printed)
	}
	if about.Language != "en" || about.Kind != "bug" || about.Number != 7 {
		t.Errorf("the command prints %s", printed[3])
	}
	if kept.ID == "" || kept.Repository != "octo/hello" || kept.Title != "It crashes" || kept.Attachment != "crash.log" {
		t.Errorf("the report is kept as %s", printed[4])
	}
	if len(list.Reports) != 1 || list.Reports[0].ID != kept.ID {
		t.Errorf("%s is not the list of %s", printed[5], printed[4])
	}
	if warned := c.host.Logs().Query(logs.Filter{Level: "warn", Limit: 20}); len(warned) > 0 {
		t.Errorf("what the document shows is logged as %+v", warned)
	}
	want := Counts{Repository: "octo/hello", Total: 1, ByEvent: map[string]int{"issues": 1}, ByLabel: map[string]int{"bug": 1}}
	if diff := cmp.Diff(want, told); diff != "" || got.Decision != "bug" {
		t.Errorf("the commands print %q", printed)
	}
}
