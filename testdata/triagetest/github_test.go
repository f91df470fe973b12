package triagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// github is a GitHub of a test: it holds what it is asked and what it answers against the
// document that the service has of GitHub, by a library of its own.
type github struct {
	*httptest.Server
	token  string
	routes routers.Router

	mu     sync.Mutex // guards what follows
	faults []string   // of requests and answers
	asked  []asked
	issues map[string]issue // by Idempotency-Key
}

// asked is a request that was taken.
type asked struct{ method, path, key string }

// issue is what GitHub says of one.
type issue struct {
	ID      int64            `json:"id"`
	Number  int              `json:"number"`
	State   string           `json:"state"`
	Title   string           `json:"title"`
	Body    string           `json:"body"`
	URL     string           `json:"html_url"`
	User    map[string]any   `json:"user"`
	Labels  []map[string]any `json:"labels"`
	Created time.Time        `json:"created_at"`
}

// startGitHub starts one, which ends with the test.
func startGitHub(t *testing.T, token string) *github {
	t.Helper()
	g := &github{token: token, issues: map[string]issue{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	doc, err := openapi3.NewLoader().LoadFromFile("../services/triage/docs/github.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil // whatever its address is
	if g.routes, err = legacy.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return g
}

// ServeHTTP implements http.Handler.
func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, answer, err := g.serve(r)
	if err != nil {
		g.mu.Lock()
		g.faults = append(g.faults, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err))
		g.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(answer) // who does not read it has his own failure
}

// serve answers a request that fits the document by an answer that does; an error is what
// does not.
func (g *github) serve(r *http.Request) (int, []byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := g.routes.FindRoute(r)
	if err != nil {
		return http.StatusNotFound, []byte(`{"message": "Not Found"}`), err
	}
	in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return http.StatusUnprocessableEntity, []byte(`{"message": "Validation Failed"}`), err
	}
	status, said := g.answer(r, body, params["issue_number"])
	answer, err := json.Marshal(said)
	if err != nil {
		return http.StatusInternalServerError, nil, err
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: http.Header{"Content-Type": {"application/json"}}}
	return status, answer, openapi3filter.ValidateResponse(r.Context(), out.SetBodyBytes(answer))
}

// answer is what GitHub says; number is that of the issue that is asked for.
func (g *github) answer(r *http.Request, body []byte, number string) (int, any) {
	message := func(text string) any { return map[string]string{"message": text} }
	if r.Header.Get("Authorization") != "Bearer "+g.token {
		return http.StatusUnauthorized, message("Bad credentials")
	}
	if r.Header.Get("Accept") != "application/vnd.github+json" || r.Header.Get("X-GitHub-Api-Version") != "2022-11-28" {
		return http.StatusBadRequest, message("Say which version is meant")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	g.asked = append(g.asked, asked{r.Method, r.URL.Path, key})
	if r.Method == http.MethodGet {
		for _, i := range g.issues {
			if fmt.Sprint(i.Number) == number {
				return http.StatusOK, i
			}
		}
		return http.StatusNotFound, message("Not Found")
	}
	var wanted struct {
		Title, Body string
		Labels      []string
	}
	if err := json.Unmarshal(body, &wanted); err != nil || key == "" {
		return http.StatusBadRequest, message("Problems parsing JSON, or no key")
	}
	if _, known := g.issues[key]; !known {
		n := len(g.issues) + 1
		made := issue{
			ID: int64(1000 + n), Number: n, State: "open", Title: wanted.Title, Body: wanted.Body, URL: g.URL + fmt.Sprintf("%s/%d", r.URL.Path, n),
			User: map[string]any{"id": 7, "login": "triage"}, Labels: []map[string]any{}, Created: time.Now().UTC(),
		}
		for _, l := range wanted.Labels {
			made.Labels = append(made.Labels, map[string]any{"name": l})
		}
		g.issues[key] = made
	}
	return http.StatusCreated, g.issues[key]
}

// seen are the requests so far, and what did not fit the document.
func (g *github) seen() ([]asked, []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked), slices.Clone(g.faults)
}
