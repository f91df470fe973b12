package journal_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/testdata/property"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

// kinds has one of each kind of entry, in the order of journal.proto.
func kinds() []journal.Entry {
	return []journal.Entry{
		&journal.Epoch{}, &journal.Accepted{}, &journal.Handled{}, &journal.Dead{}, &journal.AttemptMade{}, &journal.Timer{},
		&journal.Moved{}, &journal.Revision{}, &journal.LinkAck{}, &journal.SnapshotTaken{}, &journal.Packed{}, &journal.Asked{}, &journal.Action{},
		&journal.Cell{}, &journal.Waiting{}, &journal.Root{}, &journal.Begun{}, &journal.Routes{},
	}
}

// message is the type of fields that stand for the bytes beside them.
var message = reflect.TypeFor[*abi.Message]()

// fill sets every field of v to something drawn, so that a field the codec
// forgets is noticed.
func fill(t *rapid.T, v reflect.Value) {
	if v.Type() == message {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 3).Draw(t, "n"), 3))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString(rapid.StringN(0, 40, -1).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, "uint8")))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "uint32")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint64"))
	default:
		t.Fatalf("field of kind %s", v.Kind())
	}
}

// record is journal.proto's Record, compiled by a compiler not written here.
func record(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := c.Compile(t.Context(), "journal.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName("Record")
}

// entries reads a record whole, copying each entry out of the cursor.
func entries(b []byte) ([]journal.Entry, error) {
	r, err := journal.Parse(b)
	if err != nil {
		return nil, err
	}
	var c journal.Cursor
	c.Reset(r)
	var list []journal.Entry
	for {
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, clone(reflect.ValueOf(e)).Interface().(journal.Entry))
	}
}

func clone(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(clone(v.Elem()))
		return p
	case reflect.Struct:
		s := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			s.Field(i).Set(clone(v.Field(i)))
		}
		return s
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(clone(v.Index(i)))
		}
		return s
	case reflect.String:
		return reflect.ValueOf(strings.Clone(v.String())).Convert(v.Type())
	}
	return v
}

// TestRoundTrip reads back what was written, and has protobuf's own
// implementation read it by journal.proto, write it anew, and reads that.
func TestRoundTrip(t *testing.T) {
	descriptor := record(t)
	property.Check(t, func(t *rapid.T) {
		var w journal.Writer
		epoch := rapid.Uint64().Draw(t, "epoch")
		w.Reset(epoch)
		var want []journal.Entry
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			e := rapid.SampledFrom(kinds()).Draw(t, "kind")
			fill(t, reflect.ValueOf(e).Elem())
			if !w.Add(e) {
				t.Fatal("entry was not taken")
			}
			want = append(want, e)
		}
		b := bytes.Clone(w.Bytes())
		r, err := journal.Parse(b)
		if err != nil || r.Epoch != epoch || r.Entries != len(want) {
			t.Fatalf("header: %+v, %v", r, err)
		}
		compare(t, b, want)

		m := dynamicpb.NewMessage(descriptor)
		if err := proto.Unmarshal(b[21:], m); err != nil {
			t.Fatalf("protobuf cannot read it: %v", err)
		}
		if n := unknown(m); n > 0 {
			t.Fatalf("%d bytes of fields that journal.proto does not have", n)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		w.Reset(epoch)
		var other journal.Writer
		other.Reset(epoch)
		for _, e := range want {
			other.Add(e)
		}
		if !w.Merge(&other) {
			t.Fatal("records do not merge")
		}
		merged := bytes.Clone(w.Bytes())
		if !bytes.Equal(merged, b) {
			t.Fatal("merging into an empty record changes it")
		}
		compare(t, journal.Seal(merged[:21], again), want)
	})
}

func compare(t *rapid.T, b []byte, want []journal.Entry) {
	got, err := entries(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatal(d)
	}
}

func unknown(m protoreflect.Message) int {
	n := len(m.GetUnknown())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				n += unknown(v.List().Get(i).Message())
			}
		case f.Message() != nil:
			n += unknown(v.Message())
		}
		return true
	})
	return n
}

// TestLimits: a record takes what its limits allow and no more.
func TestLimits(t *testing.T) {
	var w journal.Writer
	w.Reset(1)
	big := func(n int) *journal.Handled { return &journal.Handled{Input: make([]byte, n)} }
	if w.AddHandled(big(journal.InlineMax)) || w.Entries() != 0 {
		t.Error("an entry beyond InlineMax was taken")
	}
	for n := 0; w.AddHandled(big(journal.InlineMax - 100)); n++ {
		if n > 2 {
			t.Fatal("more than RecordMax was taken")
		}
	}
	if w.Entries() != 2 || len(w.Bytes()) > journal.RecordMax {
		t.Errorf("%d entries, %d bytes", w.Entries(), len(w.Bytes()))
	}
	w.Reset(1)
	for range journal.EntriesMax {
		w.Add(&journal.Moved{Virtual: 7})
	}
	var more journal.Writer
	more.Reset(1)
	more.Add(&journal.Moved{})
	if w.Entries() != journal.EntriesMax || w.Add(&journal.Moved{}) || w.Merge(&more) {
		t.Errorf("%d entries and still room", w.Entries())
	}
}

