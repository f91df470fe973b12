package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of the disks. Grow leaves 64 MiB of a disk free, so a smaller one is
// full from the beginning.
const (
	fullSize  = "96m"
	roomSize  = "1g"
	powerSize = 1 << 30 // bytes
	fullFill  = 16 << 10
	fullMax   = 60 * time.Second // until the disk is full
)

// extShutdown is EXT4_IOC_SHUTDOWN of linux/fs/ext4/ext4.h, XFS has the same;
// noFlush shuts down and forgets what was not written.
const (
	extShutdown = 0x8004587d
	noFlush     = 2
)

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// mount mounts an empty disk where the journal will be.
func (r *Run) mount(args ...string) error {
	r.Close()
	dir := r.Service.Journal()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	r.known, r.poison = Known{}, nil
	if err := command("mount", append(args, dir)...); err != nil {
		return fmt.Errorf("%w: %w", ErrSkipped, err)
	}
	return nil
}

func (r *Run) unmount() error {
	r.Close()
	return unix.Unmount(r.Service.Journal(), 0)
}

// Full is a round on a small disk that fills up under load. Grow must refuse
// with 503 and keep its word on all it has acknowledged, and go on by itself
// when there is room again; then comes a kill -9.
func (r *Run) Full(ctx context.Context) (err error) {
	if err := r.mount("-t", "tmpfs", "-o", "size="+fullSize, "crash"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.unmount()) }()
	r.Load.Fill = fullFill
	defer func() { r.Load.Fill = 0 }()
	if err := r.Start(ctx); err != nil {
		return err
	}
	keys := r.keys()
	loading, end := context.WithCancel(ctx)
	defer end()
	result := make(chan []*Op, 1)
	seed, round, url := r.Random.Uint64(), fmt.Sprint(r.rounds), r.host.URL
	go func() { result <- r.Load.Run(loading, url, round, keys, seed) }()
	err = r.fill(ctx)
	end()
	ops := <-result
	if err != nil {
		return err
	}
	if r.host.Ended() {
		return errors.New("the host has ended because the disk is full")
	}
	if err := r.Verify(ctx, keys, ops); err != nil {
		return err
	}
	r.host.Kill()
	return r.All(ctx)
}

// fill waits until entries are refused, makes room, waits until they are taken
// again, and kills.
func (r *Run) fill(ctx context.Context) error {
	probe := func(want int) error {
		began, n := time.Now(), 0
		for ; time.Since(began) < fullMax; n++ {
			op := &Op{Entry: Entry{Key: "probe", ID: fmt.Sprintf("probe-%d-%d-%d", r.rounds, want, n)}}
			if r.Load.Send(ctx, r.host.URL, op); op.Status == want {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return fmt.Errorf("no entry was answered %d within %v", want, fullMax)
	}
	if err := probe(http.StatusServiceUnavailable); err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	time.Sleep(r.between(100*time.Millisecond, time.Second))
	if err := command("mount", "-o", "remount,size="+roomSize, r.Service.Journal()); err != nil {
		return err
	}
	if err := probe(http.StatusOK); err != nil {
		return fmt.Errorf("make room on the disk: %w", err)
	}
	time.Sleep(r.between(loadMin, loadMax))
	return nil
}

// Power is a round on a disk of its own that loses its power under load: what
// the disk has not written is gone. The process is stopped first, so that it cannot be
// told by the kernel that an fsync succeeded whose data is gone.
func (r *Run) Power(ctx context.Context) (err error) {
	image := filepath.Join(r.Service.Dir, "disk")
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(powerSize), f.Close()); err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-F", image); err != nil {
		return fmt.Errorf("%w: %w", ErrSkipped, err)
	}
	if err := r.mount("-o", "loop", image); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.unmount()) }()
	if err := os.Remove(filepath.Join(r.Service.Journal(), "lost+found")); err != nil {
		return err
	}
	return r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		if err := h.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		if err := shutdown(r.Service.Journal()); err != nil {
			return err
		}
		h.Kill()
		if err := unix.Unmount(r.Service.Journal(), 0); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
		return command("mount", "-o", "loop", image, r.Service.Journal())
	})
}

// shutdown takes a disk away.
func shutdown(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), extShutdown, noFlush)
	return errors.Join(err, f.Close())
}
