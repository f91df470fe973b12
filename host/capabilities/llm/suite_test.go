package llm

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
)

// TestSuite: llm is a capability like others, whichever provider it asks.
func TestSuite(t *testing.T) {
	for _, scheme := range []string{"openai", "anthropic", "ollama"} {
		t.Run(scheme, func(t *testing.T) {
			capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject { return subject(t, scheme) })
		})
	}
}

func subject(t *testing.T, scheme string) capabilitytest.Subject {
	p := begin(t)
	chat := func(model, text string) capabilitytest.Request {
		return capabilitytest.Request{Operation: ChatOperation, Data: []byte(`{"model": "` + model + `", "messages": [{"role": "user", "text": "` + text + `"}]}`)}
	}
	environment := func(url string) capability.Environment {
		return capability.Environment{Namespace: "main", Service: "shop", Node: "helper", Secret: func(string) (string, bool) { return url, true }, Buckets: &bucket.Memory{}}
	}
	away := environment(scheme + "+http://:" + secretKey + "@127.0.0.1:1")
	return capabilitytest.Subject{
		Kind: "llm", Params: map[string]any{"models": []any{"small"}, "size": 4096, "output": 100}, Environment: environment(p.url(scheme)),
		Read: chat("small", "read"), Change: chat("small", "change"),
		Count: func() (n int) {
			for _, body := range p.taken() {
				n += strings.Count(body, "change")
			}
			return n
		},
		Denied: chat("large", "x"), Large: chat("small", strings.Repeat("x", 5000)), Slow: chat("small", "slow"), Away: &away,
		Secrets: []string{secretKey, "127.0.0.1"},
	}
}
