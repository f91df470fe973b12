package crash

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// history is a round in which all holds: two clients, one key, five entries of
// which the last was not answered, and a reading.
func history() (*Books, Known, []*Op) {
	lines := []Line{{"old", "0"}, {"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}
	sum := ""
	for _, l := range lines {
		sum = fold(sum, l.ID)
	}
	book := func() *Book { return &Book{Key: "k", Lines: append([]Line(nil), lines...), Sum: sum} }
	put := func(id string, start, end int64, n int, nonce string) *Op {
		return &Op{Entry: Entry{Key: "k", ID: id}, Start: start, End: end, Status: http.StatusOK, N: n, Nonce: nonce}
	}
	ops := []*Op{
		put("a", 1, 2, 2, "1"),
		put("b", 3, 6, 3, "2"),
		{Entry: Entry{Key: "k", ID: "c"}, Start: 4, End: 7, Status: http.StatusAccepted, Leave: true},
		{Entry: Entry{Key: "k", ID: "d"}, Start: 8},
		{Entry: Entry{Key: "k", ID: "r"}, Start: 9, End: 10, Status: http.StatusOK, Read: true, Lines: 5, Sum: sum},
		{Entry: Entry{Key: "k", ID: "p", Poison: true}, Start: 8, End: 9, Status: http.StatusInternalServerError, Message: "m"},
	}
	return &Books{map[string]*Book{"k": book()}, map[string]*Book{"k": book()}}, Known{"k": lines[:1]}, ops
}

func check(b *Books, k Known, ops []*Op) error {
	if err := Check(b, k, ops); err != nil {
		return err
	}
	return CheckLinear(b, k, ops)
}

// rewrite sets the lines of both books, with a sum that fits.
func rewrite(b *Books, lines ...Line) {
	for _, book := range []*Book{b.Ledger["k"], b.Mirror["k"]} {
		book.Lines, book.Sum = lines, ""
		for _, l := range lines {
			book.Sum = fold(book.Sum, l.ID)
		}
	}
}

// TestCheck: what holds is found to hold, and everything that does not is named.
func TestCheck(t *testing.T) {
	if err := check(history()); err != nil {
		t.Fatalf("a history that holds: %v", err)
	}
	for _, c := range []struct {
		name, want string
		harm       func(b *Books, k Known, ops []*Op)
	}{
		{"a line lost", "b was answered 200 and is lost", func(b *Books, _ Known, _ []*Op) {
			l := b.Ledger["k"].Lines
			rewrite(b, l[0], l[1], l[3], l[4])
		}},
		{"an accepted line lost", "c was answered 202 and is lost", func(b *Books, _ Known, _ []*Op) {
			l := b.Ledger["k"].Lines
			rewrite(b, l[0], l[1], l[2], l[4])
		}},
		{"a line twice", "d was applied twice", func(b *Books, _ Known, _ []*Op) {
			l := b.Ledger["k"].Lines
			rewrite(b, append(l, l[4])...)
		}},
		{"a line given again", "was given 1 lines again", func(b *Books, _ Known, _ []*Op) { b.Ledger["k"].Doubles = 1 }},
		{"handled again", "and is line 2 with 9", func(b *Books, _ Known, _ []*Op) {
			b.Ledger["k"].Lines[1].Nonce, b.Mirror["k"].Lines[1].Nonce = "9", "9"
		}},
		{"a line never sent", "x was never sent", func(b *Books, _ Known, _ []*Op) { rewrite(b, append(b.Ledger["k"].Lines, Line{"x", "1"})...) }},
		{"poison applied", "p is poison and was applied", func(b *Books, _ Known, _ []*Op) { rewrite(b, append(b.Ledger["k"].Lines, Line{"p", "1"})...) }},
		{"the sum wrong", "the actor has kept 0", func(b *Books, _ Known, _ []*Op) { b.Ledger["k"].Sum, b.Mirror["k"].Sum = "0", "0" }},
		{"an output lost", "the mirror is not what the ledger sent on", func(b *Books, _ Known, _ []*Op) { b.Mirror["k"].Lines = b.Mirror["k"].Lines[:4] }},
		{"an output out of order", "the mirror is not", func(b *Books, _ Known, _ []*Op) {
			l := b.Mirror["k"].Lines
			l[3], l[4] = l[4], l[3]
		}},
		{"an old line lost", "does not begin as it was before", func(b *Books, _ Known, _ []*Op) { rewrite(b, b.Ledger["k"].Lines[1:]...) }},
		{"out of order", "d stands before c", func(b *Books, _ Known, _ []*Op) {
			l := b.Ledger["k"].Lines
			rewrite(b, l[0], l[1], l[2], l[4], l[3])
		}},
		{"a stale reading", "not linearizable", func(_ *Books, k Known, ops []*Op) { ops[4].Lines, ops[4].Sum = 1, fold("", "old") }},
		{"a fault answered", "c was answered 500", func(_ *Books, _ Known, ops []*Op) { ops[2].Status = http.StatusInternalServerError }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, k, ops := history()
			c.harm(b, k, ops)
			if err := check(b, k, ops); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v; want %q", err, c.want)
			}
		})
	}
}

// TestCheckDead: each poisoned entry that was answered is one dead letter.
func TestCheckDead(t *testing.T) {
	_, _, ops := history()
	one := Dead{ID: "m", Type: "entry.put"}
	for _, c := range []struct {
		name, want string
		dead       []Dead
	}{
		{"all there", "", []Dead{one}},
		{"lost", "is lost", nil},
		{"twice", "is there twice", []Dead{one, one}},
		{"one too many", "2 dead letters of 1", []Dead{one, {ID: "n", Type: "entry.put"}}},
		{"of a line", "of type entry.applied", []Dead{one, {ID: "n", Type: "entry.applied"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckDead(c.dead, ops)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("found %v; want %q", err, c.want)
			}
		})
	}
}

// TestOnlyEnd: a journal whose end is cut off has no holes.
func TestOnlyEnd(t *testing.T) {
	_, _, ops := history()
	if err := onlyEnd(map[string]bool{"a": true}, ops); err != nil {
		t.Errorf("without its end: %v", err)
	}
	if err := onlyEnd(map[string]bool{"a": true, "d": true}, ops); err == nil {
		t.Error("a hole before the end is not found")
	}
}

// TestImports: the checker shares no code with what it checks, directly or not.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/grow-platform/grow/"
	ours := map[string]bool{"testdata/crash": true, "testdata/triagetest": true, "testdata/webhooks": true}
	for path := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(path), module); ok && !ours[name] {
			t.Errorf("it imports %s", name)
		}
	}
}
