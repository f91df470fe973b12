package app

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// TestMaskTellsNothing: what is told of a text that an actor's client can write is the same whether it
// begins, or ends, as a secret does or not, also beside what the host writes where it cuts.
func TestMaskTellsNothing(t *testing.T) {
	const secret = "sk_live_9fQ2xT7bLmZ0aRk4"
	m := newMask([]string{secret})
	for _, format := range []string{"no coupon %s", "no coupon %s… and 1 bytes more", "%s… and 7001 bytes more", "no\n…%s", "'%s'… (9 characters)", "'%s…'"} {
		for n := 1; n < len(secret); n++ {
			for _, part := range []string{secret[:n], secret[n:]} {
				if text := fmt.Sprintf(format, part); m.text(text) != text {
					t.Fatalf("%s is told as %s", text, m.text(text))
				}
			}
		}
	}
}

// TestMaskWhole: a text is cut before a secret that stands across the place, in each form that it may
// stand in, and before all that overlap there; else where it is to be cut.
func TestMaskWhole(t *testing.T) {
	const secret, longer = "wh?sec/9f86d081884c7d659a2f", "wh?sec/9f86d081884c7d659a2f+and more of it"
	m := newMask([]string{secret, longer, "before/wh?sec"})
	for _, form := range []string{secret, longer, quotedJSON(longer), fmt.Sprintf("%x", longer), base64.RawStdEncoding.EncodeToString([]byte(longer)), "before/" + longer} {
		whole := strings.HasPrefix(m.text(form+"~~~~"), hidden)
		for n := 1; n < len(form); n++ {
			if got := m.whole("x: "+form+"~~~~", 3+n); whole && got != 3 {
				t.Errorf("%s at %d: cut at %d", form, n, got)
			}
		}
		for _, at := range []int{0, 2, 3, 3 + len(form)} {
			if got := m.whole("x: "+form+"~~~~", at); got != at {
				t.Errorf("%s is cut at %d in place of %d", form, got, at)
			}
		}
	}
	if got := (mask{}).whole("text", 2); got != 2 {
		t.Error(got)
	}
}
