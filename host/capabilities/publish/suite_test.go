package publish

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestSuite: publish is a capability like others, that reads nothing.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		address, _, js := start(t)
		to := func(subject string, data []byte) capabilitytest.Request {
			return capabilitytest.Request{Operation: Publish, Attrs: []string{"subject", subject}, Data: data}
		}
		environment := func(address string) capability.Environment {
			return capability.Environment{Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return address, true }}
		}
		away := environment("nats://hidden@127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "publish", Params: map[string]any{"subjects": []any{"erp.a", "erp.b"}}, Environment: environment(address),
			Read: to("erp.a", nil), Change: to("erp.b", []byte("1")),
			Count: func() int {
				stream, err := js.Stream(t.Context(), "ERP")
				var info *jetstream.StreamInfo
				if err == nil {
					info, err = stream.Info(context.Background(), jetstream.WithSubjectFilter("erp.b"))
				}
				if err != nil {
					t.Fatal(err)
				}
				return int(info.State.Subjects["erp.b"])
			},
			Denied: to("erp.c", nil), Large: to("erp.a", make([]byte, DataMax+1)), Away: &away, Secrets: []string{"hidden", "127.0.0.1"},
		}
	})
}
