package weather

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
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
