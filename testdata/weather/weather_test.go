package weather

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
)

// office is a weather office that knows reports by their keys.
type office struct {
	mu      sync.Mutex
	reports map[string]int
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct{ City string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	switch {
	case asked.City == "Atlantis":
		<-r.Context().Done()
	case asked.City == "Babel":
		fmt.Fprintf(w, `{"celsius": 1%s}`, strings.Repeat("0", 5000))
	case r.URL.Path == "/watch":
		fmt.Fprint(w, "{\"celsius\": 21.5}\n{\"celsius\": 20}\n")
	case r.URL.Path == "/now":
		fmt.Fprint(w, `{"celsius": 21.5}`)
	default:
		fmt.Fprintf(w, `{"number": %d}`, o.number(r.Header.Get("Idempotency-Key")))
	}
}

func (o *office) number(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reports[key] == 0 {
		o.reports[key] = len(o.reports) + 1
	}
	return o.reports[key]
}

func (o *office) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.reports)
}

func environment(url string) capability.Environment {
	return capability.Environment{Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return url, true }}
}

func request(op, data string) capabilitytest.Request {
	return capabilitytest.Request{Operation: op, Data: []byte(data)}
}

// TestSuite: the kind is a capability like those of grow itself.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		o := &office{reports: map[string]int{}}
		server := httptest.NewServer(o)
		t.Cleanup(server.Close)
		away := environment("http://127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "weather", Params: map[string]any{"cities": []any{"Bonn", "Atlantis", "Babel"}}, Environment: environment(server.URL), Away: &away,
			Read: request(Now, `{"city": "Bonn"}`), Change: request(Report, `{"city": "Bonn", "celsius": 20}`), Count: o.count,
			Denied: request(Now, `{"city": "Berlin"}`), Large: request(Now, `{"city": "Babel"}`), Slow: request(Now, `{"city": "Atlantis"}`),
			Secrets: []string{"127.0.0.1"},
		}
	})
}

// TestWatch: temperatures come as a stream, whose limits are those of what comes as a whole.
func TestWatch(t *testing.T) {
	o := &office{reports: map[string]int{}}
	server := httptest.NewServer(o)
	defer server.Close()
	c, err := kind{form}.Open(t.Context(), specs.Grant{Params: map[string]any{"cities": []any{"Bonn", "Babel"}}}, environment(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	watch := func(operation, data string, body io.Reader) string {
		a, pieces := c.(capability.Streamer).Stream(t.Context(), &capability.Request{Operation: operation, Data: []byte(data)}, body)
		if a.Code != "" {
			return a.Code
		}
		defer pieces.Close() // it was only read
		text, err := io.ReadAll(pieces)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	for _, one := range []struct {
		operation, data string
		body            io.Reader
		want            string
	}{
		{Watch, `{"city": "Bonn"}`, nil, "{\"celsius\": 21.5}\n{\"celsius\": 20}\n"},
		{Watch, `{"city": "Babel"}`, nil, "limit: the answer has more than 4096 bytes"},
		{Watch, `{"city": "Berlin"}`, nil, capability.Denied},
		{Watch, `{"town": "Bonn"}`, nil, capability.Invalid},
		{Watch, "", strings.NewReader("Bonn"), capability.Invalid},
		{Now, `{"city": "Bonn"}`, nil, capability.Invalid},
	} {
		if got := watch(one.operation, one.data, one.body); got != one.want {
			t.Errorf("%s %s: %s", one.operation, one.data, got)
		}
	}
	if a := c.Do(t.Context(), &capability.Request{Operation: Watch, Data: []byte(`{"city": "Bonn"}`)}); a.Code != capability.Invalid {
		t.Errorf("as a whole: %+v", a)
	}
}
