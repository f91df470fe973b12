package frame

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

type vector struct {
	Name     string
	Hex      string
	Error    string
	Messages []struct {
		Attributes [][2]string
		DataHex    string `json:"data_hex"`
	}
}

var kinds = map[string]error{
	"": nil, "short": ErrShort, "trailing": ErrTrailing, "count": ErrCount, "duplicate": ErrDuplicate,
	"utf8": ErrUTF8, "name": ErrName, "limit": ErrLimit,
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("../../../../abi/testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode reads a whole frame and encodes it again.
func decode(b []byte) ([]Message, []byte, error) {
	r, err := Read(b)
	if err != nil {
		return nil, nil, err
	}
	var all []Message
	again := AppendCount(nil, r.Left())
	for r.Left() > 0 {
		m, err := r.Next()
		if err != nil {
			return nil, nil, err
		}
		all = append(all, m)
		again = AppendAttrs(again, m.Count())
		m.Each(func(name, value []byte) bool {
			again = AppendAttr(again, string(name), string(value))
			return true
		})
		again = AppendData(again, m.Data)
	}
	return all, again, nil
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		b := unhex(t, v.Hex)
		got, _, err := decode(b)
		if !errors.Is(err, kinds[v.Error]) {
			t.Errorf("%s: error %v, want %q", v.Name, err, v.Error)
		}
		if err != nil || v.Error != "" {
			continue
		}
		if len(got) != len(v.Messages) {
			t.Errorf("%s: %d messages, want %d", v.Name, len(got), len(v.Messages))
			continue
		}
		encoded := AppendCount(nil, len(v.Messages))
		for i, want := range v.Messages {
			encoded = AppendAttrs(encoded, len(want.Attributes))
			for _, a := range want.Attributes {
				if value, ok := got[i].Attr(a[0]); !ok || string(value) != a[1] {
					t.Errorf("%s: attribute %q is %q, %v", v.Name, a[0], value, ok)
				}
				if err := Check(a[0], a[1]); err != nil {
					t.Errorf("%s: attribute %q: %v", v.Name, a[0], err)
				}
				encoded = AppendAttr(encoded, a[0], a[1])
			}
			if n := got[i].Count(); n != len(want.Attributes) {
				t.Errorf("%s: %d attributes, want %d", v.Name, n, len(want.Attributes))
			}
			encoded = AppendData(encoded, unhex(t, want.DataHex))
		}
		if !bytes.Equal(encoded, b) {
			t.Errorf("%s: encoded as %x", v.Name, encoded)
		}
	}
}

func TestOne(t *testing.T) {
	m := AppendData(AppendAttr(AppendAttrs(nil, 1), "type", "a"), []byte("x"))
	if got, err := One(append(AppendCount(nil, 1), m...)); err != nil || string(got.Data) != "x" {
		t.Errorf("one message: %q, %v", got.Data, err)
	}
	for name, b := range map[string][]byte{
		"no message":   AppendCount(nil, 0),
		"two messages": append(append(AppendCount(nil, 2), m...), m...),
	} {
		if _, err := One(b); !errors.Is(err, ErrCount) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"a", "", nil},
		{strings.Repeat("n", NameMax), strings.Repeat("v", ValueMax), nil},
		{"", "v", ErrName},
		{strings.Repeat("n", NameMax+1), "", ErrLimit},
		{"a", strings.Repeat("v", ValueMax+1), ErrLimit},
		{"a", "\xff", ErrUTF8},
		{"\xff", "", ErrUTF8},
	} {
		if err := Check(c.name, c.value); !errors.Is(err, c.want) {
			t.Errorf("Check(%.8q, %.8q) = %v, want %v", c.name, c.value, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.Hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, again, err := decode(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
