package app

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/runtime/actor"
)

// TestMaskCut: a secret that a guest has cut in two is hidden as far as it is there.
func TestMaskCut(t *testing.T) {
	m := newMask([]string{"hunter2-hunter2"})
	for text, want := range map[string]string{
		"a hunter2-hunter2 b":              "a *** b",
		"'xxhunter2-h… (9002 characters)":  "'xx***… (9002 characters)",
		"y hunt\n… and 7 characters more":  "y ***\n… and 7 characters more",
		"['hun'…, 'hunter2-hunter'…] hunt": "['***'…, '***'…] hunt",
		"hu… is too little":                "hu… is too little",
		"nothing":                          "nothing",
	} {
		if got := m.cut(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestMaskHostCut: of a secret that the host has cut, wherever it did, too little is left to be
// told, in each form that it may stand in; also where another one is its beginning.
func TestMaskHostCut(t *testing.T) {
	const secret, longer = "wh?sec/9f86d081884c7d659a2f", "wh?sec/9f86d081884c7d659a2f+and more of it"
	m := newMask([]string{secret, longer})
	for _, form := range []string{longer, quotedJSON(longer), strings.Trim(fmt.Sprintf("%x", longer), `"`), base64.StdEncoding.EncodeToString([]byte(longer))} {
		for n := range len(form) {
			for what, text := range map[string]string{
				"end":   "x: " + form[:n] + "… and 7001 bytes more",
				"midst": "ValueError: no\n…" + form[n:] + " at line 3",
			} {
				told := strings.NewReplacer("x: ", "", "… and 7001 bytes more", "", "ValueError: no\n…", "", " at line 3", "", hidden, "").Replace(m.text(text))
				if len(told) > begunLeast+1 { // a digit of base64 is of what stands before, too
					t.Errorf("%s at %d: %s of %s is told", what, n, told, form)
				}
			}
		}
	}
	const clear = "x: wh… and more, … and 12 bytes less"
	if told := m.text(clear); told != clear {
		t.Error(told)
	}
}

// TestLogCut: of a secret where a log line is cut nothing longer is told.
func TestLogCut(t *testing.T) {
	const secret = "whsec_9f86d081884c7d659a2f"
	h := serve(t, "")
	h.discretion.remember(secret)
	for n := range len(secret) {
		before := strings.Repeat("a", actor.LogTextMax-n)
		h.guestLine(actor.Line{Level: "info", Node: "hog", Text: before + secret[:n] + fmt.Sprintf("… and %d bytes more", len(secret)-n)})
	}
	found := 0
	for _, r := range h.logs.Query(logs.Filter{Node: "hog"}) {
		if _, rest, cut := strings.Cut(r.Text, "aaa"); cut {
			found++
			if rest = strings.TrimLeft(rest, "a"); strings.HasPrefix(rest, secret[:begunLeast]) {
				t.Errorf("%s is told", rest)
			}
		}
	}
	if found != len(secret) {
		t.Errorf("%d lines", found)
	}
}
