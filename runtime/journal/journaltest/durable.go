package journaltest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// childEnv tells the test binary that it is the process to be killed, and where
// the journal lies.
const childEnv = "JOURNALTEST_CHILD"

// Durable runs the part of the suite for stores that outlive their process.
// open opens the store at place, as often as it likes; place is what
// fresh returns. The function that calls Durable is run again in a process of its
// own, which is killed: it must do nothing before.
func Durable(t *testing.T, fresh func(t *testing.T) (place string), open func(t *testing.T, place string) journal.Store) {
	if place := os.Getenv(childEnv); place != "" {
		child(t, open(t, place))
		return
	}
	t.Run("opened again after close", func(t *testing.T) { reopened(t, fresh(t), open) })
	t.Run("killed", func(t *testing.T) { killed(t, fresh(t), open) })
}

func reopened(t *testing.T, place string, open func(t *testing.T, place string) journal.Store) {
	s := open(t, place)
	j := journalOf(t, s, name)
	mustAdd(t, j, 0, "a", "b", "c")
	if err := j.Trim(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	digest, err := j.PutBlob(t.Context(), bytes.Repeat([]byte("x"), 2<<20))
	if err != nil {
		t.Fatal(err)
	}
	revision, err := j.SetSnapshot(t.Context(), []byte("pointer"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s = open(t, place)
		j = journalOf(t, s, name)
		same(t, "bounds", bounds(t, j), [2]uint64{2, 3})
		same(t, "records", all(t, j, 2), []string{"2:b", "3:c"})
		if b, err := j.Blob(t.Context(), digest); err != nil || len(b) != 2<<20 {
			t.Fatalf("blob: %d bytes, %v", len(b), err)
		}
		if p, r, err := j.Snapshot(t.Context()); err != nil || string(p) != "pointer" || r != revision {
			t.Fatalf("snapshot: %q at %d, %v; want revision %d", p, r, err, revision)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, place)
	defer s.Close()
	j = journalOf(t, s, name)
	if err := j.Trim(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, j, 3, "d")
	same(t, "records", all(t, j, 4), []string{"4:d"})
}

// killRounds is how often the process is killed.
const killRounds = 4

// killed kills a process that appends, again and again, and sees that nothing
// it was told of is lost.
func killed(t *testing.T, place string, open func(t *testing.T, place string) journal.Store) {
	var last uint64 // the process was told of
	for round := range killRounds {
		told := runChild(t, place, 100*(round+1))
		s := open(t, place)
		j := journalOf(t, s, name)
		b := bounds(t, j)
		if b[1] < told.last || b[1] > told.last+journal.InFlight {
			t.Fatalf("round %d: the journal ends with %d; %d were acknowledged", round, b[1], told.last)
		}
		for _, r := range all(t, j, b[0]) {
			var seq, content uint64
			if n, _ := fmt.Sscanf(r, "%d:%d", &seq, &content); n != 2 || seq != content {
				t.Fatalf("round %d: record %.30q", round, r)
			}
		}
		if told.blob != "" {
			if b, err := j.Blob(t.Context(), told.blob); err != nil || len(b) != childBlob {
				t.Fatalf("round %d: blob %s: %d bytes, %v", round, told.blob, len(b), err)
			}
		}
		if pointer, _, err := j.Snapshot(t.Context()); told.pointer != "" && (err != nil || string(pointer) < told.pointer) {
			t.Fatalf("round %d: snapshot pointer %q, %v; %q was set", round, pointer, err, told.pointer)
		}
		if told.last <= last {
			t.Fatalf("round %d: %d after %d: nothing was appended", round, told.last, last)
		}
		last = told.last
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// told is what a process that was killed had been told.
type told struct {
	last    uint64
	blob    string
	pointer string
}

// runChild runs this test in another process and kills it after so many lines.
func runChild(t *testing.T, place string, lines int) (got told) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	c := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.timeout=2m")
	c.Env = append(os.Environ(), childEnv+"="+place)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	n := 0
	for scan.Scan() {
		what, value, _ := strings.Cut(scan.Text(), " ")
		switch what {
		case "record":
			if _, err := fmt.Sscan(value, &got.last); err != nil {
				t.Errorf("line %q of the process", scan.Text())
			}
		case "blob":
			got.blob = value
		case "pointer":
			got.pointer = value
		default:
			said.WriteString(scan.Text() + "\n")
		}
		if n++; n == lines {
			if err := c.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := c.Wait(); err == nil || n < lines {
		t.Fatalf("the process to be killed ended after %d lines: %v\n%s", n, err, said.String())
	}
	return got
}

// childBlob is the size of the blobs of the process to be killed.
const childBlob = 700 << 10

// child appends, puts blobs and sets the pointer, and says so, until it is killed.
func child(t *testing.T, s journal.Store) {
	j := journalOf(t, s, name)
	_, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, revision, err := j.Snapshot(t.Context())
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		t.Fatal(err)
	}
	type end struct {
		seq uint64
		err error
	}
	ends := make(chan end, journal.InFlight)
	pad := bytes.Repeat([]byte("."), 5000)
	flight := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		for ; flight < journal.InFlight; flight++ {
			j.Append(fmt.Appendf(nil, "%d %s", last+1, pad), last, func(seq uint64, err error) { ends <- end{seq, err} })
			last++
		}
		e := <-ends
		flight--
		if e.err != nil {
			t.Fatal(e.err)
		}
		fmt.Printf("record %d\n", e.seq)
		if e.seq%50 == 0 {
			digest, err := j.PutBlob(t.Context(), bytes.Repeat(fmt.Appendf(nil, "%7d", e.seq), childBlob/7+1)[:childBlob])
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("blob %s\n", digest)
			pointer := fmt.Sprintf("%09d", e.seq)
			if revision, err = j.SetSnapshot(t.Context(), []byte(pointer), revision); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("pointer %s\n", pointer)
		}
	}
}
