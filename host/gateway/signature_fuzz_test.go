package gateway

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/grow-platform/grow/specs"
)

// FuzzSignature: no headers make a check panic, and none but the signer's own
// pass it.
func FuzzSignature(f *testing.F) {
	const secret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"a":1}`)
	signed := map[string]http.Header{}
	for scheme := range schemes {
		h := http.Header{"Webhook-Id": {"msg_1"}}
		if err := Sign(&specs.Webhook{Scheme: scheme}, secret, h, body, now); err != nil {
			f.Fatal(err)
		}
		signed[scheme] = h
		f.Add(scheme == "github", h.Get("X-Hub-Signature-256"), h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), h.Get("Webhook-Signature"), body)
	}
	f.Add(true, "sha256=", "", "", "", []byte(nil))
	f.Add(true, "sha256=zz", "", "", "", []byte(nil))
	f.Add(false, "", "a.b", "99999999999999999999", "v1,", []byte("x"))
	f.Add(false, "", "a", "-1", "v1,=== v2, v1a,AAAA", []byte("x"))
	f.Fuzz(func(t *testing.T, hub bool, signature, id, at, standard string, data []byte) {
		scheme, h := "standard", http.Header{}
		if hub {
			scheme = "github"
		}
		for name, value := range map[string]string{"X-Hub-Signature-256": signature, "Webhook-Id": id, "Webhook-Timestamp": at, "Webhook-Signature": standard} {
			if value != "" {
				h.Set(name, value)
			}
		}
		if schemes[scheme](secret, h, data, now) != nil {
			return
		}
		own := signed[scheme]
		if !bytes.Equal(data, body) || id != own.Get("Webhook-Id") && !hub {
			t.Errorf("%s accepted %v over %q", scheme, h, data)
		}
	})
}
