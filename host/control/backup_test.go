package control

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// backupFiles are what the fake host has to back up.
var backupFiles = []struct {
	name string
	data []byte
}{
	{"blobs/empty", nil},
	{"blobs/part", bytes.Repeat([]byte{7}, partMax)},
	{"records/more", bytes.Repeat([]byte{0, 1, 2, '"', '<'}, partMax/2)},
	{"manifest.json", []byte("{}\n")},
}

func (f *fake) Backup(_ context.Context, r BackupRequest, emit func(BackupPart) error) error {
	for _, file := range backupFiles {
		if err := Parts(file.name, file.data, emit); err != nil {
			return err
		}
	}
	return f.note(r)
}

// slow notes the deadlines of what is written to it.
type slow struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (s *slow) SetWriteDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

// TestStreamDeadline: each value of a stream has a time of its own in which it must be read, and
// the next answer has none left over.
func TestStreamDeadline(t *testing.T) {
	w, began := &slow{ResponseRecorder: httptest.NewRecorder()}, time.Now()
	Lines(w, func(emit func(int) error) error { return errors.Join(emit(1), emit(2)) })
	if w.Body.String() != "1\n2\n" || len(w.deadlines) != 3 {
		t.Fatalf("%q, %v", w.Body, w.deadlines)
	}
	if d := w.deadlines; d[0].Before(began.Add(partTime)) || d[1].Before(d[0]) || !d[2].IsZero() {
		t.Errorf("deadlines %v", d)
	}
}

// TestBackupParts has files of no, one and several parts come through whole.
func TestBackupParts(t *testing.T) {
	dir := t.TempDir()
	f := &fake{}
	s, err := listen(t, dir, f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := map[string]int{}
	err = c.Backup(t.Context(), BackupRequest{History: true}, func(_ context.Context, name string, data []byte) error {
		for _, file := range backupFiles {
			if file.name == name && bytes.Equal(file.data, data) {
				got[name]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"blobs/empty": 1, "blobs/part": 1, "records/more": 1, "manifest.json": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{BackupRequest{History: true}}, f.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}

	f.err = &Error{Code: "journal.unavailable", Message: "no"}
	var told *Error
	err = c.Backup(t.Context(), BackupRequest{}, func(context.Context, string, []byte) error { return nil })
	if !errors.As(err, &told) || told.Code != "journal.unavailable" {
		t.Errorf("the host's error is %v", err)
	}
	refused := errors.New("disk full")
	if err := c.Backup(t.Context(), BackupRequest{}, func(context.Context, string, []byte) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the error of who puts is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestJoiner refuses parts that do not belong together.
func TestJoiner(t *testing.T) {
	part := func(name string, more bool) BackupPart { return BackupPart{Name: name, More: more} }
	for name, list := range map[string][]BackupPart{
		"no name":     {part("", false)},
		"interrupted": {part("a", true), part("b", false)},
		"too large":   {{Name: "a", Data: make([]byte, fileMax), More: true}, {Name: "a", Data: []byte{1}}},
	} {
		j := joiner{put: func(string, []byte) error { return nil }}
		var err error
		for _, p := range list {
			if err = j.take(p); err != nil {
				break
			}
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
