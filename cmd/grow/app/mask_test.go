package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
)

// TestMaskForms: secrets are hidden as URLs have them, by whoever wrote these; a secret of
// several lines line by line; of those that overlap nothing is left.
func TestMaskForms(t *testing.T) {
	const line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
	m := newMask([]string{"tok/en+abc=", "pass word+1/x", "p@ss+word&1", "a:b(c)/d", "-----BEGIN PRIVATE KEY-----\n" + line + "\nshort\n-----END PRIVATE KEY-----", "abcdefgh", "efghijkl", "ijklmnop"})
	for text, want := range map[string]string{
		"x=tok/en%2Babc%3D&": "x=***&", "tok%2Fen%2Babc%3D": "***", "tok%2fen%2babc%3d": "***", "pass%20word%2B1%2Fx": "***", "pass+word%2B1%2Fx": "***", "pass%20word%2b1/x": "***",
		"p@ss%2Bword%261": "***", "p%40ss%2Bword%261": "***", "a:b(c)%2Fd": "a:b(c)%2Fd", "a%3Ab(c)%2Fd": "***", "a:b(c)/d": "***",
		"log: " + line: "log: ***", "short": "short", "-----BEGIN PRIVATE KEY-----": "-----BEGIN PRIVATE KEY-----",
		"xabcdefghijklmnopx": "x***x", "abcdefghefghijkl": "******", "abcdefgh abcdefghijkl": "*** ***", "abcdefg": "abcdefg", "abc": "abc", "": "",
	} {
		if got := m.text(text); got != want {
			t.Errorf("%s is told as %s, want %s", text, got, want)
		}
	}
}

// TestPicksTold: a filter finds what is told of a dead letter, and no secret.
func TestPicksTold(t *testing.T) {
	m := newMask([]string{toldSecret})
	d := &shard.DeadLetter{Key: "k-" + toldSecret, Code: "c." + toldSecret, Reason: "no " + toldSecret, Message: abi.NewMessage([]byte(`{"t":"` + toldSecret + `"}`))}
	for _, c := range []struct {
		filter control.DeadFilter
		picked bool
	}{
		{control.DeadFilter{Text: "tops"}, false}, {control.DeadFilter{Key: d.Key}, false}, {control.DeadFilter{Code: d.Code}, false},
		{control.DeadFilter{Text: "no ***"}, true}, {control.DeadFilter{Text: `"***"`}, true}, {control.DeadFilter{Key: "k-***"}, true}, {control.DeadFilter{Code: "c.***"}, true},
	} {
		if got := m.picks(&c.filter)(d); got != c.picked {
			t.Errorf("%+v: %v", c.filter, got)
		}
	}
}

// BenchmarkMask hides a hundred secrets in a mebibyte that has none of them.
func BenchmarkMask(b *testing.B) {
	var values []string
	for n := range 100 {
		values = append(values, fmt.Sprintf("whsec_%032x", n*7919))
	}
	m, data := newMask(values), []byte(strings.Repeat(`{"id": "whsec_none", "total": 20.5}`, 1<<20/35))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		m.hide(data)
	}
}