func TestPack(t *testing.T) {
	s := mem.New(mem.Options{})
	defer s.Close()
	j, err := s.Open(t.Context(), journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	want := &journal.Handled{ID: "x", Input: bytes.Repeat([]byte("i"), 1<<20), Outputs: []journal.Output{{To: "n", Frame: make([]byte, 1<<20)}}}
	p, err := journal.Pack(t.Context(), j, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := journal.Unpack(t.Context(), j, p)
	if err != nil {
		t.Fatal(err)
	}
	h, ok := got.(*journal.Handled)
	if !ok || h.ID != want.ID || !bytes.Equal(h.Input, want.Input) || len(h.Outputs) != 1 || !bytes.Equal(h.Outputs[0].Frame, want.Outputs[0].Frame) {
		t.Errorf("the entry came back as another: %.200v", got)
	}
	if _, err := journal.Unpack(context.Background(), j, &journal.Packed{Blob: "sha256:none"}); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("blob that is gone: %v", err)
	}
}

// TestFormat holds the bytes of every kind of entry against those of earlier
// versions.
func TestFormat(t *testing.T) {
	var text strings.Builder
	for _, e := range kinds() {
		var w journal.Writer
		w.Reset(7)
		n := uint64(0)
		number(reflect.ValueOf(e).Elem(), &n)
		w.Add(e)
		fmt.Fprintf(&text, "%T %s\n", e, hex.EncodeToString(w.Bytes()))
	}
	const file = "testdata/format.txt"
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text.String()); d != "" {
		t.Errorf("the format has changed; it needs a new FormatVersion, unless fields were only added, which earlier versions skip (then -update):\n%s", d)
	}
}

// number sets every field to a different value.
func number(v reflect.Value, n *uint64) {
	if v.Type() == message {
		return
	}
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			number(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		number(v.Elem(), n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, "b%d", *n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		number(v.Index(0), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(int64(*n))
	default:
		v.SetUint(*n)
	}
}

func TestDamage(t *testing.T) {
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Handled{ID: "a", Input: []byte("input")})
	good := bytes.Clone(w.Bytes())
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for what, b := range map[string][]byte{
		"empty":               nil,
		"cut":                 good[:len(good)-1],
		"longer":              change(func(b []byte) []byte { return append(b, 0) }),
		"a bit":               change(func(b []byte) []byte { b[len(b)-2] ^= 4; return b }),
		"epoch":               change(func(b []byte) []byte { b[6]++; return b }),
		"another version":     change(func(b []byte) []byte { b[4] = 9; return journal.Seal(b[:21], b[21:]) }),
		"one entry too few":   change(func(b []byte) []byte { b[13] = 2; return journal.Seal(b[:21], b[21:]) }),
		"an unknown kind":     journal.Seal(change(func(b []byte) []byte { b[13] = 1; return b[:21] }), []byte{0x0a, 4, 0xfa, 1, 1, 0}),
		"two things in one":   journal.Seal(change(func(b []byte) []byte { b[13] = 1; return b[:21] }), []byte{0x0a, 4, 0x0a, 0, 0x12, 0}),
		"a field cut short":   journal.Seal(change(func(b []byte) []byte { return b[:21] }), []byte{0x0a, 40, 1}),
		"more entries than 0": journal.Seal(change(func(b []byte) []byte { b[13] = 0; return b[:21] }), good[21:]),
	} {
		if _, err := entries(b); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", what, err)
		}
	}
}

// FuzzCursor: no bytes make reading panic or read past them.
func FuzzCursor(f *testing.F) {
	for _, e := range kinds() {
		var w journal.Writer
		w.Reset(1)
		n := uint64(0)
		number(reflect.ValueOf(e).Elem(), &n)
		w.Add(e)
		f.Add(w.Bytes()[21:], uint32(1))
	}
	var header journal.Writer
	header.Reset(1)
	f.Fuzz(func(t *testing.T, body []byte, n uint32) {
		head := bytes.Clone(header.Bytes())
		head[13], head[14] = byte(n), byte(n>>8)
		list, err := entries(journal.Seal(head, body))
		if err != nil {
			if !errors.Is(err, journal.ErrDamaged) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		var w journal.Writer
		w.Reset(1)
		for _, e := range list {
			w.Add(e)
		}
		again, err := entries(w.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(list, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

var handled = journal.Handled{
	ID: "01JBZ5V6XQ7N8M2K4D3C1B0A9Z.1", Node: "checkout/pricing", Input: make([]byte, 450), Time: 1_800_000_000_000_000_000, Attempt: 1,
	Revision: "sha256:0123456789abcdef", Outcome: journal.OutcomeHandled, Outputs: []journal.Output{{To: "checkout/ship", Frame: make([]byte, 450)}},
}

func BenchmarkAddHandled(b *testing.B) {
	var w journal.Writer
	w.Reset(1)
	b.ReportAllocs()
	for b.Loop() {
		if !w.AddHandled(&handled) {
			w.Reset(1)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	var w journal.Writer
	w.Reset(1)
	for w.AddHandled(&handled) {
	}
	r, err := journal.Parse(w.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	var c journal.Cursor
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Next(); err != nil {
			c.Reset(r)
		}
	}
}
