//go:build !wasip1

package grow_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"testing"
	"testing/iotest"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

// askObjects is what the handler of blob.ask does.
var askObjects func(grow.Blob)

func init() {
	grow.OnMessage("blob.ask", func(ctx *grow.Context, _ grow.Message) error {
		askObjects(ctx.Blob("photos"))
		return nil
	})
}

// photos is the other side of a grant: objects and parts in memory.
type photos struct {
	objects map[string][]byte
	parts   map[string][]byte
	last    map[string]int // revisions
	asked   []string
}

func (p *photos) serve(r growtest.Request) growtest.Answer {
	var attrs []string
	for name, v := range r.Attrs {
		attrs = append(attrs, name+"="+v)
	}
	sort.Strings(attrs)
	p.asked = append(p.asked, r.Op+" "+strings.Join(attrs, " "))
	key := r.Attrs["key"]
	if n, ok := r.Attrs["if_revision"]; ok && n != fmt.Sprint(p.last[key]) {
		return growtest.Answer{Code: "conflict", Data: []byte("another")}
	}
	switch r.Op {
	case "blob.list":
		var list []string
		for key, data := range p.objects {
			if strings.HasPrefix(key, r.Attrs["prefix"]) && key > r.Attrs["after"] {
				list = append(list, fmt.Sprintf(`{"key":%q,"size":%d,"revision":"%d","damaged":%t}`, key, len(data), p.last[key], key == "x"))
			}
		}
		sort.Strings(list)
		return growtest.Answer{Data: []byte("[" + strings.Join(list[:min(len(list), 2)], ",") + "]")}
	case "blob.delete":
		delete(p.objects, key)
		return growtest.Answer{}
	case "blob.put":
		data := bytes.Clone(r.Data)
		if part, ok := r.Attrs["part"]; ok {
			p.parts[part] = data
			return growtest.Answer{Attrs: map[string]string{"upload": "u1"}}
		}
		var n int
		fmt.Sscan(r.Attrs["parts"], &n)
		for part := range n {
			data = append(data, p.parts[fmt.Sprint(part+1)]...)
		}
		p.objects[key], p.last[key] = data, p.last[key]+1
	}
	data, ok := p.objects[key]
	if !ok {
		return growtest.Answer{Code: "not_found"}
	}
	a := growtest.Answer{Attrs: map[string]string{"size": fmt.Sprint(len(data)), "revision": fmt.Sprint(p.last[key]), "digest": "d", "modified": "7"}}
	if r.Op == "blob.get" {
		var from, to int
		fmt.Sscanf(r.Attrs["range"], "%d-%d", &from, &to)
		a.Data = data[min(from, len(data)):min(to+1, len(data))]
	}
	return a
}

// withPhotos has an actor do something with a bucket.
func withPhotos(t *testing.T, do func(grow.Blob)) *photos {
	t.Helper()
	p := &photos{objects: map[string][]byte{}, parts: map[string][]byte{}, last: map[string]int{}}
	askObjects = do
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: p.serve})
	if got := h.Send("blob.ask", 0); got.Outcome != growtest.Handled {
		t.Fatalf("%+v", got)
	}
	return p
}

func TestBlob(t *testing.T) {
	withPhotos(t, func(b grow.Blob) {
		if o, err := b.Stat("a"); err != nil || o.Revision != "" {
			t.Errorf("%+v %v", o, err)
		}
		if o, err := b.Write("a", []byte("one"), grow.IfObject(grow.NoObject)); err != nil || o.Size != 3 || o.Revision != "1" || o.Modified.UnixMilli() != 7 {
			t.Errorf("%+v %v", o, err)
		}
		if _, err := b.Write("a", []byte("two"), grow.IfObject(grow.NoObject)); err == nil || err.Error() != "blob.put: conflict: another" {
			t.Error(err)
		}
		if data, err := b.Read("a"); err != nil || string(data) != "one" {
			t.Errorf("%q %v", data, err)
		}
		var no *grow.CallError
		if _, err := b.Read("none"); !errors.As(err, &no) || no.Code != "not_found" {
			t.Error(err)
		}
		for _, key := range []string{"b", "c", "x"} {
			if _, err := b.Write(key, nil); err != nil {
				t.Error(err)
			}
		}
		if list, err := b.List(""); err != nil || len(list) != 4 || list[3].Key != "x" || !list[3].Damaged || list[0].Damaged {
			t.Errorf("%+v %v", list, err)
		}
		if err := b.Delete("a", grow.IfObject("1")); err != nil {
			t.Error(err)
		}
		if list, err := b.List("a"); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// TestBlobFiles: objects of several pieces as files.
func TestBlobFiles(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16+1) // two pieces and a little
	p := withPhotos(t, func(b grow.Blob) {
		w := b.Create("a")
		for _, some := range [][]byte{data[:5], data[5 : 600<<10], data[600<<10:]} {
			if n, err := w.Write(some); err != nil || n != len(some) {
				t.Errorf("%d %v", n, err)
			}
		}
		if o, err := b.Stat("a"); err != nil || o.Revision != "" {
			t.Errorf("before it is closed: %+v %v", o, err)
		}
		if err := w.Close(); err != nil || w.Size != int64(len(data)) {
			t.Errorf("%v %+v", err, w.Object)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("written after it was closed")
		}
		r, err := b.Open("a")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 500<<10, 50<<10), data[500<<10:550<<10]); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if n, err := r.Seek(-3, io.SeekEnd); err != nil || n != int64(len(data))-3 {
			t.Error(n, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "def" {
			t.Errorf("%q %v", got, err)
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("sought before the beginning")
		}
		if _, err := b.Write("a", []byte("another")); err != nil {
			t.Error(err)
		}
		if _, err := r.ReadAt(make([]byte, 1), 600<<10); err == nil || !strings.Contains(err.Error(), "conflict") {
			t.Errorf("of what was replaced: %v", err)
		}
	})
	want := []string{"blob.put key=a part=1", "blob.put key=a part=2 upload=u1", "blob.stat key=a", "blob.put key=a part=3 upload=u1", "blob.put key=a parts=3 upload=u1"}
	if got := strings.Join(p.asked[:5], "\n"); got != strings.Join(want, "\n") {
		t.Error(got)
	}
}
