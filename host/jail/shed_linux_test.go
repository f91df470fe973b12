package jail

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	Register("holds", func(_ context.Context, c Conn) error { // says how many open files came across exec
		n := uint32(0)
		for fd := uintptr(connFile); fd < 1024; fd++ {
			if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
				n++
			}
		}
		return binary.Write(c, binary.LittleEndian, n)
	})
}

// TestLeftOpen: what the host was left open by who started it, a worker has not;
// what it was handed it has.
func TestLeftOpen(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	const left = 900
	if err := unix.Dup2(int(w.Fd()), left); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(left)
	s := NewSpare("holds")
	defer s.Close()
	s.begin(t, Limits{})
	s.waits(t)
	for name, c := range map[string]struct {
		worker *Process
		want   uint32
	}{
		"one":         {begin(t, t.Context(), Options{Role: "holds"}), 0},
		"with a file": {begin(t, t.Context(), Options{Role: "holds", Files: []*os.File{r}}), 1},
		"that waited": {s.begin(t, Limits{}), 0},
	} {
		var n uint32
		if err := binary.Read(c.worker.Conn(), binary.LittleEndian, &n); err != nil && err != io.EOF {
			t.Fatal(name, err)
		}
		if n != c.want {
			t.Errorf("%s: %d files are open that were there before, want %d", name, n, c.want)
		}
	}
}
