package abi

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReadmeExample holds the specification's worked example against the codec
// and against the vector that claims to be the same.
func TestReadmeExample(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```hex\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("README.md has no block of hex")
	}
	pairs := regexp.MustCompile(`^(?:[0-9a-f]{2} )*[0-9a-f]{2}`)
	var frame []byte
	for line := range strings.Lines(block) {
		b, err := hex.DecodeString(strings.ReplaceAll(pairs.FindString(line), " ", ""))
		if err != nil || len(b) == 0 {
			t.Fatalf("no bytes in line %q: %v", line, err)
		}
		if quoted := regexp.MustCompile(`".*"`).FindString(line[len(b)*3-1:]); quoted != "" && !strings.Contains(line, "{") {
			if want, err := strconv.Unquote(quoted); err != nil || want != string(b) {
				t.Errorf("line %q: the bytes are %q", line, b)
			}
		}
		frame = append(frame, b...)
	}
	if want := strconv.Itoa(len(frame)) + " bytes."; !strings.Contains(string(text), want) {
		t.Errorf("README.md does not say %q", want)
	}
	views, err := read(frame)
	if err != nil || len(views) != 1 {
		t.Fatalf("%d messages: %v", len(views), err)
	}
	got := map[string]string{}
	for name, value := range views[0].All() {
		got[string(name)] = string(value)
	}
	if len(got) != 2 || got[Type] != "order.priced" || got[Delay] != "250" || string(views[0].Data) != `{"total":7}` {
		t.Errorf("decoded as %q with %s", got, views[0].Data)
	}
	for _, v := range vectors(t) {
		if v.Name == "the worked example of the specification" {
			if !bytes.Equal(v.bytes(t), frame) {
				t.Errorf("the vector is %s", v.Hex)
			}
			return
		}
	}
	t.Error("no vector is called the worked example of the specification")
}

// TestReadmeLimits holds the numbers that the specification names against
// those that hosts keep to.
func TestReadmeLimits(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limit int
		value int
		says  string
	}{
		{DataMax, 1 << 20, "| data of a message | 1 MiB;"},
		{AttrsMax, 64, "| attributes of a message | 64 |"},
		{AttrNameMax, 256, "| name, value of an attribute | 256 bytes, 4 KiB |"},
		{AttrValueMax, 4 << 10, "| name, value of an attribute | 256 bytes, 4 KiB |"},
		{OutputsMax, 1000, "| outputs of a message | 1,000; together 1 MiB of data * |"},
		{OutputBytesMax, 1 << 20, "| outputs of a message | 1,000; together 1 MiB of data * |"},
		{RequestsPerCallMax, 32, "| requests in one `grow.call` | 32, and 4 MiB of frame |"},
		{RequestBytesMax, 4 << 20, "| requests in one `grow.call` | 32, and 4 MiB of frame |"},
		{RequestsMax, 1000, "| requests a message makes, log lines not counted | 1,000 *, and 16 MiB of answers * |"},
		{AnswerBytesMax, 16 << 20, "| requests a message makes, log lines not counted | 1,000 *, and 16 MiB of answers * |"},
		{StateValueMax, 1 << 20, "| state value, its name | 1 MiB, 256 bytes |"},
		{StateNameMax, 256, "| state value, its name | 1 MiB, 256 bytes |"},
		{StateMax, 32 << 20, "| all state of a key | 32 MiB, names counted, and 64 bytes for each value |"},
		{MemoryDefault, 32 << 20, "| memory of an instance | 32 MiB *"},
		{MailboxDefault, 10_000, "| mailbox | 10,000 messages or 64 MiB |"},
		{MailboxBytes, 64 << 20, "| mailbox | 10,000 messages or 64 MiB |"},
	} {
		if c.limit != c.value || !strings.Contains(string(text), c.says) {
			t.Errorf("README.md and limits.go disagree on %q: %d", c.says, c.limit)
		}
	}
}
