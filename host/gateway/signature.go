package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/specs"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// schemes check signatures over a body as it came.
var schemes = map[string]func(secret string, h http.Header, body []byte, now time.Time) error{
	"github": github, "standard": standard,
}

var (
	errUnsigned = errors.New("the request is not signed")
	errForged   = errors.New("the signature does not fit the body")
	errKeyless  = errors.New("the secret to check the signature with is empty")
	errOld      = errors.New("the signed time is more than " + signatureAge.String() + " off")
)

// usable says what is wrong with a secret for a scheme.
func usable(scheme, secret string) error {
	if scheme != "standard" {
		return nil
	}
	if _, err := standardwebhooks.NewWebhook(secret); err != nil || keyless(secret) {
		return errors.New("it is not a Standard Webhooks secret: base64, with whsec_ before it")
	}
	return nil
}

// keyless reports a secret of Standard Webhooks in which there is no key.
func keyless(secret string) bool { return strings.TrimPrefix(secret, "whsec_") == "" }

// Sign adds to a request the signature by which an endpoint knows its sender:
// for tests and for who calls an endpoint as that sender would.
func Sign(w *specs.Webhook, secret string, h http.Header, body []byte, now time.Time) error {
	if w.Scheme == "github" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		return nil
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	if h.Get("Webhook-Id") == "" {
		h.Set("Webhook-Id", "msg_"+strconv.FormatInt(now.UnixNano(), 36))
	}
	h.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	signature, err := signer.Sign(h.Get("Webhook-Id"), now, body)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	h.Set("Webhook-Signature", signature)
	return nil
}

// github checks X-Hub-Signature-256 (GitHub: "Validating webhook deliveries").
func github(secret string, h http.Header, body []byte, _ time.Time) error {
	if secret == "" {
		return errKeyless
	}
	given, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	if !ok {
		return errUnsigned
	}
	sum, err := hex.DecodeString(given)
	if err != nil {
		return errForged
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), sum) {
		return errForged
	}
	return nil
}

// standard checks webhook-signature (standardwebhooks.com). The library does
// so but for the time, which it would hold against the computer's clock.
func standard(secret string, h http.Header, body []byte, now time.Time) error {
	if h.Get("Webhook-Id") == "" || h.Get("Webhook-Signature") == "" || h.Get("Webhook-Timestamp") == "" {
		return errUnsigned
	}
	if keyless(secret) {
		return errKeyless
	}
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return errForged // the secret was rotated to one that cannot be used
	}
	if err := w.VerifyIgnoringTimestamp(body, h); err != nil {
		return errForged
	}
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil {
		return errForged
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > signatureAge || off < -signatureAge {
		return errOld
	}
	return nil
}
