package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal"
)

// typedAt is a copy of the actor snake that ann types at.
func typedAt(t *testing.T, h *Host) control.REPL {
	t.Helper()
	r, err := (backend{h}).OpenREPL(t.Context(), control.REPLRequest{Node: "snake", Key: "k"}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func typed(h *Host, id, by, source string) (control.REPLOutput, error) {
	return (backend{h}).Evaluate(context.Background(), control.REPLInput{ID: id, Source: source}, by)
}

func holdCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *control.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestREPL: who opened a copy types at it, for as long as they do; the journal says who
// it was, and from when until when.
func TestREPL(t *testing.T) {
	if _, err := pythonRuntime(); err != nil {
		t.Skip(err)
	}
	h := servePython(t, "shared", "300M")
	b := backend{h}
	r := typedAt(t, h)
	for _, c := range []struct{ source, want string }{{"handled", "0\n"}, {"what = do(ctx, 'state'); what.data", "1\n"}, {"handled", "1\n"}} {
		if out, err := typed(h, r.ID, "ann", c.source); err != nil || out.Output != c.want || out.Fault != "" {
			t.Errorf("%s: %+v, %v", c.source, out, err)
		}
	}
	waits, err := h.consoles.of(r.ID, "ann")
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	done, err := waits.begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = typed(h, r.ID, "ann", "1")
	holdCode(t, "beside another input", err, control.CodeConflict)
	leave()
	for !waits.left.Load() {
		runtime.Gosched()
	}
	late, later := context.WithCancel(t.Context())
	later()
	if _, err := waits.begin(late); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for it: %v", err)
	}
	next := make(chan string)
	go func() {
		out, err := typed(h, r.ID, "ann", "2")
		next <- fmt.Sprint(out.Output, err)
	}()
	done()
	if said := <-next; said != "2\n<nil>" {
		t.Errorf("after one that nobody waits for: %q", said)
	}
	_, err = typed(h, r.ID, "ben", "1")
	holdCode(t, "somebody else's", err, control.CodeREPLEnded)
	_, err = b.CloseREPL(t.Context(), r.ID, "ben")
	holdCode(t, "somebody else's", err, control.CodeREPLEnded)
	if out, err := typed(h, r.ID, "ann", "import os; os._exit(3)"); err == nil {
		t.Errorf("the copy is still there: %+v", out)
	} else {
		holdCode(t, "a copy that has ended", err, control.CodeREPLEnded)
	}
	_, err = typed(h, r.ID, "ann", "1")
	holdCode(t, "afterwards", err, control.CodeREPLEnded)

	// A lease ends when nothing is typed.
	r = typedAt(t, h)
	one, err := h.consoles.of(r.ID, "ann")
	if err != nil {
		t.Fatal(err)
	}
	one.idle.Reset(0)
	<-one.console.Gone()
	_, err = typed(h, r.ID, "ann", "1")
	holdCode(t, "after its lease", err, control.CodeREPLEnded)

	// So many at a time, and no more; a stop ends them.
	h.consoles.settled(t)
	for range control.REPLsMax {
		r = typedAt(t, h)
	}
	_, err = b.OpenREPL(t.Context(), control.REPLRequest{Node: "snake"}, "ann")
	holdCode(t, "one too many", err, control.CodeDebugBusy)
	if _, err := b.CloseREPL(t.Context(), r.ID, "ann"); err != nil {
		t.Error(err)
	}
	holdAudit(t, h, r)
	h.consoles.shut()
	_, err = b.OpenREPL(t.Context(), control.REPLRequest{Node: "snake"}, "ann")
	holdCode(t, "while the host stops", err, "host.stopping")
}

// settled waits until what has ended is listed no more.
func (l *consoles) settled(t *testing.T) {
	t.Helper()
	l.ended.Wait()
}

// holdAudit holds that the journal has two entries for each copy that has ended.
func holdAudit(t *testing.T, h *Host, r control.REPL) {
	t.Helper()
	count := map[string]int{}
	if err := h.journal.Read(t.Context(), 1, func(_ uint64, record []byte) error {
		r, err := journal.Parse(record)
		if err != nil {
			return err
		}
		var c journal.Cursor
		c.Reset(r)
		for {
			e, err := c.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if a, ok := e.(*journal.Action); ok {
				count[strings.Join([]string{a.Name, a.Node, a.Key, a.By, a.Reason}, " ")]++
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	whose := fmt.Sprintf(" %s %s ann repl", r.Node, r.Key)
	if begun, ended := count[journal.ActionDebug+whose], count[journal.ActionDebugEnd+whose]; begun != 2+control.REPLsMax || ended != 3 {
		t.Errorf("%d entries of beginnings, %d of ends: %v", begun, ended, count)
	}
}

// TestREPLRefused: what nobody types at, and that each is told why.
func TestREPLRefused(t *testing.T) {
	h := hogs(t, nil)
	for _, c := range []struct {
		name, node, key, code string
	}{
		{"another language", "hog", "", control.CodeREPLLanguage},
		{"no such node", "none", "", control.CodeNotFound},
	} {
		_, err := (backend{h}).OpenREPL(t.Context(), control.REPLRequest{Node: c.node, Key: c.key}, "ann")
		holdCode(t, c.name, err, c.code)
	}
	_, err := (backend{h}).Fork(t.Context(), control.ForkRequest{Node: "hog", Type: "other"})
	holdCode(t, "a message that it does not take", err, control.CodeInvalid)
	_, err = (backend{h}).Fork(t.Context(), control.ForkRequest{Node: "hog", Type: "hog.do", Data: []byte("1")})
	holdCode(t, "data of another type", err, "request.type")
}

// TestFork: a copy handles a message with what its key keeps, and nothing comes of it.
func TestFork(t *testing.T) {
	h := hogs(t, nil)
	if a := answered(accepted(t, h, "hog", "c1")); a.Code != "" {
		t.Fatal(a)
	}
	before := handledBy(h, "hog")
	f, err := (backend{h}).Fork(t.Context(), control.ForkRequest{Node: "hog", Type: "hog.do", Data: []byte(`"c1"`)})
	if err != nil || f.Key != "c1" || f.Now.Outcome != "handled" || f.Now.Revision == "" {
		t.Errorf("%+v, %v", f, err)
	}
	if after := handledBy(h, "hog"); after != before {
		t.Errorf("the actor itself has handled %d, before %d", after, before)
	}
	for name, r := range map[string]control.ForkRequest{
		"the attribute id is the host's": {Attrs: map[string]string{"id": "other"}},
		"the attribute subject is":       {Attrs: map[string]string{"subject": "c2"}},
		"larger than one may be":         {Attrs: map[string]string{strings.Repeat("n", 70_000): ""}},
		"bytes of data; at most":         {Data: []byte(`"` + strings.Repeat("x", abi.DataMax) + `"`)},
	} {
		r.Node, r.Type = "hog", "hog.do"
		if r.Data == nil {
			r.Data = []byte(`"c1"`)
		}
		if _, err := (backend{h}).Fork(t.Context(), r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

// TestCopies: so many copies handle messages for people at a time, and no more.
func TestCopies(t *testing.T) {
	h := hogs(t, nil)
	fork := func() error {
		_, err := (backend{h}).Fork(t.Context(), control.ForkRequest{Node: "hog", Type: "hog.do", Data: []byte(`"c1"`)})
		return err
	}
	var releases []func()
	for range copiesMax {
		release, err := h.copying()
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	var busy *control.Error
	if err := fork(); !errors.As(err, &busy) || busy.Code != control.CodeDebugBusy {
		t.Errorf("one more: %v", err)
	}
	for _, release := range releases {
		release()
	}
	for range copiesMax + 1 { // what is done gives its place back
		if err := fork(); err != nil {
			t.Fatal(err)
		}
	}
}
